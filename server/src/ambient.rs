//! The only clock and the only source of randomness.

use model::ambient::{Ambient, Time};
use std::time::{SystemTime, UNIX_EPOCH};

/// What the core may know at this moment.
pub(crate) fn ambient(draining: bool, store_failed: bool) -> Ambient {
    Ambient {
        now: now(),
        seed: seed(),
        draining,
        store_failed,
    }
}

/// The wall clock.
pub(crate) fn now() -> Time {
    // A clock before 1970 or after the year 294247 is as good as 1970.
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Time(i64::try_from(since.as_micros()).unwrap_or_default())
}

/// 128 random bits from the operating system.
///
/// # Panics
/// When the operating system has none to give: uids could then repeat, so no request may go on.
pub(crate) fn seed() -> u128 {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system has a random source");
    u128::from_ne_bytes(bytes)
}

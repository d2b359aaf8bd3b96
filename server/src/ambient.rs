//! The only clock and the only source of randomness.

use model::ambient::{Ambient, Time};
use std::{
    cell::RefCell,
    time::{SystemTime, UNIX_EPOCH},
};

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

/// 128 random bits from the operating system, which is asked for many at once.
///
/// # Panics
/// When the operating system has none to give: uids could then repeat, so no request may go on.
pub(crate) fn seed() -> u128 {
    thread_local! {
        static SUPPLY: RefCell<Supply> = const { RefCell::new(Supply { bytes: [0; SUPPLY_BYTES], used: SUPPLY_BYTES }) };
    }
    SUPPLY.with_borrow_mut(Supply::next)
}

/// Bytes that the operating system is asked for at once.
const SUPPLY_BYTES: usize = 1024;

/// Random bytes that a thread has in stock; each is given out once.
struct Supply {
    bytes: [u8; SUPPLY_BYTES],
    used: usize,
}

impl Supply {
    fn next(&mut self) -> u128 {
        if self.used >= SUPPLY_BYTES {
            getrandom::fill(&mut self.bytes).expect("the operating system has a random source");
            self.used = 0;
        }
        let rest = self.bytes.get_mut(self.used..).unwrap_or_default();
        let Some(next) = rest.first_chunk_mut() else {
            unreachable!("the supply is a multiple of a seed");
        };
        self.used += next.len();
        // What is given out is not kept.
        u128::from_ne_bytes(std::mem::take(next))
    }
}

//! Clock, uid and random suffix: what the outside supplies, as data.

use alloc::string::{String, ToString};
use serde::{Deserialize, Serialize};

/// A moment: microseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Time(pub i64);

impl Time {
    /// The whole seconds since the epoch.
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// `2006-01-02T15:04:05Z`, as `metav1.Time` is written.
    #[must_use]
    pub fn rfc3339(self) -> String {
        jiff::Timestamp::from_second(self.seconds())
            .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
            .to_string()
    }

    /// `2006-01-02T15:04:05.000000Z`, as `metav1.MicroTime` is written.
    #[must_use]
    pub fn rfc3339_micro(self) -> String {
        let moment =
            jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        alloc::format!("{moment:.6}")
    }

    /// Parses an RFC 3339 time with any offset; `None` when it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Time> {
        text.parse::<jiff::Timestamp>()
            .ok()
            .map(|moment| Time(moment.as_microsecond()))
    }
}

/// What a step of the core may know about the world at the moment it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ambient {
    /// The wall clock.
    pub now: Time,
    /// A fresh random number: uids and suffixes of generated names are made from it. A driver
    /// never supplies the same one twice.
    pub seed: u128,
    /// True from the moment the server is asked to stop: `/readyz` then fails.
    pub draining: bool,
    /// True when the store takes no writes any more: `/livez` and `/readyz` then fail.
    pub store_failed: bool,
}

impl Ambient {
    /// A version 4 UUID made from the seed (RFC 9562, section 5.4).
    #[must_use]
    pub fn uid(&self) -> String {
        let bits = (self.seed & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
        alloc::format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            (bits >> 96) & 0xffff_ffff,
            (bits >> 80) & 0xffff,
            (bits >> 64) & 0xffff,
            (bits >> 48) & 0xffff,
            bits & 0xffff_ffff_ffff
        )
    }

    /// The five characters that `generateName` appends (the alphabet of
    /// `k8s.io/apimachinery/pkg/util/rand`: no vowels, no look-alikes).
    #[must_use]
    pub fn suffix(&self, attempt: u32) -> String {
        const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
        let mut rest = self.seed.rotate_left(attempt.wrapping_mul(29) % 128) ^ u128::from(attempt);
        (0..5)
            .map(|_| {
                let letter = ALPHABET[(rest % 27) as usize];
                rest /= 27;
                char::from(letter)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Ambient, Time};
    use alloc::string::ToString;

    #[test]
    fn times_are_written_as_kubernetes_writes_them() {
        let time = Time::parse("2026-01-02T03:04:05.678901+01:00").unwrap();
        assert_eq!(time.rfc3339(), "2026-01-02T02:04:05Z");
        assert_eq!(time.rfc3339_micro(), "2026-01-02T02:04:05.678901Z");
        assert_eq!(Time::parse("yesterday"), None);
    }

    #[test]
    fn uids_are_version_4() {
        let uid = Ambient {
            seed: u128::MAX,
            ..Ambient::default()
        }
        .uid();
        assert_eq!(uid, "ffffffff-ffff-4fff-bfff-ffffffffffff".to_string());
    }
}

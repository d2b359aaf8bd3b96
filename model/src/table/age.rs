//! How long ago: durations and ages in the few letters that people read.

use crate::ambient::Time;
use alloc::{format, string::String};
use serde_json::Value;

/// A duration in microseconds as two or three significant figures: `5m30s`, `3d4h`, `2y100d`
/// (`HumanDuration` of `k8s.io/apimachinery/pkg/util/duration`). A second of clock skew counts as
/// none; more is `<invalid>`.
#[must_use]
pub fn human_duration(microseconds: i64) -> String {
    let seconds = microseconds / 1_000_000;
    let (minutes, hours) = (seconds / 60, seconds / 3_600);
    let (days, years) = (hours / 24, hours / 24 / 365);
    if seconds < -1 {
        "<invalid>".into()
    } else if seconds < 0 {
        "0s".into()
    } else if seconds < 2 * 60 {
        format!("{seconds}s")
    } else if minutes < 10 {
        pair(minutes, "m", seconds % 60, "s")
    } else if minutes < 3 * 60 {
        format!("{minutes}m")
    } else if hours < 8 {
        pair(hours, "h", minutes % 60, "m")
    } else if hours < 48 {
        format!("{hours}h")
    } else if days < 8 {
        pair(days, "d", hours % 24, "h")
    } else if years < 2 {
        format!("{days}d")
    } else if years < 8 {
        pair(years, "y", days % 365, "d")
    } else {
        format!("{years}y")
    }
}

/// The time since a moment that an object states; `<unknown>` when it states none.
pub(super) fn since(moment: &Value, now: Time) -> String {
    match parse(moment) {
        Some(moment) => human_duration(now.0.saturating_sub(moment.0)),
        None => "<unknown>".into(),
    }
}

/// The time since the object's creation.
pub(super) fn age(object: &Value, now: Time) -> Value {
    Value::String(since(&object["metadata"]["creationTimestamp"], now))
}

/// A moment that an object states.
pub(super) fn parse(moment: &Value) -> Option<Time> {
    moment.as_str().and_then(Time::parse)
}

/// Two units, the second left out when it is 0.
fn pair(large: i64, large_unit: &str, small: i64, small_unit: &str) -> String {
    if small == 0 {
        format!("{large}{large_unit}")
    } else {
        format!("{large}{large_unit}{small}{small_unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::{human_duration, since};
    use crate::ambient::Time;
    use serde_json::json;

    #[test]
    fn durations_keep_two_or_three_figures() {
        const MINUTE: i64 = 60;
        const HOUR: i64 = 60 * MINUTE;
        const DAY: i64 = 24 * HOUR;
        const YEAR: i64 = 365 * DAY;
        for (seconds, expected) in [
            (-2, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (119, "119s"),
            (2 * MINUTE, "2m"),
            (2 * MINUTE + 5, "2m5s"),
            (10 * MINUTE + 5, "10m"),
            (3 * HOUR - 1, "179m"),
            (3 * HOUR, "3h"),
            (7 * HOUR + 59 * MINUTE, "7h59m"),
            (8 * HOUR + 59 * MINUTE, "8h"),
            (48 * HOUR - 1, "47h"),
            (2 * DAY, "2d"),
            (7 * DAY + 23 * HOUR, "7d23h"),
            (8 * DAY, "8d"),
            (2 * YEAR - 1, "729d"),
            (2 * YEAR, "2y"),
            (7 * YEAR + 364 * DAY, "7y364d"),
            (8 * YEAR + 9 * DAY, "8y"),
        ] {
            assert_eq!(human_duration(seconds * 1_000_000), expected, "{seconds}");
        }
        assert_eq!(human_duration(-1_999_999), "0s");
    }

    #[test]
    fn a_time_that_is_absent_is_unknown() {
        let now = Time::parse("2026-01-01T00:01:00Z").unwrap();
        assert_eq!(since(&json!("2026-01-01T00:00:00Z"), now), "60s");
        assert_eq!(since(&json!(null), now), "<unknown>");
        assert_eq!(since(&json!("soon"), now), "<unknown>");
    }
}

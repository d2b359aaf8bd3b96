//! Times in documents (`metav1.Time`, `metav1.MicroTime`): parsed with the words of Go's
//! `time.Parse`, written in UTC.

use crate::golang::quote;
use alloc::{format, string::String};
use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, DateTime},
    tz::Offset,
};

const SECONDS: &str = "2006-01-02T15:04:05Z07:00";
const MICROSECONDS: &str = "2006-01-02T15:04:05.000000Z07:00";

/// The time as `metav1.Time` writes it; `None` is Go's zero time, which is written as null.
///
/// # Errors
/// `parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse "x" as "2006"`
pub(super) fn seconds(text: &str) -> Result<Option<String>, String> {
    let moment = Parser::new(text, SECONDS).parse(false)?;
    Ok(moment.map(|moment| format!("{moment:.0}Z")))
}

/// The time as `metav1.MicroTime` writes it; it must have six fractional digits.
///
/// # Errors
/// As [`seconds`], with `2006-01-02T15:04:05.000000Z07:00`.
pub(super) fn microseconds(text: &str) -> Result<Option<String>, String> {
    let moment = Parser::new(text, MICROSECONDS).parse(true)?;
    Ok(moment.map(|moment| format!("{moment:.6}Z")))
}

/// The time so many seconds after 1970, as `metav1.Time` writes it.
///
/// # Errors
/// Its year does not have four digits.
pub(super) fn of_seconds(seconds: i64) -> Result<Option<String>, String> {
    let moment = since_1970(seconds, 0)?;
    Ok(moment.map(|moment| format!("{moment:.0}Z")))
}

/// The time so many seconds and nanoseconds after 1970, as `metav1.MicroTime` writes it.
///
/// # Errors
/// Its year does not have four digits.
pub(super) fn of_microseconds(seconds: i64, nanoseconds: i32) -> Result<Option<String>, String> {
    let moment = since_1970(seconds, nanoseconds / 1_000 * 1_000)?;
    Ok(moment.map(|moment| format!("{moment:.6}Z")))
}

fn since_1970(seconds: i64, nanoseconds: i32) -> Result<Option<DateTime>, String> {
    let out = || format!("time out of range: {seconds} seconds since 1970");
    // Go lets the nanoseconds be more than a second, and negative.
    let whole = nanoseconds.div_euclid(1_000_000_000);
    let seconds_since = seconds.checked_add(whole.into()).ok_or_else(out)?;
    let moment = Timestamp::new(seconds_since, nanoseconds.rem_euclid(1_000_000_000));
    let moment = Offset::UTC.to_datetime(moment.map_err(|_| out())?);
    if moment.year() < 0 {
        return Err(out());
    }
    Ok(Some(moment).filter(|moment| !is_zero(*moment)))
}

/// Go's zero time, in the year 1.
fn is_zero(moment: DateTime) -> bool {
    (moment.year(), moment.month(), moment.day()) == (1, 1, 1)
        && (moment.hour(), moment.minute(), moment.second()) == (0, 0, 0)
        && moment.subsec_nanosecond() == 0
}

struct Parser<'a> {
    text: &'a str,
    layout: &'static str,
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, layout: &'static str) -> Parser<'a> {
        Parser {
            text,
            layout,
            rest: text,
        }
    }

    fn parse(mut self, micro: bool) -> Result<Option<DateTime>, String> {
        let year = self.number("2006", 4, 0..=9999, "")?;
        self.literal("-")?;
        let month = self.number("01", 2, 1..=12, "month")?;
        self.literal("-")?;
        let day = self.number("02", 2, 0..=99, "")?;
        self.literal("T")?;
        let hour = self.number("15", 2, 0..=23, "hour")?;
        self.literal(":")?;
        let minute = self.number("04", 2, 0..=59, "minute")?;
        self.literal(":")?;
        let second = self.number("05", 2, 0..=59, "second")?;
        let nanosecond = self.fraction(micro)?;
        let offset = self.offset()?;
        if !self.rest.is_empty() {
            return Err(self.out(&format!(": extra text: {}", quote(self.rest))));
        }
        let date = Date::new(
            i16::try_from(year).unwrap_or_default(),
            i8::try_from(month).unwrap_or_default(),
            i8::try_from(day).unwrap_or_default(),
        )
        .map_err(|_| self.out(": day out of range"))?;
        let moment = date.at(
            i8::try_from(hour).unwrap_or_default(),
            i8::try_from(minute).unwrap_or_default(),
            i8::try_from(second).unwrap_or_default(),
            nanosecond,
        );
        // Five digits of a year cannot come of it, and before year zero nothing is written.
        let moment = moment.saturating_sub(SignedDuration::from_secs(offset));
        let micro = if micro { 1_000 } else { 1_000_000_000 };
        let kept = moment.subsec_nanosecond() / micro * micro;
        let zero = is_zero(moment);
        let moment = moment.with().subsec_nanosecond(kept).build();
        Ok(moment.ok().filter(|_| !zero))
    }

    /// A number of so many digits, within bounds; what is outside them has a name.
    fn number(
        &mut self,
        element: &str,
        digits: usize,
        bounds: core::ops::RangeInclusive<u32>,
        name: &str,
    ) -> Result<u32, String> {
        let number = self.rest.get(..digits);
        let number = number.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let Some(number) = number.and_then(|text| text.parse().ok()) else {
            return Err(self.unlike(self.rest, element));
        };
        self.rest = self.rest.get(digits..).unwrap_or_default();
        if !bounds.contains(&number) {
            return Err(self.out(&format!(": {name} out of range")));
        }
        Ok(number)
    }

    fn literal(&mut self, literal: &str) -> Result<(), String> {
        self.rest = self
            .rest
            .strip_prefix(literal)
            .ok_or_else(|| self.unlike(self.rest, literal))?;
        Ok(())
    }

    fn fraction(&mut self, exact: bool) -> Result<i32, String> {
        let digits = self.rest.strip_prefix(['.', ',']).unwrap_or_default();
        let count = digits
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(digits.len());
        let taken = if exact { 6 } else { count };
        if exact && count < 6 {
            return Err(self.unlike(self.rest, ".000000"));
        }
        if count == 0 {
            return Ok(0);
        }
        self.rest = digits.get(taken..).unwrap_or_default();
        // What is finer than a nanosecond is cut off.
        let mut nanoseconds = 0;
        for at in 0..9 {
            let digit = digits.as_bytes().get(at).filter(|_| at < taken);
            nanoseconds = nanoseconds * 10 + digit.map_or(0, |digit| i32::from(digit - b'0'));
        }
        Ok(nanoseconds)
    }

    /// Seconds east of Greenwich.
    fn offset(&mut self) -> Result<i64, String> {
        if let Some(rest) = self.rest.strip_prefix('Z') {
            self.rest = rest;
            return Ok(0);
        }
        let wrong = self.unlike(self.rest, "Z07:00");
        let (sign, zone) = match self.rest.get(..6) {
            Some(zone) if zone.starts_with('+') => (1, zone),
            Some(zone) if zone.starts_with('-') => (-1, zone),
            _ => return Err(wrong),
        };
        let field = |at: core::ops::Range<usize>| {
            let text = zone
                .get(at)
                .filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
            text.and_then(|text| text.parse::<i64>().ok())
        };
        let (Some(hours), Some(minutes), Some(b':')) =
            (field(1..3), field(4..6), zone.as_bytes().get(3))
        else {
            return Err(wrong);
        };
        self.rest = self.rest.get(6..).unwrap_or_default();
        if hours > 24 {
            return Err(self.out(": time zone offset hour out of range"));
        }
        if minutes > 60 {
            return Err(self.out(": time zone offset minute out of range"));
        }
        Ok(sign * (hours * 3600 + minutes * 60))
    }

    fn unlike(&self, found: &str, element: &str) -> String {
        format!(
            "parsing time {} as {}: cannot parse {} as {}",
            quote(self.text),
            quote(self.layout),
            quote(found),
            quote(element)
        )
    }

    fn out(&self, what: &str) -> String {
        format!("parsing time {}{what}", quote(self.text))
    }
}

#[cfg(test)]
mod tests {
    use super::{microseconds, of_microseconds, of_seconds, seconds};

    fn check(text: &str, expected: Result<Option<&str>, &str>) {
        let found = seconds(text);
        let shown = found
            .as_ref()
            .map(Option::as_deref)
            .map_err(|why| why.as_str());
        assert_eq!(shown, expected, "{text:?}");
    }

    #[test]
    fn times_are_written_in_utc_and_seconds() {
        check("2024-02-29T01:02:03Z", Ok(Some("2024-02-29T01:02:03Z")));
        check(
            "2024-03-01T01:02:03.9+02:00",
            Ok(Some("2024-02-29T23:02:03Z")),
        );
        check("0001-01-01T00:00:00Z", Ok(None));
        check(
            "9999-12-31T23:59:59-24:00",
            Ok(Some("9999-12-31T23:59:59Z")),
        );
        let micro = microseconds("2024-02-29T01:02:03.123456+00:00").unwrap();
        assert_eq!(micro.as_deref(), Some("2024-02-29T01:02:03.123456Z"));
    }

    #[test]
    fn times_in_protobuf_are_counted_from_1970() {
        assert_eq!(of_seconds(0).unwrap().unwrap(), "1970-01-01T00:00:00Z");
        assert_eq!(of_seconds(-62_135_596_800), Ok(None));
        let last = of_seconds(253_402_300_799 - 2 * 86_400).unwrap().unwrap();
        assert_eq!(last, "9999-12-29T23:59:59Z");
        let micro = of_microseconds(1, 2_000_003_999).unwrap().unwrap();
        assert_eq!(micro, "1970-01-01T00:00:03.000003Z");
        let before = of_microseconds(0, -1_000).unwrap().unwrap();
        assert_eq!(before, "1969-12-31T23:59:59.999999Z");
        for hostile in [i64::MAX, i64::MIN, -99_999_999_999] {
            assert!(of_seconds(hostile).is_err(), "{hostile}");
            assert!(
                of_microseconds(hostile, i32::MIN).is_err()
                    && of_microseconds(hostile, i32::MAX).is_err()
            );
        }
    }

    #[test]
    fn what_is_no_time_is_refused_with_the_words_of_go() {
        check(
            "yesterday",
            Err(
                r#"parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006""#,
            ),
        );
        check(
            "2024-01-01",
            Err(
                r#"parsing time "2024-01-01" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "T""#,
            ),
        );
        check(
            "2024-13-01T00:00:00Z",
            Err(r#"parsing time "2024-13-01T00:00:00Z": month out of range"#),
        );
        check(
            "2023-02-29T00:00:00Z",
            Err(r#"parsing time "2023-02-29T00:00:00Z": day out of range"#),
        );
        check(
            "2023-02-28T00:00:00Zx",
            Err(r#"parsing time "2023-02-28T00:00:00Zx": extra text: "x""#),
        );
        let micro = microseconds("2020-01-01T00:00:00Z").unwrap_err();
        assert!(
            micro.ends_with(r#"cannot parse "Z" as ".000000""#),
            "{micro}"
        );
        for hostile in [
            "2024-01-01T00:00:00é",
            "２０２４",
            "2024-01-01T00:00:00+é:00",
        ] {
            assert!(seconds(hostile).is_err() && microseconds(hostile).is_err());
        }
    }
}

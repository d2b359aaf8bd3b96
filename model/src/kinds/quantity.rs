//! Resource quantities as numbers: `500m`, `1Gi`, `1e3`.
//!
//! Origin: `k8s.io/apimachinery/pkg/api/resource/quantity.go`.

use super::document::at;
use alloc::{
    format,
    string::{String, ToString},
};
use core::cmp::Ordering;
use serde_json::Value;

/// A quantity in units of 10⁻⁹, the finest that the API keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Quantity(i128);

impl Quantity {
    /// Parses a quantity; `None` when it is none, or too large to be one.
    pub(crate) fn parse(value: &Value) -> Option<Quantity> {
        match value {
            Value::String(text) => Quantity::parse_text(text),
            Value::Number(number) => Quantity::parse_text(&number.to_string()),
            _ => None,
        }
    }

    fn parse_text(text: &str) -> Option<Quantity> {
        let end = text
            .find(|letter: char| !(letter.is_ascii_digit() || matches!(letter, '.' | '+' | '-')))
            .unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        let negative = number.starts_with('-');
        let digits = number.strip_prefix(['+', '-']).unwrap_or(number);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let wrong = |part: &str| !part.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || wrong(whole) || wrong(fraction) {
            return None;
        }
        let (base, exponent) = scale(suffix)?;
        let mut amount: i128 = 0;
        for digit in whole.bytes().chain(fraction.bytes()) {
            amount = amount
                .checked_mul(10)?
                .checked_add(i128::from(digit - b'0'))?;
        }
        // In units of 10⁻⁹, and the fraction's digits taken back.
        let mut shift = 9 - i32::try_from(fraction.len()).ok()?;
        let factor = match base {
            10 => {
                shift = shift.checked_add(exponent)?;
                1
            }
            _ => 1_i128.checked_shl(u32::try_from(exponent).ok()?)?,
        };
        amount = amount.checked_mul(factor)?;
        let amount = if shift >= 0 {
            amount.checked_mul(10_i128.checked_pow(shift.unsigned_abs())?)?
        } else {
            let divisor = 10_i128.checked_pow(shift.unsigned_abs())?;
            // Rounded up, as the API does with what is finer than it keeps.
            amount / divisor + i128::from(amount % divisor != 0)
        };
        Some(Quantity(if negative { -amount } else { amount }))
    }

    /// Less than, equal to or more than nothing.
    pub(super) fn sign(self) -> Ordering {
        self.0.cmp(&0)
    }

    /// A whole number.
    pub(super) fn is_whole(self) -> bool {
        self.0 % 1_000_000_000 == 0
    }

    /// In thousandths, rounded up.
    pub(crate) fn thousandths(self) -> i64 {
        self.in_units_of(1_000_000)
    }

    /// In whole units, rounded up.
    pub(crate) fn whole(self) -> i64 {
        self.in_units_of(1_000_000_000)
    }

    fn in_units_of(self, unit: i128) -> i64 {
        let units = self.0.div_euclid(unit) + i128::from(self.0.rem_euclid(unit) != 0);
        i64::try_from(units).unwrap_or(if units < 0 { i64::MIN } else { i64::MAX })
    }

    /// The sum of both.
    pub(super) fn plus(self, other: Quantity) -> Quantity {
        Quantity(self.0.saturating_add(other.0))
    }
}

/// A sum of quantities as controllers write it: in binary units when one of its parts is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Sum {
    amount: i128,
    binary: bool,
}

impl Sum {
    /// So many.
    pub(crate) fn of(count: usize) -> Sum {
        Sum {
            amount: (count as i128).saturating_mul(NANO),
            binary: false,
        }
    }

    /// One quantity; what is none is nothing.
    pub(crate) fn read(value: &Value) -> Sum {
        Sum {
            amount: Quantity::parse(value).map_or(0, |quantity| quantity.0),
            binary: value.as_str().is_some_and(|text| text.ends_with('i')),
        }
    }

    /// Adds another.
    pub(crate) fn add(&mut self, other: &Sum) {
        self.amount = self.amount.saturating_add(other.amount);
        self.binary |= other.binary;
    }

    /// As the API writes it.
    pub(crate) fn text(&self) -> String {
        const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
        const DECIMAL: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
        let whole = self.amount / NANO;
        // Less than 1Ki is written in decimal units, too.
        let binary = self.binary && self.amount % NANO == 0 && whole.abs() >= 1024;
        match self.amount {
            0 => "0".into(),
            _ if binary => shortest(whole, 1024, &BINARY),
            amount => shortest(amount, 1000, &DECIMAL),
        }
    }
}

/// With the largest unit that leaves a whole number.
fn shortest(mut amount: i128, step: i128, units: &[&str]) -> String {
    let mut unit = 0;
    while amount % step == 0 && unit + 1 < units.len() {
        amount /= step;
        unit += 1;
    }
    format!("{amount}{}", units[unit])
}

/// The units in one.
const NANO: i128 = 1_000_000_000;

/// Base and exponent of a suffix.
fn scale(suffix: &str) -> Option<(u8, i32)> {
    Some(match suffix {
        "n" => (10, -9),
        "u" => (10, -6),
        "m" => (10, -3),
        "" => (10, 0),
        "k" => (10, 3),
        "M" => (10, 6),
        "G" => (10, 9),
        "T" => (10, 12),
        "P" => (10, 15),
        "E" => (10, 18),
        "Ki" => (2, 10),
        "Mi" => (2, 20),
        "Gi" => (2, 30),
        "Ti" => (2, 40),
        "Pi" => (2, 50),
        "Ei" => (2, 60),
        _ => (10, suffix.strip_prefix(['e', 'E'])?.parse().ok()?),
    })
}

/// The quantity at a path, when there is one.
pub(super) fn quantity(value: &Value, path: &[&str]) -> Option<Quantity> {
    Quantity::parse(at(value, path))
}

#[cfg(test)]
mod tests {
    use super::{Quantity, Sum};
    use core::cmp::Ordering;
    use serde_json::json;

    #[test]
    fn suffixes_exponents_and_fractions_are_the_same_numbers() {
        let parse = |text: &str| Quantity::parse(&json!(text)).unwrap();
        assert_eq!(parse("500m"), parse("0.5"));
        assert_eq!(parse("1Ki"), parse("1024"));
        assert_eq!(parse("1e3"), parse("1k"));
        assert_eq!(Quantity::parse(&json!(2)).unwrap(), parse("2000m"));
        assert_eq!(parse("-1").sign(), Ordering::Less);
        assert!(parse("1").is_whole() && !parse("1500m").is_whole());
        for wrong in [
            "",
            "a",
            "1x",
            "1.2.3",
            "--1",
            "1e",
            "1e99999",
            "99999999999999999999999999E",
        ] {
            assert_eq!(Quantity::parse(&json!(wrong)), None, "{wrong}");
        }
    }

    #[test]
    fn sums_are_written_as_the_api_writes_quantities() {
        for (parts, expected) in [
            (&["500m", "1500m"][..], "2"),
            (&["1Gi", "512Mi"], "1536Mi"),
            (&["512Ki", "512Ki"], "1Mi"),
            (&["1Ki", "476"], "1500"),
            (&["600", "400"], "1k"),
            (&["1m", "1u"], "1001u"),
            (&[], "0"),
        ] {
            let mut sum = Sum::default();
            for part in parts {
                sum.add(&Sum::read(&json!(part)));
            }
            assert_eq!(sum.text(), expected, "{parts:?}");
        }
    }
}

//! Quantities (`resource.Quantity`): how they are parsed and which text is left of them.
//!
//! Origin of the rules: `apimachinery/pkg/api/resource/quantity.go`, oddities included: a text that
//! is already canonical is kept as it is, any other is written anew.

use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
};

/// The text that the API server shows for a quantity.
///
/// # Errors
/// The words of the real parser.
pub fn canonical(text: &str) -> Result<String, &'static str> {
    if text.is_empty() {
        return Err(FORMAT);
    }
    let parts = Parts::of(text)?;
    let (base, exponent, format) = suffix(parts.suffix).ok_or(SUFFIX)?;
    if let Some((amount, kept)) = parts.small(base, exponent, format)? {
        return Ok(if kept {
            text.to_owned()
        } else {
            amount.written(format)
        });
    }
    let (amount, format) = parts.large(base, exponent, format)?;
    Ok(amount.written(format))
}

const FORMAT: &str = "quantities must match the regular expression \
    '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const SUFFIX: &str = "unable to parse quantity's suffix";
const NUMERIC: &str = "unable to parse numeric part of quantity";

/// The smallest unit is a billionth.
const NANO: i32 = -9;

const DECIMAL: [(&str, i32); 10] = [
    ("n", -9),
    ("u", -6),
    ("m", -3),
    ("", 0),
    ("k", 3),
    ("M", 6),
    ("G", 9),
    ("T", 12),
    ("P", 15),
    ("E", 18),
];
const BINARY: [(&str, i32); 6] = [
    ("Ki", 10),
    ("Mi", 20),
    ("Gi", 30),
    ("Ti", 40),
    ("Pi", 50),
    ("Ei", 60),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    DecimalSi,
    BinarySi,
    DecimalExponent,
}

/// `value` times ten to the power of `exponent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Amount {
    value: i128,
    exponent: i32,
}

#[derive(Debug, Default)]
struct Parts<'a> {
    negative: bool,
    numerator: &'a str,
    fraction: &'a str,
    suffix: &'a str,
    /// Sign and digits, as a parser of decimals would get them.
    digits: bool,
}

fn suffix(text: &str) -> Option<(u32, i32, Format)> {
    if let Some((_, exponent)) = DECIMAL.iter().find(|(name, _)| *name == text) {
        return Some((10, *exponent, Format::DecimalSi));
    }
    if let Some((_, exponent)) = BINARY.iter().find(|(name, _)| *name == text) {
        return Some((2, *exponent, Format::BinarySi));
    }
    let exponent = text.strip_prefix(['e', 'E'])?.parse::<i32>().ok()?;
    Some((10, exponent, Format::DecimalExponent))
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Result<Parts<'a>, &'static str> {
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let number = unsigned.trim_start_matches('0');
        let mut parts = Parts {
            negative: text.starts_with('-'),
            numerator: "0",
            digits: true,
            ..Parts::default()
        };
        if number.is_empty() {
            return Ok(parts);
        }
        let digits = |text: &str| {
            text.find(|c: char| !c.is_ascii_digit())
                .unwrap_or(text.len())
        };
        let (numerator, mut rest) = number.split_at(digits(number));
        if !numerator.is_empty() {
            parts.numerator = numerator;
        }
        if let Some(fraction) = rest.strip_prefix('.') {
            (parts.fraction, rest) = fraction.split_at(digits(fraction));
        }
        let zeros = unsigned.len() - number.len();
        parts.digits = zeros > 0 || !numerator.is_empty() || !parts.fraction.is_empty();
        let letters = rest
            .find(|c| !"eEinumkKMGTP".contains(c))
            .unwrap_or(rest.len());
        let exponent = rest.get(letters..).unwrap_or_default();
        let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        if exponent.chars().any(|c| !c.is_ascii_digit()) {
            return Err(FORMAT);
        }
        parts.suffix = rest;
        Ok(parts)
    }

    /// The amount, when 64 bits hold it, and whether its text is kept.
    fn small(
        &self,
        base: u32,
        exponent: i32,
        format: Format,
    ) -> Result<Option<(Amount, bool)>, &'static str> {
        let length = |text: &str| i32::try_from(text.len()).unwrap_or(i32::MAX);
        let digits = length(self.numerator).saturating_add(length(self.fraction));
        let (precision, scale) = if base == 10 {
            (18_i32.saturating_sub(digits), exponent)
        } else if self.fraction.is_empty() {
            (14 - length(self.numerator) - exponent * 3 / 10, 0)
        } else {
            (-1, 0)
        };
        let scale = scale.saturating_sub(length(self.fraction));
        if precision < 0 || scale < NANO {
            return Ok(None);
        }
        let shifted = format!("{}{}", self.numerator, self.fraction);
        let value: i64 = shifted.parse().map_err(|_| NUMERIC)?;
        let factor = if base == 2 { 1_i64 << exponent } else { 1 };
        let Some(result) = value.checked_mul(factor) else {
            return Ok(None);
        };
        let kept = match format {
            Format::BinarySi => value & 7 != 0,
            _ => scale % 3 == 0 && !shifted.ends_with("000") && !shifted.starts_with('0'),
        };
        let value = i128::from(if self.negative { -result } else { result });
        let amount = Amount {
            value,
            exponent: scale,
        };
        Ok(Some((amount, kept)))
    }

    /// The amount in general. More than 38 digits are refused: the real parser takes any number.
    fn large(
        &self,
        base: u32,
        exponent: i32,
        format: Format,
    ) -> Result<(Amount, Format), &'static str> {
        if !self.digits {
            return Err(NUMERIC);
        }
        let shifted = format!("{}{}", self.numerator, self.fraction);
        let mut value: i128 = shifted.parse().map_err(|_| NUMERIC)?;
        let mut scale = -i32::try_from(self.fraction.len()).map_err(|_| NUMERIC)?;
        if base == 2 {
            value = value.checked_mul(1 << exponent).ok_or(NUMERIC)?;
        } else {
            scale = scale.saturating_add(exponent);
        }
        if scale < NANO {
            value = divide_up(value, NANO.saturating_sub(scale));
            scale = NANO;
        }
        let mut format = format;
        if format == Format::BinarySi {
            let whole = divide_up(value, -scale);
            if whole > i128::from(i64::MAX) {
                (value, scale) = (i128::from(i64::MAX), 0);
            }
            if value > 0 && whole == 1 && power(-scale).is_none_or(|one| value < one) {
                format = Format::DecimalSi;
            }
        }
        let value = if self.negative { -value } else { value };
        let amount = Amount {
            value,
            exponent: scale,
        };
        Ok((amount, format))
    }
}

impl Amount {
    fn written(self, format: Format) -> String {
        if self.value == 0 {
            return "0".to_string();
        }
        if format == Format::BinarySi
            && let Some(whole) = self.whole()
            && !(-1023..=1023).contains(&whole)
        {
            let (value, times) = without_factor(whole, 1024);
            let exponent = times * 10;
            let suffix = BINARY.iter().find(|(_, at)| *at == exponent);
            return format!("{value}{}", suffix.map_or("", |(name, _)| *name));
        }
        let (mut value, times) = without_factor(self.value, 10);
        let exponent = self.exponent.saturating_add(times);
        let surplus = exponent.rem_euclid(3);
        for _ in 0..surplus {
            value = value.saturating_mul(10);
        }
        let exponent = exponent - surplus;
        if format == Format::DecimalExponent {
            return if exponent == 0 {
                value.to_string()
            } else {
                format!("{value}e{exponent}")
            };
        }
        let suffix = DECIMAL.iter().find(|(_, at)| *at == exponent);
        format!("{value}{}", suffix.map_or("", |(name, _)| *name))
    }

    /// The value when it is a whole number.
    fn whole(self) -> Option<i128> {
        if self.exponent >= 0 {
            return self.value.checked_mul(power(self.exponent)?);
        }
        let divisor = power(-self.exponent)?;
        (self.value % divisor == 0).then_some(self.value / divisor)
    }
}

fn power(exponent: i32) -> Option<i128> {
    10_i128.checked_pow(u32::try_from(exponent).ok()?)
}

/// A value that is not negative, divided by a power of ten, rounded up.
fn divide_up(value: i128, exponent: i32) -> i128 {
    match power(exponent) {
        Some(divisor) => value / divisor + i128::from(value % divisor != 0),
        None => i128::from(value != 0),
    }
}

fn without_factor(mut value: i128, factor: i128) -> (i128, i32) {
    let mut times = 0;
    while value.unsigned_abs() >= factor.unsigned_abs() && value % factor == 0 {
        value /= factor;
        times += 1;
    }
    (value, times)
}

#[cfg(test)]
mod tests {
    use super::{FORMAT, NUMERIC, SUFFIX, canonical};

    fn check(text: &str, expected: Result<&str, &str>) {
        let found = canonical(text);
        let shown = found.as_ref().map(|text| text.as_str()).map_err(|why| *why);
        assert_eq!(shown, expected, "{text:?}");
    }

    #[test]
    fn what_is_canonical_is_kept_and_the_rest_written_anew() {
        for same in [
            "0", "1", "100m", "1Gi", "8Gi", "1500m", "1e3", "12k", "-5m", "1.500", "3Ki",
        ] {
            check(same, Ok(same));
        }
        check("1.5", Ok("1500m"));
        check("0.5", Ok("500m"));
        check("1000m", Ok("1"));
        check("1000", Ok("1k"));
        check("1024Ki", Ok("1Mi"));
        check("1.5Gi", Ok("1536Mi"));
        check("0.5Gi", Ok("512Mi"));
        check("0.1Ki", Ok("102400m"));
        check("1000k", Ok("1M"));
        check("00", Ok("0"));
        check("0Mi", Ok("0"));
        check("0.0000000001", Ok("1n"));
        check("100E", Ok("100E"));
        check("16Ei", Ok("9223372036854775807"));
        check("1e-9", Ok("1e-9"));
        check("100000000000000000000", Ok("100E"));
        check("1234567890123456789012", Ok("1234567890123456789012"));
        check("1e2147483647", Ok("10e2147483646"));
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        check("", Err(FORMAT));
        check("abc", Err(FORMAT));
        check("1 Gi", Err(FORMAT));
        check("{}", Err(FORMAT));
        check("1Xi", Err(FORMAT));
        check("1mm", Err(SUFFIX));
        check("1e99999999999", Err(SUFFIX));
        check(&"9".repeat(60), Err(NUMERIC));
        check("é", Err(FORMAT));
    }
}

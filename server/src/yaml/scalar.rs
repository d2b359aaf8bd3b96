//! What a plain scalar means (go-yaml v2's `resolve.go`).

/// A scalar that has been given a type.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    /// Stays text, but is quoted when it is written.
    Timestamp,
    Text,
}

/// Gives a plain scalar its type.
pub(super) fn resolve(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Scalar::Bool(true);
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Scalar::Bool(false);
        }
        ".nan" | ".NaN" | ".NAN" => return Scalar::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => {
            return Scalar::Float(f64::INFINITY);
        }
        "-.inf" | "-.Inf" | "-.INF" => return Scalar::Float(f64::NEG_INFINITY),
        _ => {}
    }
    let Some(first) = text.bytes().next() else {
        return Scalar::Text;
    };
    if !matches!(first, b'0'..=b'9' | b'+' | b'-' | b'.') {
        return Scalar::Text;
    }
    if is_timestamp(text) {
        return Scalar::Timestamp;
    }
    let plain = text.replace('_', "");
    if first != b'.'
        && let Some(number) = integer(&plain)
    {
        return Scalar::Int(number);
    }
    match is_float(&plain).then(|| plain.parse()) {
        Some(Ok(number)) => Scalar::Float(number),
        _ => Scalar::Text,
    }
}

/// True when other YAML 1.1 readers would take it for a number in base 60.
pub(super) fn is_base_60(text: &str) -> bool {
    text.contains(':')
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b':' | b'_' | b'.' | b'+' | b'-'))
}

/// Go's `strconv.ParseInt` and `ParseUint` with base 0.
fn integer(text: &str) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = if let Some(digits) = lower.strip_prefix("0x") {
        (16, digits)
    } else if let Some(digits) = lower.strip_prefix("0b") {
        (2, digits)
    } else if let Some(digits) = lower.strip_prefix("0o") {
        (8, digits)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, &lower[1..])
    } else {
        (10, lower.as_str())
    };
    // `from_str_radix` would take a second sign.
    if !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let number = i128::from_str_radix(digits, radix).ok()?;
    let number = if negative { -number } else { number };
    (i128::from(i64::MIN)..=i128::from(u64::MAX))
        .contains(&number)
        .then_some(number)
}

fn is_float(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent_fits = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    !(whole.is_empty() && fraction.is_empty()) && digits(whole) && digits(fraction) && exponent_fits
}

/// `2006-1-2`, alone or with a time behind a `T`, `t` or space.
fn is_timestamp(text: &str) -> bool {
    let (date, time) = match text.find(['T', 't', ' ']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let digits = |part: &str, lengths: &[usize]| {
        lengths.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    let parts: Vec<&str> = date.split('-').collect();
    let [year, month, day] = parts.as_slice() else {
        return false;
    };
    if !(digits(year, &[4]) && digits(month, &[1, 2]) && digits(day, &[1, 2])) {
        return false;
    }
    time.is_none_or(|time| {
        let clock = time.trim_end_matches(['Z', '.', ':', '+', '-']);
        !clock.is_empty()
            && time.contains(':')
            && time
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b':' | b'.' | b'+' | b'-' | b'Z'))
    })
}

#[cfg(test)]
mod tests {
    use super::{Scalar, resolve};

    #[test]
    fn plain_scalars_mean_what_yaml_1_1_says() {
        for (text, expected) in [
            ("", Scalar::Null),
            ("yes", Scalar::Bool(true)),
            ("off", Scalar::Bool(false)),
            ("y", Scalar::Bool(true)),
            ("yES", Scalar::Text),
            ("12", Scalar::Int(12)),
            ("-0x1F", Scalar::Int(-31)),
            ("0777", Scalar::Int(0o777)),
            ("0o17", Scalar::Int(15)),
            ("0b101", Scalar::Int(5)),
            ("1_000", Scalar::Int(1000)),
            ("18446744073709551615", Scalar::Int(u64::MAX.into())),
            (
                "18446744073709551616",
                Scalar::Float(18446744073709551616.0),
            ),
            ("089", Scalar::Float(89.0)),
            ("1.5e3", Scalar::Float(1500.0)),
            (".5", Scalar::Float(0.5)),
            ("1e3", Scalar::Float(1000.0)),
            ("+-1", Scalar::Text),
            ("1.2.3", Scalar::Text),
            ("1:20", Scalar::Text),
            ("-", Scalar::Text),
            (".", Scalar::Text),
            ("2026-01-02", Scalar::Timestamp),
            ("2026-01-02T03:04:05Z", Scalar::Timestamp),
            ("2026-01-02-03", Scalar::Text),
            ("v1", Scalar::Text),
        ] {
            assert_eq!(resolve(text), expected, "{text}");
        }
    }
}

//! Numbers that may be percentages (`intstr.GetScaledValueFromIntOrPercent`).

use serde_json::Value;

/// Which way a part of a pod is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::controllers) enum Rounding {
    Up,
    Down,
}

/// The number, or that percentage of `total`; what is neither is 0.
pub(in crate::controllers) fn scaled(amount: &Value, total: i64, rounding: Rounding) -> i64 {
    if let Some(number) = amount.as_i64() {
        return number;
    }
    let text = amount.as_str().and_then(|text| text.strip_suffix('%'));
    let Some(percent) = text.and_then(|text| text.parse::<i64>().ok()) else {
        return 0;
    };
    let product = percent.saturating_mul(total);
    match rounding {
        Rounding::Up => product.saturating_add(99).div_euclid(100),
        Rounding::Down => product.div_euclid(100),
    }
}

#[cfg(test)]
mod tests {
    use super::{Rounding, scaled};
    use serde_json::json;

    #[test]
    fn percentages_are_rounded_as_asked() {
        for (amount, total, up, down) in [
            (json!(3), 10, 3, 3),
            (json!("25%"), 10, 3, 2),
            (json!("25%"), 3, 1, 0),
            (json!("100%"), 7, 7, 7),
            (json!("0%"), 7, 0, 0),
            (json!("x"), 7, 0, 0),
            (json!(null), 7, 0, 0),
        ] {
            assert_eq!(scaled(&amount, total, Rounding::Up), up, "{amount}");
            assert_eq!(scaled(&amount, total, Rounding::Down), down, "{amount}");
        }
    }
}

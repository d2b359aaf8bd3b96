//! The query string, decoded as the real server decodes it: the first of equal names counts, and
//! names that are not known are passed over.

use crate::status::{Refusal, Status};
use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};

/// Names with their values, in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Query(BTreeMap<String, Vec<String>>);

impl Query {
    /// Decodes `a=b&c=d`. Pairs with broken escapes or semicolons are passed over, as Go's
    /// `URL.Query` does.
    #[must_use]
    pub fn parse(text: &str) -> Query {
        let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let sound = |pair: &&str| !pair.is_empty() && !pair.contains(';');
        for pair in text.split('&').filter(sound) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if let Some((name, value)) = unescape(name, true).zip(unescape(value, true)) {
                values.entry(name).or_default().push(value);
            }
        }
        Query(values)
    }

    /// The first value of `name`.
    #[must_use]
    pub fn first(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .and_then(|values| values.first())
            .map(String::as_str)
    }

    /// The first value of `name`, or nothing at all.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.first(name).unwrap_or_default()
    }

    /// All values of `name`.
    #[must_use]
    pub fn all(&self, name: &str) -> &[String] {
        self.0.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// `name` is there and neither `false` nor `0` (`runtime.Convert_Slice_string_To_bool`).
    #[must_use]
    pub fn flag(&self, name: &str) -> bool {
        self.first(name).is_some_and(|value| {
            let value = value.to_ascii_lowercase();
            value != "false" && value != "0"
        })
    }

    /// The query in its encoded form, names sorted.
    #[must_use]
    pub fn encode(&self) -> String {
        let pairs = self.0.iter().flat_map(|(name, values)| {
            values
                .iter()
                .map(move |value| format!("{}={}", escape(name), escape(value)))
        });
        pairs.collect::<Vec<String>>().join("&")
    }

    /// The optional flag.
    #[must_use]
    pub fn optional_flag(&self, name: &str) -> Option<bool> {
        self.first(name).map(|_| self.flag(name))
    }

    /// The number at `name`.
    ///
    /// # Errors
    /// 400 with the text of Go's `strconv` when it is not one.
    pub fn number(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let Some(value) = self.first(name) else {
            return Ok(None);
        };
        let digits = value.strip_prefix(['-', '+']).unwrap_or(value);
        let syntax = digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit());
        value.parse().map(Some).map_err(|_| {
            let why = if syntax {
                "invalid syntax"
            } else {
                "value out of range"
            };
            Status::bad_request(format!("strconv.ParseInt: parsing {value:?}: {why}"))
        })
    }
}

/// Undoes percent-encoding; `None` when it is broken. What is not UTF-8 becomes U+FFFD: it must
/// neither vanish (a selector that does would select everything) nor match anything.
#[must_use]
pub fn unescape(text: &str, plus_is_space: bool) -> Option<String> {
    if !text.contains(['%', '+']) {
        return Some(text.to_string());
    }
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => {
                let mut digit = || bytes.next().and_then(|byte| (byte as char).to_digit(16));
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            b'+' if plus_is_space => b' ',
            other => other,
        });
    }
    Some(String::from_utf8_lossy(&out).into_owned())
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::Query;

    #[test]
    fn escapes_flags_and_numbers() {
        let query = Query::parse("a=x%2Cy+z&b&c=False&n=-7&n=8&w=1&%41=q");
        assert_eq!(query.text("a"), "x,y z");
        assert_eq!(query.text("A"), "q");
        assert!(query.flag("b") && query.flag("w") && !query.flag("c") && !query.flag("d"));
        assert_eq!(query.number("n").unwrap(), Some(-7));
        assert_eq!(query.all("n").len(), 2);
        assert_eq!(Query::parse(&query.encode()), query);
        for broken in ["a=%", "a=%4", "a=%zz", "%=b", "a=b;c=d"] {
            assert_eq!(Query::parse(broken), Query::default(), "{broken}");
        }
        assert_eq!(Query::parse("a=%ffb").text("a"), "\u{fffd}b");
        let wrong = Query::parse("n=abc").number("n").unwrap_err();
        assert_eq!(
            wrong.message,
            r#"strconv.ParseInt: parsing "abc": invalid syntax"#
        );
    }
}

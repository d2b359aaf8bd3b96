//! What two servers may differ in: the time, and what they draw at random.
//!
//! * uids: each is replaced by the number of its first appearance, so that equal ones stay equal
//!   and different ones different;
//! * likewise the addresses and node ports that Services are given, in each text anew: one that is
//!   free again may or may not be given out again;
//! * times, at the members that hold the server's clock, and ages in tables;
//! * the five letters that end a generated name (`gNNNN-`, see `histories`);
//! * `continue` tokens are looked into.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// The members that hold the server's clock.
const CLOCKS: [&str; 5] = [
    "creationTimestamp",
    "deletionTimestamp",
    "lastTransitionTime",
    "startTime",
    "time",
];

/// One side of a comparison.
#[derive(Default)]
pub(crate) struct Normal {
    uids: Vec<String>,
    addresses: Vec<String>,
    ports: Vec<String>,
}

impl Normal {
    /// The text without what may differ.
    pub(crate) fn text(&mut self, bytes: &[u8]) -> String {
        self.addresses.clear();
        self.ports.clear();
        self.part(bytes)
    }

    fn part(&mut self, bytes: &[u8]) -> String {
        let text = String::from_utf8_lossy(bytes);
        let mut out = String::with_capacity(text.len());
        let mut rest: &str = &text;
        while let Some(first) = rest.chars().next() {
            let before = out.chars().next_back();
            let starts_word = before.is_none_or(|it| !it.is_ascii_alphanumeric());
            let found = if starts_word {
                self.found(rest, &out)
            } else {
                None
            };
            match found {
                Some((length, instead)) => {
                    out.push_str(&instead);
                    rest = &rest[length..];
                }
                None => {
                    out.push(first);
                    rest = &rest[first.len_utf8()..];
                }
            }
        }
        out
    }

    /// What is at the beginning of `rest` and may differ: its length, and what stands for it.
    fn found(&mut self, rest: &str, before: &str) -> Option<(usize, String)> {
        if let Some(length) = uid(rest) {
            return Some((length, number(&mut self.uids, "uid", &rest[..length])));
        }
        if let Some(last) = rest.strip_prefix("10.0.0.") {
            let length = 7 + digits(last);
            return Some((
                length,
                number(&mut self.addresses, "address", &rest[..length]),
            ));
        }
        let word = last_word(before);
        if word == "nodePort" || before.ends_with(':') && rest.get(5..6) == Some("/") {
            let length = digits(rest);
            return (length == 5)
                .then(|| (length, number(&mut self.ports, "port", &rest[..length])));
        }
        if CLOCKS.contains(&word) && moment(rest) {
            return Some((20, "TIME".into()));
        }
        if let Some(length) = age(rest).filter(|_| before.ends_with('"')) {
            return Some((length, "AGE".into()));
        }
        if generated(rest) {
            return Some((11, format!("{}SUFFIX", &rest[..6])));
        }
        if word == "continue" {
            return self.token(rest);
        }
        None
    }

    fn token(&mut self, rest: &str) -> Option<(usize, String)> {
        let is_part = |it: u8| it.is_ascii_alphanumeric() || it == b'-' || it == b'_';
        let length = rest.bytes().take_while(|it| is_part(*it)).count();
        let bytes = URL_SAFE_NO_PAD.decode(&rest[..length]).ok()?;
        (length > 8).then(|| (length, self.part(&bytes)))
    }
}

/// The name of the member that a text stands right behind, in JSON or YAML, quoted or not.
fn last_word(before: &str) -> &str {
    let trimmed = before.trim_end_matches(['\\', '"', ':', ' ']);
    let quoted = trimmed.len() < before.len() && before[trimmed.len()..].contains(':');
    let words = trimmed.rsplit(|it: char| !it.is_ascii_alphanumeric());
    words.take(1).find(|_| quoted).unwrap_or_default()
}

fn number(seen: &mut Vec<String>, what: &str, text: &str) -> String {
    let place = seen.iter().position(|it| it == text).unwrap_or_else(|| {
        seen.push(text.to_owned());
        seen.len() - 1
    });
    format!("{what}-{place}")
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// `01234567-89ab-4def-8123-456789abcdef`
fn uid(text: &str) -> Option<usize> {
    let shape = text.as_bytes().get(..36)?;
    let fits = shape.iter().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        14 => *byte == b'4',
        _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
    });
    fits.then_some(36)
}

/// `2006-01-02T15:04:05Z`
fn moment(text: &str) -> bool {
    text.as_bytes().get(..20).is_some_and(|shape| {
        shape
            .iter()
            .zip(b"0000-00-00T00:00:00Z")
            .all(|(byte, form)| match form {
                b'0' => byte.is_ascii_digit(),
                other => byte == other,
            })
    })
}

/// `7s"`, `119s"`, `2m3s"`, `10m"`: a case that takes longer has other troubles.
fn age(text: &str) -> Option<usize> {
    let first = digits(text);
    let (unit, rest) = text.get(first..first + 1).zip(text.get(first + 1..))?;
    let second = digits(rest);
    let length = match unit {
        "s" => first + 1,
        "m" if second > 0 && rest[second..].starts_with('s') => first + 1 + second + 1,
        "m" => first + 1,
        _ => return None,
    };
    ((1..=3).contains(&first) && text[length..].starts_with('"')).then_some(length)
}

/// `g0007-bcdfg`
fn generated(text: &str) -> bool {
    let Some(shape) = text.as_bytes().get(..11) else {
        return false;
    };
    let suffix = shape[6..]
        .iter()
        .all(|it| b"bcdfghjklmnpqrstvwxz2456789".contains(it));
    shape[0] == b'g' && shape[1..5].iter().all(u8::is_ascii_digit) && shape[5] == b'-' && suffix
}

#[cfg(test)]
mod tests {
    use super::Normal;

    #[test]
    fn equal_texts_stay_equal_and_others_different() {
        let check = |ours: [&str; 2], theirs: [&str; 2], equal: bool| {
            let normal = |texts: [&str; 2]| {
                let mut normal = Normal::default();
                texts.map(|text| normal.text(text.as_bytes()))
            };
            assert_eq!(normal(ours) == normal(theirs), equal, "{:?}", normal(ours));
        };
        let one = r#"{"uid":"01234567-89ab-4def-8123-456789abcdef"}"#;
        let two = r#"{"uid":"11234567-89ab-4def-8123-456789abcdef"}"#;
        check([one, one], [two, two], true);
        check([one, two], [two, one], true);
        check([one, one], [two, one], false);
        check([one, ""], ["", one], false);
        let one = r#"{"creationTimestamp":"2026-01-02T03:04:05Z","name":"g0001-bcdfg"}"#;
        let two = r#"{"creationTimestamp":"2026-01-02T03:04:06Z","name":"g0001-zzzzz"}"#;
        check([one, ""], [two, ""], true);
        check([one, ""], [&two.replace("creation", "renew"), ""], false);
        check(
            [r#"{"renewTime":"2026-01-02T03:04:05Z"}"#, ""],
            [r#"{"renewTime":"2026-01-02T03:04:06Z"}"#, ""],
            false,
        );
        check(
            ["creationTimestamp: \"2026-01-02T03:04:05Z\"\n", ""],
            ["creationTimestamp: \"2026-01-02T03:04:06Z\"\n", ""],
            true,
        );
        check([r#"["a","3s"]"#, ""], [r#"["a","4s"]"#, ""], true);
        check(
            [r#"{"nodePort":30001}"#, ""],
            [r#"{"nodePort":30002}"#, ""],
            true,
        );
        check([r#"{"port":30001}"#, ""], [r#"{"port":30002}"#, ""], false);
        let two_addresses = r#"["10.0.0.7","10.0.0.8"]"#;
        let one_address = r#"["10.0.0.9","10.0.0.9"]"#;
        check([two_addresses, ""], [one_address, ""], false);
        check([r#"["2m3s"]"#, ""], [r#"["119s"]"#, ""], true);
    }
}

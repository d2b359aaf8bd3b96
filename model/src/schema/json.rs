//! JSON text as Go's `encoding/json` reads it: the same documents are refused with the same words,
//! members keep their order, and a member that comes twice is seen twice (which
//! `serde_json::Value` would hide).

use crate::{golang::quote, limits};
use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde_json::{Map, Number, Value};

/// A parsed document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Json {
    Null,
    Boolean(bool),
    /// The digits as they were written.
    Number(String),
    String(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Parses one document.
    ///
    /// # Errors
    /// The words of Go's scanner: `unexpected end of JSON input`,
    /// `invalid character 'x' looking for beginning of value`.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Json, String> {
        let mut scanner = Scanner { bytes, at: 0 };
        let value = scanner.value(0)?;
        match scanner.next_byte() {
            None => Ok(value),
            Some(byte) => Err(unexpected(byte, "after top-level value")),
        }
    }

    /// What Go calls such a value in messages.
    pub(crate) fn noun(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Boolean(_) => "bool",
            Json::Number(_) => "number",
            Json::String(_) => "string",
            Json::List(_) => "array",
            Json::Object(_) => "object",
        }
    }

    /// The same without types; of members that come twice the last counts. A number that no
    /// 64-bit number can hold becomes the nearest one.
    pub(crate) fn into_value(self) -> Value {
        match self {
            Json::Null => Value::Null,
            Json::Boolean(flag) => Value::Bool(flag),
            Json::Number(text) => number(&text),
            Json::String(text) => Value::String(text),
            Json::List(items) => items.into_iter().map(Json::into_value).collect(),
            Json::Object(members) => {
                let mut map = Map::new();
                for (name, value) in members {
                    map.insert(name, value.into_value());
                }
                Value::Object(map)
            }
        }
    }
}

impl From<Value> for Json {
    fn from(value: Value) -> Json {
        match value {
            Value::Null => Json::Null,
            Value::Bool(flag) => Json::Boolean(flag),
            Value::Number(number) => Json::Number(number.to_string()),
            Value::String(text) => Json::String(text),
            Value::Array(items) => Json::List(items.into_iter().map(Json::from).collect()),
            Value::Object(map) => Json::Object(
                map.into_iter()
                    .map(|(name, value)| (name, Json::from(value)))
                    .collect(),
            ),
        }
    }
}

/// The number as `serde_json` has it: an integer when it is written as one and fits.
pub(super) fn number(text: &str) -> Value {
    if let Ok(integer) = text.parse::<i64>() {
        return Value::from(integer);
    }
    if let Ok(integer) = text.parse::<u64>() {
        return Value::from(integer);
    }
    let float = text.parse::<f64>().unwrap_or_default();
    let float = float.clamp(f64::MIN, f64::MAX);
    Number::from_f64(float).map_or(Value::Null, Value::Number)
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    fn next_byte(&mut self) -> Option<u8> {
        while let Some(byte) = self.bytes.get(self.at) {
            self.at += 1;
            if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
                return Some(*byte);
            }
        }
        None
    }

    fn value(&mut self, depth: usize) -> Result<Json, String> {
        let byte = self.next_byte().ok_or_else(end)?;
        self.value_from(byte, depth)
    }

    fn value_from(&mut self, byte: u8, depth: usize) -> Result<Json, String> {
        match byte {
            b'{' | b'[' if depth >= limits::JSON_DEPTH => {
                Err(unexpected(byte, "exceeded max depth"))
            }
            b'{' => self.object(depth + 1),
            b'[' => self.list(depth + 1),
            b'"' => self.string().map(Json::String),
            b'-' | b'0'..=b'9' => self.number(byte),
            b't' => self.word("true", Json::Boolean(true)),
            b'f' => self.word("false", Json::Boolean(false)),
            b'n' => self.word("null", Json::Null),
            _ => Err(unexpected(byte, "looking for beginning of value")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, String> {
        let mut members = Vec::new();
        loop {
            match self.next_byte().ok_or_else(end)? {
                b'}' if members.is_empty() => return Ok(Json::Object(members)),
                b'"' => {}
                byte => {
                    return Err(unexpected(
                        byte,
                        "looking for beginning of object key string",
                    ));
                }
            }
            let name = self.string()?;
            match self.next_byte().ok_or_else(end)? {
                b':' => {}
                byte => return Err(unexpected(byte, "after object key")),
            }
            members.push((name, self.value(depth)?));
            match self.next_byte().ok_or_else(end)? {
                b',' => {}
                b'}' => return Ok(Json::Object(members)),
                byte => return Err(unexpected(byte, "after object key:value pair")),
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Json, String> {
        let mut items = Vec::new();
        loop {
            match self.next_byte().ok_or_else(end)? {
                b']' if items.is_empty() => return Ok(Json::List(items)),
                byte => items.push(self.value_from(byte, depth)?),
            }
            match self.next_byte().ok_or_else(end)? {
                b',' => {}
                b']' => return Ok(Json::List(items)),
                byte => return Err(unexpected(byte, "after array element")),
            }
        }
    }

    fn word(&mut self, word: &str, value: Json) -> Result<Json, String> {
        for expected in word.bytes().skip(1) {
            let byte = *self.bytes.get(self.at).ok_or_else(end)?;
            if byte != expected {
                let context = format!("in literal {word} (expecting '{}')", char::from(expected));
                return Err(unexpected(byte, &context));
            }
            self.at += 1;
        }
        Ok(value)
    }

    fn number(&mut self, first: u8) -> Result<Json, String> {
        let start = self.at - 1;
        let mut lead = first;
        if lead == b'-' {
            lead = self.digit("in numeric literal")?;
        }
        if lead != b'0' {
            self.digits();
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digit("after decimal point in numeric literal")?;
            self.digits();
        }
        if let Some(b'e' | b'E') = self.bytes.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.bytes.get(self.at) {
                self.at += 1;
            }
            self.digit("in exponent of numeric literal")?;
            self.digits();
        }
        let text = self.bytes.get(start..self.at).unwrap_or_default();
        Ok(Json::Number(String::from_utf8_lossy(text).into_owned()))
    }

    fn digit(&mut self, context: &str) -> Result<u8, String> {
        let byte = *self.bytes.get(self.at).ok_or_else(end)?;
        if !byte.is_ascii_digit() {
            return Err(unexpected(byte, context));
        }
        self.at += 1;
        Ok(byte)
    }

    fn digits(&mut self) {
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
    }

    /// The rest of a string whose quotation mark has been read. What is not UTF-8 becomes U+FFFD.
    fn string(&mut self) -> Result<String, String> {
        let start = self.at;
        let mut text = Vec::new();
        let mut copied = start;
        loop {
            let byte = *self.bytes.get(self.at).ok_or_else(end)?;
            self.at += 1;
            match byte {
                b'"' => {
                    text.extend_from_slice(self.bytes.get(copied..self.at - 1).unwrap_or_default());
                    return Ok(match String::from_utf8(text) {
                        Ok(text) => text,
                        Err(broken) => replace_broken(broken.as_bytes()),
                    });
                }
                b'\\' => {
                    text.extend_from_slice(self.bytes.get(copied..self.at - 1).unwrap_or_default());
                    let escaped = self.escape()?;
                    text.extend_from_slice(escaped.encode_utf8(&mut [0; 4]).as_bytes());
                    copied = self.at;
                }
                0..=0x1f => return Err(unexpected(byte, "in string literal")),
                _ => {}
            }
        }
    }

    fn escape(&mut self) -> Result<char, String> {
        let byte = *self.bytes.get(self.at).ok_or_else(end)?;
        self.at += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.unit()?;
                if let Some(scalar) = char::from_u32(first) {
                    return Ok(scalar);
                }
                self.second_surrogate(first)
            }
            _ => return Err(unexpected(byte, "in string escape code")),
        })
    }

    fn unit(&mut self) -> Result<u32, String> {
        let mut unit = 0;
        for _ in 0..4 {
            let byte = *self.bytes.get(self.at).ok_or_else(end)?;
            let digit = char::from(byte).to_digit(16);
            unit = unit * 16
                + digit.ok_or_else(|| unexpected(byte, "in \\u hexadecimal character escape"))?;
            self.at += 1;
        }
        Ok(unit)
    }

    /// Joins a surrogate with the one that follows; one that stands alone is U+FFFD.
    fn second_surrogate(&mut self, first: u32) -> char {
        let before = self.at;
        if first < 0xdc00 && self.bytes.get(self.at..self.at + 2) == Some(b"\\u") {
            self.at += 2;
            if let Ok(second @ 0xdc00..=0xdfff) = self.unit() {
                let joined = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return char::from_u32(joined).unwrap_or(char::REPLACEMENT_CHARACTER);
            }
        }
        self.at = before;
        char::REPLACEMENT_CHARACTER
    }
}

/// Each byte that starts no valid sequence becomes one U+FFFD, as Go's decoder has it.
fn replace_broken(mut bytes: &[u8]) -> String {
    let mut text = String::new();
    while !bytes.is_empty() {
        match core::str::from_utf8(bytes) {
            Ok(valid) => {
                text.push_str(valid);
                break;
            }
            Err(error) => {
                let (valid, rest) = bytes.split_at(error.valid_up_to());
                text.push_str(core::str::from_utf8(valid).unwrap_or_default());
                text.push(char::REPLACEMENT_CHARACTER);
                bytes = rest.get(1..).unwrap_or_default();
            }
        }
    }
    text
}

fn end() -> String {
    "unexpected end of JSON input".to_owned()
}

fn unexpected(byte: u8, context: &str) -> String {
    let shown = match byte {
        b'\'' => "\\'".to_owned(),
        b'"' => "\"".to_owned(),
        _ => {
            let quoted = quote(char::from(byte).encode_utf8(&mut [0; 4]));
            quoted.trim_matches('"').to_owned()
        }
    };
    format!("invalid character '{shown}' {context}")
}

#[cfg(test)]
mod tests {
    use super::Json;
    use alloc::string::String;

    fn check(text: impl AsRef<[u8]>, expected: Result<&str, &str>) {
        let parsed = Json::parse(text.as_ref());
        let shown = parsed.map(|json| alloc::format!("{}", json.into_value()));
        assert_eq!(
            shown.as_ref().map(String::as_str).map_err(String::as_str),
            expected,
            "{:?}",
            String::from_utf8_lossy(text.as_ref())
        );
    }

    #[test]
    fn documents_are_read_and_refused_as_go_does() {
        check(
            r#" {"a":[1,-2.5e3,true,null,"x"]} "#,
            Ok(r#"{"a":[1,-2500.0,true,null,"x"]}"#),
        );
        check("", Err("unexpected end of JSON input"));
        check("{\"a\":1", Err("unexpected end of JSON input"));
        check("{}x", Err("invalid character 'x' after top-level value"));
        check(
            "{a",
            Err("invalid character 'a' looking for beginning of object key string"),
        );
        check(
            "{\"a\":1,}",
            Err("invalid character '}' looking for beginning of object key string"),
        );
        check(
            "[1,]",
            Err("invalid character ']' looking for beginning of value"),
        );
        check("[1 2]", Err("invalid character '2' after array element"));
        check("{\"a\" 1}", Err("invalid character '1' after object key"));
        check(
            "{\"a\":1 \"",
            Err("invalid character '\"' after object key:value pair"),
        );
        check(
            "trux",
            Err("invalid character 'x' in literal true (expecting 'e')"),
        );
        check("-x", Err("invalid character 'x' in numeric literal"));
        check("01", Err("invalid character '1' after top-level value"));
        check(
            "1.x",
            Err("invalid character 'x' after decimal point in numeric literal"),
        );
        check("\"a\nb\"", Err("invalid character '\\n' in string literal"));
        check(
            "\"\\x\"",
            Err("invalid character 'x' in string escape code"),
        );
        check(
            "'",
            Err("invalid character '\\'' looking for beginning of value"),
        );
    }

    #[test]
    fn strings_that_are_not_unicode_are_replaced() {
        check(b"\"a\xffb\"", Ok("\"a\u{fffd}b\""));
        check(b"\"\xe2\x82\"", Ok("\"\u{fffd}\u{fffd}\""));
        check(
            r#""\ud83d\ude00 \ud83d \ude00""#,
            Ok("\"\u{1f600} \u{fffd} \u{fffd}\""),
        );
        check(r#""\ud83d\ud83d\ude00""#, Ok("\"\u{fffd}\u{1f600}\""));
    }

    #[test]
    fn numbers_and_depth_are_bounded() {
        check("1e999", Ok("1.7976931348623157e+308"));
        check("18446744073709551616", Ok("1.8446744073709552e+19"));
        check("9223372036854775808", Ok("9223372036854775808"));
        let deep = "[".repeat(100_000);
        check(&deep, Err("invalid character '[' exceeded max depth"));
    }
}

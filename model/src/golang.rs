//! Values as Go's `fmt` and `encoding/json` print them, because the texts of Kubernetes' errors
//! show them so.

use alloc::{
    format,
    string::{String, ToString},
};
use serde_json::Value;

/// A string as `%q` prints it (`strconv.Quote`).
#[must_use]
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            printed if printable(printed) => out.push(printed),
            other => out.push_str(&match other as u32 {
                code @ (0..0x20 | 0x7f) => format!("\\x{code:02x}"),
                code @ 0..0x1_0000 => format!("\\u{code:04x}"),
                code => format!("\\U{code:08x}"),
            }),
        }
    }
    out.push('"');
    out
}

/// Whether `unicode.IsPrint` holds: letters, marks, numbers, punctuation, symbols, the ASCII space.
#[must_use]
pub fn printable(character: char) -> bool {
    if character.is_ascii() {
        return character == ' ' || character.is_ascii_graphic();
    }
    // `str::escape_debug` escapes what is not printable; behind another character it leaves
    // combining marks as they are, as Go does.
    let mut bytes = [b'a'; 5];
    let length = character.encode_utf8(&mut bytes[1..]).len();
    core::str::from_utf8(&bytes[..=length])
        .is_ok_and(|text| text.escape_debug().nth(1) == Some(character))
}

/// A document as `json.Marshal` writes it: `<`, `>`, `&` and the line separators are escaped.
#[must_use]
pub fn json(value: &Value) -> String {
    let plain = value.to_string();
    let mut out = String::with_capacity(plain.len());
    // Outside of strings JSON has none of these characters.
    for character in plain.chars() {
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                out.push_str(&format!("\\u{:04x}", character as u32));
            }
            other => out.push(other),
        }
    }
    out
}

/// A decoded document as `%v` prints it: `map[a:1 b:[x y]]`, with the keys in order.
#[must_use]
pub fn print(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".into(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(items) => {
            let items: alloc::vec::Vec<String> = items.iter().map(print).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Object(members) => {
            let members: alloc::vec::Vec<String> = members
                .iter()
                .map(|(name, member)| format!("{name}:{}", print(member)))
                .collect();
            format!("map[{}]", members.join(" "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{json, print, quote};
    use serde_json::json as document;

    #[test]
    fn strings_are_quoted_as_go_quotes_them() {
        for (text, expected) in [
            ("a", r#""a""#),
            ("a\"\\b", r#""a\"\\b""#),
            ("\n\t\u{7}\u{1b}\u{7f}", r#""\n\t\a\x1b\x7f""#),
            ("ü 漢 e\u{301}", "\"ü 漢 e\u{301}\""),
            ("\u{ad}\u{200b}\u{a0}", r#""\u00ad\u200b\u00a0""#),
            ("\u{e0001}", r#""\U000e0001""#),
            ("'<&>'", r#""'<&>'""#),
        ] {
            assert_eq!(quote(text), expected);
        }
    }

    #[test]
    fn documents_are_printed_as_go_prints_them() {
        let value = document!({"b": [1, "x y", null], "a": {"c": true, "d": "<&>"}});
        assert_eq!(print(&value), "map[a:map[c:true d:<&>] b:[1 x y <nil>]]");
        let expected = r#"{"a":{"c":true,"d":"\u003c\u0026\u003e"},"b":[1,"x y",null]}"#;
        assert_eq!(json(&value), expected);
    }
}

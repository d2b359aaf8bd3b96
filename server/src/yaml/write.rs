//! JSON to YAML, in the form in which go-yaml v2 writes it.

use super::scalar::{Scalar, is_base_60, resolve};
use serde_json::Value;

/// Turns JSON into YAML, keys sorted. What is not JSON is handed back as it is.
pub fn from_json(json: &[u8]) -> Vec<u8> {
    let Ok(value) = serde_json::from_slice::<Value>(json) else {
        return json.to_vec();
    };
    let mut out = String::with_capacity(json.len() * 5 / 4);
    match &value {
        Value::Object(members) if !members.is_empty() => mapping(members, 0, &mut out),
        Value::Array(items) if !items.is_empty() => sequence(items, 0, &mut out),
        other => {
            scalar(other, 0, &mut out);
            out.push('\n');
        }
    }
    out.into_bytes()
}

fn mapping(members: &serde_json::Map<String, Value>, depth: usize, out: &mut String) {
    for (index, (key, value)) in members.iter().enumerate() {
        if index > 0 {
            indent(depth, out);
        }
        text(key, None, out);
        out.push(':');
        match value {
            Value::Object(members) if !members.is_empty() => {
                out.push('\n');
                indent(depth + 1, out);
                mapping(members, depth + 1, out);
            }
            Value::Array(items) if !items.is_empty() => {
                out.push('\n');
                indent(depth, out);
                sequence(items, depth, out);
            }
            other => {
                out.push(' ');
                scalar(other, depth + 1, out);
                out.push('\n');
            }
        }
    }
}

fn sequence(items: &[Value], depth: usize, out: &mut String) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            indent(depth, out);
        }
        out.push_str("- ");
        match item {
            Value::Object(members) if !members.is_empty() => mapping(members, depth + 1, out),
            Value::Array(items) if !items.is_empty() => sequence(items, depth + 1, out),
            other => {
                scalar(other, depth + 1, out);
                out.push('\n');
            }
        }
    }
}

fn indent(depth: usize, out: &mut String) {
    for _ in 0..depth {
        out.push_str("  ");
    }
}

fn scalar(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::String(content) => text(content, Some(depth), out),
        other => out.push_str(&other.to_string()),
    }
}

/// Writes text in the first style that fits: plain, a literal block (where `block` gives its
/// depth), single quotes, double quotes.
fn text(content: &str, block: Option<usize>, out: &mut String) {
    if resolve(content) != Scalar::Text || is_base_60(content) || content == "<<" {
        out.push_str(&Value::from(content).to_string());
    } else if fits_plain(content) {
        out.push_str(content);
    } else if let Some(depth) = block.filter(|_| fits_literal(content)) {
        literal(content, depth, out);
    } else if content.chars().all(is_printable) {
        out.push('\'');
        out.push_str(&content.replace('\'', "''"));
        out.push('\'');
    } else {
        out.push_str(&Value::from(content).to_string());
    }
}

fn literal(content: &str, depth: usize, out: &mut String) {
    out.push('|');
    let body = content.trim_end_matches('\n');
    match content.len() - body.len() {
        0 => out.push('-'),
        1 => {}
        _ => out.push('+'),
    }
    for line in content.strip_suffix('\n').unwrap_or(content).split('\n') {
        out.push('\n');
        if !line.is_empty() {
            indent(depth, out);
            out.push_str(line);
        }
    }
}

fn fits_plain(content: &str) -> bool {
    let mut chars = content.chars();
    let Some(first) = chars.next() else {
        return false;
    };
    let second_is_space = chars.next().is_none_or(|second| second == ' ');
    let first_fits = match first {
        '-' | '?' | ':' => !second_is_space,
        ',' | '[' | ']' | '{' | '}' | '#' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%'
        | '@' | '`' | ' ' => false,
        _ => true,
    };
    first_fits
        && !content.starts_with("---")
        && !content.starts_with("...")
        && !content.ends_with([' ', ':'])
        && !content.contains(": ")
        && !content.contains(" #")
        && content.chars().all(is_printable)
}

/// A block keeps neither leading blanks (its indentation would be guessed wrong) nor characters
/// that need escapes.
fn fits_literal(content: &str) -> bool {
    content.contains('\n')
        && !content.starts_with([' ', '\n'])
        && !content.contains(" \n")
        && !content.ends_with(' ')
        && content
            .chars()
            .all(|char| char == '\n' || is_printable(char))
}

fn is_printable(char: char) -> bool {
    !char.is_control()
        && !matches!(
            char,
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
        )
}

#[cfg(test)]
mod tests {
    use super::from_json;
    use crate::yaml::to_json;
    use serde_json::{Value, json};

    #[test]
    fn objects_are_written_as_go_yaml_writes_them() {
        let value = json!({"kind": "Pod", "metadata": {"labels": {}, "name": "a",
            "creationTimestamp": "2026-01-02T03:04:05Z"}, "n": [1, [2, 3], {"a": "true", "b": null}, []],
            "s": ["", "- x", "a: b", "it's", "l1\nl2\n", "tab\tx", "12", "1:30", "~x", " x", "a\n\nb\n\n"]});
        let expected = "kind: Pod\nmetadata:\n  creationTimestamp: \"2026-01-02T03:04:05Z\"\n  labels: {}\n  name: a\n\"n\":\n- 1\n- - 2\n  - 3\n- a: \"true\"\n  b: null\n- []\ns:\n- \"\"\n- '- x'\n- 'a: b'\n- it's\n- |\n  l1\n  l2\n- \"tab\\tx\"\n- \"12\"\n- \"1:30\"\n- ~x\n- ' x'\n- |+\n  a\n\n  b\n\n";
        let yaml = from_json(value.to_string().as_bytes());
        assert_eq!(String::from_utf8(yaml).unwrap(), expected);
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        let texts = [
            "",
            " ",
            "a ",
            "\n",
            "a\n",
            "\na",
            " a\nb",
            "a \nb",
            "a\nb ",
            "#",
            "a #b",
            "a:",
            "?",
            "-",
            "--- x",
            "'",
            "\"",
            "\u{0}",
            "\u{85}",
            "é",
            "\u{1f600}",
            "no",
            "0x1",
            "1e3",
            ".5",
            "%",
            "@",
            "a\r\nb",
            "!x",
            "*x",
            "&x",
            "|",
            ">",
            "{",
            "[a]",
            "null",
            "a\n\n\n",
            "=",
            "<<",
            "a, b",
            "\t",
        ];
        for text in texts {
            for value in [
                json!(text),
                json!([text]),
                json!({"k": text}),
                json!({text: [{text: text}]}),
            ] {
                let yaml = from_json(value.to_string().as_bytes());
                let json = to_json(&yaml).unwrap_or_else(|why| {
                    panic!("{why}: {:?} as {}", text, String::from_utf8_lossy(&yaml))
                });
                let back: Value = serde_json::from_slice(&json).unwrap();
                assert_eq!(back, value, "{}", String::from_utf8_lossy(&yaml));
            }
        }
    }
}

//! The difference of two documents, for people (`k8s.io/apimachinery/pkg/util/diff`).

use crate::golang::json;
use alloc::{format, string::String, vec::Vec};
use serde_json::Value;

/// Lines of context around what differs.
const CONTEXT: usize = 3;

/// A unified difference of both documents' indented JSON: one hunk from the first line that
/// differs to the last. Members are in the order of their names; upstream's are in that of the Go
/// type.
pub(in crate::kinds) fn unified(one: &Value, other: &Value) -> String {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    lines(one, "", "", &mut ours);
    lines(other, "", "", &mut theirs);
    let same_start = ours
        .iter()
        .zip(&theirs)
        .take_while(|(one, other)| one == other)
        .count();
    let rest = ours.len().min(theirs.len()) - same_start;
    let ends = ours.iter().rev().zip(theirs.iter().rev()).take(rest);
    let same_end = ends.take_while(|(one, other)| one == other).count();
    if same_start == ours.len() && same_start == theirs.len() {
        return String::new();
    }
    let from = same_start.saturating_sub(CONTEXT);
    let after = same_end.min(CONTEXT);
    let length = |lines: &[String]| lines.len() - same_end + after - from;
    let mut out = format!(
        "@@ -{},{} +{},{} @@\n",
        from + 1,
        length(&ours),
        from + 1,
        length(&theirs)
    );
    let mut write = |mark: char, lines: &[String]| {
        for line in lines {
            out.push(mark);
            out.push_str(line);
            out.push('\n');
        }
    };
    write(' ', &ours[from..same_start]);
    write('-', &ours[same_start..ours.len() - same_end]);
    write('+', &theirs[same_start..theirs.len() - same_end]);
    write(
        ' ',
        &ours[ours.len() - same_end..ours.len() - same_end + after],
    );
    out
}

/// The lines of indented JSON.
fn lines(value: &Value, indent: &str, label: &str, out: &mut Vec<String>) {
    let inner = format!("{indent} ");
    match value {
        Value::Object(members) if !members.is_empty() => {
            out.push(format!("{indent}{label}{{"));
            for (name, member) in members {
                lines(
                    member,
                    &inner,
                    &format!("{}: ", json(&Value::from(name.as_str()))),
                    out,
                );
            }
            out.push(format!("{indent}}}"));
        }
        Value::Array(items) if !items.is_empty() => {
            out.push(format!("{indent}{label}["));
            for item in items {
                lines(item, &inner, "", out);
            }
            out.push(format!("{indent}]"));
        }
        leaf => out.push(format!("{indent}{label}{}", json(leaf))),
    }
}

#[cfg(test)]
mod tests {
    use super::unified;
    use serde_json::json;

    #[test]
    fn a_difference_is_one_hunk_with_context() {
        let one = json!({"a": 1, "b": [2], "c": 3, "d": 4, "e": 5});
        let other = json!({"a": 1, "b": [2], "c": 4, "d": 4, "e": 5});
        assert_eq!(
            unified(&one, &other),
            "@@ -3,7 +3,7 @@\n  \"b\": [\n   2\n  ]\n- \"c\": 3\n+ \"c\": 4\n  \"d\": 4\n  \"e\": 5\n }\n"
        );
        assert_eq!(unified(&one, &one), "");
    }
}

//! What names may look like (`k8s.io/apimachinery/pkg/util/validation`, `pkg/api/validate/content`,
//! `pkg/api/validation/generic.go`). Each check gives its complaints, none when all is well.

use alloc::{format, string::String, vec::Vec};

/// The longest DNS label and the longest name part of a label key, in bytes.
const LABEL_BYTES: usize = 63;
/// The longest DNS subdomain, in bytes.
const SUBDOMAIN_BYTES: usize = 253;

const LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const LABEL_1035: &str = "[a-z]([-a-z0-9]*[a-z0-9])?";
const KEY: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const VALUE: &str = "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?";

/// How objects of a kind may be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NameRule {
    /// Most kinds (`NameIsDNSSubdomain`).
    DnsSubdomain,
    /// Namespaces and others (`NameIsDNSLabel`).
    DnsLabel,
    /// Services (`NameIsDNS1035Label`).
    Dns1035Label,
    /// Kinds whose names may be anything that fits in a path, like roles
    /// (`path.ValidatePathSegmentName`).
    PathSegment,
}

impl NameRule {
    /// What is wrong with a whole name.
    #[must_use]
    pub fn name(self, name: &str) -> Vec<String> {
        match self {
            NameRule::DnsSubdomain => dns_subdomain(name),
            NameRule::DnsLabel => dns_label(name),
            NameRule::Dns1035Label => dns_1035_label(name),
            NameRule::PathSegment => path_segment(name),
        }
    }

    /// What is wrong with a `generateName`: it may end in a dash, as something follows.
    #[must_use]
    pub fn prefix(self, prefix: &str) -> Vec<String> {
        match self {
            NameRule::PathSegment => path_segment_prefix(prefix),
            // Upstream masks the dash and the character before it with one letter.
            rule => match prefix.strip_suffix('-') {
                Some(rest) if rest.ends_with(|last: char| last.is_ascii()) => {
                    rule.name(&format!("{}a", &rest[..rest.len() - 1]))
                }
                _ => rule.name(prefix),
            },
        }
    }
}

/// What is wrong with a DNS label of RFC 1123.
#[must_use]
pub fn dns_label(name: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if name.len() > LABEL_BYTES {
        wrong.push(longer_than(LABEL_BYTES, "characters"));
    }
    if !is_label(name) {
        wrong.push(if is_subdomain(name) {
            "must not contain dots".into()
        } else {
            does_not_match(
                "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
                LABEL,
                &["my-name", "123-abc"],
            )
        });
    }
    wrong
}

/// What is wrong with a DNS subdomain of RFC 1123.
#[must_use]
pub fn dns_subdomain(name: &str) -> Vec<String> {
    subdomain(name, "characters")
}

/// What is wrong with a DNS label of RFC 1035.
#[must_use]
pub fn dns_1035_label(name: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if name.len() > LABEL_BYTES {
        wrong.push(longer_than(LABEL_BYTES, "characters"));
    }
    if !is_label(name) || !name.starts_with(|first: char| first.is_ascii_lowercase()) {
        wrong.push(does_not_match(
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
            LABEL_1035,
            &["my-name", "abc-123"],
        ));
    }
    wrong
}

/// What is wrong with a name that stands in a path.
#[must_use]
pub fn path_segment(name: &str) -> Vec<String> {
    if matches!(name, "." | "..") {
        return Vec::from([format!("may not be '{name}'")]);
    }
    path_segment_prefix(name)
}

/// What is wrong with a label key, an annotation key in lower case, or a finalizer: a name with or
/// without a DNS subdomain and a slash before it (`IsQualifiedName`).
#[must_use]
pub fn label_key(key: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let name = match key.split_once('/') {
        None => key,
        Some((_, name)) if name.contains('/') => {
            let text = does_not_match(
                &format!("a valid label key {KEY_CHARACTERS}"),
                KEY,
                &KEY_EXAMPLES,
            );
            let text = format!(
                "{text} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            );
            return Vec::from([text]);
        }
        Some(("", name)) => {
            wrong.push("prefix part must be non-empty".into());
            name
        }
        Some((prefix, name)) => {
            let messages = subdomain(prefix, "bytes");
            wrong.extend(messages.iter().map(|why| format!("prefix part {why}")));
            name
        }
    };
    if name.is_empty() {
        wrong.push("name part must be non-empty".into());
    } else if name.len() > LABEL_BYTES {
        wrong.push(format!("name part {}", longer_than(LABEL_BYTES, "bytes")));
    }
    if !is_key_name(name) {
        let text = does_not_match(KEY_CHARACTERS, KEY, &KEY_EXAMPLES);
        wrong.push(format!("name part {text}"));
    }
    wrong
}

/// What is wrong with a label's value.
#[must_use]
pub fn label_value(value: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if value.len() > LABEL_BYTES {
        wrong.push(longer_than(LABEL_BYTES, "bytes"));
    }
    if !value.is_empty() && !is_key_name(value) {
        wrong.push(does_not_match(
            &format!("a valid label must be an empty string or {KEY_ALPHABET}"),
            VALUE,
            &["MyValue", "my_value", "12345"],
        ));
    }
    wrong
}

const KEY_EXAMPLES: [&str; 3] = ["MyName", "my.name", "123-abc"];
const KEY_CHARACTERS: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const KEY_ALPHABET: &str = "consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";

fn path_segment_prefix(name: &str) -> Vec<String> {
    let illegal = ['/', '%'].into_iter().filter(|one| name.contains(*one));
    illegal
        .map(|one| format!("may not contain '{one}'"))
        .collect()
}

/// The checks of names count in «characters» where those of label keys say «bytes».
fn subdomain(name: &str, unit: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if name.len() > SUBDOMAIN_BYTES {
        wrong.push(longer_than(SUBDOMAIN_BYTES, unit));
    }
    if !is_subdomain(name) {
        wrong.push(does_not_match(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
            SUBDOMAIN,
            &["example.com"],
        ));
    }
    wrong
}

fn longer_than(most: usize, unit: &str) -> String {
    format!("must be no more than {most} {unit}")
}

/// `RegexError`, whose examples are told apart by a comma too many.
fn does_not_match(what: &str, pattern: &str, examples: &[&str]) -> String {
    let examples: Vec<String> = examples.iter().map(|one| format!("'{one}', ")).collect();
    format!(
        "{what} (e.g. {}regex used for validation is '{pattern}')",
        examples.join(" or ")
    )
}

fn is_subdomain(name: &str) -> bool {
    name.split('.').all(is_label)
}

fn is_label(name: &str) -> bool {
    let inner = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    enclosed(name, inner, |byte| inner(byte) || *byte == b'-')
}

fn is_key_name(name: &str) -> bool {
    enclosed(name, u8::is_ascii_alphanumeric, |byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
    })
}

/// Whether first and last byte are of one sort, and all of the other.
fn enclosed(name: &str, ends: impl Fn(&u8) -> bool, all: impl Fn(&u8) -> bool) -> bool {
    let bytes = name.as_bytes();
    bytes.first().is_some_and(&ends) && bytes.last().is_some_and(&ends) && bytes.iter().all(all)
}

#[cfg(test)]
mod tests {
    use super::{NameRule, label_key, label_value};
    use alloc::{string::String, vec, vec::Vec};

    const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
    const KEY: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
    const VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

    #[test]
    fn names_follow_their_rule() {
        let subdomain = |name: &str| NameRule::DnsSubdomain.name(name);
        let none: Vec<String> = vec![];
        assert_eq!(subdomain("a.b-c.9"), none);
        for name in ["Upper", "under_score", "-a", "a..b", "", "a.-b", "ü"] {
            assert_eq!(subdomain(name), [SUBDOMAIN], "{name}");
        }
        assert_eq!(subdomain(&"n".repeat(253)), none);
        let long = subdomain(&"n".repeat(254));
        assert_eq!(long, ["must be no more than 253 characters"]);
        assert_eq!(NameRule::DnsLabel.name("a.b"), ["must not contain dots"]);
        let label = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
        assert_eq!(NameRule::DnsLabel.name("A"), [label]);
        assert_eq!(NameRule::Dns1035Label.name("a1"), none);
        let label = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
        assert_eq!(NameRule::Dns1035Label.name("1a"), [label]);
        assert_eq!(NameRule::PathSegment.name("system:A_b"), none);
        assert_eq!(NameRule::PathSegment.name(".."), ["may not be '..'"]);
        let both = ["may not contain '/'", "may not contain '%'"];
        assert_eq!(NameRule::PathSegment.name("a/%"), both);
    }

    #[test]
    fn a_prefix_may_end_in_a_dash() {
        let prefix = |text: &str| NameRule::DnsSubdomain.prefix(text).is_empty();
        for text in ["a-", "a", "a.-", "a--", "x1-"] {
            assert!(prefix(text), "{text}");
        }
        for text in ["-", "Bad_", "A-b-", "a.", "ü--", "ü-"] {
            assert!(!prefix(text), "{text}");
        }
        assert!(NameRule::PathSegment.prefix("..").is_empty());
    }

    #[test]
    fn label_keys_and_values_are_checked() {
        let key = |key: &str, expected: &[&str]| assert_eq!(label_key(key), expected, "{key}");
        key("example.com/x_y.z", &[]);
        key("bad key", &[&alloc::format!("name part {KEY}")]);
        key(
            "a/b/c",
            &[&alloc::format!(
                "a valid label key {KEY} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )],
        );
        key(
            &"k".repeat(64),
            &["name part must be no more than 63 bytes"],
        );
        key(
            "Example.com/x",
            &[&alloc::format!("prefix part {SUBDOMAIN}")],
        );
        key("/x", &["prefix part must be non-empty"]);
        let name = alloc::format!("name part {KEY}");
        key("a/", &["name part must be non-empty", &name]);
        let value = |value: &str, expected: &[&str]| assert_eq!(label_value(value), expected);
        value("", &[]);
        value("V-1_2.x", &[]);
        value("-x", &[VALUE]);
        value(&"v".repeat(64), &["must be no more than 63 bytes"]);
    }
}

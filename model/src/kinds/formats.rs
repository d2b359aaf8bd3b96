//! The string formats of names, keys and ports inside a spec, with the real server's words.
//!
//! Origin: `k8s.io/apimachinery/pkg/util/validation/validation.go`. Every function returns what is
//! wrong, and nothing when the text is well-formed.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const LABEL_WORDS: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric \
     characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or \
     '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN_WORDS: &str = "a lowercase RFC 1123 subdomain must consist of lower case \
     alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character \
     (e.g. 'example.com', regex used for validation is \
     '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const WILDCARD_WORDS: &str = "a wildcard DNS-1123 subdomain must start with '*.', followed by a \
     valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and \
     end with an alphanumeric character (e.g. '*.example.com', regex used for validation is \
     '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const NAME_PART_WORDS: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must \
     start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', \
     regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE_WORDS: &str = "a valid label must be an empty string or consist of alphanumeric \
     characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. \
     'MyValue',  or 'my_value',  or '12345', regex used for validation is \
     '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const CONFIG_KEY_WORDS: &str = "a valid config key must consist of alphanumeric characters, '-', \
     '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is \
     '[-._a-zA-Z0-9]+')";
const ENV_NAME_WORDS: &str = "a valid environment variable name must consist only of printable \
     ASCII characters other than '='";
const PERCENT_WORDS: &str = "a valid percent string must be a numeric string followed by an \
     ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";

/// `at` may be in the text; its first and last characters must be letters or digits.
fn bounded(text: &str, inner: impl Fn(u8) -> bool, outer: impl Fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    match (bytes.first(), bytes.last()) {
        (Some(first), Some(last)) => {
            outer(*first) && outer(*last) && bytes.iter().all(|byte| inner(*byte) || outer(*byte))
        }
        _ => false,
    }
}

fn lower(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

fn is_label(text: &str) -> bool {
    bounded(text, |byte| byte == b'-', lower)
}

fn too_long(text: &str, most: usize) -> Option<String> {
    (text.len() > most).then(|| format!("must be no more than {most} bytes"))
}

/// `IsDNS1123Label`.
pub(super) fn dns_label(text: &str) -> Vec<String> {
    let long = too_long(text, 63);
    let wrong = (!is_label(text)).then(|| LABEL_WORDS.to_string());
    long.into_iter().chain(wrong).collect()
}

/// `IsDNS1123Subdomain`.
pub(super) fn dns_subdomain(text: &str) -> Vec<String> {
    let wrong = !text.split('.').all(is_label);
    let wrong = wrong.then(|| SUBDOMAIN_WORDS.to_string());
    too_long(text, 253).into_iter().chain(wrong).collect()
}

/// `IsWildcardDNS1123Subdomain`.
pub(super) fn wildcard_subdomain(text: &str) -> Vec<String> {
    let right = text
        .strip_prefix("*.")
        .is_some_and(|rest| rest.split('.').all(is_label));
    let wrong = (!right).then(|| WILDCARD_WORDS.to_string());
    too_long(text, 253).into_iter().chain(wrong).collect()
}

fn is_name_part(text: &str) -> bool {
    bounded(
        text,
        |byte| matches!(byte, b'-' | b'_' | b'.'),
        |byte| byte.is_ascii_alphanumeric(),
    )
}

/// `IsQualifiedName`.
pub(super) fn qualified_name(text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut parts = text.split('/');
    let name = match (parts.next(), parts.next(), parts.next()) {
        (Some(name), None, _) => name,
        (Some(prefix), Some(name), None) => {
            if prefix.is_empty() {
                wrong.push("prefix part must be non-empty".to_string());
            } else {
                let errors = dns_subdomain(prefix);
                wrong.extend(errors.iter().map(|error| format!("prefix part {error}")));
            }
            name
        }
        _ => {
            return [format!(
                "a valid label key {NAME_PART_WORDS} with an optional DNS subdomain prefix and \
                 '/' (e.g. 'example.com/MyName')"
            )]
            .into();
        }
    };
    if name.is_empty() {
        wrong.push("name part must be non-empty".to_string());
    } else if name.len() > 63 {
        wrong.push("name part must be no more than 63 bytes".to_string());
    }
    if !is_name_part(name) {
        wrong.push(format!("name part {NAME_PART_WORDS}"));
    }
    wrong
}

/// `IsValidLabelValue`.
pub(super) fn label_value(text: &str) -> Vec<String> {
    let right = text.is_empty() || is_name_part(text);
    let wrong = (!right).then(|| LABEL_VALUE_WORDS.to_string());
    too_long(text, 63).into_iter().chain(wrong).collect()
}

/// `IsConfigMapKey`.
pub(super) fn config_map_key(text: &str) -> Vec<String> {
    let right = !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    let mut wrong: Vec<String> = too_long(text, 253).into_iter().collect();
    if !right {
        wrong.push(CONFIG_KEY_WORDS.to_string());
    }
    wrong.extend(path_segment_prefix(text));
    wrong
}

fn path_segment_prefix(text: &str) -> Option<String> {
    if text == "." {
        Some("must not be '.'".to_string())
    } else if text == ".." {
        Some("must not be '..'".to_string())
    } else if text.starts_with("..") {
        Some("must not start with '..'".to_string())
    } else {
        None
    }
}

/// `IsRelaxedEnvVarName`.
pub(super) fn environment_name(text: &str) -> Vec<String> {
    let right = !text.is_empty()
        && text
            .bytes()
            .all(|byte| matches!(byte, b' '..=b'~') && byte != b'=');
    if right {
        Vec::new()
    } else {
        [ENV_NAME_WORDS.to_string()].into()
    }
}

/// `IsValidPortName`.
pub(super) fn port_name(text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if text.len() > 15 {
        wrong.push("must be no more than 15 characters long".to_string());
    }
    if !text.bytes().all(|byte| lower(byte) || byte == b'-') {
        wrong.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)".into());
    }
    if !text.bytes().any(|byte| byte.is_ascii_lowercase()) {
        wrong.push("must contain at least one letter (a-z)".to_string());
    }
    if text.contains("--") {
        wrong.push("must not contain consecutive hyphens".to_string());
    }
    if text.starts_with('-') || text.ends_with('-') {
        wrong.push("must not begin or end with a hyphen".to_string());
    }
    wrong
}

/// `IsValidPortNum`.
pub(super) fn port_number(port: i64) -> Vec<String> {
    if (1..=65_535).contains(&port) {
        Vec::new()
    } else {
        ["must be between 1 and 65535, inclusive".to_string()].into()
    }
}

/// `IsValidPercent`.
pub(super) fn percent(text: &str) -> Vec<String> {
    let digits = text.strip_suffix('%').unwrap_or_default();
    let right = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if right {
        Vec::new()
    } else {
        [PERCENT_WORDS.to_string()].into()
    }
}

/// What `IsValidIP` says of what is no IP address.
pub(super) const NOT_AN_IP: &str = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";

/// An IP address; leading zeros in IPv4 are accepted, as `netutils.ParseIPSloppy` does.
pub(super) fn ip(text: &str) -> Option<IpAddr> {
    if text.contains(':') {
        return text.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    let mut octets = [0_u8; 4];
    let mut parts = text.split('.');
    for octet in &mut octets {
        let part = parts.next()?;
        if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *octet = part.parse::<u32>().ok()?.try_into().ok()?;
    }
    parts
        .next()
        .is_none()
        .then(|| IpAddr::V4(Ipv4Addr::from(octets)))
}

#[cfg(test)]
mod tests {
    use super::{config_map_key, dns_label, ip, percent, port_name, qualified_name};
    use alloc::string::ToString;

    #[test]
    fn formats_have_their_bounds() {
        assert!(dns_label("a-1").is_empty());
        assert_eq!(dns_label("").len(), 1);
        assert_eq!(dns_label(&"A".repeat(64)).len(), 2);
        assert!(qualified_name("example.com/My_name").is_empty());
        assert_eq!(qualified_name("/x"), ["prefix part must be non-empty"]);
        assert_eq!(qualified_name("a/b/c").len(), 1);
        assert!(config_map_key("a.b").is_empty());
        assert_eq!(config_map_key(".."), ["must not be '..'"]);
        assert_eq!(
            port_name("-1-"),
            [
                "must contain at least one letter (a-z)",
                "must not begin or end with a hyphen",
            ]
        );
        assert!(percent("10%").is_empty() && !percent("%").is_empty() && !percent("1").is_empty());
        assert_eq!(ip("010.0.0.1").unwrap().to_string(), "10.0.0.1");
        assert!(ip("1.2.3").is_none() && ip("1.2.3.256").is_none() && ip("::g").is_none());
    }
}

//! The string formats of names, keys and ports inside a spec, with the real server's words.
//!
//! Names and labels are checked by [`crate::validation::name`]; here are the formats that only specs
//! have. Origin: `k8s.io/apimachinery/pkg/util/validation/validation.go`. Every function returns what
//! is wrong, and nothing when the text is well-formed.

use crate::validation::name::dns_subdomain;
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const WILDCARD_WORDS: &str = "a wildcard DNS-1123 subdomain must start with '*.', followed by a \
     valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and \
     end with an alphanumeric character (e.g. '*.example.com', regex used for validation is \
     '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const CONFIG_KEY_WORDS: &str = "a valid config key must consist of alphanumeric characters, '-', \
     '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is \
     '[-._a-zA-Z0-9]+')";
const ENV_NAME_WORDS: &str = "a valid environment variable name must consist only of printable \
     ASCII characters other than '='";
const PERCENT_WORDS: &str = "a valid percent string must be a numeric string followed by an \
     ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";

fn lower(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

fn too_long(text: &str, most: usize) -> Option<String> {
    (text.len() > most).then(|| format!("must be no more than {most} bytes"))
}

/// `IsWildcardDNS1123Subdomain`.
pub(super) fn wildcard_subdomain(text: &str) -> Vec<String> {
    let right = text
        .strip_prefix("*.")
        .is_some_and(|rest| dns_subdomain(rest).is_empty());
    let wrong = (!right).then(|| WILDCARD_WORDS.to_string());
    too_long(text, 253).into_iter().chain(wrong).collect()
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

/// A network: its first address as a number, and how many bits of it count.
pub(super) struct Network {
    address: IpAddr,
    /// The length of the prefix in bits.
    pub(super) prefix: u8,
}

impl Network {
    /// Whether the first address of another network is in this one.
    pub(super) fn contains(&self, other: &Network) -> bool {
        match (self.address, other.address) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                let shift = 32 - u32::from(self.prefix);
                let bits = u64::from(u32::from(ours) ^ u32::from(theirs));
                bits >> shift == 0
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                let bits = u128::from(ours) ^ u128::from(theirs);
                let shift = 128 - u32::from(self.prefix);
                bits.checked_shr(shift).unwrap_or_default() == 0
            }
            _ => false,
        }
    }
}

/// A network in CIDR form: `10.0.0.0/8`.
pub(super) fn cidr(text: &str) -> Option<Network> {
    let (address, prefix) = text.split_once('/')?;
    let address = ip(address)?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let digits = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit());
    let prefix: u8 = prefix
        .parse()
        .ok()
        .filter(|prefix| digits && *prefix <= most)?;
    Some(Network { address, prefix })
}

#[cfg(test)]
mod tests {
    use super::{config_map_key, ip, percent, port_name, wildcard_subdomain};
    use alloc::string::ToString;

    #[test]
    fn formats_have_their_bounds() {
        assert!(wildcard_subdomain("*.a.b").is_empty());
        assert_eq!(wildcard_subdomain("*.*.b").len(), 1);
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

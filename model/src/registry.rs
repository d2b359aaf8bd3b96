//! Where objects lie in etcd: the keys, laid out as kube-apiserver lays them out.

use crate::{etcd::Key, resource::Resource};
use alloc::{format, string::String};

/// The root of all keys (kube-apiserver's `--etcd-prefix`).
pub const ROOT: &str = "/registry/";

/// The prefix of all keys of one resource, with a slash at its end: `/registry/pods/`.
///
/// Some resources have historical names, as kube-apiserver's `SpecialDefaultResourcePrefixes`
/// lists them; custom resources and the aggregator's carry their group.
#[must_use]
pub fn prefix(group: &str, resource: &str) -> String {
    match (group, resource) {
        ("", "replicationcontrollers") => format!("{ROOT}controllers/"),
        ("", "endpoints") => format!("{ROOT}services/endpoints/"),
        ("", "services") => format!("{ROOT}services/specs/"),
        ("", "nodes") => format!("{ROOT}minions/"),
        ("networking.k8s.io", "ingresses") => format!("{ROOT}ingress/"),
        ("apiextensions.k8s.io" | "apiregistration.k8s.io", _) => {
            format!("{ROOT}{group}/{resource}/")
        }
        _ => format!("{ROOT}{resource}/"),
    }
}

/// The key of one object; `namespace` is empty for cluster-scoped resources.
#[must_use]
pub fn key(resource: &Resource, namespace: &str, name: &str) -> Key {
    if namespace.is_empty() {
        Key::from(format!("{}{name}", resource.prefix).as_str())
    } else {
        Key::from(format!("{}{namespace}/{name}", resource.prefix).as_str())
    }
}

/// The prefix of all keys of `resource` in `namespace`, or everywhere when that is empty.
#[must_use]
pub fn collection(resource: &Resource, namespace: &str) -> String {
    if namespace.is_empty() {
        resource.prefix.clone()
    } else {
        format!("{}{namespace}/", resource.prefix)
    }
}

/// The resource prefix that `key` lies under, read from the key alone: two segments for
/// `services/…` and for segments that are API groups (they contain a dot), else one. `None` when
/// the key is not laid out so.
#[must_use]
pub fn prefix_of(key: &Key) -> Option<&str> {
    let text = key.text()?;
    let rest = text.strip_prefix(ROOT)?;
    let first = rest.find('/')?;
    let segment = &rest[..first];
    let mut end = ROOT.len() + first + 1;
    if segment == "services" || segment.contains('.') {
        end += rest[first + 1..].find('/')? + 1;
    }
    Some(&text[..end])
}

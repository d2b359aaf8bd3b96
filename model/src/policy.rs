//! Roles and bindings as authorizers read them: decoded once, when the object is.

use alloc::{boxed::Box, string::String, vec::Vec};
use serde::{Deserialize, Deserializer};

/// The API group of roles and bindings.
pub const GROUP: &str = "rbac.authorization.k8s.io";

/// What a stored role or binding says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Policy {
    /// A Role or ClusterRole.
    Role(Role),
    /// A RoleBinding or ClusterRoleBinding.
    Binding(Binding),
}

/// What a role permits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(default)]
pub struct Role {
    /// Any one of them is enough.
    #[serde(deserialize_with = "list")]
    pub rules: Vec<Rule>,
}

/// `rbac.PolicyRule`
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Rule {
    /// The verbs; `*` is all.
    #[serde(deserialize_with = "list")]
    pub verbs: Vec<String>,
    /// The API groups; `*` is all.
    #[serde(deserialize_with = "list")]
    pub api_groups: Vec<String>,
    /// Resources and `resource/subresource`; `*` is all, `*/subresource` that of all.
    #[serde(deserialize_with = "list")]
    pub resources: Vec<String>,
    /// The names of objects; none is all.
    #[serde(deserialize_with = "list")]
    pub resource_names: Vec<String>,
    /// Paths that are no resources; a `*` at the end is any rest.
    #[serde(rename = "nonResourceURLs", deserialize_with = "list")]
    pub non_resource_urls: Vec<String>,
}

/// Who gets a role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Binding {
    /// To whom.
    #[serde(deserialize_with = "list")]
    pub subjects: Vec<Subject>,
    /// What.
    pub role_ref: RoleRef,
}

/// `rbac.Subject`
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(default)]
pub struct Subject {
    /// `User`, `Group` or `ServiceAccount`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// A service account's namespace; empty is the binding's own.
    pub namespace: String,
}

/// `rbac.RoleRef`
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RoleRef {
    /// [`GROUP`].
    pub api_group: String,
    /// `Role` or `ClusterRole`.
    pub kind: String,
    /// Its name.
    pub name: String,
}

impl Policy {
    /// Decodes what is stored under a resource prefix; `None` for everything but roles and
    /// bindings.
    ///
    /// # Errors
    /// When somebody wrote past the API server what is no role or binding.
    pub fn decode(prefix: &str, bytes: &[u8]) -> Result<Option<Box<Policy>>, serde_json::Error> {
        let policy = match prefix {
            "/registry/roles/" | "/registry/clusterroles/" => {
                Policy::Role(serde_json::from_slice(bytes)?)
            }
            "/registry/rolebindings/" | "/registry/clusterrolebindings/" => {
                Policy::Binding(serde_json::from_slice(bytes)?)
            }
            _ => return Ok(None),
        };
        Ok(Some(Box::new(policy)))
    }
}

/// A list, for which null stands as well.
fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

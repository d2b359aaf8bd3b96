//! What a controller names: an API, an object's name, a watch.

use crate::resource::{Resource, Resources, api_version, split_api_version};
use alloc::{
    borrow::Cow,
    collections::BTreeSet,
    format,
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};
use core::fmt;

/// A resource in the version that a client uses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Api {
    /// The API group; empty for the core group.
    pub group: Cow<'static, str>,
    /// The version: `v1`.
    pub version: Cow<'static, str>,
    /// The plural name: `deployments`.
    pub resource: Cow<'static, str>,
    /// The kind: `Deployment`.
    pub kind: Cow<'static, str>,
    /// Objects live in namespaces.
    pub namespaced: bool,
}

impl Api {
    /// A namespaced resource.
    #[must_use]
    pub const fn namespaced(
        group: &'static str,
        version: &'static str,
        resource: &'static str,
        kind: &'static str,
    ) -> Api {
        Api {
            group: Cow::Borrowed(group),
            version: Cow::Borrowed(version),
            resource: Cow::Borrowed(resource),
            kind: Cow::Borrowed(kind),
            namespaced: true,
        }
    }

    /// A cluster-scoped resource.
    #[must_use]
    pub const fn cluster(
        group: &'static str,
        version: &'static str,
        resource: &'static str,
        kind: &'static str,
    ) -> Api {
        let mut api = Api::namespaced(group, version, resource, kind);
        api.namespaced = false;
        api
    }

    /// A resource as a server serves it.
    #[must_use]
    pub fn of(resource: &Resource) -> Api {
        let text = |text: &String| Cow::Owned(text.clone());
        Api {
            group: text(&resource.group),
            version: text(&resource.version),
            resource: text(&resource.plural),
            kind: text(&resource.kind),
            namespaced: resource.namespaced,
        }
    }

    /// Everything that can be listed, watched and deleted: what is served in several versions or
    /// groups once, in the one that it is stored in.
    #[must_use]
    pub fn deletable(resources: &Resources) -> Vec<Api> {
        let mut seen = BTreeSet::new();
        resources
            .iter()
            .filter(|one| {
                ["list", "watch", "delete"]
                    .iter()
                    .all(|it| one.verbs.contains(*it))
            })
            .filter(|one| {
                let stored = split_api_version(&one.storage_version);
                stored.1 == one.version && seen.insert(one.prefix.to_string())
            })
            .map(|one| Api::of(one))
            .collect()
    }

    /// `apps/v1`, or `v1` in the core group.
    #[must_use]
    pub fn api_version(&self) -> String {
        api_version(&self.group, &self.version)
    }

    /// The path of the collection in `namespace`, or of everything when that is empty.
    #[must_use]
    pub fn collection(&self, namespace: &str) -> String {
        let root = if self.group.is_empty() {
            format!("/api/{}", self.version)
        } else {
            format!("/apis/{}/{}", self.group, self.version)
        };
        if self.namespaced && !namespace.is_empty() {
            format!("{root}/namespaces/{namespace}/{}", self.resource)
        } else {
            format!("{root}/{}", self.resource)
        }
    }

    /// The path of one object, or with `subresource` of a part of it.
    #[must_use]
    pub fn path(&self, name: &Name, subresource: &str) -> String {
        let collection = self.collection(&name.namespace);
        if subresource.is_empty() {
            format!("{collection}/{}", name.name)
        } else {
            format!("{collection}/{}/{subresource}", name.name)
        }
    }
}

/// Namespace and name of an object; the namespace of cluster-scoped ones is empty.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    /// `metadata.namespace`
    pub namespace: Arc<str>,
    /// `metadata.name`
    pub name: Arc<str>,
}

impl Name {
    /// That namespace and name.
    #[must_use]
    pub fn new(namespace: &str, name: &str) -> Name {
        Name {
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.namespace {
            "" => f.write_str(&self.name),
            namespace => write!(f, "{namespace}/{}", self.name),
        }
    }
}

/// A watch that a controller needs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Watch {
    /// Of what; in all namespaces.
    pub api: Api,
    /// `fieldSelector`; empty for everything.
    pub field_selector: String,
}

impl Watch {
    /// All objects of a resource.
    #[must_use]
    pub fn all(api: Api) -> Watch {
        Watch {
            api,
            field_selector: String::new(),
        }
    }

    /// Those that a field selector takes.
    #[must_use]
    pub fn selected(api: Api, field_selector: String) -> Watch {
        Watch {
            api,
            field_selector,
        }
    }

    /// The query of a watch that begins with the state
    /// (<https://kubernetes.io/docs/reference/using-api/api-concepts/#streaming-lists>).
    #[must_use]
    pub fn query(&self) -> String {
        let mut query = String::from(
            "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true",
        );
        if !self.field_selector.is_empty() {
            query.push_str("&fieldSelector=");
            query.push_str(&self.field_selector.replace('=', "%3D").replace(',', "%2C"));
        }
        query
    }
}

//! What is served: groups, versions, resources, scopes, verbs, short names.
//!
//! The built-in table is data (`data/resources.tsv`, read off kube-apiserver 1.36): no code per
//! kind here.

use crate::registry;
use alloc::{
    borrow::ToOwned,
    collections::{BTreeMap, BTreeSet},
    format,
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A resource of one group and version, as discovery shows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Resource {
    /// The API group; empty for the core group.
    pub group: String,
    /// The version: `v1`.
    pub version: String,
    /// The plural name: `deployments`.
    pub plural: String,
    /// The singular name: `deployment`.
    pub singular: String,
    /// The kind: `Deployment`.
    pub kind: String,
    /// Objects live in namespaces.
    pub namespaced: bool,
    /// Defined by a CustomResourceDefinition.
    pub custom: bool,
    /// What can be done with it: `get`, `list` ...; sorted.
    pub verbs: BTreeSet<String>,
    /// What kubectl takes for it: `deploy`.
    pub short_names: Vec<String>,
    /// Groups of resources that kubectl takes: `all`.
    pub categories: Vec<String>,
    /// Its subresources by name.
    pub subresources: BTreeMap<String, Subresource>,
    /// The prefix of its keys in etcd, with a slash at its end; shared by resources that are
    /// views of the same objects (both Event APIs, both autoscaling versions).
    pub prefix: String,
    /// The `apiVersion` that is written to etcd.
    pub storage_version: String,
}

/// A subresource: `status`, `scale`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subresource {
    /// The kind of its body.
    pub kind: String,
    /// The group of that kind.
    pub group: String,
    /// The version of that kind.
    pub version: String,
    /// What can be done with it.
    pub verbs: BTreeSet<String>,
}

impl Resource {
    /// `apps/v1`, or `v1` in the core group.
    #[must_use]
    pub fn api_version(&self) -> String {
        api_version(&self.group, &self.version)
    }

    /// What it is sorted by.
    fn place(&self) -> (&str, &str, &str) {
        (&self.group, &self.version, &self.plural)
    }

    /// Objects of this resource are stored; if not, it is a question that is answered and
    /// forgotten, like a TokenReview.
    #[must_use]
    pub fn stored(&self) -> bool {
        self.verbs.contains("watch")
    }
}

/// `group/version`, or the version alone in the core group.
#[must_use]
pub fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() {
        version.to_string()
    } else {
        format!("{group}/{version}")
    }
}

/// Splits an `apiVersion` into group and version.
#[must_use]
pub fn split_api_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

/// All resources that a server serves.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Resources {
    /// Sorted by group, version and plural name.
    all: Vec<Arc<Resource>>,
    /// Where each is, and where each group begins, by the digest of its names: every request asks
    /// several times, and numbers in a row are cheaper to compare than three texts apiece.
    places: Vec<(u64, usize)>,
}

impl Resources {
    /// The built-in resources of kube-apiserver 1.36.
    #[must_use]
    pub fn built_in() -> Resources {
        let mut table: BTreeMap<_, Resource> = BTreeMap::new();
        for line in include_str!("../data/resources.tsv").lines().skip(1) {
            let mut columns = line.split('\t');
            let mut column = || columns.next().unwrap_or_default();
            let (group, version, plural) = (column(), column(), column());
            let group = if group == "core" { "" } else { group };
            let (subresource, singular, kind) = (column(), column(), column());
            let (kind_group, kind_version, scope) = (column(), column(), column());
            let verbs: BTreeSet<String> = words(column()).collect();
            let resource = table
                .entry((group.to_owned(), version.to_owned(), plural.to_owned()))
                .or_insert_with(|| Resource::empty(group, version, plural, scope));
            if subresource.is_empty() {
                resource.singular = singular.into();
                resource.kind = kind.into();
                resource.verbs = verbs;
                resource.short_names = words(column()).collect();
                resource.categories = words(column()).collect();
            } else {
                let own = kind_version.is_empty();
                let (kind_group, kind_version) = if own {
                    (group, version)
                } else {
                    (kind_group, kind_version)
                };
                let body = Subresource {
                    kind: kind.into(),
                    group: kind_group.into(),
                    version: kind_version.into(),
                    verbs,
                };
                resource.subresources.insert(subresource.into(), body);
            }
        }
        Resources::new(table.into_values().map(Arc::new).collect())
    }

    /// `all` is sorted by group, version and plural name.
    fn new(all: Vec<Arc<Resource>>) -> Resources {
        let mut places: Vec<(u64, usize)> = Vec::new();
        let mut group = None;
        for (index, resource) in all.iter().enumerate() {
            places.push((
                digest(&[&resource.group, &resource.version, &resource.plural]),
                index,
            ));
            if group != Some(&resource.group) {
                places.push((digest(&[&resource.group]), index));
                group = Some(&resource.group);
            }
        }
        places.sort_unstable();
        Resources { all, places }
    }

    /// The resources that may have names of this digest: one, or none.
    fn at(&self, digest: u64) -> impl Iterator<Item = &Arc<Resource>> {
        let first = self.places.partition_point(|(other, _)| *other < digest);
        self.places
            .iter()
            .skip(first)
            .take_while(move |(other, _)| *other == digest)
            .filter_map(|(_, index)| self.all.get(*index))
    }

    /// The resource of that group, version and plural name.
    #[must_use]
    pub fn find(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Resource>> {
        self.at(digest(&[group, version, plural]))
            .find(|resource| resource.place() == (group, version, plural))
    }

    /// True when some resource of `group` is served.
    #[must_use]
    pub fn serves_group(&self, group: &str) -> bool {
        self.at(digest(&[group]))
            .any(|resource| resource.group == group)
    }

    /// The resource in whose version objects of `resource` are stored.
    #[must_use]
    pub fn stored_as(&self, resource: &Resource) -> Option<&Arc<Resource>> {
        let (group, version) = split_api_version(&resource.storage_version);
        self.find(group, version, &resource.plural)
    }

    /// All resources, sorted by group, version and plural name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Resource>> {
        self.all.iter()
    }
}

impl Resource {
    fn empty(group: &str, version: &str, plural: &str, scope: &str) -> Resource {
        let (home, storage_version) = match (group, plural) {
            ("events.k8s.io", "events") => ("", "v1".to_owned()),
            ("autoscaling", _) => (group, "autoscaling/v2".to_owned()),
            _ => (group, api_version(group, version)),
        };
        Resource {
            group: group.into(),
            version: version.into(),
            plural: plural.into(),
            singular: String::new(),
            kind: String::new(),
            namespaced: scope == "namespaced",
            custom: false,
            verbs: BTreeSet::new(),
            short_names: Vec::new(),
            categories: Vec::new(),
            subresources: BTreeMap::new(),
            prefix: registry::prefix(home, plural),
            storage_version,
        }
    }
}

fn digest(names: &[&str]) -> u64 {
    let names = names.iter();
    names.fold(0, |seed, name| xxh3_64_with_seed(name.as_bytes(), seed))
}

fn words(list: &str) -> impl Iterator<Item = String> {
    list.split(',')
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::Resources;

    #[test]
    fn the_table_names_scopes_prefixes_and_subresources() {
        let resources = Resources::built_in();
        let deployments = resources.find("apps", "v1", "deployments").unwrap();
        assert!(deployments.namespaced && deployments.stored());
        assert_eq!(deployments.prefix, "/registry/deployments/");
        assert_eq!(deployments.subresources["scale"].group, "autoscaling");
        let nodes = resources.find("", "v1", "nodes").unwrap();
        assert_eq!(
            (nodes.prefix.as_str(), nodes.namespaced),
            ("/registry/minions/", false)
        );
        assert!(
            !resources
                .find("authentication.k8s.io", "v1", "tokenreviews")
                .unwrap()
                .stored()
        );
    }
}

//! What is served, told to clients: `/`, `/version`, `/api`, `/apis` and below.
//!
//! Origin of the forms: the API reference (`APIGroupList`, `APIResourceList`), KEP-3352 (aggregated
//! discovery), and kube-aggregator's order of groups.

mod order;

pub use order::kube_aware;

use crate::resource::{Resource, Resources, Subresource, api_version};
use alloc::{
    borrow::ToOwned,
    collections::BTreeSet,
    format,
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use order::groups;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The form of an aggregated discovery document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Aggregated {
    /// `apidiscovery.k8s.io/v2`
    V2,
    /// `apidiscovery.k8s.io/v2beta1`
    V2Beta1,
}

impl Aggregated {
    /// The content type of such a document.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Aggregated::V2 => {
                "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
            }
            Aggregated::V2Beta1 => {
                "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"
            }
        }
    }
}

/// What `/version` answers: as which Kubernetes the server behaves, and how it was built.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version {
    /// `v1.36.2`: major and minor are taken from it.
    pub git_version: String,
    /// The commit it was built from.
    pub git_commit: String,
    /// `clean` or `dirty`.
    pub git_tree_state: String,
    /// RFC 3339.
    pub build_date: String,
    /// The version of the compiler's language.
    pub language_version: String,
    /// The compiler.
    pub compiler: String,
    /// `linux/amd64`
    pub platform: String,
}

impl Version {
    /// The document.
    #[must_use]
    pub fn document(&self) -> Value {
        let mut numbers = self.git_version.trim_start_matches('v').split('.');
        let major = numbers.next().unwrap_or_default();
        let minor = numbers.next().unwrap_or_default();
        let before = minor.parse::<u32>().map(|minor| minor.saturating_sub(1));
        json!({
            "major": major,
            "minor": minor,
            "emulationMajor": major,
            "emulationMinor": minor,
            "minCompatibilityMajor": major,
            "minCompatibilityMinor": before.map_or_else(|_| minor.to_owned(), |it| it.to_string()),
            "gitVersion": self.git_version,
            "gitCommit": self.git_commit,
            "gitTreeState": self.git_tree_state,
            "buildDate": self.build_date,
            "goVersion": self.language_version,
            "compiler": self.compiler,
            "platform": self.platform,
        })
    }
}

/// `/api`: the versions of the core group, and the `host:port` that all clients can reach the
/// server at.
#[must_use]
pub fn api_versions(server_address: &str) -> Value {
    json!({
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [
            {"clientCIDR": "0.0.0.0/0", "serverAddress": server_address},
        ],
    })
}

/// `/apis`: an `APIGroupList`.
#[must_use]
pub fn group_list(resources: &Resources) -> Value {
    let groups = groups(resources);
    let groups: Vec<Value> = groups
        .iter()
        .filter(|group| !group.name.is_empty())
        .map(|group| Value::Object(group.document()))
        .collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// `/apis/GROUP`: an `APIGroup`; none when the group is not served.
#[must_use]
pub fn group(resources: &Resources, name: &str) -> Option<Value> {
    let groups = groups(resources);
    let found = groups.iter().find(|group| group.name == name)?;
    let mut document = found.document();
    document.insert("kind".to_owned(), "APIGroup".into());
    document.insert("apiVersion".to_owned(), "v1".into());
    Some(Value::Object(document))
}

/// `/api/v1` and `/apis/GROUP/VERSION`: an `APIResourceList`; none when it is not served.
#[must_use]
pub fn resource_list(resources: &Resources, group: &str, version: &str) -> Option<Value> {
    let mut entries = Vec::new();
    for resource in of_version(resources, group, version) {
        entries.push(resource_entry(resource));
        for (name, subresource) in subresources(resource) {
            entries.push(subresource_entry(resource, name, subresource));
        }
    }
    if entries.is_empty() {
        return None;
    }
    let mut list = json!({
        "kind": "APIResourceList",
        "groupVersion": api_version(group, version),
        "resources": entries,
    });
    if !group.is_empty() {
        list["apiVersion"] = "v1".into();
    }
    Some(list)
}

/// `/api` (`core`) and `/apis` as one document: an `APIGroupDiscoveryList`.
#[must_use]
pub fn aggregated(resources: &Resources, core: bool, form: Aggregated) -> Value {
    let groups = groups(resources);
    let items = groups.iter().filter(|group| group.name.is_empty() == core);
    let items: Vec<Value> = items
        .map(|group| {
            let versions: Vec<Value> = group
                .versions
                .iter()
                .map(|version| {
                    let resources = of_version(resources, group.name, version);
                    let resources: Vec<Value> = resources.map(discovered).collect();
                    json!({"version": version, "resources": resources, "freshness": "Current"})
                })
                .collect();
            let metadata = if core {
                json!({})
            } else {
                json!({"name": group.name})
            };
            json!({"metadata": metadata, "versions": versions})
        })
        .collect();
    let version = match form {
        Aggregated::V2 => "apidiscovery.k8s.io/v2",
        Aggregated::V2Beta1 => "apidiscovery.k8s.io/v2beta1",
    };
    json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": version,
        "metadata": {},
        "items": items,
    })
}

/// `/`: all paths that are served besides objects, sorted. `others` are those of the server that
/// are no part of the API: `/healthz`, `/metrics`.
#[must_use]
pub fn root_paths(resources: &Resources, others: &[&str]) -> Value {
    let fixed = [
        "/api",
        "/api/v1",
        "/apis",
        "/apis/",
        "/openapi/v2",
        "/openapi/v3",
    ];
    let fixed = fixed.into_iter().chain(["/openapi/v3/", "/version"]);
    let mut paths: BTreeSet<String> = fixed
        .chain(others.iter().copied())
        .map(Into::into)
        .collect();
    for resource in resources
        .iter()
        .filter(|resource| !resource.group.is_empty())
    {
        paths.insert(format!("/apis/{}", resource.group));
        paths.insert(format!("/apis/{}/{}", resource.group, resource.version));
    }
    json!({"paths": paths})
}

/// The hash of what a resource is stored as
/// (`apiserver/pkg/endpoints/discovery/storageversionhash.go`).
#[must_use]
pub fn storage_version_hash(resource: &Resource) -> String {
    let version = &resource.storage_version;
    let slash = if version.contains('/') { "" } else { "/" };
    let digest = Sha256::digest(format!("{slash}{version}/{}", resource.kind));
    BASE64_STANDARD.encode(digest.get(..8).unwrap_or_default())
}

fn of_version<'a>(
    resources: &'a Resources,
    group: &'a str,
    version: &'a str,
) -> impl Iterator<Item = &'a Arc<Resource>> {
    let all = resources.iter();
    all.filter(move |resource| resource.group == group && resource.version == version)
}

/// Sorted by name; those of a custom resource have status first.
fn subresources(resource: &Resource) -> Vec<(&String, &Subresource)> {
    let mut subresources: Vec<_> = resource.subresources.iter().collect();
    if resource.custom {
        subresources.sort_by_key(|(name, _)| *name != "status");
    }
    subresources
}

/// Sorted; those of a custom resource stand in an order of their own.
fn verbs(resource: &Resource, verbs: &BTreeSet<String>) -> Vec<String> {
    const CUSTOM: [&str; 8] = [
        "delete",
        "deletecollection",
        "get",
        "list",
        "patch",
        "create",
        "update",
        "watch",
    ];
    let mut verbs: Vec<String> = verbs.iter().cloned().collect();
    if resource.custom {
        verbs.sort_by_key(|verb| CUSTOM.iter().position(|custom| custom == verb));
    }
    verbs
}

fn resource_entry(resource: &Resource) -> Value {
    let mut entry = json!({
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": verbs(resource, &resource.verbs),
    });
    names(resource, &mut entry);
    if resource.stored() {
        entry["storageVersionHash"] = storage_version_hash(resource).into();
    }
    entry
}

fn subresource_entry(resource: &Resource, name: &str, subresource: &Subresource) -> Value {
    let mut entry = json!({
        "name": format!("{}/{name}", resource.plural),
        "singularName": "",
        "namespaced": resource.namespaced,
        "kind": subresource.kind,
        "verbs": verbs(resource, &subresource.verbs),
    });
    if foreign(resource, subresource) {
        entry["group"] = subresource.group.as_str().into();
        entry["version"] = subresource.version.as_str().into();
    }
    entry
}

/// The kind of the subresource's body is of another group or version.
fn foreign(resource: &Resource, subresource: &Subresource) -> bool {
    (&subresource.group, &subresource.version) != (&resource.group, &resource.version)
}

fn names(resource: &Resource, entry: &mut Value) {
    for (field, names) in [
        ("shortNames", &resource.short_names),
        ("categories", &resource.categories),
    ] {
        if !names.is_empty() {
            entry[field] = names.clone().into();
        }
    }
}

/// A resource in an aggregated document. Group and version of a kind are only given where they
/// differ from the resource's own, and for custom resources.
fn discovered(resource: &Arc<Resource>) -> Value {
    let subresources: Vec<Value> = subresources(resource)
        .into_iter()
        .map(|(name, subresource)| {
            let (group, version) = (&subresource.group, &subresource.version);
            let given = foreign(resource, subresource) || resource.custom;
            json!({
                "subresource": name,
                "responseKind": response_kind(given, group, version, &subresource.kind),
                "verbs": verbs(resource, &subresource.verbs),
            })
        })
        .collect();
    let (group, version) = (&resource.group, &resource.version);
    let mut entry = json!({
        "resource": resource.plural,
        "responseKind": response_kind(resource.custom, group, version, &resource.kind),
        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": resource.singular,
        "verbs": verbs(resource, &resource.verbs),
    });
    names(resource, &mut entry);
    if !subresources.is_empty() {
        entry["subresources"] = subresources.into();
    }
    entry
}

fn response_kind(given: bool, group: &str, version: &str, kind: &str) -> Value {
    if given {
        json!({"group": group, "version": version, "kind": kind})
    } else {
        json!({"group": "", "version": "", "kind": kind})
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Aggregated, Version, aggregated, api_versions, group, group_list, resource_list,
        root_paths, storage_version_hash,
    };
    use crate::resource::Resources;
    use alloc::{string::String, vec::Vec};
    use serde_json::{Value, json};

    fn names(list: &Value, field: &str) -> Vec<String> {
        let items = list.as_array().unwrap().iter();
        items
            .map(|item| item[field].as_str().unwrap().into())
            .collect()
    }

    #[test]
    fn groups_come_by_priority_with_the_aggregator_s_own_first() {
        let list = group_list(&Resources::built_in());
        let names = names(&list["groups"], "name");
        assert_eq!(
            names[..6],
            [
                "apiregistration.k8s.io",
                "apps",
                "events.k8s.io",
                "authentication.k8s.io",
                "authorization.k8s.io",
                "autoscaling"
            ]
        );
        assert_eq!(names.last().unwrap(), "flowcontrol.apiserver.k8s.io");
        assert_eq!(list["groups"][0].get("kind"), None);
    }

    #[test]
    fn a_group_shows_its_preferred_version_first() {
        assert_eq!(
            group(&Resources::built_in(), "autoscaling").unwrap(),
            json!({"kind": "APIGroup", "apiVersion": "v1", "name": "autoscaling",
                "versions": [{"groupVersion": "autoscaling/v2", "version": "v2"},
                    {"groupVersion": "autoscaling/v1", "version": "v1"}],
                "preferredVersion": {"groupVersion": "autoscaling/v2", "version": "v2"}})
        );
        assert_eq!(group(&Resources::built_in(), "nonsense"), None);
    }

    #[test]
    fn resources_are_listed_with_their_subresources_and_hashes() {
        let resources = Resources::built_in();
        let list = resource_list(&resources, "apps", "v1").unwrap();
        assert_eq!(list["apiVersion"], "v1");
        assert_eq!(
            list["resources"][3],
            json!({"name": "deployments", "singularName": "deployment", "namespaced": true,
                "kind": "Deployment", "verbs": ["create", "delete", "deletecollection", "get",
                    "list", "patch", "update", "watch"],
                "shortNames": ["deploy"], "categories": ["all"],
                "storageVersionHash": "8aSe+NMegvE="})
        );
        assert_eq!(
            list["resources"][4],
            json!({"name": "deployments/scale", "singularName": "", "namespaced": true,
                "group": "autoscaling", "version": "v1", "kind": "Scale",
                "verbs": ["get", "patch", "update"]})
        );
        let core = resource_list(&resources, "", "v1").unwrap();
        assert_eq!(
            (core.get("apiVersion"), &core["groupVersion"]),
            (None, &json!("v1"))
        );
        let names = names(&core["resources"], "name");
        let at = |name: &str| names.iter().position(|found| found == name).unwrap();
        assert!(at("pods") < at("pods/attach") && at("pods/status") < at("podtemplates"));
        let pods = resources.find("", "v1", "pods").unwrap();
        assert_eq!(storage_version_hash(pods), "xPOwRZ+Yhw8=");
        for version in ["v1", "v2"] {
            let found = resources.find("autoscaling", version, "horizontalpodautoscalers");
            assert_eq!(storage_version_hash(found.unwrap()), "qwQve8ut294=");
        }
        let reviews = resource_list(&resources, "authentication.k8s.io", "v1").unwrap();
        assert_eq!(reviews["resources"][1].get("storageVersionHash"), None);
        assert_eq!(resource_list(&resources, "apps", "v1beta1"), None);
    }

    #[test]
    fn everything_is_one_document_when_asked_for() {
        let resources = Resources::built_in();
        let document = aggregated(&resources, false, Aggregated::V2);
        assert_eq!(document["apiVersion"], "apidiscovery.k8s.io/v2");
        let apps = &document["items"][1];
        assert_eq!(apps["metadata"], json!({"name": "apps"}));
        let deployments = &apps["versions"][0]["resources"][2];
        assert_eq!(
            deployments["responseKind"],
            json!({"group": "", "version": "", "kind": "Deployment"})
        );
        assert_eq!(
            deployments["subresources"][0],
            json!({"subresource": "scale", "verbs": ["get", "patch", "update"],
                "responseKind": {"group": "autoscaling", "version": "v1", "kind": "Scale"}})
        );
        let core = aggregated(&resources, true, Aggregated::V2Beta1);
        assert_eq!(core["apiVersion"], "apidiscovery.k8s.io/v2beta1");
        assert_eq!(core["items"].as_array().unwrap().len(), 1);
        assert_eq!(core["items"][0]["versions"][0]["freshness"], "Current");
    }

    #[test]
    fn the_version_and_the_root_are_told() {
        let version = Version {
            git_version: "v1.36.2".into(),
            git_commit: String::new(),
            git_tree_state: "clean".into(),
            build_date: "2026-01-01T00:00:00Z".into(),
            language_version: "rust".into(),
            compiler: "rustc".into(),
            platform: "linux/amd64".into(),
        };
        let document = version.document();
        assert_eq!(
            (&document["major"], &document["minor"]),
            (&json!("1"), &json!("36"))
        );
        assert_eq!(document["minCompatibilityMinor"], "35");
        let paths = root_paths(&Resources::built_in(), &["/healthz"]);
        let paths = paths["paths"].as_array().unwrap();
        assert!(paths.contains(&json!("/apis/apps/v1")) && paths.contains(&json!("/healthz")));
        assert_eq!(api_versions("10.0.0.1:6443")["versions"], json!(["v1"]));
    }
}

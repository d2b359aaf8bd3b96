//! The API described to clients: OpenAPI v3, a document for each group and version, and OpenAPI
//! v2, one document for all.
//!
//! kubectl finds a resource by its path and takes kind and fields from there (`kubectl explain`),
//! sees by the parameters and content types of PATCH what a server can do (`kubectl apply`), and
//! merges lists by the patch extensions (`kubectl diff`). There are no descriptions.

mod paths;
mod schema;

use crate::{
    resource::{Resource, Resources, api_version},
    schema::{Shape, Type, Types},
};
use alloc::{
    borrow::ToOwned,
    collections::{BTreeMap, BTreeSet},
    format,
    string::String,
    vec::Vec,
};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// The two forms of a description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Dialect {
    V2,
    V3,
}

impl Dialect {
    fn reference(self, name: &str) -> Value {
        match self {
            Dialect::V2 => json!({"$ref": format!("#/definitions/{name}")}),
            Dialect::V3 => json!({"$ref": format!("#/components/schemas/{name}")}),
        }
    }
}

/// `/openapi/v3`: where the document of each group and version is. The hash in the address changes
/// when the document may have changed, so that clients can keep what they have.
#[must_use]
pub fn index(resources: &Resources) -> Value {
    let mut tables = Sha256::new();
    tables.update(env!("CARGO_PKG_VERSION"));
    for table in [
        include_str!("../../data/types.tsv"),
        include_str!("../../data/kinds.tsv"),
    ] {
        tables.update(table);
    }
    let mut hashes: BTreeMap<String, Sha256> = BTreeMap::new();
    for resource in resources.iter() {
        let hash = hashes.entry(path(&resource.group, &resource.version));
        let hash = hash.or_insert_with(|| tables.clone());
        hash.update(format!("{resource:?}"));
    }
    let paths: Map<String, Value> = hashes
        .into_iter()
        .map(|(path, hash)| {
            let url = format!("/openapi/v3/{path}?hash={:X}", hash.finalize());
            (path, json!({"serverRelativeURL": url}))
        })
        .collect();
    json!({"paths": paths})
}

/// `/openapi/v3/api/v1` and `/openapi/v3/apis/GROUP/VERSION`; none when it is not served.
#[must_use]
pub fn version_document(
    types: &Types,
    resources: &Resources,
    group: &str,
    version: &str,
) -> Option<Value> {
    let served: Vec<&Resource> = resources
        .iter()
        .map(AsRef::as_ref)
        .filter(|resource| resource.group == group && resource.version == version)
        .collect();
    if served.is_empty() {
        return None;
    }
    let builder = Builder::new(types, Dialect::V3);
    Some(json!({
        "openapi": "3.0.0",
        "info": info(),
        "paths": builder.paths(&served),
        "components": {
            "schemas": builder.schemas(&served),
            "securitySchemes": security(),
        },
    }))
}

/// `/openapi/v2` as JSON.
#[must_use]
pub fn document(types: &Types, resources: &Resources) -> Value {
    let served: Vec<&Resource> = resources.iter().map(AsRef::as_ref).collect();
    let builder = Builder::new(types, Dialect::V2);
    json!({
        "swagger": "2.0",
        "info": info(),
        "paths": builder.paths(&served),
        "definitions": builder.schemas(&served),
        "securityDefinitions": security(),
        "security": [{"BearerToken": []}],
    })
}

fn info() -> Value {
    json!({"title": "Kubernetes", "version": "v1.36.2"})
}

fn security() -> Value {
    json!({"BearerToken": {"type": "apiKey", "name": "authorization", "in": "header"}})
}

/// `api/v1`, `apis/apps/v1`
fn path(group: &str, version: &str) -> String {
    let root = if group.is_empty() { "api" } else { "apis" };
    format!("{root}/{}", api_version(group, version))
}

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";

struct Builder<'t> {
    types: &'t Types,
    dialect: Dialect,
    /// The kinds that each type has.
    kinds: BTreeMap<&'static str, Vec<Value>>,
}

impl<'t> Builder<'t> {
    fn new(types: &'t Types, dialect: Dialect) -> Builder<'t> {
        let mut kinds: BTreeMap<&'static str, Vec<Value>> = BTreeMap::new();
        for (group, version, kind, name) in types.kinds() {
            let kinds = kinds.entry(name).or_default();
            kinds.push(kind_of(group, version, kind));
        }
        Builder {
            types,
            dialect,
            kinds,
        }
    }

    /// The types of these resources and whatever they refer to.
    fn schemas(&self, served: &[&Resource]) -> Value {
        let mut wanted: Vec<&Type> = Vec::new();
        for name in ["DeleteOptions", "Patch", "Status"] {
            wanted.extend(self.types.get(&format!("{META}.{name}")));
        }
        for resource in served {
            let (group, version) = (&resource.group, &resource.version);
            let list = format!("{}List", resource.kind);
            for kind in [resource.kind.as_str(), list.as_str()] {
                wanted.extend(self.type_of(group, version, kind));
            }
            for body in resource.subresources.values() {
                wanted.extend(self.type_of(&body.group, &body.version, &body.kind));
            }
        }
        let mut schemas = Map::new();
        let mut seen = BTreeSet::new();
        while let Some(next) = wanted.pop() {
            if seen.insert(next.name) {
                let schema = schema::of_type(self.types, self.dialect, next, &self.kinds);
                schemas.insert(next.name.to_owned(), schema);
                for field in &next.fields {
                    wanted.extend(referred(self.types, &field.shape));
                }
            }
        }
        Value::Object(schemas)
    }

    fn type_of(&self, group: &str, version: &str, kind: &str) -> Option<&'t Type> {
        let name = self.types.of_kind(group, version, kind)?;
        self.types.get(name)
    }
}

fn referred<'t>(types: &'t Types, shape: &Shape) -> Option<&'t Type> {
    match shape {
        Shape::List(inner) | Shape::Map(inner) => referred(types, inner),
        Shape::Struct(id) | Shape::Special(_, id) => Some(types.at(*id)),
        _ => None,
    }
}

fn kind_of(group: &str, version: &str, kind: &str) -> Value {
    json!({"group": group, "version": version, "kind": kind})
}

#[cfg(test)]
mod tests {
    use super::{document, index, version_document};
    use crate::{resource::Resources, schema::Types};
    use alloc::{collections::BTreeSet, string::String};
    use serde_json::{Value, json};

    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(reference)) = members.get("$ref") {
                    found.insert(reference.clone());
                }
                members.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    fn check_references(document: &Value) {
        let mut found = BTreeSet::new();
        references(document, &mut found);
        assert!(!found.is_empty());
        for reference in found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }

    #[test]
    fn the_index_names_a_document_for_each_version_and_all_references_hold() {
        let (types, resources) = (Types::built_in(), Resources::built_in());
        let index = index(&resources);
        let paths = index["paths"].as_object().unwrap();
        assert!(paths.contains_key("api/v1") && paths.contains_key("apis/apps/v1"));
        for (path, entry) in paths {
            let url = entry["serverRelativeURL"].as_str().unwrap();
            assert!(url.starts_with(&alloc::format!("/openapi/v3/{path}?hash=")));
            let version = path.split_once('/').unwrap().1;
            let (group, version) = crate::resource::split_api_version(version);
            check_references(&version_document(&types, &resources, group, version).unwrap());
        }
        check_references(&document(&types, &resources));
        assert_eq!(
            version_document(&types, &resources, "apps", "v1beta1"),
            None
        );
    }

    /// What kubectl's explain does: path, operation, kind, schema, field by field.
    #[test]
    fn a_resource_is_found_by_its_path_and_followed_to_its_fields() {
        let (types, resources) = (Types::built_in(), Resources::built_in());
        let document = version_document(&types, &resources, "", "v1").unwrap();
        let kind = &document["paths"]["/api/v1/namespaces/{namespace}/pods"]["get"]["x-kubernetes-group-version-kind"];
        assert_eq!(kind, &json!({"group": "", "version": "v1", "kind": "Pod"}));
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let with_kind: alloc::vec::Vec<_> = schemas
            .iter()
            .filter(|(_, schema)| {
                let kinds = schema["x-kubernetes-group-version-kind"].as_array();
                kinds.is_some_and(|kinds| kinds.contains(kind))
            })
            .collect();
        let [(name, pod)] = with_kind[..] else {
            panic!("{with_kind:?}")
        };
        assert_eq!(name, "io.k8s.api.core.v1.Pod");
        let spec = &pod["properties"]["spec"];
        assert_eq!(
            spec,
            &json!({"default": {},
                "allOf": [{"$ref": "#/components/schemas/io.k8s.api.core.v1.PodSpec"}]})
        );
        let spec = &schemas["io.k8s.api.core.v1.PodSpec"];
        assert_eq!(spec["required"], json!(["containers"]));
        assert_eq!(
            spec["properties"]["containers"],
            json!({"type": "array", "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"], "x-kubernetes-patch-strategy": "merge",
                "x-kubernetes-patch-merge-key": "name", "items": {"default": {}, "allOf":
                    [{"$ref": "#/components/schemas/io.k8s.api.core.v1.Container"}]}})
        );
        let volumes = &spec["properties"]["volumes"];
        assert_eq!(volumes["x-kubernetes-patch-strategy"], "merge,retainKeys");
        assert_eq!(
            spec["properties"]["dnsPolicy"]["enum"],
            json!(["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"])
        );
        let scale = &document["paths"]["/api/v1/namespaces/{namespace}/replicationcontrollers/{name}/scale"];
        assert_eq!(
            scale["get"]["x-kubernetes-group-version-kind"],
            json!({"group": "autoscaling", "version": "v1", "kind": "Scale"})
        );
    }

    /// What kubectl looks for before it sends a dry run, a field validation or a strategic merge.
    #[test]
    fn a_patch_names_its_parameters_and_content_types() {
        let (types, resources) = (Types::built_in(), Resources::built_in());
        let document = version_document(&types, &resources, "apps", "v1").unwrap();
        let path = "/apis/apps/v1/namespaces/{namespace}/deployments/{name}";
        let patch = &document["paths"][path]["patch"];
        assert_eq!(patch["x-kubernetes-action"], "patch");
        assert_eq!(patch["operationId"], "patchAppsV1NamespacedDeployment");
        let parameters = patch["parameters"].as_array().unwrap();
        for name in ["dryRun", "fieldManager", "fieldValidation", "force"] {
            let found = parameters
                .iter()
                .any(|parameter| parameter["name"] == name && parameter["in"] == "query");
            assert!(found, "{name}");
        }
        let accepted = patch["requestBody"]["content"].as_object().unwrap();
        assert!(accepted.contains_key("application/strategic-merge-patch+json"));
    }

    #[test]
    fn the_older_form_has_the_same_definitions_without_defaults() {
        let (types, resources) = (Types::built_in(), Resources::built_in());
        let document = document(&types, &resources);
        assert_eq!(document["swagger"], "2.0");
        let pod = &document["definitions"]["io.k8s.api.core.v1.Pod"];
        assert_eq!(
            pod["properties"]["spec"],
            json!({"$ref": "#/definitions/io.k8s.api.core.v1.PodSpec"})
        );
        assert_eq!(
            document["definitions"]["io.k8s.apimachinery.pkg.util.intstr.IntOrString"],
            json!({"type": "string", "format": "int-or-string"})
        );
        let delete = &document["paths"]["/api/v1/nodes/{name}"]["delete"];
        assert_eq!(delete["x-kubernetes-action"], "delete");
    }
}

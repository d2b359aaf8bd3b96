//! The paths of resources and what can be done there.

use super::{Builder, Dialect, META, kind_of, path};
use crate::resource::{Resource, Subresource};
use alloc::{
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};
use serde_json::{Map, Value, json};

/// What a verb is called here.
struct Action {
    verb: &'static str,
    method: &'static str,
    /// `x-kubernetes-action`
    action: &'static str,
    /// How its operationId begins.
    operation: &'static str,
}

const fn action(
    verb: &'static str,
    method: &'static str,
    action: &'static str,
    operation: &'static str,
) -> Action {
    Action {
        verb,
        method,
        action,
        operation,
    }
}

const COLLECTION: [Action; 3] = [
    action("list", "get", "list", "list"),
    action("create", "post", "post", "create"),
    action("deletecollection", "delete", "deletecollection", "delete"),
];
const OBJECT: [Action; 4] = [
    action("get", "get", "get", "read"),
    action("update", "put", "put", "replace"),
    action("patch", "patch", "patch", "patch"),
    action("delete", "delete", "delete", "delete"),
];
const SUBRESOURCE: [Action; 5] = [
    action("get", "get", "get", "read"),
    action("create", "post", "post", "create"),
    action("update", "put", "put", "replace"),
    action("patch", "patch", "patch", "patch"),
    action("delete", "delete", "delete", "delete"),
];

/// Content types that a patch of a built-in object may have.
const PATCHES: [&str; 4] = [
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
];

/// A set of operations that stand under one path.
struct Place<'a> {
    /// `CoreV1`
    owner: &'a str,
    /// `core_v1`
    tag: &'a str,
    /// `NamespacedPodStatus`, `PodForAllNamespaces`
    subject: String,
    group: &'a str,
    version: &'a str,
    kind: &'a str,
    /// Its operations take and give streams or foreign bytes, not objects.
    connects: bool,
}

impl Builder<'_> {
    /// All paths of these resources.
    pub(super) fn paths(&self, served: &[&Resource]) -> Value {
        let mut paths = Map::new();
        for resource in served {
            self.add_paths(resource, &mut paths);
        }
        Value::Object(paths)
    }

    fn add_paths(&self, resource: &Resource, paths: &mut Map<String, Value>) {
        let (owner, tag) = group_names(&resource.group, &resource.version);
        let root = format!("/{}", path(&resource.group, &resource.version));
        let plural = &resource.plural;
        let (base, scope) = if resource.namespaced {
            (
                format!("{root}/namespaces/{{namespace}}/{plural}"),
                "Namespaced",
            )
        } else {
            (format!("{root}/{plural}"), "")
        };
        let place = |subject: String| Place {
            owner: &owner,
            tag: &tag,
            subject,
            group: &resource.group,
            version: &resource.version,
            kind: &resource.kind,
            connects: false,
        };
        let allowed = |action: &&Action| resource.verbs.contains(action.verb);
        let own = place(format!("{scope}{}", resource.kind));
        self.add(paths, base.clone(), &own, COLLECTION.iter().filter(allowed));
        if resource.namespaced {
            let everywhere = place(format!("{}ForAllNamespaces", resource.kind));
            let list = COLLECTION.iter().take(1).filter(allowed);
            self.add(paths, format!("{root}/{plural}"), &everywhere, list);
        }
        let object = format!("{base}/{{name}}");
        self.add(paths, object.clone(), &own, OBJECT.iter().filter(allowed));
        for (name, body) in &resource.subresources {
            let place = Place {
                group: &body.group,
                version: &body.version,
                kind: &body.kind,
                connects: body.connects(),
                ..place(format!("{scope}{}{}", resource.kind, capitalized(name)))
            };
            let actions = SUBRESOURCE.iter();
            let actions = actions.filter(|action| body.verbs.contains(action.verb));
            self.add(paths, format!("{object}/{name}"), &place, actions);
        }
    }

    fn add<'a>(
        &self,
        paths: &mut Map<String, Value>,
        path: String,
        place: &Place<'_>,
        actions: impl Iterator<Item = &'a Action>,
    ) {
        let mut item = Map::new();
        for action in actions {
            item.insert(action.method.to_string(), self.operation(place, action));
        }
        if item.is_empty() {
            return;
        }
        let named = ["name", "namespace"].into_iter();
        let named = named.filter(|name| path.contains(&format!("{{{name}}}")));
        let mut parameters: Vec<Value> = named
            .map(|name| {
                let mut parameter = self.parameter("path", name, "string");
                parameter["required"] = true.into();
                parameter
            })
            .collect();
        parameters.push(self.parameter("query", "pretty", "string"));
        item.insert("parameters".to_string(), parameters.into());
        paths.insert(path, item.into());
    }

    fn operation(&self, place: &Place<'_>, action: &Action) -> Value {
        let collection = if action.verb == "deletecollection" {
            "Collection"
        } else {
            ""
        };
        let mut parameters: Vec<Value> = parameters(action.verb)
            .iter()
            .map(|(name, kind)| self.parameter("query", name, kind))
            .collect();
        let (owner, subject) = (place.owner, &place.subject);
        let mut operation = if place.connects {
            let method = capitalized(action.method);
            json!({
                "operationId": format!("connect{owner}{method}{subject}"),
                "x-kubernetes-action": "connect",
            })
        } else {
            json!({
                "operationId": format!("{}{owner}{collection}{subject}", action.operation),
                "x-kubernetes-action": action.action,
            })
        };
        let kind = kind_of(place.group, place.version, place.kind);
        operation["x-kubernetes-group-version-kind"] = kind;
        operation["tags"] = json!([place.tag]);
        if let Some(body) = self.request(place, action) {
            match self.dialect {
                Dialect::V2 => parameters.push(json!({
                    "in": "body", "name": "body", "required": action.verb != "delete",
                    "schema": body,
                })),
                Dialect::V3 => operation["requestBody"] = self.request_body(action, &body),
            }
        }
        if let Dialect::V2 = self.dialect {
            operation["consumes"] = consumed(action).into();
            operation["produces"] = json!(["application/json", "application/yaml"]);
        }
        if !parameters.is_empty() {
            operation["parameters"] = parameters.into();
        }
        operation["responses"] = self.responses(place, action);
        operation
    }

    /// What is sent.
    fn request(&self, place: &Place<'_>, action: &Action) -> Option<Value> {
        if place.connects {
            return None;
        }
        match action.verb {
            "create" | "update" => self.body(place.group, place.version, place.kind),
            "patch" => Some(self.dialect.reference(&format!("{META}.Patch"))),
            "delete" | "deletecollection" => {
                Some(self.dialect.reference(&format!("{META}.DeleteOptions")))
            }
            _ => None,
        }
    }

    fn request_body(&self, action: &Action, schema: &Value) -> Value {
        let mut content = Map::new();
        for accepted in consumed(action) {
            content.insert(accepted.to_string(), json!({"schema": schema}));
        }
        let mut body = json!({"content": content});
        if !action.verb.starts_with("delete") {
            body["required"] = true.into();
        }
        body
    }

    fn responses(&self, place: &Place<'_>, action: &Action) -> Value {
        let list = format!("{}List", place.kind);
        let schema = match action.verb {
            _ if place.connects => Some(json!({"type": "string"})),
            "list" => self.body(place.group, place.version, &list),
            "delete" | "deletecollection" => {
                Some(self.dialect.reference(&format!("{META}.Status")))
            }
            _ => self.body(place.group, place.version, place.kind),
        };
        let codes: &[(&str, &str)] = match action.verb {
            _ if place.connects => &[("200", "OK")],
            "create" => &[("200", "OK"), ("201", "Created"), ("202", "Accepted")],
            "update" | "patch" => &[("200", "OK"), ("201", "Created")],
            "delete" => &[("200", "OK"), ("202", "Accepted")],
            _ => &[("200", "OK")],
        };
        let mut responses = json!({"401": {"description": "Unauthorized"}});
        for (code, description) in codes {
            let mut response = json!({"description": description});
            match (&schema, self.dialect) {
                (Some(schema), Dialect::V2) => response["schema"] = schema.clone(),
                (Some(schema), Dialect::V3) => {
                    response["content"] = json!({
                        "application/json": {"schema": schema},
                        "application/yaml": {"schema": schema},
                    });
                }
                (None, _) => {}
            }
            responses[*code] = response;
        }
        responses
    }

    fn body(&self, group: &str, version: &str, kind: &str) -> Option<Value> {
        let name = self.types.of_kind(group, version, kind)?;
        Some(self.dialect.reference(name))
    }

    fn parameter(&self, place: &str, name: &str, kind: &str) -> Value {
        match self.dialect {
            Dialect::V2 => json!({"in": place, "name": name, "type": kind, "uniqueItems": true}),
            Dialect::V3 => {
                json!({"in": place, "name": name, "schema": {"type": kind, "uniqueItems": true}})
            }
        }
    }
}

impl Subresource {
    /// It is no object that is read and written, but a way to something else (`exec`, `proxy`).
    fn connects(&self) -> bool {
        self.kind.ends_with("Options")
    }
}

fn consumed(action: &Action) -> Vec<&'static str> {
    if action.verb == "patch" {
        PATCHES.to_vec()
    } else {
        vec!["*/*"]
    }
}

fn parameters(verb: &str) -> &'static [(&'static str, &'static str)] {
    match verb {
        "create" | "update" => &[
            ("dryRun", "string"),
            ("fieldManager", "string"),
            ("fieldValidation", "string"),
        ],
        "patch" => &[
            ("dryRun", "string"),
            ("fieldManager", "string"),
            ("fieldValidation", "string"),
            ("force", "boolean"),
        ],
        "delete" => &[
            ("dryRun", "string"),
            ("gracePeriodSeconds", "integer"),
            ("orphanDependents", "boolean"),
            ("propagationPolicy", "string"),
        ],
        "list" | "deletecollection" => &[
            ("allowWatchBookmarks", "boolean"),
            ("continue", "string"),
            ("fieldSelector", "string"),
            ("labelSelector", "string"),
            ("limit", "integer"),
            ("resourceVersion", "string"),
            ("resourceVersionMatch", "string"),
            ("sendInitialEvents", "boolean"),
            ("timeoutSeconds", "integer"),
            ("watch", "boolean"),
        ],
        _ => &[],
    }
}

/// `RbacAuthorizationV1` and `rbacAuthorization_v1`
fn group_names(group: &str, version: &str) -> (String, String) {
    let group = group.strip_suffix(".k8s.io").unwrap_or(group);
    let group = if group.is_empty() { "core" } else { group };
    let words: Vec<String> = group.split('.').map(capitalized).collect();
    let name = words.concat();
    let mut rest = name.chars();
    let first = rest.next().map(|first| first.to_ascii_lowercase());
    let tag = first.into_iter().chain(rest).collect::<String>();
    (
        format!("{name}{}", capitalized(version)),
        format!("{tag}_{version}"),
    )
}

fn capitalized(word: &str) -> String {
    let mut rest = word.chars();
    let first = rest.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(rest).collect()
}

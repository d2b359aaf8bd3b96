//! What a request is about, read from its method, path and query: before anything is known of the
//! resource (`k8s.io/apiserver/pkg/endpoints/request/requestinfo.go`).

use super::query::Query;
use crate::{selector::FieldSelector, wire::Head};
use alloc::{
    string::{String, ToString},
    vec::Vec,
};

/// `request.RequestInfo`: what authorizers and audit see.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Attributes {
    /// The path names an API resource.
    pub is_resource: bool,
    /// The decoded path.
    pub path: String,
    /// `get`, `list`, `watch`, `create` ...; of other paths the method in small letters.
    pub verb: String,
    /// The API group.
    pub group: String,
    /// The API version.
    pub version: String,
    /// The namespace; empty when none is named.
    pub namespace: String,
    /// The plural name.
    pub resource: String,
    /// The subresource.
    pub subresource: String,
    /// The object's name.
    pub name: String,
    /// The field selector, as the query has it: a node may list what it is limited to.
    pub field_selector: String,
    /// The segments behind group and version, as they are: the router reads them.
    pub parts: Vec<String>,
}

impl Attributes {
    /// Reads method, path and query.
    #[must_use]
    pub fn of(head: &Head, path: &str, query: &Query) -> Attributes {
        let mut attributes = Attributes {
            path: path.to_string(),
            verb: head.method.to_ascii_lowercase(),
            ..Attributes::default()
        };
        let segments: Vec<&str> = path
            .trim_matches('/')
            .split('/')
            .filter(|part| !part.is_empty())
            .collect();
        let rest = match segments.as_slice() {
            ["api", version, rest @ ..] if !rest.is_empty() => {
                attributes.version = (*version).to_string();
                rest
            }
            ["apis", group, version, rest @ ..] if !rest.is_empty() => {
                attributes.group = (*group).to_string();
                attributes.version = (*version).to_string();
                rest
            }
            _ => return attributes,
        };
        attributes.is_resource = true;
        attributes.verb = match head.method.as_str() {
            "POST" => "create",
            "GET" | "HEAD" => "get",
            "PUT" => "update",
            "PATCH" => "patch",
            "DELETE" => "delete",
            _ => "",
        }
        .to_string();
        attributes.read_parts(rest, query);
        attributes
    }

    fn read_parts(&mut self, parts: &[&str], query: &Query) {
        self.parts = parts.iter().map(ToString::to_string).collect();
        self.field_selector = query.text("fieldSelector").into();
        let mut parts = parts;
        if let ["watch", rest @ ..] = parts {
            self.verb = "watch".into();
            parts = rest;
        }
        if let ["namespaces", namespace, rest @ ..] = parts {
            self.namespace = (*namespace).to_string();
            if !rest.is_empty() && !matches!(rest[0], "status" | "finalize") {
                parts = rest;
            }
        }
        let part = |index: usize| {
            parts
                .get(index)
                .map(ToString::to_string)
                .unwrap_or_default()
        };
        self.resource = part(0);
        self.name = part(1);
        self.subresource = part(2);
        if self.name.is_empty() && self.verb == "get" {
            self.verb = if query.flag("watch") { "watch" } else { "list" }.into();
        }
        if self.name.is_empty() && self.verb == "delete" {
            self.verb = "deletecollection".into();
        }
        if self.name.is_empty()
            && matches!(self.verb.as_str(), "list" | "watch" | "deletecollection")
            && let Some(name) = query.first("fieldSelector").and_then(exact_name)
        {
            self.name = name;
        }
    }

    /// This is a read.
    #[must_use]
    pub fn read_only(&self) -> bool {
        matches!(self.verb.as_str(), "get" | "list" | "watch")
    }
}

/// The name that a field selector asks for, when it asks for exactly one: read as the list itself
/// reads it, since this is what is authorized.
fn exact_name(selector: &str) -> Option<String> {
    let selector = FieldSelector::parse(selector).ok()?;
    let name = selector.exact("metadata.name")?;
    (!name.is_empty()).then(|| name.to_string())
}

#[cfg(test)]
mod tests {
    use super::Attributes;
    use crate::{lifecycle::query::Query, wire::Head};
    use alloc::{format, string::String};

    fn check(method: &str, path: &str, query: &str, expected: &str) {
        let head = Head {
            method: method.into(),
            path: path.into(),
            ..Head::default()
        };
        let query = Query::parse(query);
        let a = Attributes::of(&head, path, &query);
        let whose = format!("{}/{}", a.group, a.version);
        let words: [&str; 6] = [
            &a.verb,
            &whose,
            &a.namespace,
            &a.resource,
            &a.name,
            &a.subresource,
        ];
        assert_eq!(words.join(" "), String::from(expected), "{method} {path}");
    }

    #[test]
    fn paths_are_read_as_the_real_server_reads_them() {
        check("GET", "/api/v1/namespaces/d/pods", "", "list /v1 d pods  ");
        check(
            "GET",
            "/api/v1/namespaces/d/pods",
            "watch=1",
            "watch /v1 d pods  ",
        );
        check(
            "GET",
            "/api/v1/pods",
            "fieldSelector=metadata.name%3Da",
            "list /v1  pods a ",
        );
        // One term, with a comma in its value.
        check(
            "GET",
            "/api/v1/pods",
            "fieldSelector=metadata.name!%3Db%5C,metadata.name%5C%3Da",
            "list /v1  pods  ",
        );
        check(
            "GET",
            "/api/v1/watch/namespaces/d/pods/a",
            "",
            "watch /v1 d pods a ",
        );
        check(
            "POST",
            "/apis/apps/v1/namespaces/d/deployments",
            "",
            "create apps/v1 d deployments  ",
        );
        check(
            "PUT",
            "/api/v1/namespaces/d/status",
            "",
            "update /v1 d namespaces d status",
        );
        check(
            "PUT",
            "/api/v1/namespaces/d/finalize",
            "",
            "update /v1 d namespaces d finalize",
        );
        check("GET", "/api/v1/namespaces/d", "", "get /v1 d namespaces d ");
        check(
            "DELETE",
            "/api/v1/nodes",
            "",
            "deletecollection /v1  nodes  ",
        );
        check("HEAD", "/api/v1/nodes/n", "", "get /v1  nodes n ");
        check("GET", "/api/v1", "", "get /    ");
        check(
            "FOO",
            "/apis/apps/v1/namespaces/d/deployments/a/scale",
            "",
            " apps/v1 d deployments a scale",
        );
    }
}

//! Which endpoint a request is for: a resource's verb, or one of the other paths.

use super::attributes::Attributes;
use crate::{
    resource::{Resource, Resources},
    status::{Reason, Refusal, Status},
};
use alloc::{collections::BTreeSet, string::String, sync::Arc};

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// A verb of a resource or subresource.
    Resource(Endpoint),
    /// Another path: discovery, health, version ...
    Path,
}

/// A verb of a resource or subresource.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// The resource.
    pub resource: Arc<Resource>,
    /// The subresource; empty for the resource itself.
    pub subresource: String,
    /// What to do.
    pub action: Action,
}

/// The verbs of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Read one.
    Get,
    /// Read many.
    List,
    /// Follow changes.
    Watch,
    /// Make one.
    Create,
    /// Replace one.
    Update,
    /// Change one.
    Patch,
    /// Delete one.
    Delete,
    /// Delete many.
    DeleteCollection,
}

impl Action {
    fn verb(self) -> &'static str {
        match self {
            Action::Get => "get",
            Action::List => "list",
            Action::Watch => "watch",
            Action::Create => "create",
            Action::Update => "update",
            Action::Patch => "patch",
            Action::Delete => "delete",
            Action::DeleteCollection => "deletecollection",
        }
    }
}

/// What the path names.
struct Place<'a> {
    resource: Arc<Resource>,
    subresource: &'a str,
    has_name: bool,
    /// The path is one that only GET of all namespaces together has.
    everywhere: bool,
    /// The path begins with the deprecated `/watch/`.
    legacy_watch: bool,
}

/// Finds the endpoint of a request.
///
/// # Errors
/// 404 or 405 as a `Status`. Paths that lie outside of every group that is served are
/// [`Target::Path`].
pub fn route(
    attributes: &Attributes,
    method: &str,
    watch: bool,
    resources: &Resources,
) -> Result<Target, Refusal> {
    if !attributes.is_resource || !resources.serves_group(&attributes.group) {
        return Ok(Target::Path);
    }
    let place = place(attributes, resources).ok_or_else(not_found)?;
    let action = action(&place, method, watch).ok_or_else(method_not_allowed)?;
    let verbs: &BTreeSet<String> = match place.resource.subresources.get(place.subresource) {
        Some(subresource) => &subresource.verbs,
        None if place.subresource.is_empty() => &place.resource.verbs,
        None => return Err(not_found()),
    };
    if !verbs.contains(action.verb()) {
        return Err(method_not_allowed());
    }
    let subresource = place.subresource.into();
    Ok(Target::Resource(Endpoint {
        resource: place.resource,
        subresource,
        action,
    }))
}

/// 404 as the real server's last handler writes it.
#[must_use]
pub fn not_found() -> Refusal {
    let message = "the server could not find the requested resource";
    Status::new(Reason::NotFound, message).about("", "", "")
}

/// 405 as the real server writes it.
#[must_use]
pub fn method_not_allowed() -> Refusal {
    let message = "the server does not allow this method on the requested resource";
    Status::new(Reason::MethodNotAllowed, message).about("", "", "")
}

fn place<'a>(attributes: &'a Attributes, resources: &Resources) -> Option<Place<'a>> {
    let mut parts: &[String] = &attributes.parts;
    let legacy_watch = parts.first().is_some_and(|part| part == "watch");
    if legacy_watch {
        parts = &parts[1..];
    }
    let find = |plural: &str| resources.find(&attributes.group, &attributes.version, plural);
    let namespaced_path = match parts {
        [first, _, third, ..] if first == "namespaces" => {
            // `/namespaces/NAME/status` is a subresource of the namespace itself.
            let own = find("namespaces").is_some_and(|it| it.subresources.contains_key(third));
            !own
        }
        _ => false,
    };
    if namespaced_path {
        parts = &parts[2..];
    }
    let resource = find(parts.first()?)?.clone();
    let has_name = parts.len() > 1;
    // A cluster-scoped resource has no path below a namespace, and a namespaced one none outside
    // but for lists of all namespaces.
    let everywhere = resource.namespaced && !namespaced_path;
    if namespaced_path && !resource.namespaced || everywhere && has_name || parts.len() > 3 {
        return None;
    }
    let subresource = parts.get(2).map_or("", String::as_str);
    let known = subresource.is_empty() || resource.subresources.contains_key(subresource);
    known.then_some(Place {
        resource,
        subresource,
        has_name,
        everywhere,
        legacy_watch,
    })
}

fn action(place: &Place<'_>, method: &str, watch: bool) -> Option<Action> {
    if place.legacy_watch {
        return (method == "GET").then_some(Action::Watch);
    }
    let action = match (method, place.has_name) {
        ("GET", true) => Action::Get,
        ("GET", false) if watch => Action::Watch,
        ("GET", false) => Action::List,
        ("POST", false) => Action::Create,
        ("POST", true) if !place.subresource.is_empty() => Action::Create,
        ("PUT", true) => Action::Update,
        ("PATCH", true) => Action::Patch,
        ("DELETE", true) => Action::Delete,
        ("DELETE", false) => Action::DeleteCollection,
        _ => return None,
    };
    let reads = matches!(action, Action::List | Action::Watch);
    (!place.everywhere || reads).then_some(action)
}

#[cfg(test)]
mod tests {
    use super::{Target, route};
    use crate::{
        lifecycle::{attributes::Attributes, query::Query},
        resource::Resources,
        wire::Head,
    };
    use alloc::{format, string::ToString};

    fn check(method: &str, path: &str, expected: &str) {
        let head = Head {
            method: method.into(),
            path: path.into(),
            ..Head::default()
        };
        let attributes = Attributes::of(&head, path, &Query::default());
        let answer = match route(&attributes, method, false, &Resources::built_in()) {
            Ok(Target::Resource(endpoint)) => {
                format!(
                    "{:?} {} {}",
                    endpoint.action, endpoint.resource.plural, endpoint.subresource
                )
            }
            Ok(Target::Path) => "path".to_string(),
            Err(refusal) => refusal.code.to_string(),
        };
        assert_eq!(answer.trim(), expected, "{method} {path}");
    }

    #[test]
    fn endpoints_are_found_and_others_refused() {
        check("GET", "/api/v1/namespaces/d/pods", "List pods");
        check("GET", "/api/v1/pods", "List pods");
        check("GET", "/api/v1/pods/a", "404");
        check("POST", "/api/v1/pods", "405");
        check("DELETE", "/api/v1/configmaps", "405");
        check("GET", "/api/v1/namespaces/d/nodes", "404");
        check("GET", "/api/v1/namespaces/d", "Get namespaces");
        check(
            "PUT",
            "/api/v1/namespaces/d/finalize",
            "Update namespaces finalize",
        );
        check("GET", "/api/v1/namespaces/d/finalize", "405");
        check(
            "POST",
            "/api/v1/namespaces/d/pods/a/binding",
            "Create pods binding",
        );
        check("GET", "/api/v1/namespaces/d/pods/a/binding", "405");
        check(
            "DELETE",
            "/apis/apps/v1/namespaces/d/deployments/a/status",
            "405",
        );
        check(
            "PATCH",
            "/apis/apps/v1/namespaces/d/deployments/a/scale",
            "Patch deployments scale",
        );
        check("HEAD", "/api/v1/nodes/n", "405");
        check("FOO", "/api/v1/nodes/n", "405");
        check("POST", "/api/v1/componentstatuses", "405");
        check("GET", "/apis/apps/v9/namespaces/d/deployments", "404");
        check("GET", "/api/v1/namespaces/d/configmaps/a/nonsense", "404");
        check("GET", "/api/v1/watch/namespaces/d/pods/a", "Watch pods");
        check("GET", "/apis/none.example.com/v1/things", "path");
        check("GET", "/api/v1/namespaces/d/pods/a/log/b", "404");
        check("GET", "/healthz", "path");
    }
}

//! The Node authorizer: a node may do what its own pods need.
//!
//! Origin: `plugin/pkg/auth/authorizer/node/node_authorizer.go`, `pkg/auth/nodeidentifier`. There a
//! graph is kept up to date with every pod; here the pods of the node are looked through when a
//! node asks for one of the few kinds that depend on it.

use super::Decision;
use crate::{
    cache::Cache, config::User, etcd::Key, lifecycle::attributes::Attributes, object::Object,
    selector::FieldSelector,
};
use alloc::{borrow::ToOwned, format, string::String, vec::Vec};
use relations::{References, references};

mod relations;

/// What comes before a node's name in its user name.
pub const USER: &str = "system:node:";
/// The group of all nodes.
pub const GROUP: &str = "system:nodes";

/// The node that a user is (`NodeIdentity`); of no name when it doesn't say which.
#[must_use]
pub fn name(user: &User) -> Option<&str> {
    let name = user.name.strip_prefix(USER)?;
    user.groups
        .iter()
        .any(|group| group == GROUP)
        .then_some(name)
}

/// Decides.
#[must_use]
pub fn authorize(user: &User, attributes: &Attributes, cache: &Cache) -> Decision {
    let Some(node) = name(user) else {
        return Decision::NoOpinion(String::new());
    };
    if node.is_empty() {
        return Decision::NoOpinion(format!("unknown node for user {:?}", user.name));
    }
    let asked = Asked {
        node,
        about: attributes,
        cache,
    };
    let of = (attributes.group.as_str(), attributes.resource.as_str());
    let answer = match of {
        _ if !attributes.is_resource => asked.uniformly(),
        ("", "secrets" | "configmaps") => asked.namespaced(),
        ("", "persistentvolumeclaims") if attributes.subresource == "status" => {
            asked.claim_status()
        }
        ("", "persistentvolumeclaims" | "persistentvolumes")
        | ("resource.k8s.io", "resourceclaims")
        | ("storage.k8s.io", "volumeattachments") => asked.one(),
        ("", "serviceaccounts") => asked.service_account(),
        ("coordination.k8s.io", "leases") => asked.lease(),
        ("storage.k8s.io", "csinodes") => asked.csi_node(),
        ("resource.k8s.io", "resourceslices") => asked.slice(),
        ("", "nodes") => asked.nodes(),
        ("", "pods") => asked.pods(),
        _ => asked.uniformly(),
    };
    match answer {
        Ok(()) => Decision::Allow(String::new()),
        Err(reason) => Decision::NoOpinion(reason),
    }
}

/// A request of a node.
#[derive(Clone, Copy)]
struct Asked<'a> {
    node: &'a str,
    about: &'a Attributes,
    cache: &'a Cache,
}

/// Allowed, or why not.
type Answer = Result<(), String>;

fn refuse(why: &str) -> Answer {
    Err(why.to_owned())
}

impl Asked<'_> {
    fn verb(&self) -> &str {
        &self.about.verb
    }

    /// What all nodes may do alike.
    fn uniformly(&self) -> Answer {
        let fits = |one: &&Permission| one.allows(self.about);
        match RULES.iter().find(fits) {
            Some(_) => Ok(()),
            None => refuse(""),
        }
    }

    fn namespaced(&self) -> Answer {
        if !matches!(self.verb(), "get" | "list" | "watch") {
            return refuse("can only read resources of this type");
        }
        if !self.about.subresource.is_empty() {
            return refuse("cannot read subresource");
        }
        if self.about.namespace.is_empty() {
            return refuse("can only read namespaced object of this type");
        }
        self.related()
    }

    fn claim_status(&self) -> Answer {
        if !matches!(self.verb(), "update" | "patch") {
            return refuse("can only get/update/patch this type");
        }
        self.related()
    }

    fn one(&self) -> Answer {
        if self.verb() != "get" {
            return refuse("can only get individual resources of this type");
        }
        if !self.about.subresource.is_empty() {
            return refuse("cannot get subresource");
        }
        self.related()
    }

    fn service_account(&self) -> Answer {
        if self.verb() == "get" && self.about.subresource.is_empty() {
            return self.related();
        }
        if self.verb() != "create" || self.about.name.is_empty() {
            return refuse("can only create tokens for individual service accounts");
        }
        if self.about.subresource != "token" {
            return refuse("can only create token subresource of serviceaccount");
        }
        self.related()
    }

    fn lease(&self) -> Answer {
        if !matches!(
            self.verb(),
            "get" | "create" | "update" | "patch" | "delete"
        ) {
            return refuse("can only get, create, update, patch, or delete a node lease");
        }
        if self.about.namespace != "kube-node-lease" {
            return refuse("can only access leases in the \"kube-node-lease\" system namespace");
        }
        if self.verb() != "create" && self.about.name != self.node {
            return refuse("can only access node lease with the same name as the requesting node");
        }
        Ok(())
    }

    fn csi_node(&self) -> Answer {
        if !matches!(
            self.verb(),
            "get" | "create" | "update" | "patch" | "delete"
        ) {
            return refuse("can only get, create, update, patch, or delete a CSINode");
        }
        if !self.about.subresource.is_empty() {
            return refuse("cannot authorize CSINode subresources");
        }
        if self.verb() != "create" && self.about.name != self.node {
            return refuse("can only access CSINode with the same name as the requesting node");
        }
        Ok(())
    }

    fn slice(&self) -> Answer {
        if !self.about.subresource.is_empty() {
            return refuse("cannot authorize ResourceSlice subresources");
        }
        match self.verb() {
            "create" => Ok(()),
            "get" | "update" | "patch" | "delete" => self.related(),
            "watch" | "list" | "deletecollection" if self.selects("nodeName") => Ok(()),
            "watch" | "list" | "deletecollection" => refuse(
                "can only list/watch/deletecollection resourceslices with nodeName field selector",
            ),
            _ => refuse(
                "only the following verbs are allowed for a ResourceSlice: get, watch, list, \
                 create, update, patch, delete, deletecollection",
            ),
        }
    }

    fn nodes(&self) -> Answer {
        let (node, name) = (self.node, &self.about.name);
        match (self.about.subresource.as_str(), self.verb()) {
            ("", "create" | "update" | "patch") | ("status", "update" | "patch") => Ok(()),
            ("", "get" | "list" | "watch") if name == node => Ok(()),
            ("", "get" | "list" | "watch") if name.is_empty() => Err(format!(
                "node '{node}' cannot read all nodes, only its own Node object"
            )),
            ("", "get" | "list" | "watch") => Err(format!(
                "node '{node}' cannot read '{name}', only its own Node object"
            )),
            _ => refuse(""),
        }
    }

    fn pods(&self) -> Answer {
        match (self.about.subresource.as_str(), self.verb()) {
            ("", "create" | "delete") | ("status", "update" | "patch") | ("eviction", "create") => {
                Ok(())
            }
            ("", "get") => self.one(),
            ("", "list" | "watch") if self.selects("spec.nodeName") => Ok(()),
            ("", "list" | "watch") if !self.about.name.is_empty() => self.related(),
            ("", "list" | "watch") => {
                refuse("can only list/watch pods with spec.nodeName field selector")
            }
            _ => refuse(""),
        }
    }

    /// The field selector limits the request to this node.
    fn selects(&self, field: &str) -> bool {
        let selector = FieldSelector::parse(&self.about.field_selector);
        selector.is_ok_and(|it| it.exact(field) == Some(self.node))
    }

    /// A pod of the node needs the object.
    fn related(&self) -> Answer {
        if self.about.name.is_empty() {
            return refuse("No Object name found");
        }
        if self.is_related() {
            return Ok(());
        }
        let node = self.node;
        Err(format!(
            "no relationship found between node '{node}' and this object"
        ))
    }

    fn is_related(&self) -> bool {
        let Attributes {
            namespace,
            resource,
            name,
            ..
        } = self.about;
        match resource.as_str() {
            "pods" => {
                let key = format!("/registry/pods/{namespace}/{name}");
                self.object(&key).is_some_and(|pod| self.runs(pod))
            }
            "volumeattachments" | "resourceslices" => {
                let key = format!("/registry/{resource}/{name}");
                let object = self.object(&key).map(Object::json);
                object.is_some_and(|it| it["spec"]["nodeName"] == *self.node)
            }
            "persistentvolumes" => self.claims(name),
            _ => {
                self.references(namespace)
                    .iter()
                    .any(|pod| match resource.as_str() {
                        "secrets" => pod.secrets.contains(name),
                        "configmaps" => pod.config_maps.contains(name),
                        "persistentvolumeclaims" => pod.claims.contains(name),
                        "resourceclaims" => pod.resource_claims.contains(name),
                        "serviceaccounts" => pod.service_account == *name,
                        _ => false,
                    })
                    || resource == "secrets" && self.volume_secrets()
            }
        }
    }

    /// A pod of the node uses the claim that this volume is bound to.
    fn claims(&self, volume: &str) -> bool {
        let key = format!("/registry/persistentvolumes/{volume}");
        let Some((namespace, claim)) = self.object(&key).and_then(relations::claim_of) else {
            return false;
        };
        let pods = self.references(&namespace);
        pods.iter().any(|pod| pod.claims.contains(&claim))
    }

    /// A volume of a pod of the node names the secret.
    fn volume_secrets(&self) -> bool {
        let (namespace, name) = (&self.about.namespace, &self.about.name);
        let volumes = self.cache.list("/registry/persistentvolumes/", &[]);
        let names = |volume: &Object| relations::volume_names_secret(volume, namespace, name);
        volumes
            .filter(|(_, volume)| names(volume))
            .any(|(_, volume)| self.claims(&volume.meta().name))
    }

    /// What the node's pods in a namespace refer to.
    fn references(&self, namespace: &str) -> Vec<References> {
        let collection = format!("/registry/pods/{namespace}/");
        let pods = self.cache.list(&collection, &[]);
        let own = pods.filter(|(_, pod)| self.runs(pod));
        own.map(|(_, pod)| references(pod)).collect()
    }

    fn runs(&self, pod: &Object) -> bool {
        let node = pod.meta().fields.get("spec.nodeName");
        node.is_some_and(|node| node == self.node)
    }

    fn object(&self, key: &str) -> Option<&Object> {
        self.cache.get(&Key::from(key))?.object()
    }
}

/// One of the rules that hold for every node.
struct Permission {
    groups: &'static [&'static str],
    resources: &'static [&'static str],
    verbs: &'static [&'static str],
}

impl Permission {
    fn allows(&self, about: &Attributes) -> bool {
        about.is_resource
            && about.subresource.is_empty()
            && self.groups.contains(&about.group.as_str())
            && self.resources.contains(&about.resource.as_str())
            && self.verbs.contains(&about.verb.as_str())
    }
}

const fn permit(
    groups: &'static [&'static str],
    resources: &'static [&'static str],
    verbs: &'static [&'static str],
) -> Permission {
    Permission {
        groups,
        resources,
        verbs,
    }
}

const READ: &[&str] = &["get", "list", "watch"];

/// The rules of the ClusterRole `system:node` for the kinds that are not looked at one by one
/// (`bootstrappolicy.NodeRules`).
const RULES: [Permission; 8] = [
    permit(&["authentication.k8s.io"], &["tokenreviews"], &["create"]),
    permit(
        &["authorization.k8s.io"],
        &["localsubjectaccessreviews", "subjectaccessreviews"],
        &["create"],
    ),
    permit(&[""], &["services"], READ),
    permit(
        &["", "events.k8s.io"],
        &["events"],
        &["create", "patch", "update"],
    ),
    permit(&[""], &["endpoints"], &["get"]),
    permit(
        &["certificates.k8s.io"],
        &["certificatesigningrequests"],
        &["create", "get", "list", "watch"],
    ),
    permit(&["storage.k8s.io"], &["csidrivers"], READ),
    permit(&["node.k8s.io"], &["runtimeclasses"], READ),
];

#[cfg(test)]
mod tests {
    use super::{GROUP, RULES, authorize};
    use crate::{cache::Cache, config::User, etcd::Revision, lifecycle::attributes::Attributes};
    use serde_json::json;

    #[test]
    fn a_node_lists_its_own_pods_alone() {
        let user = User {
            name: "system:node:n".into(),
            groups: [GROUP.into()].into(),
            ..User::default()
        };
        let cache = Cache::restore(1, Revision(1), []);
        for (selector, expected) in [
            ("spec.nodeName=n", true),
            ("status.phase=Running,spec.nodeName==n", true),
            ("", false),
            ("spec.nodeName=m", false),
            ("spec.nodeName!=n", false),
            // One term, which every pod fulfils.
            ("metadata.name!=a\\,spec.nodeName\\=n", false),
            ("metadata.name!=a\\,spec.nodeName=n", false),
        ] {
            let attributes = Attributes {
                is_resource: true,
                verb: "list".into(),
                resource: "pods".into(),
                field_selector: selector.into(),
                ..Attributes::default()
            };
            let decision = authorize(&user, &attributes, &cache);
            assert_eq!(decision.allows(), expected, "{selector}");
        }
    }

    #[test]
    fn what_all_nodes_may_do_is_in_their_role() {
        let mut objects = crate::bootstrap::objects().into_iter();
        let role = objects
            .find(|it| it["kind"] == "ClusterRole" && it["metadata"]["name"] == "system:node");
        let rules = role.unwrap()["rules"].clone();
        for one in &RULES {
            let rule = json!({
                "apiGroups": one.groups, "resources": one.resources, "verbs": one.verbs,
            });
            assert!(rules.as_array().unwrap().contains(&rule), "{rule}");
        }
    }
}

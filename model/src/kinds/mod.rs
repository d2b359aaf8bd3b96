//! What is special to a kind: defaults, what a write may touch, validation beyond metadata,
//! warnings; and the subresources that are no plain update (scale, binding, finalize, eviction).
//!
//! Everything is a pure function over JSON documents in the served version, as the schema's
//! decoder leaves them: unknown fields dropped, types checked, null and empty optional fields
//! gone. The order of a write is that of the generic registry (`registry/generic/registry/store.go`,
//! `registry/rest/create.go` and `update.go`):
//!
//! * create: [`default`], mutating admission, name, uid and creationTimestamp set, for Services
//!   [`service::allocate`], [`prepare_create`], metadata's validation, [`validate_create`],
//!   validating admission;
//! * update: [`default`], mutating admission, for Services [`service::allocate`],
//!   [`prepare_update`], metadata's validation, [`validate_update`], validating admission.
//!
//! **Architecture invariant:** nothing outside this module asks for a kind by name.

mod access;
mod autoscaler;
mod cluster;
mod configuration;
mod convert;
pub(crate) mod document;
mod findings;
mod formats;
mod labels;
mod network;
mod pod;
mod prepare;
pub(crate) mod quantity;
mod registration;
mod storage;
mod traits;
mod workload;

pub mod binding;
pub mod eviction;
pub mod namespace;
pub mod scale;
pub mod service;

pub use convert::convert;
pub use traits::{Generation, Propagation, ScalePaths, Traits, traits};
pub(crate) use workload::schedule;

use crate::{ambient::Ambient, resource::Resource, status::FieldError};
use alloc::{string::String, vec::Vec};
use serde_json::Value;

/// The module that knows a kind.
enum Family {
    Pod,
    Service,
    Namespace,
    Configuration,
    Workload,
    Network,
    Storage,
    Cluster,
    Access,
    Autoscaler,
    Registration,
    Other,
}

fn family(resource: &Resource) -> Family {
    match (resource.group.as_str(), resource.plural.as_str()) {
        ("", "pods") => Family::Pod,
        ("", "services") => Family::Service,
        ("", "namespaces") => Family::Namespace,
        ("", "configmaps" | "secrets") => Family::Configuration,
        ("", "podtemplates" | "replicationcontrollers") | ("apps" | "batch", _) => Family::Workload,
        ("", "endpoints") | ("discovery.k8s.io" | "networking.k8s.io", _) => Family::Network,
        ("", "persistentvolumes" | "persistentvolumeclaims") | ("storage.k8s.io", _) => {
            Family::Storage
        }
        ("", "nodes" | "events" | "limitranges")
        | ("events.k8s.io" | "coordination.k8s.io" | "scheduling.k8s.io", _)
        | ("node.k8s.io" | "policy", _) => Family::Cluster,
        ("rbac.authorization.k8s.io", _) => Family::Access,
        ("autoscaling", _) => Family::Autoscaler,
        (
            "admissionregistration.k8s.io"
            | "apiextensions.k8s.io"
            | "apiregistration.k8s.io"
            | "flowcontrol.apiserver.k8s.io",
            _,
        ) => Family::Registration,
        _ => Family::Other,
    }
}

/// Fills in the defaults of the served version (`pkg/apis/*/v1/defaults.go`). Idempotent.
pub fn default(resource: &Resource, object: &mut Value) {
    match family(resource) {
        Family::Pod => pod::default(object),
        Family::Service => service::default(object),
        Family::Namespace => namespace::default(object),
        Family::Configuration => configuration::default(resource, object),
        Family::Workload => workload::default(resource, object),
        Family::Network => network::default(resource, object),
        Family::Storage => storage::default(resource, object),
        Family::Cluster => cluster::default(resource, object),
        Family::Access => access::default(resource, object),
        Family::Autoscaler => autoscaler::default(resource, object),
        Family::Registration => registration::default(resource, object),
        Family::Other => {}
    }
}

/// Resets what a client may not set at creation, starts the generation
/// (`Strategy.PrepareForCreate`). The object has its name, uid and creationTimestamp already.
pub fn prepare_create(resource: &Resource, object: &mut Value, ambient: &Ambient) {
    prepare::create(resource, object, ambient);
}

/// Takes from `old` what this write may not touch, raises the generation
/// (`Strategy.PrepareForUpdate`). `subresource` is `None` for the object itself.
pub fn prepare_update(
    resource: &Resource,
    subresource: Option<&str>,
    new: &mut Value,
    old: &Value,
    ambient: &Ambient,
) {
    prepare::update(resource, subresource, new, old, ambient);
}

/// What is wrong with a new object beyond its metadata, in the real server's order
/// (`Strategy.Validate`).
#[must_use]
pub fn validate_create(resource: &Resource, object: &Value) -> Vec<FieldError> {
    match family(resource) {
        Family::Pod => pod::validate_create(object),
        Family::Service => service::validate(object),
        Family::Namespace => namespace::validate(object),
        Family::Configuration => configuration::validate(resource, object),
        Family::Workload => workload::validate(resource, object),
        Family::Network => network::validate(resource, object, None),
        Family::Storage => storage::validate(resource, object, None),
        Family::Cluster => cluster::validate(resource, object, None),
        Family::Access => access::validate(resource, object, None),
        Family::Autoscaler => autoscaler::validate(resource, object),
        Family::Registration | Family::Other => Vec::new(),
    }
}

/// What is wrong with a changed object beyond its metadata, in the real server's order
/// (`Strategy.ValidateUpdate`).
#[must_use]
pub fn validate_update(
    resource: &Resource,
    subresource: Option<&str>,
    new: &Value,
    old: &Value,
) -> Vec<FieldError> {
    match family(resource) {
        Family::Pod => pod::validate_update(subresource, new, old),
        Family::Service => service::validate_update(subresource, new, old),
        Family::Workload => workload::validate_update(resource, subresource, new, old),
        Family::Namespace => namespace::validate(new),
        // Of the other kinds only what people write is checked.
        _ if subresource == Some("status") => Vec::new(),
        Family::Configuration => configuration::validate_update(resource, new, old),
        Family::Network => network::validate(resource, new, Some(old)),
        Family::Storage => storage::validate(resource, new, Some(old)),
        Family::Cluster => cluster::validate(resource, new, Some(old)),
        Family::Access => access::validate(resource, new, Some(old)),
        Family::Autoscaler => autoscaler::validate(resource, new),
        Family::Registration | Family::Other => Vec::new(),
    }
}

/// The texts of the Warning headers that a create (`old` is `None`) or an update gets
/// (`Strategy.WarningsOnCreate`, `WarningsOnUpdate`).
#[must_use]
pub fn warnings(resource: &Resource, new: &Value, old: Option<&Value>) -> Vec<String> {
    match family(resource) {
        Family::Pod if old.is_none() => pod::warnings(new),
        Family::Workload => workload::warnings(resource, new, old),
        _ => Vec::new(),
    }
}

/// True when nothing but finalizers in the metadata holds the object back: namespaces have
/// finalizers of their own (`ShouldDeleteNamespaceDuringUpdate`).
#[must_use]
pub fn may_go(resource: &Resource, object: &Value) -> bool {
    let is_namespace = resource.group.is_empty() && resource.plural == "namespaces";
    !is_namespace || namespace::is_finished(object)
}

#[cfg(test)]
mod tests {
    use super::{
        Family, binding, convert, default, eviction, family, may_go, namespace, prepare_create,
        prepare_update, scale, service, traits, validate_create, validate_update, warnings,
    };
    use crate::{
        ambient::Ambient,
        resource::{Resource, Resources},
    };
    use alloc::vec::Vec;
    use serde_json::{Value, json};

    /// One of each of the things that the kinds look into.
    fn rich() -> Value {
        json!({
            "metadata": {"name": "a", "namespace": "n", "generation": 1, "labels": {"a": "b"},
                "annotations": {"autoscaling.alpha.kubernetes.io/metrics": "[{}]"}},
            "spec": {
                "replicas": 1, "type": "NodePort", "clusterIP": "10.0.0.1", "schedule": "* * * * *",
                "selector": {"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "a"}]},
                "ports": [{"port": 1, "nodePort": 30000, "containerPort": 1}],
                "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{}]}},
                "jobTemplate": {"spec": {}}, "strategy": {"rollingUpdate": {"maxSurge": "1%"}},
                "updateStrategy": {"rollingUpdate": {"maxUnavailable": 1}}, "rules": [{}],
                "containers": [{
                    "name": "c", "image": "i", "ports": [{}], "env": [{"valueFrom": {"fieldRef": {}}}],
                    "resources": {"limits": {"cpu": "1"}}, "livenessProbe": {"httpGet": {}},
                    "volumeMounts": [{}], "lifecycle": {"preStop": {}},
                }],
                "ephemeralContainers": [{}], "volumes": [{"secret": {"items": [{}]}}],
                "tolerations": [{}], "capacity": {"storage": "1Gi"}, "accessModes": ["x"],
                "metrics": [{"type": "Resource", "resource": {"target": {}}}],
                "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}], "taints": [{}],
                "volumeClaimTemplates": [{}], "versions": [{"storage": true}],
            },
            "status": {"phase": "Running", "conditions": [{}], "podIPs": [{}], "replicas": 1},
            "subsets": [{"addresses": [{}], "ports": [{}]}], "endpoints": [{"addresses": ["x"]}],
            "rules": [{}], "roleRef": {}, "subjects": [{}], "webhooks": [{"clientConfig": {}}],
            "data": {"a": "b"}, "target": {"name": "n"}, "involvedObject": {}, "ports": [{}],
        })
    }

    /// The document with each of its parts in turn replaced.
    fn variants(value: &Value, odd: &Value) -> Vec<Value> {
        let mut all = Vec::from([odd.clone()]);
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    for variant in variants(member, odd) {
                        let mut changed = value.clone();
                        changed[name] = variant;
                        all.push(changed);
                    }
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    for variant in variants(item, odd) {
                        let mut changed = value.clone();
                        changed[index] = variant;
                        all.push(changed);
                    }
                }
            }
            _ => {}
        }
        all
    }

    fn everything(resource: &Resource, new: &Value, old: &Value) {
        let ambient = Ambient::default();
        let mut object = new.clone();
        default(resource, &mut object);
        let _ = service::allocate(&mut object, None, &service::Pool::default(), 1);
        prepare_create(resource, &mut object, &ambient);
        let _ = (
            validate_create(resource, &object),
            warnings(resource, &object, None),
        );
        let subresources = resource.subresources.keys().map(|name| Some(name.as_str()));
        for subresource in subresources.chain([None]) {
            let mut object = new.clone();
            prepare_update(resource, subresource, &mut object, old, &ambient);
            let _ = validate_update(resource, subresource, &object, old);
        }
        let mut object = new.clone();
        convert("v0", resource, &mut object);
        let _ = (
            scale::read(resource, new),
            scale::write(resource, new, &mut object),
        );
        let _ = (
            binding::bind(&mut object, new, &ambient),
            may_go(resource, new),
        );
        let _ = eviction::decide(new, core::slice::from_ref(old), &ambient);
        eviction::mark(&mut object, &ambient);
        namespace::terminate(&mut object);
    }

    /// Each kind gets a part of the variants: the kinds of a family share their code.
    const PART: usize = 5;

    #[test]
    fn no_document_makes_a_kind_panic() {
        let (resources, rich) = (Resources::built_in(), rich());
        let odd = [
            json!(null),
            json!(-1),
            json!("x"),
            json!([null]),
            json!({"x": {}}),
        ];
        let all: Vec<Value> = odd.iter().flat_map(|odd| variants(&rich, odd)).collect();
        let special = resources
            .iter()
            .filter(|one| !matches!(family(one), Family::Other));
        for (number, resource) in special.enumerate() {
            for variant in all.iter().skip(number % PART).step_by(PART) {
                everything(resource, variant, &rich);
            }
            for odd in &odd {
                everything(resource, &rich, odd);
            }
        }
    }

    #[test]
    fn defaulting_twice_is_defaulting_once() {
        let resources = Resources::built_in();
        for resource in resources.iter() {
            let mut once = rich();
            default(resource, &mut once);
            let mut twice = once.clone();
            default(resource, &mut twice);
            assert_eq!(once, twice, "{}", resource.plural);
        }
    }

    #[test]
    fn strategies_differ_in_what_they_allow() {
        let resources = Resources::built_in();
        let of = |group: &str, plural: &str| traits(resources.find(group, "v1", plural).unwrap());
        assert!(!of("coordination.k8s.io", "leases").allow_unconditional_update);
        assert!(of("", "configmaps").allow_unconditional_update);
        assert!(of("", "services").allow_create_on_update);
        assert!(of("", "pods").graceful && of("", "pods").returns_deleted_object);
        assert!(
            of("apps", "deployments").scale.is_some() && of("apps", "daemonsets").scale.is_none()
        );
        assert!(of("batch", "jobs").propagation_warning.is_some());
    }
}

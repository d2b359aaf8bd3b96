//! What the generic request machine must know about a kind: the facts of its REST strategy.
//!
//! Origin: `pkg/registry/*/*/strategy.go` and `storage.go` of kube-apiserver 1.36.

use crate::{resource::Resource, validation::NameRule};

/// Which changes raise `metadata.generation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Generation {
    /// The kind has no generation.
    Never,
    /// It is 1 and stays 1 (PriorityClass).
    Constant,
    /// A change of this top-level field.
    Field(&'static str),
    /// A change of `spec` or of the annotations (Deployments).
    SpecAndAnnotations,
    /// A change of anything but metadata, or of the labels (EndpointSlices).
    ContentAndLabels,
}

/// What a delete without a propagationPolicy does with dependents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Propagation {
    /// They are collected in the background.
    Background,
    /// They are orphaned: the object waits for the garbage collector with the finalizer `orphan`.
    Orphan,
    /// The kind takes no part in garbage collection (Events).
    Unsupported,
}

/// Where the scale subresource finds its figures; the selector's text is built by
/// [`super::scale::read`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ScalePaths {
    /// The desired number.
    pub spec_replicas: &'static str,
    /// The number that there is.
    pub status_replicas: &'static str,
    /// The label selector.
    pub selector: &'static str,
}

/// The facts about one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Traits {
    /// What its names must look like.
    pub name_rule: NameRule,
    /// A PUT on a name that does not exist creates the object.
    pub allow_create_on_update: bool,
    /// A PUT without a resourceVersion overwrites; if not, it is refused.
    pub allow_unconditional_update: bool,
    /// What raises its generation.
    pub generation: Generation,
    /// `status` can be written through the status subresource only.
    pub has_status: bool,
    /// Deleting it can wait for a grace period (Pods).
    pub graceful: bool,
    /// A delete answers with the object and not with a `Status`.
    pub returns_deleted_object: bool,
    /// What a delete does with dependents when it doesn't say.
    pub default_propagation: Propagation,
    /// The warning of a delete that falls back on `default_propagation`.
    pub propagation_warning: Option<&'static str>,
    /// Where its scale is; `None` when it has none.
    pub scale: Option<ScalePaths>,
    /// The warning that every request for it gets, refused or not, reads as well: it is deprecated
    /// (`APILifecycleDeprecated` of the type).
    pub deprecated: Option<&'static str>,
}

/// The warning that a Job's delete without a propagationPolicy gets (`job/strategy.go`).
const JOB_ORPHANS: &str = "child pods are preserved by default when jobs are deleted; set \
     propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this \
     warning";

/// Every kind has these and the same paths.
const SCALE: ScalePaths = ScalePaths {
    spec_replicas: "spec.replicas",
    status_replicas: "status.replicas",
    selector: "spec.selector",
};

/// The facts about the kind of `resource`; for a kind without rules of its own (a custom
/// resource), those of `apiextensions-apiserver/pkg/registry/customresource/strategy.go`.
#[must_use]
pub fn traits(resource: &Resource) -> Traits {
    let name = (resource.group.as_str(), resource.plural.as_str());
    Traits {
        name_rule: name_rule(name),
        allow_create_on_update: creates_on_update(name),
        allow_unconditional_update: !needs_resource_version(name),
        generation: generation(name),
        has_status: resource.subresources.contains_key("status"),
        graceful: name == ("", "pods"),
        returns_deleted_object: returns_deleted_object(name),
        default_propagation: match name {
            ("batch", "jobs") | ("", "replicationcontrollers") => Propagation::Orphan,
            ("" | "events.k8s.io", "events") => Propagation::Unsupported,
            _ => Propagation::Background,
        },
        propagation_warning: (name == ("batch", "jobs")).then_some(JOB_ORPHANS),
        scale: resource.subresources.contains_key("scale").then_some(SCALE),
        deprecated: match name {
            ("", "endpoints") => {
                Some("v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice")
            }
            ("", "componentstatuses") => Some("v1 ComponentStatus is deprecated in v1.19+"),
            _ => None,
        },
    }
}

fn name_rule(name: (&str, &str)) -> NameRule {
    match name {
        ("", "namespaces") | ("", "services") => NameRule::DnsLabel,
        ("" | "events.k8s.io", "events")
        | ("rbac.authorization.k8s.io", _)
        | ("certificates.k8s.io", _)
        | ("apiregistration.k8s.io", _)
        | ("networking.k8s.io", "ipaddresses") => NameRule::PathSegment,
        _ => NameRule::DnsSubdomain,
    }
}

fn creates_on_update(name: (&str, &str)) -> bool {
    matches!(
        name,
        (
            "",
            "endpoints" | "events" | "limitranges" | "podtemplates" | "services"
        ) | ("events.k8s.io", "events")
            | ("coordination.k8s.io", "leases")
            | ("rbac.authorization.k8s.io", _)
    )
}

fn needs_resource_version(name: (&str, &str)) -> bool {
    match name {
        ("coordination.k8s.io", "leases")
        | ("policy", "poddisruptionbudgets")
        | ("node.k8s.io", "runtimeclasses")
        | ("admissionregistration.k8s.io" | "apiextensions.k8s.io" | "apiregistration.k8s.io", _) => {
            true
        }
        ("storage.k8s.io", plural) => {
            !matches!(plural, "storageclasses" | "volumeattributesclasses")
        }
        (group, _) => !is_built_in(group),
    }
}

/// The groups of the built-in resources; all others are custom resources.
fn is_built_in(group: &str) -> bool {
    !group.contains('.') || group.ends_with(".k8s.io")
}

fn generation(name: (&str, &str)) -> Generation {
    const SPEC: Generation = Generation::Field("spec");
    match name {
        ("apps", "deployments") => Generation::SpecAndAnnotations,
        ("discovery.k8s.io", "endpointslices") => Generation::ContentAndLabels,
        ("scheduling.k8s.io", "priorityclasses") => Generation::Constant,
        ("", "podtemplates") => Generation::Field("template"),
        (
            "admissionregistration.k8s.io",
            "mutatingwebhookconfigurations" | "validatingwebhookconfigurations",
        ) => Generation::Field("webhooks"),
        ("", "pods" | "replicationcontrollers")
        | ("apps", "daemonsets" | "replicasets" | "statefulsets")
        | ("batch" | "admissionregistration.k8s.io" | "flowcontrol.apiserver.k8s.io", _)
        | ("networking.k8s.io", "ingresses" | "ingressclasses" | "networkpolicies")
        | ("policy" | "apiextensions.k8s.io", _)
        | ("resource.k8s.io", "deviceclasses" | "resourceslices")
        | ("storage.k8s.io", "csidrivers") => SPEC,
        (group, _) if is_built_in(group) => Generation::Never,
        _ => SPEC,
    }
}

fn returns_deleted_object(name: (&str, &str)) -> bool {
    match name {
        (
            "",
            "pods"
            | "podtemplates"
            | "resourcequotas"
            | "serviceaccounts"
            | "services"
            | "persistentvolumes"
            | "persistentvolumeclaims",
        ) => true,
        ("storage.k8s.io", plural) => plural != "csistoragecapacities",
        ("resource.k8s.io", _) => true,
        _ => false,
    }
}

//! Which printer a resource has.

use super::{
    access, age, autoscaling, cluster, event, flow, network, pod, read, storage, text, workload,
};
use crate::{ambient::Time, resource::Resource};
use alloc::vec::Vec;
use serde_json::Value;

/// Computes the cells of one object, in the order of the resource's columns, the wide ones too
/// (kube-apiserver always generates them; kubectl leaves them out).
pub(super) type Printer = fn(&Value, Time) -> Vec<Value>;

/// The resource's printer; `None` for resources that `data/columns.tsv` doesn't know.
pub(super) fn printer(resource: &Resource) -> Option<Printer> {
    let plural = resource.plural.as_str();
    match resource.group.as_str() {
        "" => core(plural),
        "admissionregistration.k8s.io" => access::admission(plural),
        "apiextensions.k8s.io" if plural == "customresourcedefinitions" => Some(name_and_creation),
        "apiregistration.k8s.io" if plural == "apiservices" => Some(cluster::api_service),
        "apps" | "batch" => workload::printer(plural),
        "autoscaling" if plural == "horizontalpodautoscalers" => Some(autoscaling::autoscaler),
        "certificates.k8s.io" if plural == "certificatesigningrequests" => {
            Some(access::signing_request)
        }
        "coordination.k8s.io" if plural == "leases" => Some(cluster::lease),
        "discovery.k8s.io" if plural == "endpointslices" => Some(network::endpoint_slice),
        "events.k8s.io" if plural == "events" => Some(event::event),
        "flowcontrol.apiserver.k8s.io" => flow::printer(plural),
        "networking.k8s.io" => network::printer(plural),
        "node.k8s.io" if plural == "runtimeclasses" => Some(cluster::runtime_class),
        "policy" if plural == "poddisruptionbudgets" => Some(workload::disruption_budget),
        "rbac.authorization.k8s.io" => access::rbac(plural),
        "resource.k8s.io" => cluster::device(plural),
        "scheduling.k8s.io" if plural == "priorityclasses" => Some(cluster::priority_class),
        "storage.k8s.io" => storage::printer(plural),
        _ => None,
    }
}

/// What a row says of its object as a whole: only pods that have ended have such conditions.
pub(super) fn conditions(resource: &Resource, object: &Value) -> Option<Value> {
    let is_pod = resource.group.is_empty() && resource.plural == "pods";
    is_pod.then(|| pod::row_conditions(object)).flatten()
}

/// Name and age.
pub(super) fn name_and_age(object: &Value, now: Time) -> Vec<Value> {
    [read::name(object), age::age(object, now)].into()
}

/// Name and time of creation; Go's zero time when there is none.
pub(super) fn name_and_creation(object: &Value, _now: Time) -> Vec<Value> {
    let created = read::string_or(
        object,
        "/metadata/creationTimestamp",
        "0001-01-01T00:00:00Z",
    );
    [read::name(object), text(created)].into()
}

fn core(plural: &str) -> Option<Printer> {
    Some(match plural {
        "componentstatuses" => cluster::component_status,
        "configmaps" => cluster::config_map,
        "endpoints" => network::endpoints,
        "events" => event::event,
        "limitranges" => name_and_creation,
        "namespaces" => cluster::namespace,
        "nodes" => cluster::node,
        "persistentvolumeclaims" => storage::claim,
        "persistentvolumes" => storage::volume,
        "pods" => pod::pod,
        "podtemplates" => workload::pod_template,
        "replicationcontrollers" => workload::replication_controller,
        "resourcequotas" => cluster::resource_quota,
        "secrets" => cluster::secret,
        "serviceaccounts" => name_and_age,
        "services" => network::service,
        _ => return None,
    })
}

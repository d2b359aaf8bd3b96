//! Which pods stand behind which Services: what EndpointSlices and Endpoints are made from.
//!
//! Origin: `k8s.io/endpointslice/util/controller_utils.go` and `pkg/api/v1/endpoints`.

use super::{Change, Item, Name, View, apis};
use crate::{
    kinds::document::{at, flag, is_set, list, number, strings, text, texts},
    map::Map,
    object::Object,
};
use alloc::{
    borrow::ToOwned,
    collections::{BTreeMap, BTreeSet},
    string::String,
    sync::Arc,
    vec::Vec,
};
use core::net::IpAddr;
use serde_json::Value;

/// What a pod is as a backend.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Backend {
    pub(super) name: Name,
    pub(super) uid: String,
    pub(super) addresses: Vec<String>,
    pub(super) node: String,
    pub(super) ready: bool,
    pub(super) terminating: bool,
    hostname: String,
    subdomain: String,
    ports: Vec<ContainerPort>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct ContainerPort {
    name: String,
    protocol: String,
    port: i64,
}

impl Backend {
    /// Reads a pod; `None` when it has run to its end or has no address.
    fn read(object: &Object) -> Option<Backend> {
        let meta = object.meta();
        if matches!(
            meta.fields.get("status.phase").map(String::as_str),
            Some("Succeeded" | "Failed")
        ) {
            return None;
        }
        let pod = object.json();
        let mut addresses: Vec<String> = list(&pod, &["status", "podIPs"])
            .iter()
            .map(|one| text(one, &["ip"]).to_owned())
            .collect();
        if addresses.is_empty() {
            addresses.push(text(&pod, &["status", "podIP"]).to_owned());
        }
        addresses.retain(|address| !address.is_empty());
        if addresses.is_empty() {
            return None;
        }
        Some(Backend {
            name: Name::new(&meta.namespace, &meta.name),
            uid: meta.uid.clone(),
            addresses,
            node: text(&pod, &["spec", "nodeName"]).to_owned(),
            ready: is_ready(&pod),
            terminating: meta.deletion_timestamp.is_some(),
            hostname: text(&pod, &["spec", "hostname"]).to_owned(),
            subdomain: text(&pod, &["spec", "subdomain"]).to_owned(),
            ports: container_ports(&pod),
        })
    }

    /// Its addresses of one family.
    pub(super) fn of_family(&self, family: Family) -> Vec<&str> {
        let addresses = self.addresses.iter().map(String::as_str);
        addresses.filter(|it| family.takes(it)).collect()
    }

    /// The name that it has behind a Service, when that is its subdomain.
    pub(super) fn hostname(&self, service: &Service) -> Option<&str> {
        let named = !self.hostname.is_empty() && self.subdomain == *service.name.name;
        named.then_some(self.hostname.as_str())
    }
}

/// The condition Ready is true (`IsPodReady`).
pub(super) fn is_ready(pod: &Value) -> bool {
    list(pod, &["status", "conditions"])
        .iter()
        .any(|one| text(one, &["type"]) == "Ready" && text(one, &["status"]) == "True")
}

/// The ports of what runs for as long as the pod: containers, and the sidecars among those that
/// begin it (`FindPort`).
fn container_ports(pod: &Value) -> Vec<ContainerPort> {
    let sidecars = list(pod, &["spec", "initContainers"])
        .iter()
        .filter(|one| text(one, &["restartPolicy"]) == "Always");
    let containers = list(pod, &["spec", "containers"]).iter().chain(sidecars);
    let ports = containers.flat_map(|one| list(one, &["ports"]));
    let read = |port: &Value| ContainerPort {
        name: text(port, &["name"]).to_owned(),
        protocol: protocol(port),
        port: number(port, &["containerPort"]).unwrap_or_default(),
    };
    ports.map(read).collect()
}

fn protocol(port: &Value) -> String {
    match text(port, &["protocol"]) {
        "" => "TCP".to_owned(),
        protocol => protocol.to_owned(),
    }
}

/// IPv4 or IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Family {
    V4,
    V6,
}

impl Family {
    /// As `spec.ipFamilies` and `addressType` name it.
    pub(super) fn text(self) -> &'static str {
        match self {
            Family::V4 => "IPv4",
            Family::V6 => "IPv6",
        }
    }

    fn takes(self, address: &str) -> bool {
        let parsed: Option<IpAddr> = address.parse().ok();
        parsed.is_some_and(|address| address.is_ipv4() == (self == Family::V4))
    }
}

/// What a Service asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Service {
    pub(super) name: Name,
    pub(super) uid: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) headless: bool,
    pub(super) publish_not_ready: bool,
    pub(super) families: Vec<Family>,
    pub(super) ports: Vec<ServicePort>,
}

/// One of its ports.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ServicePort {
    pub(super) name: String,
    pub(super) protocol: String,
    pub(super) application: Option<String>,
    target: Target,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Target {
    Number(i64),
    Name(String),
}

impl Service {
    /// Reads a Service; `None` when it gets no endpoints from a controller: it has no selector, or
    /// is a name for something outside.
    pub(super) fn read(object: &Object) -> Option<Service> {
        let service = object.json();
        if !is_set(at(&service, &["spec", "selector"]))
            || text(&service, &["spec", "type"]) == "ExternalName"
        {
            return None;
        }
        let meta = object.meta();
        let mut families: Vec<Family> = texts(&service, &["spec", "ipFamilies"])
            .into_iter()
            .filter_map(|name| match name {
                "IPv4" => Some(Family::V4),
                "IPv6" => Some(Family::V6),
                _ => None,
            })
            .collect();
        if families.is_empty() {
            families.push(Family::V4);
        }
        let ports = list(&service, &["spec", "ports"]).iter();
        Some(Service {
            name: Name::new(&meta.namespace, &meta.name),
            uid: meta.uid.clone(),
            labels: meta.labels.clone(),
            headless: text(&service, &["spec", "clusterIP"]) == "None",
            publish_not_ready: flag(&service, &["spec", "publishNotReadyAddresses"]),
            families,
            ports: ports.map(ServicePort::read).collect(),
        })
    }
}

impl ServicePort {
    fn read(port: &Value) -> ServicePort {
        let target = match at(port, &["targetPort"]) {
            Value::String(name) if !name.is_empty() => Target::Name(name.clone()),
            other => Target::Number(
                other
                    .as_i64()
                    .filter(|number| *number != 0)
                    .or(number(port, &["port"]))
                    .unwrap_or_default(),
            ),
        };
        let application = at(port, &["appProtocol"]).as_str();
        ServicePort {
            name: text(port, &["name"]).to_owned(),
            protocol: protocol(port),
            application: application.map(ToOwned::to_owned),
            target,
        }
    }

    /// The port of a pod; `None` when it has none of that name.
    pub(super) fn of(&self, backend: &Backend) -> Option<i64> {
        match &self.target {
            Target::Number(number) => Some(*number),
            Target::Name(name) => backend
                .ports
                .iter()
                .find(|port| port.name == *name && port.protocol == self.protocol)
                .map(|port| port.port),
        }
    }
}

/// A fold over Services and pods: who selects whom.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Backends {
    /// Service → its selector; those that get endpoints only.
    selectors: BTreeMap<Name, BTreeMap<String, String>>,
    pods: Map<Name, Arc<Backend>>,
}

impl Backends {
    /// Takes a change of a Service or pod: the Services that it concerns go into `items`.
    pub(super) fn observe(&mut self, change: &Change, items: &mut Vec<Item>) {
        if change.api == apis::SERVICES {
            self.service(change);
            items.push(change.name.clone());
        } else if change.api == apis::PODS {
            self.pod(change, items);
        }
    }

    fn service(&mut self, change: &Change) {
        let service = change.new.as_ref().map(Object::json).unwrap_or_default();
        let selector: BTreeMap<String, String> = strings(&service, &["spec", "selector"])
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        if selector.is_empty() {
            self.selectors.remove(&change.name);
        } else {
            self.selectors.insert(change.name.clone(), selector);
        }
    }

    fn pod(&mut self, change: &Change, items: &mut Vec<Item>) {
        let old = self.pods.get(&change.name).cloned();
        let new = change.new.as_ref().and_then(Backend::read).map(Arc::new);
        let labels = |object: &Option<Object>| object.as_ref().map(|it| it.meta().labels.clone());
        if old == new && (new.is_none() || labels(&change.old) == labels(&change.new)) {
            return;
        }
        match new {
            Some(new) => self.pods.insert(change.name.clone(), new),
            None => {
                self.pods.remove(&change.name);
            }
        }
        for object in change.states() {
            items.extend(self.selecting(object));
        }
    }

    /// The Services that select a pod.
    fn selecting(&self, pod: &Object) -> impl Iterator<Item = Name> {
        let meta = pod.meta();
        let first = Name::new(&meta.namespace, "");
        let namespace = first.namespace.clone();
        self.selectors
            .range(first..)
            .take_while(move |(name, _)| name.namespace == namespace)
            .filter(|(_, selector)| selects(selector, &meta.labels))
            .map(|(name, _)| name.clone())
    }

    /// The Services with a backend on a node.
    pub(super) fn on_node(&self, view: &View, node: &str) -> BTreeSet<Item> {
        let there = self.pods.iter().filter(|(_, pod)| pod.node == node);
        let objects = there.filter_map(|(name, _)| view.get(&apis::PODS, name));
        objects.flat_map(|pod| self.selecting(pod)).collect()
    }

    /// What stands behind a Service, in the order of names.
    pub(super) fn of(&self, view: &View, service: &Name) -> Vec<Arc<Backend>> {
        let Some(selector) = self.selectors.get(service) else {
            return Vec::new();
        };
        view.in_namespace(&apis::PODS, &service.namespace)
            .filter(|(_, pod)| selects(selector, &pod.meta().labels))
            .filter_map(|(name, _)| self.pods.get(name).cloned())
            .collect()
    }
}

fn selects(selector: &BTreeMap<String, String>, labels: &BTreeMap<String, String>) -> bool {
    let has = |(key, value): (&String, &String)| labels.get(key) == Some(value);
    selector.iter().all(has)
}

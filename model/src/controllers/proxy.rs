//! The proxy of a node: a forwarding table that follows Services and EndpointSlices.
//!
//! It forwards nothing itself and sends no calls: the table is what kube-proxy would write into the
//! kernel, for people, tests, and whoever wants to forward by it.
//!
//! Origin: `pkg/proxy/topology.go`, `serviceport.go`, `servicechangetracker.go`.

mod table;

pub use table::{Protocol, Rule, Table};

use super::{
    Change, Controller, Item, Name, Outcome, View, Watch, apis, endpoint_slice::SERVICE_NAME,
};
use crate::{
    ambient::Ambient,
    config::User,
    kinds::document::{at, flag, list, number, text, texts},
    object::Object,
};
use alloc::{
    borrow::ToOwned,
    collections::{BTreeMap, BTreeSet},
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};
use serde_json::Value;

/// A Service with this label is another proxy's.
const OTHER_PROXY: &str = "service.kubernetes.io/service-proxy-name";

/// The proxy of one node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Proxy {
    node: String,
    /// Service → its slices, whoever made them.
    slices: BTreeMap<Name, BTreeSet<Name>>,
    table: Table,
}

impl Proxy {
    /// The proxy of the node of that name.
    #[must_use]
    pub fn new(node: &str) -> Proxy {
        Proxy {
            node: node.into(),
            slices: BTreeMap::new(),
            table: Table::default(),
        }
    }

    /// The node that it runs on.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.node
    }

    /// Where connections go.
    #[must_use]
    pub fn table(&self) -> &Table {
        &self.table
    }
}

impl Controller for Proxy {
    fn name(&self) -> &'static str {
        "kube-proxy"
    }

    fn user(&self) -> User {
        User {
            name: "system:kube-proxy".into(),
            ..User::default()
        }
    }

    fn watches(&self) -> Vec<Watch> {
        let own = format!("metadata.name={}", self.node);
        vec![
            Watch::all(apis::SERVICES),
            Watch::all(apis::ENDPOINT_SLICES),
            Watch::selected(apis::NODES, own),
        ]
    }

    fn observe(&mut self, view: &View, change: &Change, items: &mut Vec<Item>) {
        if change.api == apis::SERVICES {
            items.push(change.name.clone());
        } else if change.api == apis::ENDPOINT_SLICES {
            if let Some(service) = change.old.as_ref().and_then(service_of)
                && let Some(slices) = self.slices.get_mut(&service)
            {
                slices.remove(&change.name);
                if slices.is_empty() {
                    self.slices.remove(&service);
                }
                items.push(service);
            }
            if let Some(service) = change.new.as_ref().and_then(service_of) {
                let slices = self.slices.entry(service.clone()).or_default();
                slices.insert(change.name.clone());
                items.push(service);
            }
        } else if change.name.name.as_ref() == self.node {
            let node = view.json(&apis::NODES, &change.name).unwrap_or_default();
            self.table.node_addresses = node_addresses(&node);
        }
    }

    fn reconcile(&mut self, view: &View, item: &Item, _ambient: &Ambient) -> Outcome {
        let service = view.get(&apis::SERVICES, item);
        let rules = service.map_or_else(Vec::new, |service| self.rules(view, item, service));
        self.table.put(item, rules);
        Outcome::done()
    }
}

fn service_of(slice: &Object) -> Option<Name> {
    let meta = slice.meta();
    let service = meta.labels.get(SERVICE_NAME)?;
    Some(Name::new(&meta.namespace, service))
}

fn node_addresses(node: &Value) -> Vec<String> {
    let addresses = list(node, &["status", "addresses"]).iter();
    addresses
        .filter(|one| matches!(text(one, &["type"]), "InternalIP" | "ExternalIP"))
        .map(|one| text(one, &["address"]).to_owned())
        .collect()
}

/// An endpoint as the proxy sees it.
struct Endpoint<'a> {
    address: &'a str,
    local: bool,
    ready: bool,
    /// It goes, and still answers: for when there is nothing better.
    lingering: bool,
}

impl Proxy {
    /// The rules of a Service: one for each of its ports, in their order.
    fn rules(&self, view: &View, name: &Name, object: &Object) -> Vec<Rule> {
        let service = object.json();
        let cluster_ip = text(&service, &["spec", "clusterIP"]);
        let none = matches!(cluster_ip, "" | "None");
        let external = text(&service, &["spec", "type"]) == "ExternalName";
        if none || external || object.meta().labels.contains_key(OTHER_PROXY) {
            return Vec::new();
        }
        let slices = self.slices.get(name).into_iter().flatten();
        let slices: Vec<Value> = slices
            .filter_map(|slice| view.json(&apis::ENDPOINT_SLICES, slice))
            .collect();
        let ports = list(&service, &["spec", "ports"]).iter();
        ports
            .map(|port| self.rule(name, &service, port, &slices))
            .collect()
    }

    fn rule(&self, name: &Name, service: &Value, port: &Value, slices: &[Value]) -> Rule {
        let number_of = |field: &str| {
            let number = number(port, &[field]).and_then(|it| u16::try_from(it).ok());
            number.unwrap_or_default()
        };
        let (port_name, own) = (text(port, &["name"]), number_of("port"));
        let protocol = Protocol::read(text(port, &["protocol"]));
        let endpoints = self.endpoints(slices, port_name, protocol);
        let local_only = |policy: &str| text(service, &["spec", policy]) == "Local";
        let internal_local = local_only("internalTrafficPolicy");
        let external_local = local_only("externalTrafficPolicy");
        let sticky = text(service, &["spec", "sessionAffinity"]) == "ClientIP";
        let seconds = [
            "spec",
            "sessionAffinityConfig",
            "clientIP",
            "timeoutSeconds",
        ];
        let mut cluster = texts(service, &["spec", "clusterIPs"]);
        if cluster.is_empty() {
            cluster.push(text(service, &["spec", "clusterIP"]));
        }
        let ingress = list(service, &["status", "loadBalancer", "ingress"]).iter();
        let ingress = ingress.map(|one| text(one, &["ip"]));
        let external = texts(service, &["spec", "externalIPs"]);
        let external = external.into_iter().chain(ingress);
        let at_port = |address: &str| join(address, own);
        Rule {
            service: name.to_string(),
            port_name: port_name.to_owned(),
            protocol,
            addresses: cluster.into_iter().map(at_port).collect(),
            external_addresses: external.filter(|it| !it.is_empty()).map(at_port).collect(),
            node_port: Some(number_of("nodePort")).filter(|port| *port != 0),
            affinity_seconds: sticky.then(|| number(service, &seconds).unwrap_or(10_800)),
            internal_local,
            external_local,
            endpoints: choose(&endpoints, internal_local),
            external_endpoints: choose(&endpoints, external_local),
        }
    }

    /// What the slices have for a port, by address and port; what two slices have is one.
    fn endpoints<'a>(
        &self,
        slices: &'a [Value],
        name: &str,
        protocol: Protocol,
    ) -> BTreeMap<String, Endpoint<'a>> {
        let mut found = BTreeMap::new();
        for slice in slices {
            let port = list(slice, &["ports"]).iter().find(|port| {
                let of = Protocol::read(text(port, &["protocol"]));
                text(port, &["name"]) == name && of == protocol
            });
            let number = port.and_then(|port| u16::try_from(number(port, &["port"])?).ok());
            let Some(number) = number else { continue };
            for endpoint in list(slice, &["endpoints"]) {
                let Some(address) = texts(endpoint, &["addresses"]).first().copied() else {
                    continue;
                };
                let is = |condition: &str| flag(endpoint, &["conditions", condition]);
                let unsaid = at(endpoint, &["conditions", "ready"]).is_null();
                let endpoint = Endpoint {
                    address,
                    local: text(endpoint, &["nodeName"]) == self.node,
                    ready: is("ready") || unsaid,
                    lingering: is("serving") && is("terminating"),
                };
                found.insert(join(endpoint.address, number), endpoint);
            }
        }
        found
    }
}

fn join(address: &str, port: u16) -> String {
    if address.contains(':') {
        format!("[{address}]:{port}")
    } else {
        format!("{address}:{port}")
    }
}

/// The endpoints that connections go to: the ready ones; when there are none, those that end and
/// still answer (`CategorizeEndpoints`).
fn choose(endpoints: &BTreeMap<String, Endpoint<'_>>, local_only: bool) -> Vec<String> {
    let chosen = |good: fn(&Endpoint<'_>) -> bool| -> Vec<String> {
        endpoints
            .iter()
            .filter(|(_, endpoint)| good(endpoint) && (endpoint.local || !local_only))
            .map(|(address, _)| address.clone())
            .collect()
    };
    let ready = chosen(|endpoint| endpoint.ready);
    if ready.is_empty() {
        chosen(|endpoint| endpoint.lingering)
    } else {
        ready
    }
}

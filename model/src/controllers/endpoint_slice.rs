//! The endpoint-slice controller: EndpointSlices follow Services and the pods behind them.
//!
//! Origin: `k8s.io/endpointslice/reconciler.go` and `utils.go`.

use super::{
    Call, Change, Controller, DeleteOptions, Item, Name, Outcome, View, Watch, apis,
    backends::{Backend, Backends, Family, Service},
    service_account,
};
use crate::{
    ambient::Ambient,
    config::User,
    kinds::document::{at, list, members, put, same, text},
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
use serde_json::{Value, json};

/// Which Service a slice belongs to.
pub const SERVICE_NAME: &str = "kubernetes.io/service-name";
/// Who keeps a slice.
pub const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
/// The label of slices and Endpoints of headless Services.
pub(super) const HEADLESS: &str = "service.kubernetes.io/headless";
const MANAGER: &str = "endpointslice-controller.k8s.io";
const ZONE: &str = "topology.kubernetes.io/zone";
/// `--max-endpoints-per-slice`
const MOST_ENDPOINTS: usize = 100;

/// Looks at Services.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct EndpointSlices {
    backends: Backends,
}

impl Controller for EndpointSlices {
    fn name(&self) -> &'static str {
        "endpointslice-controller"
    }

    fn user(&self) -> User {
        service_account(self.name())
    }

    fn watches(&self) -> Vec<Watch> {
        vec![
            Watch::all(apis::SERVICES),
            Watch::all(apis::PODS),
            Watch::all(apis::NODES),
            Watch::all(apis::ENDPOINT_SLICES),
        ]
    }

    fn observe(&mut self, view: &View, change: &Change, items: &mut Vec<Item>) {
        if change.api == apis::NODES {
            // Before everything is seen once, every Service is to be looked at anyway.
            if view.synced() && zone(change.old.as_ref()) != zone(change.new.as_ref()) {
                items.extend(self.backends.on_node(view, &change.name.name));
            }
        } else if change.api == apis::ENDPOINT_SLICES {
            items.extend(change.states().filter_map(service_of));
        } else {
            self.backends.observe(change, items);
        }
    }

    fn reconcile(&mut self, view: &View, item: &Item, _ambient: &Ambient) -> Outcome {
        // The slices of a Service that is gone are the garbage collector's.
        let service = view.get(&apis::SERVICES, item).and_then(Service::read);
        let Some(service) = service else {
            return Outcome::done();
        };
        let slices: Vec<Slice> = view
            .controlled_by(&apis::ENDPOINT_SLICES, &service.uid)
            .filter(|(_, slice)| service_of(slice).as_ref() == Some(item))
            .map(|(_, slice)| Slice::read(slice))
            .collect();
        let backends = self.backends.of(view, item);
        let mut plan = Plan::default();
        for family in [Family::V4, Family::V6] {
            let of_family = |slice: &&Slice| slice.family == family.text();
            let slices: Vec<&Slice> = slices.iter().filter(of_family).collect();
            if service.families.contains(&family) {
                let mut wanted = BTreeMap::new();
                for backend in &backends {
                    add(&mut wanted, &service, backend, (family, view));
                }
                plan.family(&service, family, &slices, wanted);
            } else {
                plan.deletes.extend(slices.into_iter().map(Slice::delete));
            }
        }
        let Plan {
            creates,
            updates,
            deletes,
        } = plan;
        Outcome::calls([creates, updates, deletes].concat())
    }
}

/// A node's zone; `None` when there is no node.
fn zone(node: Option<&Object>) -> Option<&str> {
    let label = node?.meta().labels.get(ZONE);
    Some(label.map(String::as_str).unwrap_or_default())
}

/// The Service of a slice that this controller keeps.
fn service_of(slice: &Object) -> Option<Name> {
    let meta = slice.meta();
    let ours = meta.labels.get(MANAGED_BY).is_some_and(|it| it == MANAGER);
    let service = meta.labels.get(SERVICE_NAME).filter(|_| ours)?;
    Some(Name::new(&meta.namespace, service))
}

/// Ports as slices have them, sorted.
type Ports = Vec<Port>;

/// Name, protocol, number, application protocol.
type Port = (String, String, i64, Option<String>);

/// The endpoints that slices with certain ports must have, by the names of their pods.
type Wanted = BTreeMap<Ports, BTreeMap<String, Value>>;

/// Adds a pod to what is wanted (`podToEndpoint`). One whose node is not there is left out.
fn add(wanted: &mut Wanted, service: &Service, pod: &Backend, (family, view): (Family, &View)) {
    let addresses = pod.of_family(family);
    if addresses.is_empty() {
        return;
    }
    let ready = service.publish_not_ready || (pod.ready && !pod.terminating);
    let mut endpoint = json!({
        "addresses": addresses,
        "conditions": {"ready": ready, "serving": pod.ready, "terminating": pod.terminating},
        "targetRef": {
            "kind": "Pod", "namespace": &*pod.name.namespace, "name": &*pod.name.name,
            "uid": pod.uid,
        },
    });
    if !pod.node.is_empty() {
        let Some(zone) = zone(view.get(&apis::NODES, &Name::new("", &pod.node))) else {
            return;
        };
        endpoint["nodeName"] = pod.node.as_str().into();
        if !zone.is_empty() {
            endpoint["zone"] = zone.into();
        }
    }
    if let Some(hostname) = pod.hostname(service) {
        endpoint["hostname"] = hostname.into();
    }
    let endpoints = wanted.entry(ports_of(service, pod)).or_default();
    endpoints.insert((*pod.name.name).to_owned(), endpoint);
}

/// `getEndpointPorts`: a port that the pod doesn't have is left out.
fn ports_of(service: &Service, pod: &Backend) -> Ports {
    let mut ports: Ports = service
        .ports
        .iter()
        .filter_map(|port| {
            let (name, protocol) = (port.name.clone(), port.protocol.clone());
            Some((name, protocol, port.of(pod)?, port.application.clone()))
        })
        .collect();
    ports.sort();
    ports
}

fn write_ports(ports: &[Port]) -> Value {
    let write = |(name, protocol, number, application): &Port| {
        let mut port = json!({"name": name, "protocol": protocol, "port": number});
        if let Some(application) = application {
            port["appProtocol"] = application.as_str().into();
        }
        port
    };
    ports.iter().map(write).collect()
}

/// A slice that is there.
#[derive(Clone)]
struct Slice {
    name: Name,
    uid: String,
    family: String,
    ports: Ports,
    document: Value,
}

impl Slice {
    fn read(object: &Object) -> Slice {
        let (meta, document) = (object.meta(), object.json());
        let read = |port: &Value| {
            let of = |field: &str| text(port, &[field]).to_string();
            let application = port["appProtocol"].as_str().map(ToOwned::to_owned);
            let number = port["port"].as_i64().unwrap_or_default();
            (of("name"), of("protocol"), number, application)
        };
        let mut ports: Ports = list(&document, &["ports"]).iter().map(read).collect();
        ports.sort();
        Slice {
            name: Name::new(&meta.namespace, &meta.name),
            uid: meta.uid.clone(),
            family: text(&document, &["addressType"]).to_owned(),
            ports,
            document,
        }
    }

    fn endpoints(&self) -> &[Value] {
        list(&self.document, &["endpoints"])
    }

    fn delete(&self) -> Call {
        let options = DeleteOptions {
            uid: &self.uid,
            ..DeleteOptions::default()
        };
        Call::delete(&apis::ENDPOINT_SLICES, &self.name, &self.uid, options)
    }
}

/// What has to be done, in this order: an endpoint that moves is never in no slice.
#[derive(Default)]
struct Plan {
    creates: Vec<Call>,
    updates: Vec<Call>,
    deletes: Vec<Call>,
}

impl Plan {
    /// The slices of one family.
    fn family(&mut self, service: &Service, family: Family, slices: &[&Slice], wanted: Wanted) {
        let mut ports: BTreeSet<Ports> = slices.iter().map(|slice| slice.ports.clone()).collect();
        ports.extend(wanted.keys().cloned());
        let mut wanted = wanted;
        // A Service without endpoints has one slice without endpoints and ports.
        if wanted.is_empty() {
            ports.insert(Ports::new());
        }
        let placeholder = wanted.is_empty();
        for ports in ports {
            let of_ports = |slice: &&&Slice| slice.ports == ports;
            let slices: Vec<&Slice> = slices.iter().filter(of_ports).copied().collect();
            let endpoints = wanted.remove(&ports).unwrap_or_default();
            let keep_one = placeholder && ports.is_empty();
            self.group(service, (family, &ports), &slices, endpoints, keep_one);
        }
    }

    /// The slices of one family with the same ports: endpoints stay where they are, new ones go
    /// where there is room, changed slices first (`reconcileByPortMapping`).
    fn group(
        &mut self,
        service: &Service,
        (family, ports): (Family, &Ports),
        slices: &[&Slice],
        mut missing: BTreeMap<String, Value>,
        keep_one: bool,
    ) {
        let mut kept: Vec<(&Slice, Vec<Value>)> = Vec::new();
        for slice in slices {
            let of = |old: &Value| missing.remove(text(old, &["targetRef", "name"]));
            kept.push((slice, slice.endpoints().iter().filter_map(of).collect()));
        }
        let mut missing: Vec<Value> = missing.into_values().collect();
        kept.sort_by_key(|(slice, endpoints)| same_endpoints(slice, endpoints));
        for (_, endpoints) in kept.iter_mut().filter(|(_, kept)| !kept.is_empty()) {
            let room = MOST_ENDPOINTS.saturating_sub(endpoints.len());
            endpoints.extend(missing.drain(..missing.len().min(room)));
        }
        let mut spare = keep_one;
        for (slice, mut endpoints) in kept {
            if endpoints.is_empty() {
                // Rather than delete one and create another.
                endpoints.extend(missing.drain(..missing.len().min(MOST_ENDPOINTS)));
            }
            if endpoints.is_empty() && !core::mem::take(&mut spare) {
                self.deletes.push(slice.delete());
            } else {
                self.updates.extend(update(service, slice, endpoints));
            }
        }
        let new: Vec<Call> = missing
            .chunks(MOST_ENDPOINTS)
            .map(|endpoints| create(service, family, ports, endpoints))
            .collect();
        self.creates.extend(new);
        if spare {
            self.creates.push(create(service, family, ports, &[]));
        }
    }
}

fn same_endpoints(slice: &Slice, endpoints: &[Value]) -> bool {
    let old = slice.endpoints();
    old.len() == endpoints.len() && old.iter().zip(endpoints).all(|(old, new)| same(old, new))
}

fn update(service: &Service, slice: &Slice, endpoints: Vec<Value>) -> Option<Call> {
    let labels = labels(service);
    let old = at(&slice.document, &["metadata", "labels"]);
    if same_endpoints(slice, &endpoints) && same(old, &labels) {
        return None;
    }
    let mut document = slice.document.clone();
    put(&mut document, "endpoints", endpoints.into());
    document["metadata"]["labels"] = labels;
    Some(Call::update(&apis::ENDPOINT_SLICES, &document))
}

fn create(service: &Service, family: Family, ports: &[Port], endpoints: &[Value]) -> Call {
    let namespace = &service.name.namespace;
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {
            "generateName": format!("{}-", service.name.name), "namespace": &**namespace,
            "labels": labels(service),
            "ownerReferences": [{
                "apiVersion": "v1", "kind": "Service", "name": &*service.name.name,
                "uid": service.uid, "controller": true, "blockOwnerDeletion": true,
            }],
        },
        "addressType": family.text(), "endpoints": endpoints, "ports": write_ports(ports),
    });
    Call::create(&apis::ENDPOINT_SLICES, namespace, &slice)
}

/// The Service's labels but for those that this controller sets (`setEndpointSliceLabels`).
fn labels(service: &Service) -> Value {
    let own = [SERVICE_NAME, MANAGED_BY, HEADLESS];
    let mut labels = json!({SERVICE_NAME: &*service.name.name, MANAGED_BY: MANAGER});
    let theirs = json!(service.labels);
    for (key, value) in members(&theirs, &[]).filter(|(key, _)| !own.contains(key)) {
        labels[key] = value.clone();
    }
    if service.headless {
        labels[HEADLESS] = "".into();
    }
    labels
}

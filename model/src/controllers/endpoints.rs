//! The endpoints controller: the older Endpoints object of a Service, with the same facts as its
//! EndpointSlices.
//!
//! Origin: `pkg/controller/endpoint/endpoints_controller.go`, `pkg/api/v1/endpoints/util.go`.

use super::{
    Call, Change, Controller, DeleteOptions, Item, Outcome, View, Watch, apis,
    backends::{Backend, Backends, Family, Service},
    endpoint_slice::HEADLESS,
    service_account,
};
use crate::{
    ambient::Ambient,
    config::User,
    kinds::document::{at, put, remove, same},
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec,
    vec::Vec,
};
use serde_json::{Value, json};

/// Who keeps an Endpoints object.
const MANAGED_BY: &str = "endpoints.kubernetes.io/managed-by";
const MANAGER: &str = "endpoint-controller";
/// Says that some endpoints had no room.
const OVER_CAPACITY: &str = "endpoints.kubernetes.io/over-capacity";
/// `maxCapacity`
const MOST_ADDRESSES: usize = 1_000;

/// Looks at Services.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct EndpointsObjects {
    backends: Backends,
}

impl Controller for EndpointsObjects {
    fn name(&self) -> &'static str {
        "endpoint-controller"
    }

    fn user(&self) -> User {
        service_account(self.name())
    }

    fn watches(&self) -> Vec<Watch> {
        vec![
            Watch::all(apis::SERVICES),
            Watch::all(apis::PODS),
            Watch::all(apis::ENDPOINTS),
        ]
    }

    fn observe(&mut self, _view: &View, change: &Change, items: &mut Vec<Item>) {
        if change.api == apis::ENDPOINTS {
            items.push(change.name.clone());
        } else {
            self.backends.observe(change, items);
        }
    }

    fn reconcile(&mut self, view: &View, item: &Item, _ambient: &Ambient) -> Outcome {
        let there = view.get(&apis::ENDPOINTS, item);
        let Some(service) = view.get(&apis::SERVICES, item) else {
            let ours = |labels: &BTreeMap<String, String>| {
                labels.get(MANAGED_BY).is_some_and(|it| it == MANAGER)
            };
            let left = there.filter(|it| ours(&it.meta().labels)).map(|object| {
                let options = DeleteOptions {
                    uid: &object.meta().uid,
                    resource_version: Some(object.revision()),
                    ..DeleteOptions::default()
                };
                Call::delete(&apis::ENDPOINTS, item, options.uid, options)
            });
            return Outcome::calls(left.into_iter().collect());
        };
        let Some(service) = Service::read(service) else {
            return Outcome::done();
        };
        let pods = self.backends.of(view, item);
        let mut places: Vec<Place> = pods.iter().filter_map(|it| place(&service, it)).collect();
        let truncated = truncate(&mut places);
        let subsets = subsets(&service, &places);
        let old = there.map(crate::object::Object::json);
        let mut wanted = old.clone().unwrap_or_else(|| {
            json!({
                "apiVersion": "v1", "kind": "Endpoints",
                "metadata": {"name": &*item.name, "namespace": &*item.namespace},
            })
        });
        put(&mut wanted, "subsets", subsets);
        let metadata = &mut wanted["metadata"];
        put(metadata, "labels", labels(&service));
        if truncated {
            metadata["annotations"][OVER_CAPACITY] = "truncated".into();
        } else if let Some(annotations) = metadata.get_mut("annotations") {
            remove(annotations, OVER_CAPACITY);
        }
        let unchanged = |old: &Value| {
            same(at(old, &["subsets"]), at(&wanted, &["subsets"]))
                && same(at(old, &["metadata"]), at(&wanted, &["metadata"]))
        };
        let call = match &old {
            Some(old) if unchanged(old) => return Outcome::done(),
            Some(_) => Call::update(&apis::ENDPOINTS, &wanted),
            None => Call::create(&apis::ENDPOINTS, &item.namespace, &wanted),
        };
        Outcome::calls(vec![call])
    }
}

/// The Service's labels and those that this controller sets.
fn labels(service: &Service) -> Value {
    let mut labels = json!(service.labels);
    remove(&mut labels, HEADLESS);
    if service.headless {
        labels[HEADLESS] = "".into();
    }
    labels[MANAGED_BY] = MANAGER.into();
    labels
}

/// A pod in an Endpoints object.
struct Place {
    /// The address and what is told with it, as text: what sorts and tells places apart.
    address: String,
    ready: bool,
    ports: Vec<Port>,
}

/// Name, number, protocol, application protocol.
type Port = (String, i64, String, Option<String>);

/// `None` for a pod that is not to be seen: it has no address of the Service's first family, or it
/// goes.
fn place(service: &Service, pod: &Backend) -> Option<Place> {
    if pod.terminating && !service.publish_not_ready {
        return None;
    }
    let family = service.families.first().copied().unwrap_or(Family::V4);
    let mut address = json!({
        "ip": pod.of_family(family).first()?,
        "targetRef": {
            "kind": "Pod", "namespace": &*pod.name.namespace, "name": &*pod.name.name,
            "uid": pod.uid,
        },
    });
    if !pod.node.is_empty() {
        address["nodeName"] = pod.node.as_str().into();
    }
    if let Some(hostname) = pod.hostname(service) {
        address["hostname"] = hostname.into();
    }
    let ports = service.ports.iter().filter_map(|port| {
        let (name, protocol) = (port.name.clone(), port.protocol.clone());
        Some((name, port.of(pod)?, protocol, port.application.clone()))
    });
    Some(Place {
        address: serde_json::to_string(&address).unwrap_or_default(),
        ready: pod.ready || service.publish_not_ready,
        ports: ports.collect(),
    })
}

/// Leaves out what is too much, ready ones last; true when it was too much.
fn truncate(places: &mut Vec<Place>) -> bool {
    let too_many = places.len() > MOST_ADDRESSES;
    if too_many {
        places
            .sort_by(|one, other| (!one.ready, &one.address).cmp(&(!other.ready, &other.address)));
        places.truncate(MOST_ADDRESSES);
    }
    too_many
}

/// Ports that the same pods have are one subset (`RepackSubsets`).
fn subsets(service: &Service, places: &[Place]) -> Value {
    let mut by_port: BTreeMap<Option<Port>, BTreeSet<(bool, &str)>> = BTreeMap::new();
    for place in places {
        let portless = service.headless && service.ports.is_empty();
        let ports = place.ports.iter().cloned().map(Some);
        for port in ports.chain(portless.then_some(None)) {
            let there = by_port.entry(port).or_default();
            there.insert((place.ready, &place.address));
        }
    }
    let mut subsets: BTreeMap<BTreeSet<(bool, &str)>, Vec<Port>> = BTreeMap::new();
    for (port, places) in by_port {
        subsets.entry(places).or_default().extend(port);
    }
    let write = |(places, ports): (BTreeSet<(bool, &str)>, Vec<Port>)| {
        let of = |wanted: bool| -> Value {
            let addresses = places.iter().filter(|(ready, _)| *ready == wanted);
            addresses
                .map(|(_, address)| serde_json::from_str::<Value>(address).unwrap_or_default())
                .collect()
        };
        let mut subset = json!({});
        let parts = [
            ("addresses", of(true)),
            ("notReadyAddresses", of(false)),
            ("ports", ports.iter().map(write_port).collect()),
        ];
        for (field, value) in parts {
            if value.as_array().is_some_and(|items| !items.is_empty()) {
                subset[field] = value;
            }
        }
        subset
    };
    match subsets.into_iter().map(write).collect::<Vec<Value>>() {
        none if none.is_empty() => Value::Null,
        subsets => subsets.into(),
    }
}

fn write_port((name, number, protocol, application): &Port) -> Value {
    let mut port = json!({"port": number, "protocol": protocol});
    if !name.is_empty() {
        port["name"] = name.as_str().into();
    }
    if let Some(application) = application {
        port["appProtocol"] = application.as_str().into();
    }
    port
}

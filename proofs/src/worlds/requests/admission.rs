//! What a write is decided on besides its own object: that its namespace takes it, and that nobody
//! else holds the address or the node port that a Service gets. All of it is seen before the commit,
//! and other requests come in between.

use super::{
    Plan, Requests,
    menu::{Form, Request, Wish, change, create},
    properties::{self, O7, O12, SAME_ADDRESS, TOO_LATE},
};
use crate::{
    check::{Failure, Report, Story, catches, exhaust},
    worlds::{Fault as Seeded, Obligation, World},
    zoo::requests::Fault,
};
use serde_json::{Value, json};

/// The reachable states.
const UNIQUE: usize = 180_600;

/// What each client sends.
const EVERY: &[Request] = &[
    Request::CreateService,
    Request::CreateSameAddress,
    Request::CreateSamePort,
    Request::OpenService,
    Request::DeleteService,
    Request::DeleteNamespace,
    Request::FinalizeNamespace,
];

const PLAN: Plan = Plan {
    begins: &[&[], &[Request::CreateService]],
    sends: [&[EVERY, EVERY], &[EVERY, EVERY]],
    properties: properties::of_admission,
};

const SERVICES: &str = "/api/v1/namespaces/d/services";
const NAMESPACE: &str = "/api/v1/namespaces/d";
const FINALIZE: &str = "/api/v1/namespaces/d/finalize";
const ADDRESS: &str = "10.0.0.5";
const SERVICE: &str = "/api/v1/namespaces/d/services/a";

/// How one of these requests goes over the wire.
pub(super) fn form(request: Request) -> Form {
    match request {
        // One without a node port, that can get one.
        Request::CreateService => Form {
            path: SERVICES,
            ..create(service("a", ADDRESS, "ClusterIP", json!({"port": 80})))
        },
        Request::OpenService => {
            let body = json!({"spec": {"type": "NodePort", "ports": [port()]}});
            change("PATCH", SERVICE, super::menu::MERGE, body, |_| {})
        }
        Request::DeleteNamespace => super::menu::form("DELETE", NAMESPACE, Wish::Delete),
        Request::FinalizeNamespace => {
            let body = json!({"metadata": {"name": "d"}, "spec": {}});
            change("PUT", FINALIZE, super::menu::JSON, body, |_| {})
        }
        Request::DeleteService => super::menu::form("DELETE", SERVICE, Wish::Delete),
        Request::CreateSameAddress => Form {
            path: SERVICES,
            ..create(service("b", ADDRESS, "ClusterIP", json!({"port": 80})))
        },
        _ => Form {
            path: SERVICES,
            ..create(service("c", "10.0.0.6", "NodePort", port()))
        },
    }
}

fn port() -> Value {
    json!({"port": 80, "protocol": "TCP", "nodePort": 30_001})
}

fn service(name: &str, address: &str, kind: &str, port: Value) -> Value {
    json!({
        "kind": "Service", "apiVersion": "v1", "metadata": {"name": name},
        "spec": {"clusterIP": address, "type": kind, "ports": [port]},
    })
}

fn run() -> Result<Report, Failure> {
    exhaust("admission", &Requests::new(PLAN, None), UNIQUE)
}

fn caught(fault: Fault, invariant: &'static str) -> Result<Story, Failure> {
    catches(&Requests::new(PLAN, Some(fault)), invariant)
}

/// The world's entry.
pub(super) fn world() -> World {
    World {
        name: "admission",
        run,
        obligations: vec![
            Obligation {
                id: "O7",
                invariant: O7,
                premise: TOO_LATE,
                faults: vec![Seeded {
                    name: "created-behind-the-end",
                    steps: 4,
                    run: || caught(Fault::ComparesTheObjectAlone, O7),
                }],
            },
            Obligation {
                id: "O12",
                invariant: O12,
                premise: SAME_ADDRESS,
                faults: vec![Seeded {
                    name: "chosen-from-the-past",
                    steps: 4,
                    run: || caught(Fault::ComparesTheObjectAlone, O12),
                }],
            },
        ],
    }
}

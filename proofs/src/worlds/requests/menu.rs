//! The requests that the clients of these worlds send: what goes over the wire, and what somebody
//! who knows the API expects of it, without looking into the core.

use super::admission;
use model::etcd::Key;
use serde_json::{Value, json};
use std::sync::OnceLock;

/// A request about the ConfigMap `a` or the PodDisruptionBudget `a` in the namespace `d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    /// POST of `a`.
    Create,
    /// POST of `a` with a finalizer.
    CreateHeld,
    /// POST with `generateName`.
    CreateGenerated,
    /// POST of `a`, dry run.
    CreateDryRun,
    /// POST with an invalid key: 422.
    CreateInvalid,
    /// POST of half a document: 400.
    CreateMalformed,
    /// POST with a token that is not known: 401.
    CreateUnauthenticated,
    /// POST of somebody who may nothing: 403.
    CreateUnauthorized,
    /// POST into a namespace that is not there: 404.
    CreateElsewhere,
    /// GET of `a`.
    Get,
    /// GET of the collection.
    List,
    /// PUT without a resourceVersion.
    Update,
    /// PUT with the resourceVersion [`FIRST`].
    UpdateVersion,
    /// PUT, dry run.
    UpdateDryRun,
    /// PUT with an invalid label: 422.
    UpdateInvalid,
    /// JSON patch that tests one key and adds another.
    PatchJson,
    /// Merge patch that adds a key.
    PatchMerge,
    /// Strategic merge patch that adds a key.
    PatchStrategic,
    /// Merge patch that adds one or two finalizers.
    Hold,
    /// JSON patch that takes all finalizers away.
    Release,
    /// DELETE of `a`.
    Delete,
    /// DELETE with the uid of the first `a`.
    DeleteUid,
    /// DELETE with the resourceVersion [`FIRST`].
    DeleteVersion,
    /// DELETE with the resourceVersion after [`FIRST`].
    DeleteNext,
    /// DELETE, dry run.
    DeleteDryRun,
    /// DELETE of the collection.
    DeleteCollection,
    /// POST of a budget, with a status.
    CreateBudget,
    /// PUT of a budget's spec with the resourceVersion [`FIRST`], with another status.
    UpdateSpec,
    /// PUT of a budget's status with the resourceVersion [`FIRST`], with another spec.
    UpdateStatus,
    /// Merge patch of a budget: spec and status.
    PatchSpec,
    /// Merge patch of a budget's status: spec and status.
    PatchStatus,
    /// Merge patch of a budget's labels.
    PatchLabels,
    /// DELETE of a budget, which waits for its dependents.
    DeleteForeground,
    /// POST of the Service `a` with an address.
    CreateService,
    /// POST of the Service `b` with the same address.
    CreateSameAddress,
    /// POST of the Service `c` with a node port.
    CreateSamePort,
    /// Merge patch of the Service `a`: the same node port.
    OpenService,
    /// DELETE of the Service `a`.
    DeleteService,
    /// DELETE of the namespace.
    DeleteNamespace,
    /// PUT of the namespace's `finalize` that takes its finalizer away.
    FinalizeNamespace,
}

/// The revision of the first `a`, whether it was there when the world began or is made first:
/// the namespace has the one before.
pub const FIRST: u64 = 3;
/// The uid of the `a` that is there when the world begins: of seed 0.
pub const FIRST_UID: &str = "00000000-0000-4000-8000-000000000000";
/// Where the ConfigMaps are.
pub const CONFIGMAPS: &str = "/registry/configmaps/d/";
/// Where the PodDisruptionBudgets are.
const BUDGET_KEYS: &str = "/registry/poddisruptionbudgets/d/";
/// The token of somebody who may nothing.
pub const POOR: &str = "bob";
/// Stands for the client's own token.
pub const OWN: &str = "";

/// How a request goes over the wire, and what is to be expected of it.
#[derive(Clone, Debug)]
pub struct Form {
    /// The HTTP method.
    pub method: &'static str,
    /// The path.
    pub path: &'static str,
    /// The query.
    pub query: &'static str,
    /// The `Content-Type`.
    pub content_type: &'static str,
    /// The bearer token; [`OWN`] is the client's.
    pub token: &'static str,
    /// The body.
    pub body: String,
    /// What it does when it succeeds.
    pub wish: Wish,
    /// It can never succeed.
    pub refused: Option<Refused>,
    /// The revision that the object must have.
    pub version: Option<u64>,
    /// The uid that the object must have.
    pub uid: Option<&'static str>,
}

/// What a request does when it succeeds.
#[derive(Clone, Copy, Debug)]
pub enum Wish {
    /// It only looks.
    Look,
    /// An object that was not there.
    Create,
    /// The object so changed.
    Change(fn(&mut Value)),
    /// No object, or one that is terminating.
    Delete,
    /// The same of all objects.
    DeleteAll,
}

/// Why a request can never succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Before anything is looked up, with this code.
    AtOnce(u16),
    /// By admission or validation, with one of these codes.
    Later(&'static [u16]),
}

const ALL: &str = "/api/v1/namespaces/d/configmaps";
const ONE: &str = "/api/v1/namespaces/d/configmaps/a";
const BUDGETS: &str = "/apis/policy/v1/namespaces/d/poddisruptionbudgets";
const BUDGET: &str = "/apis/policy/v1/namespaces/d/poddisruptionbudgets/a";
const BUDGET_STATUS: &str = "/apis/policy/v1/namespaces/d/poddisruptionbudgets/a/status";
pub(super) const JSON: &str = "application/json";
const JSON_PATCH: &str = "application/json-patch+json";
pub(super) const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
const HELD: &str = "example.com/held";
const KEPT: &str = "example.com/kept";

impl Request {
    /// How it goes over the wire. Each is written down once: the invariants ask for it all the
    /// time.
    #[must_use]
    pub fn form(self) -> &'static Form {
        static FORMS: [OnceLock<Form>; Request::FinalizeNamespace as usize + 1] =
            [const { OnceLock::new() }; Request::FinalizeNamespace as usize + 1];
        FORMS[self as usize].get_or_init(|| self.written())
    }

    fn written(self) -> Form {
        match self {
            Request::Get => form("GET", ONE, Wish::Look),
            Request::List => form("GET", ALL, Wish::Look),
            Request::Create => create(map("a", json!({"k": "v"}))),
            Request::CreateHeld => {
                let mut held = map("a", json!({"k": "v"}));
                held["metadata"]["finalizers"] = json!([HELD]);
                create(held)
            }
            Request::CreateGenerated => create(json!({"metadata": {"generateName": "g-"}})),
            Request::CreateDryRun => Form {
                query: "dryRun=All",
                ..create(map("a", json!({"k": "v"})))
            },
            Request::CreateInvalid => never(
                create(map("a", json!({"no key": ""}))),
                Refused::Later(&[422]),
            ),
            Request::CreateMalformed => Form {
                body: r#"{"metadata":{"name":"#.into(),
                ..never(create(Value::Null), Refused::AtOnce(400))
            },
            Request::CreateUnauthenticated => Form {
                token: "nobody",
                ..never(create(map("a", json!({}))), Refused::AtOnce(401))
            },
            Request::CreateUnauthorized => Form {
                token: POOR,
                ..never(create(map("a", json!({}))), Refused::AtOnce(403))
            },
            Request::CreateElsewhere => Form {
                path: "/api/v1/namespaces/elsewhere/configmaps",
                ..never(create(map("a", json!({}))), Refused::Later(&[404]))
            },
            Request::Update
            | Request::UpdateVersion
            | Request::UpdateDryRun
            | Request::UpdateInvalid => self.update(),
            Request::PatchJson => {
                let body = json!([
                    {"op": "test", "path": "/data/k", "value": "v"},
                    {"op": "add", "path": "/data/json", "value": "1"},
                ]);
                change("PATCH", ONE, JSON_PATCH, body, |it| {
                    it["data"]["json"] = "1".into()
                })
            }
            Request::PatchMerge => {
                let body = json!({"data": {"merge": "1"}});
                change("PATCH", ONE, MERGE, body, |it| {
                    it["data"]["merge"] = "1".into()
                })
            }
            Request::PatchStrategic => {
                let body = json!({"data": {"strategic": "1"}});
                change("PATCH", ONE, STRATEGIC, body, |it| {
                    it["data"]["strategic"] = "1".into();
                })
            }
            Request::Hold => {
                let body = json!({"metadata": {"finalizers": [HELD, KEPT]}});
                change("PATCH", ONE, MERGE, body, |it| {
                    it["metadata"]["finalizers"] = json!([HELD, KEPT]);
                })
            }
            Request::Release => {
                let body = json!([{"op": "remove", "path": "/metadata/finalizers"}]);
                change("PATCH", ONE, JSON_PATCH, body, release)
            }
            Request::Delete
            | Request::DeleteUid
            | Request::DeleteVersion
            | Request::DeleteNext
            | Request::DeleteDryRun
            | Request::DeleteCollection
            | Request::DeleteForeground => self.delete(),
            Request::CreateService
            | Request::CreateSameAddress
            | Request::CreateSamePort
            | Request::OpenService
            | Request::DeleteService
            | Request::DeleteNamespace
            | Request::FinalizeNamespace => admission::form(self),
            _ => self.budget(),
        }
    }

    fn update(self) -> Form {
        let replace: fn(&mut Value) = |it| {
            it["data"] = json!({"k": "w"});
            release(it);
        };
        let body = map("a", json!({"k": "w"}));
        let plain = |body| change("PUT", ONE, JSON, body, replace);
        match self {
            Request::UpdateVersion => Form {
                version: Some(FIRST),
                ..plain(at_first(body))
            },
            Request::UpdateDryRun => Form {
                query: "dryRun=All",
                ..plain(body)
            },
            Request::UpdateInvalid => {
                let mut body = body;
                body["metadata"]["labels"] = json!({"no label": ""});
                never(plain(body), Refused::Later(&[422, 404]))
            }
            _ => plain(body),
        }
    }

    fn delete(self) -> Form {
        let plain = form("DELETE", ONE, Wish::Delete);
        match self {
            Request::DeleteUid => Form {
                body: json!({"preconditions": {"uid": FIRST_UID}}).to_string(),
                uid: Some(FIRST_UID),
                ..plain
            },
            Request::DeleteVersion | Request::DeleteNext => {
                let version = FIRST + u64::from(self == Request::DeleteNext);
                let told = json!({"resourceVersion": version.to_string()});
                Form {
                    body: json!({"preconditions": told}).to_string(),
                    version: Some(version),
                    ..plain
                }
            }
            Request::DeleteDryRun => Form {
                query: "dryRun=All",
                ..plain
            },
            Request::DeleteCollection => form("DELETE", ALL, Wish::DeleteAll),
            Request::DeleteForeground => Form {
                query: "propagationPolicy=Foreground",
                ..form("DELETE", BUDGET, Wish::Delete)
            },
            _ => plain,
        }
    }

    fn budget(self) -> Form {
        match self {
            Request::UpdateSpec => Form {
                version: Some(FIRST),
                ..change("PUT", BUDGET, JSON, at_first(budget(2, 7)), |it| {
                    it["spec"]["minAvailable"] = 2.into();
                })
            },
            Request::UpdateStatus => Form {
                version: Some(FIRST),
                ..change("PUT", BUDGET_STATUS, JSON, at_first(budget(3, 4)), |it| {
                    set_status(it, 4);
                })
            },
            Request::PatchSpec => {
                let body = json!({
                    "spec": {"minAvailable": 5}, "status": {"currentHealthy": 7},
                });
                change("PATCH", BUDGET, MERGE, body, |it| {
                    it["spec"]["minAvailable"] = 5.into()
                })
            }
            Request::PatchStatus => {
                let body = json!({
                    "spec": {"minAvailable": 7}, "status": {"currentHealthy": 6},
                });
                change("PATCH", BUDGET_STATUS, MERGE, body, |it| {
                    it["status"]["currentHealthy"] = 6.into();
                })
            }
            Request::PatchLabels => {
                let body = json!({"metadata": {"labels": {"l": "1"}}});
                change("PATCH", BUDGET, MERGE, body, |it| {
                    it["metadata"]["labels"] = json!({"l": "1"});
                })
            }
            _ => Form {
                path: BUDGETS,
                ..create(budget(1, 7))
            },
        }
    }
}

impl Form {
    /// It asks not to be stored.
    #[must_use]
    pub fn is_dry_run(&self) -> bool {
        self.query.contains("dryRun")
    }

    /// It writes.
    #[must_use]
    pub fn writes(&self) -> bool {
        !matches!(self.wish, Wish::Look)
    }

    /// It makes up the name of what it creates.
    #[must_use]
    pub fn generates(&self) -> bool {
        self.body.contains("generateName")
    }

    /// It is about a subresource.
    #[must_use]
    pub fn is_status(&self) -> bool {
        self.path == BUDGET_STATUS
    }

    /// Where the object `a` is that it is about.
    #[must_use]
    pub fn key(&self) -> Key {
        let prefix = if self.path.starts_with(BUDGETS) {
            BUDGET_KEYS
        } else {
            CONFIGMAPS
        };
        Key::from(format!("{prefix}a").as_str())
    }

    /// It is about one object, whose name it says.
    #[must_use]
    pub fn names_one(&self) -> bool {
        self.method != "POST" && ![ALL, BUDGETS].contains(&self.path)
    }
}

pub(super) fn form(method: &'static str, path: &'static str, wish: Wish) -> Form {
    Form {
        method,
        path,
        query: "",
        content_type: JSON,
        token: OWN,
        body: String::new(),
        wish,
        refused: None,
        version: None,
        uid: None,
    }
}

pub(super) fn create(body: Value) -> Form {
    Form {
        body: body.to_string(),
        ..form("POST", ALL, Wish::Create)
    }
}

pub(super) fn change(
    method: &'static str,
    path: &'static str,
    content_type: &'static str,
    body: Value,
    wish: fn(&mut Value),
) -> Form {
    Form {
        content_type,
        body: body.to_string(),
        ..form(method, path, Wish::Change(wish))
    }
}

fn never(form: Form, refused: Refused) -> Form {
    Form {
        refused: Some(refused),
        ..form
    }
}

fn map(name: &str, data: Value) -> Value {
    json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": name}, "data": data})
}

fn budget(available: u32, healthy: u32) -> Value {
    json!({
        "kind": "PodDisruptionBudget", "apiVersion": "policy/v1", "metadata": {"name": "a"},
        "spec": {"minAvailable": available},
        "status": {
            "disruptionsAllowed": 0, "currentHealthy": healthy, "desiredHealthy": 0,
            "expectedPods": 0,
        },
    })
}

fn at_first(mut body: Value) -> Value {
    body["metadata"]["resourceVersion"] = FIRST.to_string().into();
    body
}

fn set_status(object: &mut Value, healthy: u32) {
    object["status"] = budget(0, healthy)["status"].take();
}

fn release(object: &mut Value) {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("finalizers");
    }
}

//! What the two clients can send, and what there is before.

use serde_json::{Value, json};

/// A request about the roles and bindings of the namespace `d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    /// POST of a role with what Bob has.
    MakeEqual,
    /// POST of a role that reads secrets, which Bob does not.
    MakeMore,
    /// Merge patch of the role that Bob has himself: it then reads secrets.
    GrowOwn,
    /// POST of a binding of that role to Dave.
    BindOwn,
    /// POST of a binding of a role that reads secrets to Dave.
    BindMore,
    /// [`Request::MakeEqual`], as Dave, which Bob may.
    AsDave,
    /// [`Request::MakeMore`], as an administrator, which Bob may not.
    AsMaster,
    /// Takes everything out of the role that Bob has.
    Shrink,
    /// POST of a binding of the role that reads secrets to Bob.
    Give,
    /// DELETE of that binding.
    TakeBack,
    /// [`Request::MakeMore`], as Bob.
    AsBob,
}

/// How a request goes over the wire.
#[derive(Clone, Debug)]
pub struct Form {
    /// The HTTP method.
    pub method: &'static str,
    /// The path.
    pub path: &'static str,
    /// The body.
    pub body: Value,
    /// Whom it wants to be taken for: user and group.
    pub acts_as: Option<(&'static str, Option<&'static str>)>,
}

/// The administrator.
pub const ALICE: &str = "alice";
/// Who may write roles and bindings and read ConfigMaps.
pub const BOB: &str = "bob";
/// Who has nothing. Bob may be taken for him.
pub const DAVE: &str = "dave";

const ROLES: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces/d/roles";
const BINDINGS: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces/d/rolebindings";
const OWN: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces/d/roles/own";
const GIFT: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces/d/rolebindings/gift";
const CLUSTER_ROLES: &str = "/apis/rbac.authorization.k8s.io/v1/clusterroles";
const CLUSTER_BINDINGS: &str = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";

impl Request {
    /// How it goes over the wire.
    #[must_use]
    pub fn form(self) -> Form {
        match self {
            Request::MakeEqual => post(ROLES, role("made", &["configmaps"])),
            Request::MakeMore => post(ROLES, role("more", &["secrets"])),
            Request::GrowOwn => patch(OWN, &["configmaps", "secrets"]),
            Request::BindOwn => post(BINDINGS, binding("own-dave", "Role", "own", DAVE)),
            Request::BindMore => post(BINDINGS, binding("more-dave", "Role", "reader", DAVE)),
            Request::AsDave => Form {
                acts_as: Some((DAVE, None)),
                ..Request::MakeEqual.form()
            },
            Request::AsMaster => Form {
                acts_as: Some((ALICE, Some("system:masters"))),
                ..Request::MakeMore.form()
            },
            Request::Shrink => patch(OWN, &[]),
            Request::Give => post(BINDINGS, binding("gift", "Role", "reader", BOB)),
            Request::TakeBack => Form {
                method: "DELETE",
                body: json!({}),
                ..post(GIFT, Value::Null)
            },
            Request::AsBob => Form {
                acts_as: Some((BOB, None)),
                ..Request::MakeMore.form()
            },
        }
    }
}

/// What there is before anybody sends anything.
#[must_use]
pub fn first() -> Vec<Form> {
    let mut writer = role("writer", &[]);
    writer["rules"] = json!([{
        "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles", "rolebindings"],
        "verbs": ["create", "patch"],
    }]);
    let mut imitator = role("imitator", &[]);
    imitator["rules"] = json!([{
        "apiGroups": [""], "resources": ["users"], "resourceNames": [DAVE],
        "verbs": ["impersonate"],
    }]);
    let namespace = json!({"metadata": {"name": "d"}});
    vec![
        post("/api/v1/namespaces", namespace),
        post(ROLES, role("own", &["configmaps"])),
        post(ROLES, role("reader", &["secrets"])),
        post(ROLES, writer),
        post(BINDINGS, binding("bob-own", "Role", "own", BOB)),
        post(BINDINGS, binding("bob-writer", "Role", "writer", BOB)),
        post(CLUSTER_ROLES, imitator),
        post(
            CLUSTER_BINDINGS,
            binding("bob-imitator", "ClusterRole", "imitator", BOB),
        ),
    ]
}

fn post(path: &'static str, body: Value) -> Form {
    Form {
        method: "POST",
        path,
        body,
        acts_as: None,
    }
}

fn patch(path: &'static str, resources: &[&str]) -> Form {
    Form {
        method: "PATCH",
        body: json!({"rules": rules(resources)}),
        ..post(path, Value::Null)
    }
}

fn role(name: &str, resources: &[&str]) -> Value {
    json!({"metadata": {"name": name}, "rules": rules(resources)})
}

fn rules(resources: &[&str]) -> Value {
    if resources.is_empty() {
        return json!([]);
    }
    json!([{"apiGroups": [""], "resources": resources, "verbs": ["get"]}])
}

fn binding(name: &str, kind: &str, role: &str, user: &str) -> Value {
    json!({
        "metadata": {"name": name},
        "subjects": [{"kind": "User", "name": user}],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
    })
}

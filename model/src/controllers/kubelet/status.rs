//! A pod's status: what the runtime has, in the API's words
//! (`pkg/kubelet/kubelet_pods.go`, `pkg/kubelet/status/generate.go`).

use super::{
    container::{Kind, Spec},
    pod::Look,
    runtime::{ContainerStatus, Exit, Runtime, SandboxStatus},
};
use crate::{
    ambient::Time,
    kinds::document::{at, is_set, list, put, text},
};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde_json::{Value, json};

/// The part of the status that differs from what the API shows, as a strategic merge patch of it;
/// nothing when all is told.
pub(super) fn wanted<R: Runtime>(
    look: &mut Look<'_, R>,
    deleted: bool,
    host_address: &str,
) -> Option<Value> {
    let told = at(look.document, &["status"]);
    if look.sandbox().is_none() && ended(told) {
        return None;
    }
    let sandbox = look.sandbox().unwrap_or(SandboxStatus {
        address: String::new(),
        containers: alloc::collections::BTreeMap::new(),
    });
    let containers = look.containers();
    let states: Vec<State<'_>> = containers
        .iter()
        .map(|container| look.state(container, &containers, &sandbox))
        .collect();
    let phase = phase(look.document, &states, deleted);
    let over = matches!(phase, "Failed" | "Succeeded");
    let statuses = |main: bool| {
        let states = states.iter();
        let chosen = states.filter(|it| (it.spec.kind == Kind::Main) == main);
        Value::from(chosen.map(State::json).collect::<Vec<Value>>())
    };
    let address = match sandbox.address.as_str() {
        "" if look.pod.host_network => host_address,
        // The sandbox of a pod that is over may be gone.
        "" => text(told, &["podIP"]),
        address => address,
    };
    let mut wanted = json!({
        "phase": phase,
        "hostIP": host_address, "hostIPs": [{"ip": host_address}],
        "containerStatuses": statuses(true), "initContainerStatuses": statuses(false),
        "observedGeneration": at(look.document, &["metadata", "generation"]),
    });
    if at(told, &["startTime"]).is_null() {
        put(&mut wanted, "startTime", look.now.rfc3339().into());
    }
    if !address.is_empty() {
        put(&mut wanted, "podIP", address.into());
        put(&mut wanted, "podIPs", json!([{"ip": address}]));
    }
    let mut patch = serde_json::Map::new();
    if let Value::Object(fields) = wanted {
        let different = |(field, value): &(String, Value)| !alike(at(told, &[field]), value);
        patch.extend(fields.into_iter().filter(different));
    }
    // Of addresses a patch would keep the old ones beside the new.
    for field in ["hostIPs", "podIPs"] {
        if let Some(Value::Array(addresses)) = patch.get_mut(field) {
            addresses.push(json!({"$patch": "replace"}));
        }
    }
    let conditions = conditions(look, &states, over);
    if !conditions.is_empty() {
        patch.insert("conditions".into(), conditions.into());
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
}

/// All containers are told to have ended, in a pod that has come to its end: a runtime that knows
/// nothing of them any more has nothing to add.
fn ended(told: &Value) -> bool {
    let statuses = ["containerStatuses", "initContainerStatuses"].iter();
    let mut statuses = statuses.flat_map(|field| list(told, &[field])).peekable();
    matches!(text(told, &["phase"]), "Failed" | "Succeeded")
        && statuses.peek().is_some()
        && statuses.all(|it| !at(it, &["state", "terminated"]).is_null())
}

/// A container's state.
struct State<'a> {
    spec: Spec<'a>,
    status: Option<ContainerStatus>,
    /// Why it waits, when it does.
    waiting: Option<(&'static str, String)>,
    ready: bool,
}

impl<R: Runtime> Look<'_, R> {
    fn state<'s>(
        &mut self,
        spec: &Spec<'s>,
        all: &[Spec<'_>],
        sandbox: &SandboxStatus,
    ) -> State<'s> {
        let status = sandbox.containers.get(spec.name).cloned();
        let mut waiting = self.waiting.get(spec.name).cloned();
        if status.is_none() && waiting.is_none() {
            let initializes = all.first().is_some_and(|first| first.kind != Kind::Main)
                && all.first().is_some_and(|first| first.name != spec.name);
            let reason = match initializes {
                true => "PodInitializing",
                false => "ContainerCreating",
            };
            waiting = Some((reason, String::new()));
        }
        let ready = match (&status, spec.kind) {
            (None, _) => false,
            (Some(status), Kind::Init) => status.exit.as_ref().is_some_and(|exit| exit.code == 0),
            (Some(status), _) if status.running() => {
                let (ready, change) = self.runtime.ready(&self.pod, spec.name, self.now);
                self.look_at(change);
                ready
            }
            _ => false,
        };
        State {
            spec: *spec,
            status,
            waiting,
            ready,
        }
    }
}

impl State<'_> {
    fn running(&self) -> bool {
        self.status.as_ref().is_some_and(ContainerStatus::running)
    }

    /// The code with which it has ended; none when it never ran, or runs.
    fn code(&self) -> Option<i32> {
        let exit = self.status.as_ref()?.exit.as_ref()?;
        Some(exit.code)
    }

    fn json(&self) -> Value {
        let mut out = json!({
            "name": self.spec.name, "image": self.spec.image, "imageID": "",
            "ready": self.ready, "started": false, "restartCount": 0, "state": {}, "lastState": {},
        });
        let Some(status) = &self.status else {
            out["state"] = self.waiting_json();
            return out;
        };
        out["imageID"] = status.image_id.as_str().into();
        out["containerID"] = status.id.as_str().into();
        out["restartCount"] = status.attempt.into();
        out["started"] = (self.running() && self.spec.kind != Kind::Init).into();
        if let Some(last) = &status.last {
            out["lastState"] = terminated(&last.id, last.started, &last.exit);
        }
        match &status.exit {
            None => out["state"] = json!({"running": {"startedAt": status.started.rfc3339()}}),
            Some(exit) => {
                let ended = terminated(&status.id, status.started, exit);
                if self.waiting.is_some() {
                    out["lastState"] = ended;
                    out["state"] = self.waiting_json();
                } else {
                    out["state"] = ended;
                }
            }
        }
        out
    }

    fn waiting_json(&self) -> Value {
        let (reason, message) = self
            .waiting
            .as_ref()
            .map_or(("ContainerCreating", ""), |(reason, message)| {
                (*reason, message.as_str())
            });
        let mut waiting = json!({"reason": reason});
        if !message.is_empty() {
            waiting["message"] = message.into();
        }
        json!({ "waiting": waiting })
    }
}

fn terminated(id: &str, started: Time, exit: &Exit) -> Value {
    json!({"terminated": {
        "exitCode": exit.code, "reason": exit.reason(), "containerID": id,
        "startedAt": started.rfc3339(), "finishedAt": exit.time.rfc3339(),
    }})
}

/// `getPhase`
fn phase(document: &Value, states: &[State<'_>], deleted: bool) -> &'static str {
    match text(document, &["status", "phase"]) {
        "Failed" => return "Failed",
        "Succeeded" => return "Succeeded",
        _ => {}
    }
    let policy = text(document, &["spec", "restartPolicy"]);
    let running = states.iter().filter(|it| it.spec.kind != Kind::Init);
    let anything_runs = states.iter().any(State::running);
    if deleted && !anything_runs {
        let mut main = running.filter(|it| it.spec.kind == Kind::Main);
        // What never ran has not succeeded.
        return match main.all(|it| it.code() == Some(0)) {
            true => "Succeeded",
            false => "Failed",
        };
    }
    let mut init = states.iter().filter(|it| it.spec.kind == Kind::Init);
    if policy == "Never" && init.any(|it| it.code().is_some_and(|code| code != 0)) {
        return "Failed";
    }
    let main: Vec<&State<'_>> = states
        .iter()
        .filter(|it| it.spec.kind == Kind::Main)
        .collect();
    if main.iter().any(|it| it.status.is_none()) {
        return "Pending";
    }
    if policy == "Always" || main.iter().any(|it| it.running()) {
        return "Running";
    }
    match (main.iter().all(|it| it.code() == Some(0)), policy) {
        (true, _) => "Succeeded",
        (false, "Never") => "Failed",
        (false, _) => "Running",
    }
}

/// The conditions that are the kubelet's, and differ from what the API shows.
fn conditions<R: Runtime>(look: &Look<'_, R>, states: &[State<'_>], over: bool) -> Vec<Value> {
    let document = look.document;
    let told = list(document, &["status", "conditions"]);
    let find = |kind: &str| told.iter().find(|it| text(it, &["type"]) == kind);
    let succeeded = over && states.iter().all(|it| it.code() == Some(0));
    let completed = || Some(("PodCompleted", String::new()));
    let initialized = initialized(states).filter(|_| !succeeded);
    let mut unready = unready(states);
    if succeeded {
        unready = completed();
    }
    let gates = list(document, &["spec", "readinessGates"]).iter();
    let closed: Vec<String> = gates
        .filter_map(|gate| {
            let kind = text(gate, &["conditionType"]);
            match find(kind).map(|it| text(it, &["status"])) {
                Some("True") => None,
                Some(status) => Some(format!(
                    "the status of pod readiness gate \"{kind}\" is not \"True\", but {status}"
                )),
                None => Some(format!(
                    "corresponding condition of pod readiness gate \"{kind}\" does not exist."
                )),
            }
        })
        .collect();
    let not_ready = unready
        .clone()
        .or_else(|| (!closed.is_empty()).then(|| ("ReadinessGatesNotReady", closed.join(", "))));
    let initialized = match initialized {
        Some(why) => ("Initialized", false, Some(why)),
        None => ("Initialized", true, completed().filter(|_| succeeded)),
    };
    let has_sandbox = !over && look.sandbox().is_some();
    let mut all = Vec::from([
        ("PodReadyToStartContainers", has_sandbox, None),
        initialized,
        ("Ready", not_ready.is_none(), not_ready),
        ("ContainersReady", unready.is_none(), unready),
    ]);
    if find("PodScheduled").is_none() {
        // It was made with its node's name.
        all.push(("PodScheduled", true, None));
    }
    let generation = at(document, &["metadata", "generation"]);
    let condition = |(kind, status, why): (&str, bool, Option<(&str, String)>)| {
        let status = if status { "True" } else { "False" };
        let (reason, message) = why.unwrap_or_default();
        let mut wanted = json!({
            "type": kind, "status": status, "observedGeneration": generation,
            "reason": nothing_or(reason), "message": nothing_or(&message),
        });
        let old = find(kind);
        let same = |field: &&str| {
            alike(
                old.map_or(&Value::Null, |it| at(it, &[field])),
                &wanted[*field],
            )
        };
        let fields = ["status", "reason", "message", "observedGeneration"];
        if old.is_some() && fields.iter().all(same) {
            return None;
        }
        let kept = old.filter(|it| text(it, &["status"]) == status);
        let since = kept.map(|it| at(it, &["lastTransitionTime"]).clone());
        wanted["lastTransitionTime"] =
            since.unwrap_or_else(|| Value::from(look.now.rfc3339().to_string()));
        Some(wanted)
    };
    all.into_iter().filter_map(condition).collect()
}

/// What is empty is taken away by a patch.
fn nothing_or(text: &str) -> Value {
    match text {
        "" => Value::Null,
        text => text.into(),
    }
}

/// Why the pod is not initialized.
fn initialized(states: &[State<'_>]) -> Option<(&'static str, String)> {
    let mut begun = states.iter().filter(|it| it.spec.kind == Kind::Main);
    if begun.any(|it| it.status.is_some()) {
        return None;
    }
    let waits = states.iter().filter(|it| match it.spec.kind {
        Kind::Init => it.code() != Some(0),
        Kind::Sidecar => !it.running(),
        Kind::Main => false,
    });
    let names: Vec<&str> = waits.map(|it| it.spec.name).collect();
    let message = format!("containers with incomplete status: [{}]", names.join(" "));
    (!names.is_empty()).then_some(("ContainersNotInitialized", message))
}

/// Why the pod's containers are not ready.
fn unready(states: &[State<'_>]) -> Option<(&'static str, String)> {
    let lasting = states.iter().filter(|it| it.spec.kind != Kind::Init);
    let names: Vec<&str> = lasting
        .filter(|it| !it.ready)
        .map(|it| it.spec.name)
        .collect();
    let message = format!("containers with unready status: [{}]", names.join(" "));
    (!names.is_empty()).then_some(("ContainersNotReady", message))
}

/// Equal, when what is not set counts as absent at every depth.
fn alike(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(ours), Value::Object(theirs)) => {
            let names = ours.keys().chain(theirs.keys());
            let mut names = names.map(String::as_str);
            names.all(|name| alike(at(one, &[name]), at(other, &[name])))
        }
        (Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => ours
            .iter()
            .zip(theirs)
            .all(|(one, other)| alike(one, other)),
        _ if !is_set(one) => !is_set(other),
        _ => one == other,
    }
}

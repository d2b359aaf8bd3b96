//! Pods.

use super::{age, read, text};
use crate::ambient::Time;
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde_json::{Value, json};

/// The cells of a pod: ready containers, a status in one word, restarts; wide: addresses and
/// readiness gates (`printPod`).
pub(super) fn pod(object: &Value, now: Time) -> Vec<Value> {
    let summary = Summary::of(object);
    let or_none = |pointer: &str| text(read::string_or(object, pointer, "<none>"));
    [
        read::name(object),
        text(format!("{}/{}", summary.ready, summary.containers)),
        text(summary.reason),
        text(match summary.last_restart {
            Some(last) if summary.restarts != 0 => {
                let ago = age::human_duration(now.0.saturating_sub(last.0));
                format!("{} ({ago} ago)", summary.restarts)
            }
            _ => summary.restarts.to_string(),
        }),
        age::age(object, now),
        or_none("/status/podIPs/0/ip"),
        or_none("/spec/nodeName"),
        or_none("/status/nominatedNodeName"),
        text(readiness_gates(object)),
    ]
    .into()
}

/// A pod that has ended says so in its row, so that clients can leave it out or grey it.
pub(super) fn row_conditions(object: &Value) -> Option<Value> {
    let (reason, message) = match read::string(object, "/status/phase") {
        "Succeeded" => ("Succeeded", "The pod has completed successfully."),
        "Failed" => ("Failed", "The pod failed."),
        _ => return None,
    };
    Some(json!([
        {"type": "Completed", "status": "True", "reason": reason, "message": message}
    ]))
}

/// What the columns of a pod sum up.
struct Summary {
    reason: String,
    ready: usize,
    containers: usize,
    restarts: i64,
    last_restart: Option<Time>,
}

impl Summary {
    fn of(pod: &Value) -> Summary {
        let init_containers = read::list(pod, "/spec/initContainers");
        let sidecars = init_containers.iter().filter(|one| is_sidecar(one)).count();
        let mut summary = Summary {
            reason: plain_reason(pod),
            ready: 0,
            containers: read::list(pod, "/spec/containers").len() + sidecars,
            restarts: 0,
            last_restart: None,
        };
        let initializing = summary.add_init_containers(pod, init_containers);
        if !initializing || read::condition_holds(pod, "Initialized") {
            summary.add_containers(pod);
        }
        if read::terminating(pod) {
            if read::string(pod, "/status/reason") == "NodeLost" {
                summary.reason = "Unknown".into();
            } else if !matches!(read::string(pod, "/status/phase"), "Succeeded" | "Failed") {
                summary.reason = "Terminating".into();
            }
        }
        summary
    }

    /// Walks the init containers up to the first that is not through; true when there is one. When
    /// all are through, only the restarts of sidecars go on counting.
    fn add_init_containers(&mut self, pod: &Value, specs: &[Value]) -> bool {
        let mut sidecars = Restarts::default();
        let mut all = Restarts::default();
        let mut waiting_for = None;
        for (index, status) in read::list(pod, "/status/initContainerStatuses")
            .iter()
            .enumerate()
        {
            let spec = specs.iter().rfind(|spec| spec["name"] == status["name"]);
            let sidecar = spec.is_some_and(is_sidecar);
            all.add(status);
            if sidecar {
                sidecars.add(status);
            }
            let terminated = read::present(status, "/state/terminated");
            if terminated.is_some_and(|end| read::integer(end, "/exitCode") == 0) {
                continue;
            }
            if sidecar && read::boolean(status, "/started", false) {
                self.ready += usize::from(read::boolean(status, "/ready", false));
                continue;
            }
            waiting_for = Some(init_reason(status, index, specs.len()));
            break;
        }
        let initializing = waiting_for.is_some();
        let shown = if initializing && !read::condition_holds(pod, "Initialized") {
            all
        } else {
            sidecars
        };
        self.restarts = shown.count;
        self.last_restart = shown.last;
        if let Some(reason) = waiting_for {
            self.reason = reason;
        }
        initializing
    }

    fn add_containers(&mut self, pod: &Value) {
        let mut restarts = Restarts {
            count: self.restarts,
            last: self.last_restart,
        };
        let mut running = false;
        // Backwards: what the first container has to say is said last, and stays.
        for status in read::list(pod, "/status/containerStatuses").iter().rev() {
            restarts.add(status);
            if let Some(reason) = container_reason(status) {
                self.reason = reason;
            } else if read::present(status, "/state/running").is_some()
                && read::boolean(status, "/ready", false)
            {
                running = true;
                self.ready += 1;
            }
        }
        self.restarts = restarts.count;
        self.last_restart = restarts.last;
        if self.reason == "Completed" && running {
            self.reason = if has_ready_condition(pod) {
                "Running".into()
            } else {
                "NotReady".into()
            };
        }
    }
}

/// How often containers were restarted, and when last.
#[derive(Default)]
struct Restarts {
    count: i64,
    last: Option<Time>,
}

impl Restarts {
    fn add(&mut self, status: &Value) {
        self.count = self
            .count
            .saturating_add(read::integer(status, "/restartCount"));
        let end = read::present(status, "/lastState/terminated/finishedAt").and_then(age::parse);
        self.last = self.last.max(end);
    }
}

fn plain_reason(pod: &Value) -> String {
    let gated = read::list(pod, "/status/conditions")
        .iter()
        .any(|one| one["type"] == "PodScheduled" && one["reason"] == "SchedulingGated");
    if gated {
        "SchedulingGated".into()
    } else {
        read::string_or(pod, "/status/reason", read::string(pod, "/status/phase")).into()
    }
}

fn init_reason(status: &Value, index: usize, count: usize) -> String {
    if let Some(end) = read::present(status, "/state/terminated") {
        return format!("Init:{}", end_reason(end));
    }
    match read::string(status, "/state/waiting/reason") {
        "" | "PodInitializing" => format!("Init:{index}/{count}"),
        reason => format!("Init:{reason}"),
    }
}

fn container_reason(status: &Value) -> Option<String> {
    match read::string(status, "/state/waiting/reason") {
        "" => read::present(status, "/state/terminated").map(end_reason),
        reason => Some(reason.into()),
    }
}

fn end_reason(end: &Value) -> String {
    match (read::string(end, "/reason"), read::integer(end, "/signal")) {
        ("", 0) => format!("ExitCode:{}", read::integer(end, "/exitCode")),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.into(),
    }
}

fn readiness_gates(pod: &Value) -> String {
    let gates = read::list(pod, "/spec/readinessGates");
    if gates.is_empty() {
        return "<none>".into();
    }
    let open = gates
        .iter()
        .filter(|gate| read::condition_holds(pod, read::string(gate, "/conditionType")))
        .count();
    format!("{open}/{}", gates.len())
}

fn has_ready_condition(pod: &Value) -> bool {
    read::list(pod, "/status/conditions")
        .iter()
        .any(|one| one["type"] == "Ready" && one["status"] == "True")
}

fn is_sidecar(container: &Value) -> bool {
    container["restartPolicy"] == "Always"
}

#[cfg(test)]
mod tests {
    use crate::table::check::check;
    use alloc::vec::Vec;
    use serde_json::json;

    fn pod(spec: serde_json::Value, status: serde_json::Value) -> serde_json::Value {
        json!({"metadata": {"name": "p", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": spec, "status": status})
    }

    /// The cells up to the restarts; the rest is the same for all.
    fn check_status(object: serde_json::Value, ready: &str, status: &str, restarts: &str) {
        let none = "<none>";
        let cells = json!(["p", ready, status, restarts, "10m", none, none, none, none]);
        check("", "pods", object, cells);
    }

    #[test]
    fn the_phase_or_the_reason_is_the_status() {
        let spec = json!({"containers": [{"name": "c"}]});
        let gated = json!({"phase": "Pending", "reason": "x",
            "conditions": [{"type": "PodScheduled", "reason": "SchedulingGated"}]});
        check_status(
            pod(spec.clone(), json!({"phase": "Pending"})),
            "0/1",
            "Pending",
            "0",
        );
        check_status(pod(spec.clone(), gated), "0/1", "SchedulingGated", "0");
        let evicted = json!({"phase": "Failed", "reason": "Evicted"});
        check_status(pod(spec, evicted), "0/1", "Evicted", "0");
    }

    #[test]
    fn wide_columns_have_addresses_and_gates() {
        let spec = json!({"containers": [{"name": "c"}], "nodeName": "n",
            "readinessGates": [{"conditionType": "a"}, {"conditionType": "b"}]});
        let status = json!({"phase": "Running", "podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd::1"}],
            "nominatedNodeName": "m", "conditions": [{"type": "b", "status": "True"}],
            "containerStatuses": [{"name": "c", "ready": true, "restartCount": 2,
                "state": {"running": {}},
                "lastState": {"terminated": {"finishedAt": "2026-01-01T00:05:00Z"}}}]});
        let cells = json!([
            "p",
            "1/1",
            "Running",
            "2 (5m ago)",
            "10m",
            "10.0.0.1",
            "n",
            "m",
            "1/2"
        ]);
        check("", "pods", pod(spec, status), cells);
    }

    #[test]
    fn containers_say_what_is_wrong() {
        let spec = json!({"containers": [{"name": "a"}, {"name": "b"}]});
        for (states, ready, expected) in [
            (
                json!([{"waiting": {"reason": "CrashLoopBackOff"}}, {"running": {}}]),
                "1/2",
                "CrashLoopBackOff",
            ),
            (
                json!([{"terminated": {"reason": "Completed"}},
                    {"terminated": {"reason": "Error"}}]),
                "0/2",
                "Completed",
            ),
            (
                json!([{"terminated": {"exitCode": 3}}, {"running": {}}]),
                "1/2",
                "ExitCode:3",
            ),
            (
                json!([{"terminated": {"signal": 9, "exitCode": 137}}, {"running": {}}]),
                "1/2",
                "Signal:9",
            ),
            (
                json!([{"terminated": {"reason": "Completed"}}, {"running": {}}]),
                "1/2",
                "NotReady",
            ),
        ] {
            let statuses: Vec<_> = states
                .as_array()
                .unwrap()
                .iter()
                .map(|state| json!({"ready": state["running"].is_object(), "state": state}))
                .collect();
            let status = json!({"phase": "Running", "containerStatuses": statuses});
            check_status(pod(spec.clone(), status.clone()), ready, expected, "0");
        }
        let half = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"state": {"terminated": {"reason": "Completed"}}},
                {"ready": true, "state": {"running": {}}}]});
        check_status(pod(spec, half), "1/2", "Running", "0");
    }

    #[test]
    fn init_containers_go_first() {
        let spec = json!({"containers": [{"name": "c"}],
            "initContainers": [{"name": "a"}, {"name": "b"}]});
        let done =
            json!({"name": "a", "restartCount": 1, "state": {"terminated": {"exitCode": 0}}});
        for (state, expected) in [
            (
                json!({"waiting": {"reason": "PodInitializing"}}),
                "Init:1/2",
            ),
            (json!({"running": {}}), "Init:1/2"),
            (
                json!({"waiting": {"reason": "ImagePullBackOff"}}),
                "Init:ImagePullBackOff",
            ),
            (
                json!({"terminated": {"exitCode": 2, "reason": "Error"}}),
                "Init:Error",
            ),
            (json!({"terminated": {"exitCode": 2}}), "Init:ExitCode:2"),
            (
                json!({"terminated": {"exitCode": 2, "signal": 9}}),
                "Init:Signal:9",
            ),
        ] {
            let status = json!({"phase": "Pending", "initContainerStatuses":
                [done, {"name": "b", "restartCount": 3, "state": state}]});
            check_status(pod(spec.clone(), status), "0/1", expected, "4");
        }
    }

    #[test]
    fn restarts_of_init_containers_are_forgotten_but_not_those_of_sidecars() {
        let spec = json!({"containers": [{"name": "c"}],
            "initContainers": [{"name": "a"}, {"name": "s", "restartPolicy": "Always"}]});
        let status = json!({"phase": "Running",
            "initContainerStatuses": [
                {"name": "a", "restartCount": 5, "state": {"terminated": {"exitCode": 0}}},
                {"name": "s", "restartCount": 1, "started": true, "ready": true,
                    "state": {"running": {}}}],
            "containerStatuses": [
                {"name": "c", "ready": true, "restartCount": 2, "state": {"running": {}}}]});
        check_status(pod(spec, status), "2/2", "Running", "3");
    }

    #[test]
    fn a_pod_that_is_deleted_terminates_unless_it_has_ended() {
        for (status, expected) in [
            (json!({"phase": "Running"}), "Terminating"),
            (json!({"phase": "Running", "reason": "NodeLost"}), "Unknown"),
            (json!({"phase": "Succeeded"}), "Succeeded"),
        ] {
            let mut object = pod(json!({"containers": [{}]}), status);
            object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:09:00Z");
            check_status(object, "0/1", expected, "0");
        }
    }

    #[test]
    fn rows_of_pods_that_have_ended_say_so() {
        let ended = super::row_conditions(&pod(json!({}), json!({"phase": "Failed"})));
        assert_eq!(ended.unwrap()[0]["message"], "The pod failed.");
        assert!(super::row_conditions(&pod(json!({}), json!({"phase": "Running"}))).is_none());
    }
}

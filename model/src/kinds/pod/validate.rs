//! The spec of a pod or a template (`ValidatePodSpec` in
//! `pkg/apis/core/validation/validation.go`).

use super::{
    container::{self, Place},
    volume,
};
use crate::{
    kinds::{
        document::{at, list, number, text},
        findings::Findings,
        labels,
    },
    validation::name::{dns_label, dns_subdomain, label_key, label_value},
};
use alloc::{collections::BTreeSet, format, vec::Vec};
use serde_json::Value;

/// What is special to the place where a spec stands.
#[derive(Clone, Copy)]
pub(in crate::kinds) enum Holder {
    /// A pod: white space around an image is refused.
    Pod,
    /// The template of a workload.
    Template,
}

/// The restart policies, in the order in which texts name them.
const RESTART_POLICIES: [&str; 3] = ["Always", "OnFailure", "Never"];

pub(in crate::kinds) fn spec(spec: &Value, path: &str, holder: Holder, findings: &mut Findings) {
    let volumes = volume::all(spec, path, findings);
    container::all(spec, path, holder, &volumes, findings);
    let restart = text(spec, &["restartPolicy"]);
    findings.one_of(format!("{path}.restartPolicy"), restart, &RESTART_POLICIES);
    let policies = ["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"];
    let dns = text(spec, &["dnsPolicy"]);
    findings.one_of(format!("{path}.dnsPolicy"), dns, &policies);
    let node_selector = at(spec, &["nodeSelector"]);
    labels::validate(node_selector, &format!("{path}.nodeSelector"), findings);
    for (index, secret) in list(spec, &["imagePullSecrets"]).iter().enumerate() {
        if text(secret, &["name"]).is_empty() {
            findings.required(format!("{path}.imagePullSecrets[{index}].name"));
        }
    }
    names(spec, path, findings);
    let deadline = number(spec, &["activeDeadlineSeconds"]);
    if let Some(seconds) = deadline.filter(|seconds| !(1..=i64::from(i32::MAX)).contains(seconds)) {
        let why = "must be between 1 and 2147483647, inclusive";
        findings.invalid(format!("{path}.activeDeadlineSeconds"), seconds, why);
    }
    for field in ["hostname", "subdomain"] {
        let name = text(spec, &[field]);
        if !name.is_empty() {
            findings.invalid_text(format!("{path}.{field}"), name, dns_label(name));
        }
    }
    let tolerations = list(spec, &["tolerations"]);
    self::tolerations(tolerations, &format!("{path}.tolerations"), findings);
    for field in ["priorityClassName", "runtimeClassName"] {
        let name = text(spec, &[field]);
        if !name.is_empty() {
            findings.invalid_text(format!("{path}.{field}"), name, dns_subdomain(name));
        }
    }
}

fn names(spec: &Value, path: &str, findings: &mut Findings) {
    for field in ["serviceAccountName", "nodeName"] {
        let name = text(spec, &[field]);
        if !name.is_empty() {
            findings.invalid_text(format!("{path}.{field}"), name, dns_subdomain(name));
        }
    }
}

/// `ValidateTolerations`.
pub(super) fn tolerations(tolerations: &[Value], path: &str, findings: &mut Findings) {
    for (index, toleration) in tolerations.iter().enumerate() {
        let path = format!("{path}[{index}]");
        let key = text(toleration, &["key"]);
        let operator = text(toleration, &["operator"]);
        if !key.is_empty() {
            findings.invalid_text(format!("{path}.key"), key, label_key(key));
        } else if operator != "Exists" {
            let why = "operator must be Exists when `key` is empty, which means \"match all values \
                       and all keys\"";
            findings.invalid(format!("{path}.operator"), operator, why);
        }
        let effect = text(toleration, &["effect"]);
        if !at(toleration, &["tolerationSeconds"]).is_null() && effect != "NoExecute" {
            let why = "effect must be 'NoExecute' when `tolerationSeconds` is set";
            findings.invalid(format!("{path}.effect"), effect, why);
        }
        let value = text(toleration, &["value"]);
        match operator {
            "" | "Equal" => {
                let wrong = label_value(value);
                if !wrong.is_empty() {
                    findings.invalid(format!("{path}.operator"), value, wrong.join(";"));
                }
            }
            "Exists" => {
                if !value.is_empty() {
                    let why = "value must be empty when `operator` is 'Exists'";
                    findings.invalid(format!("{path}.operator"), toleration.clone(), why);
                }
            }
            other => {
                findings.not_supported(format!("{path}.operator"), other, &["Equal", "Exists"]);
            }
        }
        let effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
        if !effect.is_empty() && !effects.contains(&effect) {
            findings.not_supported(format!("{path}.effect"), effect, &effects);
        }
    }
}

/// A new pod.
pub(super) fn create(pod: &Value) -> Findings {
    let mut findings = Findings::default();
    spec(at(pod, &["spec"]), "spec", Holder::Pod, &mut findings);
    if !list(pod, &["spec", "ephemeralContainers"]).is_empty() {
        findings.forbidden("spec.ephemeralContainers", "cannot be set on create");
    }
    let gated = !list(pod, &["spec", "schedulingGates"]).is_empty();
    if gated && !text(pod, &["spec", "nodeName"]).is_empty() {
        let why = "cannot be set until all schedulingGates have been cleared";
        findings.forbidden("spec.nodeName", why);
    }
    findings
}

/// The names of the containers of each list, for uniqueness over all of them.
pub(super) fn container_names(spec: &Value, places: &[Place]) -> BTreeSet<Vec<u8>> {
    places
        .iter()
        .flat_map(|place| list(spec, &[place.field()]))
        .map(|container| text(container, &["name"]).as_bytes().to_vec())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::create;
    use alloc::{string::ToString, vec::Vec};
    use serde_json::{Value, json};

    fn check(mut pod: Value, expected: &[&str]) {
        crate::kinds::pod::default(&mut pod);
        let errors = create(&pod).finish();
        let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(texts, expected, "{pod}");
    }

    fn with_container(container: Value) -> Value {
        json!({"spec": {"containers": [container]}})
    }

    #[test]
    fn containers_have_names_and_images() {
        check(json!({"spec": {}}), &["spec.containers: Required value"]);
        check(with_container(json!({"name": "c", "image": "i"})), &[]);
        check(
            with_container(json!({"name": "c"})),
            &["spec.containers[0].image: Required value"],
        );
        check(
            with_container(json!({"name": "c", "image": " i"})),
            &[
                "spec.containers[0].image: Invalid value: \" i\": must not have leading or trailing \
             whitespace",
            ],
        );
        check(
            with_container(json!({"name": "c", "image": "i", "imagePullPolicy": "Sometimes"})),
            &[
                "spec.containers[0].imagePullPolicy: Unsupported value: \"Sometimes\": supported \
               values: \"Always\", \"IfNotPresent\", \"Never\"",
            ],
        );
        check(
            json!({"spec": {"containers": [{"name": "c", "image": "i"}, {"name": "c", "image": "i"}]}}),
            &["spec.containers[1].name: Duplicate value: \"c\""],
        );
    }

    #[test]
    fn what_containers_refer_to_is_there() {
        check(
            with_container(json!({"name": "c", "image": "i", "volumeMounts": [
                {"name": "v", "mountPath": "/a"}, {"name": "", "mountPath": ""},
            ]})),
            &[
                "spec.containers[0].volumeMounts[0].name: Not found: \"v\"",
                "spec.containers[0].volumeMounts[1].name: Required value",
                "spec.containers[0].volumeMounts[1].name: Not found: \"\"",
                "spec.containers[0].volumeMounts[1].mountPath: Required value",
            ],
        );
        check(
            json!({"spec": {
                "containers": [{"name": "c", "image": "i", "volumeMounts": [
                    {"name": "v", "mountPath": "/a"}, {"name": "v", "mountPath": "/a"},
                ]}],
                "volumes": [{"name": "v"}, {"name": "v", "secret": {}}],
            }}),
            &[
                "spec.volumes[1].secret.secretName: Required value",
                "spec.volumes[1].name: Duplicate value: \"v\"",
                "spec.containers[0].volumeMounts[1].mountPath: Invalid value: \"/a\": must be unique",
            ],
        );
    }

    #[test]
    fn ports_environment_and_resources_are_checked() {
        check(
            with_container(json!({"name": "c", "image": "i",
                "ports": [{"containerPort": 0}, {"containerPort": 70000, "protocol": "X"}],
                "env": [{"name": "a=b"}, {"name": "x", "value": "y", "valueFrom":
                    {"fieldRef": {"fieldPath": "metadata.name"}}}],
                "resources": {"limits": {"cpu": "1", "x": "1"}, "requests": {"cpu": "2"}},
            })),
            &[
                "spec.containers[0].ports[0].containerPort: Required value",
                "spec.containers[0].ports[1].containerPort: Invalid value: 70000: must be between \
                 1 and 65535, inclusive",
                "spec.containers[0].ports[1].protocol: Unsupported value: \"X\": supported values: \
                 \"SCTP\", \"TCP\", \"UDP\"",
                "spec.containers[0].env[0].name: Invalid value: \"a=b\": a valid environment \
                 variable name must consist only of printable ASCII characters other than '='",
                "spec.containers[0].env[1].valueFrom: Invalid value: \"\": may not be specified \
                 when `value` is not empty",
                "spec.containers[0].resources.limits[x]: Invalid value: \"x\": must be a standard \
                 resource type or fully qualified",
                "spec.containers[0].resources.limits[x]: Invalid value: \"x\": must be a standard \
                 resource for containers",
                "spec.containers[0].resources.requests[x]: Invalid value: \"x\": must be a standard \
                 resource type or fully qualified",
                "spec.containers[0].resources.requests[x]: Invalid value: \"x\": must be a standard \
                 resource for containers",
                "spec.containers[0].resources.requests: Invalid value: \"2\": must be less than or \
                 equal to cpu limit of 1",
            ],
        );
    }

    #[test]
    fn ephemeral_containers_come_later() {
        check(
            json!({"spec": {
                "containers": [{"name": "c", "image": "i"}],
                "ephemeralContainers": [{"name": "c", "image": "i", "ports": [{"containerPort": 1}]}],
            }}),
            &[
                "spec.ephemeralContainers[0].name: Duplicate value: \"c\"",
                "spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container",
                "spec.ephemeralContainers: Forbidden: cannot be set on create",
            ],
        );
    }
}

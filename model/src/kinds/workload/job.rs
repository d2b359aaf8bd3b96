//! Jobs: the selector that the server generates.
//!
//! Origin: `pkg/registry/batch/job/strategy.go` (`generateSelector`).

use super::{
    default::labels_of_template,
    validate::{selected, template},
};
use crate::kinds::{
    document::{at, copy, flag, member, number, object, put, text},
    findings::Findings,
    labels,
};
use alloc::format;
use serde_json::{Value, json};

/// Without `manualSelector` the pods get the Job's name and uid as labels, and the selector asks
/// for the uid.
pub(in crate::kinds) fn prepare_create(job: &mut Value) {
    put(job, "status", json!({}));
    if !flag(job, &["spec", "manualSelector"]) {
        let name = json!(text(job, &["metadata", "name"]));
        let uid = json!(text(job, &["metadata", "uid"]));
        let spec = object(job, "spec");
        let labels = object(object(object(spec, "template"), "metadata"), "labels");
        for (label, value) in [
            ("job-name", &name),
            ("batch.kubernetes.io/job-name", &name),
            ("controller-uid", &uid),
            ("batch.kubernetes.io/controller-uid", &uid),
        ] {
            let label = member(labels, label);
            if label.is_null() {
                *label = value.clone();
            }
        }
        let wanted = object(object(spec, "selector"), "matchLabels");
        let wanted = member(wanted, "batch.kubernetes.io/controller-uid");
        if wanted.is_null() {
            *wanted = uid;
        }
    }
    labels_of_template(job);
}

/// `ValidateJob`.
pub(super) fn validate(job: &Value, findings: &mut Findings) {
    generated_selector(job, findings);
    let spec = at(job, &["spec"]);
    check_spec(spec, "spec", findings);
    let selector = at(spec, &["selector"]);
    if selector.is_null() {
        findings.required("spec.selector");
    } else {
        labels::validate_selector(selector, "spec.selector", findings);
    }
    selected(selector, spec, findings);
}

/// A generated selector is the server's own (`ValidateGeneratedSelector`).
fn generated_selector(job: &Value, findings: &mut Findings) {
    let selector = at(job, &["spec", "selector"]);
    if flag(job, &["spec", "manualSelector"]) || selector.is_null() {
        return;
    }
    let (name, uid) = (
        text(job, &["metadata", "name"]),
        text(job, &["metadata", "uid"]),
    );
    if uid.is_empty() {
        findings.required("metadata.uid");
    }
    for (label, expected) in [
        ("batch.kubernetes.io/controller-uid", uid),
        ("batch.kubernetes.io/job-name", name),
        ("controller-uid", uid),
        ("job-name", name),
    ] {
        let labels = ["spec", "template", "metadata", "labels", label];
        let actual = at(job, &labels);
        if actual.as_str() != Some(expected) {
            let field = "spec.template.metadata.labels";
            if actual.is_null() {
                findings
                    .required_because(format!("{field}[{label}]"), format!("must be '{expected}'"));
            } else {
                let why = format!("must be '{expected}'");
                findings.invalid(format!("{field}[{label}]"), actual.clone(), why);
            }
        }
    }
    let expected = json!({
        "batch.kubernetes.io/controller-uid": uid, "batch.kubernetes.io/job-name": name,
        "controller-uid": uid, "job-name": name,
    });
    if labels::matches(selector, &expected) == Some(false) {
        findings.invalid(
            "spec.selector",
            selector.clone(),
            "`selector` not auto-generated",
        );
    }
}

/// `validateJobSpec`, of a Job or of the template in a CronJob.
pub(super) fn check_spec(spec: &Value, path: &str, findings: &mut Findings) {
    let numbers = [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    ];
    for field in numbers {
        findings.not_negative(format!("{path}.{field}"), number(spec, &[field]));
    }
    match text(spec, &["completionMode"]) {
        "" | "NonIndexed" => {}
        "Indexed" => indexed(spec, path, findings),
        other => {
            let known = ["NonIndexed", "Indexed"];
            findings.not_supported(format!("{path}.completionMode"), other, &known);
        }
    }
    template(
        at(spec, &["template"]),
        &format!("{path}.template"),
        findings,
    );
    let policy = text(spec, &["template", "spec", "restartPolicy"]);
    let field = format!("{path}.template.spec.restartPolicy");
    match policy {
        "" | "Always" => findings.required_because(field, "valid values: \"OnFailure\", \"Never\""),
        "OnFailure" | "Never" => {}
        other => findings.not_supported(field, other, &["OnFailure", "Never"]),
    }
}

/// How many pods an indexed Job may run at once (`maxParallelismForIndexedJob`).
const INDEXED_PARALLELISM: i64 = 100_000;

fn indexed(spec: &Value, path: &str, findings: &mut Findings) {
    if at(spec, &["completions"]).is_null() {
        let why = "when completion mode is Indexed";
        findings.required_because(format!("{path}.completions"), why);
    }
    let parallelism = number(spec, &["parallelism"]).unwrap_or_default();
    if parallelism > INDEXED_PARALLELISM {
        let why = format!(
            "must be less than or equal to {INDEXED_PARALLELISM} when completion mode is Indexed"
        );
        findings.invalid(format!("{path}.parallelism"), parallelism, why);
    }
}

/// `ValidateJobSpecUpdate`; the whole of the new Job is validated once more.
pub(super) fn validate_update(new: &Value, old: &Value, findings: &mut Findings) {
    let (now, before) = (at(new, &["spec"]), at(old, &["spec"]));
    check_spec(now, "spec", findings);
    selected(at(now, &["selector"]), now, findings);
    completions(now, before, findings);
    findings.immutable(
        "spec.selector",
        at(now, &["selector"]),
        at(before, &["selector"]),
    );
    let mut template = at(now, &["template"]).clone();
    if flag(before, &["suspend"]) && at(old, &["status", "startTime"]).is_null() {
        let was = at(before, &["template"]);
        let fields = ["affinity", "nodeSelector", "tolerations", "schedulingGates"];
        for field in fields {
            copy(at(was, &["spec"]), object(&mut template, "spec"), field);
        }
        for field in ["annotations", "labels"] {
            copy(
                at(was, &["metadata"]),
                object(&mut template, "metadata"),
                field,
            );
        }
    }
    findings.immutable("spec.template", &template, at(before, &["template"]));
    let fields = [
        "completionMode",
        "podFailurePolicy",
        "backoffLimitPerIndex",
        "managedBy",
        "successPolicy",
    ];
    for field in fields {
        findings.immutable(
            format!("spec.{field}"),
            at(now, &[field]),
            at(before, &[field]),
        );
    }
}

/// An indexed Job may be made larger or smaller together with its parallelism.
fn completions(now: &Value, before: &Value, findings: &mut Findings) {
    let (new, old) = (at(now, &["completions"]), at(before, &["completions"]));
    if text(now, &["completionMode"]) != "Indexed" {
        findings.immutable("spec.completions", new, old);
    } else if new != old && new != at(now, &["parallelism"]) {
        let why = "can only be modified in tandem with spec.parallelism";
        findings.invalid("spec.completions", new.clone(), why);
    }
}

#[cfg(test)]
mod tests {
    use super::{prepare_create, validate, validate_update};
    use crate::kinds::{document::merge, findings::Findings};
    use alloc::{string::ToString, vec::Vec};
    use serde_json::{Value, json};

    #[test]
    fn a_job_selects_its_pods_by_its_uid() {
        let mut job = json!({"metadata": {"name": "j", "uid": "u"}, "spec": {}});
        prepare_create(&mut job);
        let labels = json!({
            "job-name": "j", "batch.kubernetes.io/job-name": "j", "controller-uid": "u",
            "batch.kubernetes.io/controller-uid": "u",
        });
        assert_eq!(job["metadata"]["labels"], labels);
        assert_eq!(job["spec"]["template"]["metadata"]["labels"], labels);
        assert_eq!(
            job["spec"]["selector"],
            json!({"matchLabels": {
                "batch.kubernetes.io/controller-uid": "u",
            }})
        );
        let mut manual = json!({"metadata": {"name": "j"}, "spec": {"manualSelector": true}});
        prepare_create(&mut manual);
        assert_eq!(manual["spec"], json!({"manualSelector": true}));
    }

    fn job(change: &Value) -> Value {
        let resources = crate::resource::Resources::built_in();
        let mut job = json!({"metadata": {"name": "j", "uid": "u"}, "spec": {"template": {"spec": {
            "restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}],
        }}}});
        merge(&mut job["spec"], change);
        crate::kinds::default(resources.find("batch", "v1", "jobs").unwrap(), &mut job);
        prepare_create(&mut job);
        job
    }

    fn texts(findings: Findings) -> Vec<alloc::string::String> {
        findings.finish().iter().map(ToString::to_string).collect()
    }

    fn check(change: &Value, expected: &[&str]) {
        let mut findings = Findings::default();
        validate(&job(change), &mut findings);
        assert_eq!(texts(findings), expected);
    }

    #[test]
    fn jobs_are_validated() {
        check(&json!({}), &[]);
        check(
            &json!({"template": {"spec": {"restartPolicy": null}}}),
            &[
                "spec.template.spec.restartPolicy: Required value: valid values: \"OnFailure\", \
             \"Never\"",
            ],
        );
        check(
            &json!({"parallelism": -1, "completions": -1, "backoffLimit": -1}),
            &[
                "spec.parallelism: Invalid value: -1: must be greater than or equal to 0",
                "spec.completions: Invalid value: -1: must be greater than or equal to 0",
                "spec.backoffLimit: Invalid value: -1: must be greater than or equal to 0",
            ],
        );
        check(
            &json!({"completionMode": "Indexed", "parallelism": 2}),
            &["spec.completions: Required value: when completion mode is Indexed"],
        );
        let errors = {
            let mut findings = Findings::default();
            validate(
                &job(&json!({"selector": {"matchLabels": {"a": "b"}}})),
                &mut findings,
            );
            findings.finish()
        };
        let fields: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["spec.selector", "spec.template.metadata.labels"]);
    }

    #[test]
    fn most_of_a_job_stays() {
        let mut findings = Findings::default();
        validate_update(
            &job(&json!({"parallelism": 3, "completions": 1})),
            &job(&json!({})),
            &mut findings,
        );
        assert_eq!(texts(findings), [""; 0]);
        let mut findings = Findings::default();
        let image = json!({"spec": {"containers": [{"name": "c", "image": "j"}]}});
        let change = json!({"completions": 5, "parallelism": 1, "template": image});
        validate_update(&job(&change), &job(&json!({})), &mut findings);
        let errors = findings.finish();
        assert_eq!(
            errors[0].to_string(),
            "spec.completions: Invalid value: 5: field is immutable"
        );
        assert_eq!(errors[1].field, "spec.template");
    }
}

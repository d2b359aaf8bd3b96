//! Jobs: the selector that the server generates.
//!
//! Origin: `pkg/registry/batch/job/strategy.go` (`generateSelector`).

use super::default::labels_of_template;
use crate::kinds::document::{flag, member, object, put, text};
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

#[cfg(test)]
mod tests {
    use super::prepare_create;
    use serde_json::json;

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
}

//! What makes pods: Deployments, ReplicaSets, ReplicationControllers, StatefulSets, DaemonSets,
//! Jobs, CronJobs, PodTemplates.
//!
//! Origin: `pkg/apis/{apps,batch,core}/v1/defaults.go`, `pkg/apis/{apps,batch}/validation`.

mod cron_job;
mod default;
pub(super) mod job;
pub(crate) mod schedule;
mod sets;
mod status;
mod validate;

pub(super) use default::{count_templates, default, labels_of_template};
pub(super) use validate::{amount, at_most_all, validate, validate_update};

use super::document::text;
use crate::{resource::Resource, validation::name::dns_label};
use alloc::{format, string::String, vec::Vec};
use serde_json::Value;

/// Names that become a part of host names should be DNS labels (`Strategy.WarningsOnCreate`).
pub(super) fn warnings(resource: &Resource, new: &Value, old: Option<&Value>) -> Vec<String> {
    let named = matches!(
        resource.plural.as_str(),
        "deployments" | "replicasets" | "statefulsets" | "jobs" | "cronjobs"
    );
    let wrong = dns_label(text(new, &["metadata", "name"]));
    if !named || old.is_some() || wrong.is_empty() {
        return Vec::new();
    }
    let wrong = wrong.join(" ");
    [format!(
        "metadata.name: this is used in Pod names and hostnames, which can result in surprising \
         behavior; a DNS label is recommended: [{wrong}]"
    )]
    .into()
}

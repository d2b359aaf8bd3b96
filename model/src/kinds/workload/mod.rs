//! What makes pods: Deployments, ReplicaSets, ReplicationControllers, StatefulSets, DaemonSets,
//! Jobs, CronJobs, PodTemplates.
//!
//! Origin: `pkg/apis/{apps,batch,core}/v1/defaults.go`, `pkg/apis/{apps,batch}/validation`.

mod default;
pub(super) mod job;
mod validate;

pub(super) use default::{count_templates, default, labels_of_template};
pub(super) use validate::{validate, validate_update};

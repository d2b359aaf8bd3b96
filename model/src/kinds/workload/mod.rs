//! What makes pods: Deployments, ReplicaSets, ReplicationControllers, StatefulSets, DaemonSets,
//! Jobs, CronJobs, PodTemplates.
//!
//! Origin: `pkg/apis/{apps,batch,core}/v1/defaults.go`, `pkg/apis/{apps,batch}/validation`.

mod cron_job;
mod default;
pub(super) mod job;
mod schedule;
mod status;
mod validate;

pub(super) use default::{count_templates, default, labels_of_template};
pub(super) use validate::{validate, validate_update};

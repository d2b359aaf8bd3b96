//! What controllers ask about pods (`pkg/controller/controller_utils.go`, `pkg/api/v1/pod`).

use super::later;
use crate::{
    ambient::Time,
    controllers::{View, apis},
    object::Object,
};
use alloc::{collections::BTreeMap, string::String, vec::Vec};
use core::cmp::Ordering;
use serde::Deserialize;

/// A pod as a controller sees it.
#[derive(Clone, Debug)]
pub(in crate::controllers) struct Pod<'a> {
    pub(in crate::controllers) object: &'a Object,
    created: Option<Time>,
    ready: bool,
    ready_since: Option<Time>,
    restarts: i64,
    all_restarts: i64,
    annotations: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Read {
    metadata: Metadata,
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    creation_timestamp: Option<String>,
    annotations: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    conditions: Vec<Condition>,
    container_statuses: Vec<ContainerStatus>,
    init_container_statuses: Vec<ContainerStatus>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Condition {
    r#type: String,
    status: String,
    last_transition_time: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ContainerStatus {
    restart_count: i64,
}

impl<'a> Pod<'a> {
    /// Reads a pod; what is wrong in it counts as absent.
    pub(in crate::controllers) fn read(object: &'a Object) -> Pod<'a> {
        let Read { metadata, status } =
            serde_json::from_slice(object.frozen().bytes()).unwrap_or_default();
        let time = |text: Option<&String>| text.and_then(|text| Time::parse(text));
        let ready = status.conditions.iter().find(|one| one.r#type == "Ready");
        let all = status
            .container_statuses
            .iter()
            .chain(&status.init_container_statuses);
        let restarts: Vec<i64> = all.map(|one| one.restart_count).collect();
        Pod {
            object,
            created: time(metadata.creation_timestamp.as_ref()),
            ready: ready.is_some_and(|one| one.status == "True"),
            ready_since: time(ready.and_then(|one| one.last_transition_time.as_ref())),
            restarts: restarts.iter().copied().max().unwrap_or_default(),
            all_restarts: restarts.iter().sum(),
            annotations: metadata.annotations,
        }
    }

    /// One of its annotations.
    pub(in crate::controllers) fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.get(name).map(String::as_str)
    }

    fn deletion_cost(&self) -> i64 {
        let cost = self.annotation("controller.kubernetes.io/pod-deletion-cost");
        cost.and_then(|text| text.parse().ok()).unwrap_or_default()
    }

    /// When its condition Ready last changed.
    pub(in crate::controllers) fn ready_changed(&self) -> Option<Time> {
        self.ready_since
    }

    /// How often its containers were restarted, all together.
    pub(in crate::controllers) fn all_restarts(&self) -> i64 {
        self.all_restarts
    }

    /// When it was made.
    pub(in crate::controllers) fn created(&self) -> Option<Time> {
        self.created
    }

    /// `spec.nodeName`; empty when it is not bound.
    pub(in crate::controllers) fn node(&self) -> &'a str {
        self.field("spec.nodeName")
    }

    /// `status.phase`
    pub(in crate::controllers) fn phase(&self) -> &'a str {
        self.field("status.phase")
    }

    fn field(&self, name: &str) -> &'a str {
        let field = self.object.meta().fields.get(name);
        field.map_or("", String::as_str)
    }

    /// It has run to its end.
    pub(in crate::controllers) fn finished(&self) -> bool {
        matches!(self.phase(), "Succeeded" | "Failed")
    }

    /// Somebody has asked for its deletion.
    pub(in crate::controllers) fn going(&self) -> bool {
        self.object.meta().deletion_timestamp.is_some()
    }

    /// Neither finished nor going (`IsPodActive`).
    pub(in crate::controllers) fn active(&self) -> bool {
        !self.finished() && !self.going()
    }

    /// The condition Ready holds.
    pub(in crate::controllers) fn ready(&self) -> bool {
        self.ready
    }

    /// When it will have been ready for so many seconds, as it stands; `None` when it is not ready
    /// (`IsPodAvailable`).
    pub(in crate::controllers) fn available_from(&self, seconds: i64) -> Option<Time> {
        match (self.ready, seconds) {
            (false, _) => None,
            (true, 0) => Some(Time(i64::MIN)),
            (true, seconds) => Some(later(self.ready_since?, seconds)),
        }
    }

    /// Which of two pods goes first when there are too many (`ActivePodsWithRanks`): `rank` counts
    /// the pods of the same workload on the node.
    pub(in crate::controllers) fn goes_before(
        &self,
        other: &Pod<'_>,
        (rank, other_rank): (i64, i64),
        now: Time,
    ) -> Ordering {
        let phase = |pod: &Pod<'_>| match pod.phase() {
            "Pending" | "" => 0,
            "Unknown" => 1,
            _ => 2,
        };
        let uids = || self.object.meta().uid.cmp(&other.object.meta().uid);
        let bound = |pod: &Pod<'_>| !pod.node().is_empty();
        bound(self)
            .cmp(&bound(other))
            .then_with(|| phase(self).cmp(&phase(other)))
            .then_with(|| self.ready.cmp(&other.ready))
            .then_with(|| self.deletion_cost().cmp(&other.deletion_cost()))
            .then_with(|| other_rank.cmp(&rank))
            .then_with(|| {
                if self.ready {
                    younger(self.ready_since, other.ready_since, now)
                } else {
                    Ordering::Equal
                }
            })
            .then_with(|| other.restarts.cmp(&self.restarts))
            .then_with(|| younger(self.created, other.created, now))
            .then_with(uids)
    }
}

/// What is younger on a logarithmic scale goes first, so that it is a matter of chance among those
/// of about one age (KEP-2185).
fn younger(one: Option<Time>, other: Option<Time>, now: Time) -> Ordering {
    let age = |time: Option<Time>| {
        let age = time.map_or(0, |time| now.0.saturating_sub(time.0));
        u64::try_from(age).unwrap_or_default().checked_ilog2()
    };
    age(one).cmp(&age(other))
}

/// The pods that the object with that uid controls.
pub(in crate::controllers) fn pods_of<'a>(view: &'a View, uid: &str) -> Vec<Pod<'a>> {
    let pods = apis::PODS;
    let objects = view.controlled_by(&pods, uid);
    objects.map(|(_, object)| Pod::read(object)).collect()
}

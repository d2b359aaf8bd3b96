//! A look at a Job (`syncJob`).

use super::{
    super::{
        Api, Call, DeleteOptions, EventType, Name, Outcome, Recorder, View, apis,
        workload::{
            JOB_TRACKING, Orphans, Owner, Pod, Steps, claim, condition, count, count_if, finished,
            later, new_condition, pod_from, put_count, time_at,
        },
    },
    failure::{back_off, has_variable, restarts_exceed},
    indexes::{COMPLETION_INDEX, index_of, pending},
    track::Tally,
    tracked, untrack,
};
use crate::{
    ambient::{Ambient, Time},
    kinds::document::{at, copy, existing, flag, items, member, number, object, put, same, text},
    object::Object,
};
use alloc::{collections::BTreeSet, format, string::String, vec::Vec};
use serde_json::{Value, json};

static JOBS: Api = apis::JOBS;
/// How many pods one look makes or deletes at most (`MaxPodCreateDeletePerSync`).
const BURST: i64 = 500;

pub(super) struct Look<'a> {
    owner: Owner<'a>,
    pub(super) job: Value,
    pub(super) pods: Vec<Pod<'a>>,
    pub(super) steps: Steps<'a>,
    pub(super) completions: Option<i64>,
    pub(super) indexed: bool,
    suspended: bool,
    /// A pod is replaced when it has ended, not when it begins to end.
    only_failed: bool,
}

/// Why a Job is about to end: the type of the condition that says so, reason and message.
struct End {
    kind: &'static str,
    reason: String,
    message: String,
}

impl<'a> Look<'a> {
    pub(super) fn new(
        view: &'a View,
        object: &'a Object,
        (orphans, recorder, ambient): (&Orphans, &'a Recorder, &'a Ambient),
    ) -> Look<'a> {
        let owner = Owner { api: &JOBS, object };
        let claimed = claim(view, owner, &apis::PODS, orphans, |_| true);
        let mut steps = Steps::new(ambient, (owner.api, object), recorder);
        for call in claimed.calls {
            steps.send(call);
        }
        let job = object.json();
        Look {
            owner,
            pods: claimed.objects.into_iter().map(Pod::read).collect(),
            steps,
            completions: number(&job, &["spec", "completions"]),
            indexed: text(&job, &["spec", "completionMode"]) == "Indexed",
            suspended: flag(&job, &["spec", "suspend"]),
            only_failed: text(&job, &["spec", "podReplacementPolicy"]) == "Failed",
            job,
        }
    }

    pub(super) fn run(mut self) -> Outcome {
        let manager = text(&self.job, &["spec", "managedBy"]);
        if !matches!(manager, "" | "kubernetes.io/job-controller") {
            return Outcome::done();
        }
        if finished(at(&self.job, &["status"])).is_some() {
            for pod in &self.pods {
                if tracked(pod.object) {
                    self.steps.send(untrack(pod.object));
                }
            }
            return self.steps.finish();
        }
        let tally = self.tally();
        let mut status = self.status(&tally);
        let end = self.end(&mut status, &tally);
        let over = end
            .as_ref()
            .is_some_and(|end| self.enact(&mut status, end, &tally));
        if end.is_none() {
            self.mark_suspension(&mut status);
        }
        if !same(at(&self.job, &["status"]), &status) {
            let mut job = self.job.clone();
            put(&mut job, "status", status.clone());
            self.steps
                .send_before_events(Call::update_status(&JOBS, &job));
        }
        self.untrack_all(&tally);
        if over || self.owner.object.meta().deletion_timestamp.is_some() {
            return self.steps.finish();
        }
        if end.is_some() {
            for pod in self.active() {
                self.delete(&pod);
            }
        } else {
            self.manage(&tally);
        }
        self.steps.finish()
    }

    fn active(&self) -> Vec<Pod<'a>> {
        let active = self.pods.iter().filter(|pod| pod.active());
        active.cloned().collect()
    }

    /// It is going before it has ended, and counts as failed for that.
    pub(super) fn lost_early(&self, pod: &Pod<'_>) -> bool {
        pod.going() && !self.only_failed
    }

    fn status(&self, tally: &Tally) -> Value {
        let before = at(&self.job, &["status"]);
        let mut status = json!({});
        for field in ["conditions", "startTime", "completionTime"] {
            copy(before, &mut status, field);
        }
        let active = self.active();
        put_count(&mut status, "active", count(&active));
        let going = count_if(&self.pods, |pod| pod.going() && !pod.finished());
        put(&mut status, "terminating", json!(going));
        put(&mut status, "ready", json!(count_if(&active, Pod::ready)));
        tally.write(&mut status, self.indexed);
        if at(before, &["startTime"]).is_null() && !self.suspended {
            put(&mut status, "startTime", json!(self.steps.now().rfc3339()));
        }
        status
    }

    /// Whether the Job is to end, now or since an earlier look.
    fn end(&mut self, status: &mut Value, tally: &Tally) -> Option<End> {
        for kind in ["FailureTarget", "SuccessCriteriaMet"] {
            let known = condition(status, kind);
            if !known.is_null() {
                return Some(End {
                    kind,
                    reason: text(known, &["reason"]).into(),
                    message: text(known, &["message"]).into(),
                });
            }
        }
        let failed = |reason: &str, message: &str| {
            Some(End {
                kind: "FailureTarget",
                reason: reason.into(),
                message: message.into(),
            })
        };
        if let Some(why) = &tally.failed_by_policy {
            return failed("PodFailurePolicy", why);
        }
        let limit = number(&self.job, &["spec", "backoffLimit"]).unwrap_or(6);
        if tally.all_failed() > limit || restarts_exceed(&self.job, &self.pods, limit) {
            let why = "Job has reached the specified backoff limit";
            return failed("BackoffLimitExceeded", why);
        }
        let deadline = number(&self.job, &["spec", "activeDeadlineSeconds"]);
        let start = time_at(status, &["startTime"]).filter(|_| !self.suspended);
        if let (Some(deadline), Some(start)) = (deadline, start) {
            let due = later(start, deadline);
            if due <= self.steps.now() {
                let why = "Job was active longer than specified deadline";
                return failed("DeadlineExceeded", why);
            }
            self.steps.again_at(due);
        }
        let succeeded = tally.all_succeeded(self.indexed);
        let complete = match self.completions {
            None => succeeded > 0 && self.active().is_empty(),
            Some(completions) => succeeded >= completions && self.active().is_empty(),
        };
        complete.then(|| End {
            kind: "SuccessCriteriaMet",
            reason: "CompletionsReached".into(),
            message: "Reached expected number of succeeded pods".into(),
        })
    }

    /// Says that the Job is about to end; that it has, when no pod is left and all are counted. True
    /// when it has.
    fn enact(&mut self, status: &mut Value, end: &End, tally: &Tally) -> bool {
        let now = self.steps.now();
        let what = ("True", end.reason.as_str(), end.message.as_str());
        if condition(status, end.kind).is_null() {
            add_condition(status, end.kind, what, now);
        }
        let gone = self.pods.iter().all(Pod::finished);
        if !gone || !tally.settled() {
            return false;
        }
        if end.kind == "FailureTarget" {
            add_condition(status, "Failed", what, now);
            self.steps
                .event(EventType::Warning, &end.reason, &end.message);
        } else {
            add_condition(status, "Complete", what, now);
            put(status, "completionTime", json!(now.rfc3339()));
            self.steps
                .event(EventType::Normal, "Completed", "Job completed");
        }
        true
    }

    /// Suspension and its end are conditions; with its end the Job starts anew
    /// (`ensureJobConditionStatus`).
    fn mark_suspension(&mut self, status: &mut Value) {
        let now = self.steps.now();
        let known = text(condition(status, "Suspended"), &["status"]) == "True";
        if self.suspended && !known {
            remove(status, "Suspended");
            add_condition(
                status,
                "Suspended",
                ("True", "JobSuspended", "Job suspended"),
                now,
            );
            self.steps
                .event(EventType::Normal, "Suspended", "Job suspended");
        } else if !self.suspended && known {
            remove(status, "Suspended");
            add_condition(
                status,
                "Suspended",
                ("False", "JobResumed", "Job resumed"),
                now,
            );
            self.steps
                .event(EventType::Normal, "Resumed", "Job resumed");
            put(status, "startTime", json!(now.rfc3339()));
        }
    }

    /// As many active pods as there should be (`manageJob`).
    fn manage(&mut self, tally: &Tally) {
        let now = self.steps.now();
        let mut active = self.active();
        let parallelism = number(&self.job, &["spec", "parallelism"]).unwrap_or(1);
        let succeeded = tally.all_succeeded(self.indexed);
        let wanted = match self.completions {
            _ if self.suspended => 0,
            None if succeeded > 0 => count(&active),
            None => parallelism,
            Some(completions) => (completions - succeeded).min(parallelism).max(0),
        };
        let surplus = self.surplus(&active, count(&active) - wanted, now);
        if !surplus.is_empty() {
            for pod in &surplus {
                self.delete(pod);
            }
            return;
        }
        let going = if self.only_failed {
            count_if(&self.pods, |pod| pod.going() && !pod.finished())
        } else {
            0
        };
        let missing = (wanted - count(&active) - going).min(BURST);
        if missing <= 0 {
            return;
        }
        if let Some(time) = back_off(&self.pods).filter(|time| *time > now) {
            self.steps.again_at(time);
            return;
        }
        if self.only_failed {
            // The index of a pod that is still going is not free.
            active.extend(self.pods.iter().filter(|pod| !pod.finished()).cloned());
        }
        let missing = usize::try_from(missing).unwrap_or_default();
        if self.indexed {
            let limits = (missing, self.completions.unwrap_or_default());
            for (attempt, index) in (0..).zip(pending(&tally.completed, &active, limits)) {
                self.create(attempt, Some(index));
            }
        } else {
            for (attempt, _) in (0..).zip(0..missing) {
                self.create(attempt, None);
            }
        }
    }

    /// Which pods are too many: those whose index is not wanted or taken twice, then as everywhere.
    fn surplus(&self, active: &[Pod<'a>], number: i64, now: Time) -> Vec<Pod<'a>> {
        let mut pods = active.to_vec();
        pods.sort_by(|one, other| one.goes_before(other, (0, 0), now));
        let mut surplus: Vec<Pod<'a>> = Vec::new();
        if self.indexed {
            let completions = self.completions.unwrap_or_default();
            let mut taken = BTreeSet::new();
            // Of two the one goes that would go first: so the last is looked at first.
            let mut kept = Vec::new();
            for pod in pods.into_iter().rev() {
                let index = index_of(&pod).filter(|index| *index < completions);
                if index.is_some_and(|index| taken.insert(index)) {
                    kept.push(pod);
                } else {
                    surplus.push(pod);
                }
            }
            kept.reverse();
            pods = kept;
        }
        let more = number.min(BURST) - count(&surplus);
        surplus.extend(
            pods.into_iter()
                .take(usize::try_from(more).unwrap_or_default()),
        );
        surplus
    }

    fn create(&mut self, attempt: u32, index: Option<i64>) {
        let mut template = at(&self.job, &["spec", "template"]).clone();
        let metadata = object(&mut template, "metadata");
        let finalizers = member(metadata, "finalizers");
        match finalizers {
            Value::Array(all) => all.push(json!(JOB_TRACKING)),
            none => *none = json!([JOB_TRACKING]),
        }
        let name = text(&self.job, &["metadata", "name"]);
        let base = match index {
            None => format!("{name}-"),
            Some(index) => {
                for field in ["annotations", "labels"] {
                    let text = format!("{index}");
                    put(object(metadata, field), COMPLETION_INDEX, json!(text));
                }
                let spec = object(&mut template, "spec");
                put(spec, "hostname", json!(format!("{name}-{index}")));
                name_index(spec);
                format!("{name}-{index}-")
            }
        };
        let pod = pod_from(
            &template,
            (self.owner, &base),
            (self.steps.ambient, attempt),
        );
        let namespace = &self.owner.object.meta().namespace;
        self.steps.send(Call::create(&apis::PODS, namespace, &pod));
        let message = format!("Created pod: {}", text(&pod, &["metadata", "name"]));
        self.steps
            .event(EventType::Normal, "SuccessfulCreate", &message);
    }

    fn delete(&mut self, pod: &Pod<'_>) {
        let meta = pod.object.meta();
        let options = DeleteOptions {
            uid: &meta.uid,
            ..DeleteOptions::default()
        };
        let name = Name::new(&meta.namespace, &meta.name);
        self.steps
            .send(Call::delete(&apis::PODS, &name, &meta.uid, options));
        let message = format!("Deleted pod: {}", meta.name);
        self.steps
            .event(EventType::Normal, "SuccessfulDelete", &message);
    }
}

/// The containers learn their index (`addCompletionIndexEnvVariables`).
fn name_index(spec: &mut Value) {
    const VARIABLE: &str = "JOB_COMPLETION_INDEX";
    for field in ["initContainers", "containers"] {
        for container in items(spec, field) {
            if has_variable(container, VARIABLE) {
                continue;
            }
            let path = format!("metadata.labels['{COMPLETION_INDEX}']");
            let variable = json!({
                "name": VARIABLE, "valueFrom": {"fieldRef": {"fieldPath": path}},
            });
            match existing(container, "env") {
                Some(Value::Array(all)) => all.push(variable),
                _ => put(container, "env", json!([variable])),
            }
        }
    }
}

fn add_condition(status: &mut Value, kind: &str, what: (&str, &str, &str), now: Time) {
    let mut new = new_condition(kind, what, now);
    put(&mut new, "lastProbeTime", json!(now.rfc3339()));
    match status.get_mut("conditions") {
        Some(Value::Array(conditions)) => conditions.push(new),
        _ => put(status, "conditions", json!([new])),
    }
}

fn remove(status: &mut Value, kind: &str) {
    super::super::workload::remove_condition(status, kind);
}

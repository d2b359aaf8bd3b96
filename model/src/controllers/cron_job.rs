//! CronJobs: a Job at each time of a schedule.
//!
//! Origin: `pkg/controller/cronjob/cronjob_controllerv2.go`, `utils.go`. Where upstream keeps a list
//! of active Jobs by hand, this one writes down which of its Jobs it sees unfinished: the list
//! heals itself.

use super::{
    Api, Call, Change, Controller, DeleteOptions, EventType, Item, Name, Outcome, Recorder, View,
    Watch, apis, service_account,
    workload::{Owner, Steps, finished, items_of, later, time_at},
};
use crate::{
    ambient::{Ambient, Time},
    config::User,
    kinds::{
        document::{at, flag, list, number, object, put, same, text},
        schedule::{Schedule, time_zone},
    },
    object::Object,
};
use alloc::{format, string::String, vec, vec::Vec};
use serde_json::{Value, json};

static CRON_JOBS: Api = apis::CRON_JOBS;
/// After so many missed times people are told (`nextScheduleTime`).
const MANY_MISSED: i64 = 100;

/// The controller of CronJobs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CronJobController {
    recorder: Recorder,
}

impl Default for CronJobController {
    fn default() -> CronJobController {
        CronJobController::new()
    }
}

impl CronJobController {
    /// The controller.
    #[must_use]
    pub fn new() -> CronJobController {
        CronJobController {
            recorder: Recorder::new("cronjob-controller"),
        }
    }
}

impl Controller for CronJobController {
    fn name(&self) -> &'static str {
        "cronjob-controller"
    }

    fn user(&self) -> User {
        service_account("cronjob-controller")
    }

    fn watches(&self) -> Vec<Watch> {
        vec![Watch::all(apis::CRON_JOBS), Watch::all(apis::JOBS)]
    }

    fn observe(&mut self, view: &View, change: &Change, items: &mut Vec<Item>) {
        if change.api == apis::CRON_JOBS {
            items.push(change.name.clone());
        } else {
            items_of(view, &CRON_JOBS, change, items);
        }
    }

    fn reconcile(&mut self, view: &View, item: &Item, ambient: &Ambient) -> Outcome {
        match view.get(&CRON_JOBS, item) {
            None => Outcome::done(),
            Some(object) => Look::new(view, object, (&self.recorder, ambient)).run(),
        }
    }
}

/// One of its Jobs.
struct Job<'a> {
    object: &'a Object,
    document: Value,
}

impl Job<'_> {
    fn name(&self) -> &str {
        &self.object.meta().name
    }

    /// The condition that ended it.
    fn end(&self) -> Option<&str> {
        let end = finished(at(&self.document, &["status"]))?;
        Some(text(end, &["type"]))
    }
}

struct Look<'a> {
    view: &'a View,
    owner: Owner<'a>,
    cron_job: Value,
    jobs: Vec<Job<'a>>,
    status: Value,
    steps: Steps<'a>,
}

impl<'a> Look<'a> {
    fn new(
        view: &'a View,
        object: &'a Object,
        (recorder, ambient): (&'a Recorder, &'a Ambient),
    ) -> Look<'a> {
        let api = &CRON_JOBS;
        let jobs = apis::JOBS;
        let jobs = view.controlled_by(&jobs, &object.meta().uid);
        let read = |(_, object): (&Name, &'a Object)| Job {
            object,
            document: object.json(),
        };
        let cron_job = object.json();
        Look {
            view,
            owner: Owner { api, object },
            jobs: jobs.map(read).collect(),
            status: at(&cron_job, &["status"]).clone(),
            cron_job,
            steps: Steps::new(ambient, (api, object), recorder),
        }
    }

    fn run(mut self) -> Outcome {
        self.follow_jobs();
        let going = self.owner.object.meta().deletion_timestamp.is_some();
        if !going {
            self.clean_up("successfulJobsHistoryLimit", "Complete");
            self.clean_up("failedJobsHistoryLimit", "Failed");
            if !flag(&self.cron_job, &["spec", "suspend"]) {
                self.keep_schedule();
            }
        }
        if !same(at(&self.cron_job, &["status"]), &self.status) {
            let mut cron_job = self.cron_job.clone();
            put(&mut cron_job, "status", self.status.take());
            self.steps.send(Call::update_status(&CRON_JOBS, &cron_job));
        }
        self.steps.finish()
    }

    /// Which Jobs are active, and when the last succeeded, goes into the status.
    fn follow_jobs(&mut self) {
        let known = list(&self.status, &["active"]).to_vec();
        for reference in &known {
            let name = text(reference, &["name"]);
            let uid = text(reference, &["uid"]);
            let job = self.jobs.iter().find(|job| job.object.meta().uid == uid);
            match job.map(|job| job.end()) {
                None => {
                    let message = format!("Active job went missing: {name}");
                    self.steps.event(EventType::Normal, "MissingJob", &message);
                }
                Some(Some(end)) => {
                    let message = format!("Saw completed job: {name}, condition: {end}");
                    self.steps
                        .event(EventType::Normal, "SawCompletedJob", &message);
                }
                Some(None) => {}
            }
        }
        let active = self.jobs.iter().filter(|job| job.end().is_none());
        let active: Vec<Value> = active
            .map(|job| {
                let meta = job.object.meta();
                let known = known.iter().find(|one| text(one, &["uid"]) == meta.uid);
                known.cloned().unwrap_or_else(|| {
                    json!({
                        "apiVersion": "batch/v1", "kind": "Job", "name": meta.name,
                        "namespace": meta.namespace, "uid": meta.uid,
                        "resourceVersion": format!("{}", job.object.revision()),
                    })
                })
            })
            .collect();
        let active = if active.is_empty() {
            Value::Null
        } else {
            json!(active)
        };
        put(&mut self.status, "active", active);
        let complete = self.jobs.iter().filter(|job| job.end() == Some("Complete"));
        let ends = complete.filter_map(|job| time_at(&job.document, &["status", "completionTime"]));
        let last = time_at(&self.status, &["lastSuccessfulTime"]);
        if let Some(new) = ends.max().filter(|new| Some(*new) > last) {
            put(&mut self.status, "lastSuccessfulTime", json!(new.rfc3339()));
        }
    }

    /// The oldest Jobs that ended so go when there are more than the limit.
    fn clean_up(&mut self, limit: &str, end: &str) {
        let Some(limit) = number(&self.cron_job, &["spec", limit]) else {
            return;
        };
        let mut ended: Vec<usize> = (0..self.jobs.len())
            .filter(|index| self.jobs[*index].end() == Some(end))
            .filter(|index| self.jobs[*index].object.meta().deletion_timestamp.is_none())
            .collect();
        ended.sort_by_key(|index| {
            let job = &self.jobs[*index];
            let start = time_at(&job.document, &["status", "startTime"]);
            (start.is_none(), start, String::from(job.name()))
        });
        let surplus = super::workload::count(&ended) - limit;
        for index in ended
            .into_iter()
            .take(usize::try_from(surplus).unwrap_or_default())
        {
            self.delete(index);
        }
    }

    fn delete(&mut self, index: usize) {
        let meta = self.jobs[index].object.meta();
        let options = DeleteOptions {
            uid: &meta.uid,
            propagation: "Background",
            ..DeleteOptions::default()
        };
        let name = Name::new(&meta.namespace, &meta.name);
        self.steps
            .send(Call::delete(&apis::JOBS, &name, &meta.uid, options));
        let message = format!("Deleted job {}", meta.name);
        self.steps
            .event(EventType::Normal, "SuccessfulDelete", &message);
    }

    /// Starts what is due, and looks again when the next is.
    fn keep_schedule(&mut self) {
        let schedule = Schedule::parse(text(&self.cron_job, &["spec", "schedule"]));
        let zone = at(&self.cron_job, &["spec", "timeZone"]).as_str();
        let zone = time_zone(zone.unwrap_or("UTC"));
        // What is stored was validated: only who writes past the API server gets here.
        let (Ok(schedule), Some(zone)) = (schedule, zone) else {
            return;
        };
        let now = self.steps.now();
        let next = |time| schedule.next(time, &zone);
        let due = self.due(next, now);
        // `@every` counts from the last time, not from when it is looked at.
        let latest = due.map(|(time, _)| time).or_else(|| self.latest());
        let following = latest.and_then(next).filter(|time| *time > now);
        if let Some(following) = following.or_else(|| next(now)) {
            self.steps.again_at(following);
        }
        if let Some((time, missed)) = due {
            self.start(time, missed);
        }
    }

    /// The time that was started last, or since when there could have been one.
    fn latest(&self) -> Option<Time> {
        let created = time_at(&self.cron_job, &["metadata", "creationTimestamp"]);
        time_at(&self.status, &["lastScheduleTime"]).or(created)
    }

    /// The last time that is past and was not yet started, and how many there were
    /// (`mostRecentScheduleTime`).
    fn due(&self, next: impl Fn(Time) -> Option<Time>, now: Time) -> Option<(Time, i64)> {
        let mut from = self.latest()?;
        let deadline = number(&self.cron_job, &["spec", "startingDeadlineSeconds"]);
        if let Some(deadline) = deadline {
            from = from.max(later(now, -deadline));
        }
        let first = next(from).filter(|time| *time <= now)?;
        let Some(second) = next(first).filter(|time| *time <= now) else {
            return Some((first, 1));
        };
        // A long time ago may be many times ago: near the end they are looked at one by one.
        let between = (second.0 - first.0).max(1);
        let missed = (now.0 - first.0) / between + 1;
        let mut back = 1;
        loop {
            let skipped = (missed - 1 - back).max(0);
            let mut due = Time(first.0 + skipped.saturating_mul(between));
            let mut found = None;
            while let Some(following) = next(due).filter(|time| *time <= now) {
                due = following;
                found = Some(following);
            }
            match found {
                Some(due) => return Some((due, missed)),
                None if skipped == 0 => return Some((first, missed)),
                // The times are not evenly spread: the last is farther back.
                None => back *= 2,
            }
        }
    }

    fn start(&mut self, time: Time, missed: i64) {
        let cron_job = self.owner.object.meta();
        let name = format!("{}-{}", cron_job.name, time.seconds().div_euclid(60));
        let full = Name::new(&cron_job.namespace, &name);
        if let Some(there) = self.view.get(&apis::JOBS, &full) {
            let ours = there.meta().controller();
            if ours.is_some_and(|owner| owner.uid == cron_job.uid) {
                put(&mut self.status, "lastScheduleTime", json!(time.rfc3339()));
            }
            return;
        }
        let active = (0..self.jobs.len()).filter(|index| self.jobs[*index].end().is_none());
        let active: Vec<usize> = active.collect();
        match text(&self.cron_job, &["spec", "concurrencyPolicy"]) {
            // It is looked at again when one of them ends.
            "Forbid" if !active.is_empty() => return,
            "Replace" => {
                for index in active {
                    if self.jobs[index].object.meta().deletion_timestamp.is_none() {
                        self.delete(index);
                    }
                }
            }
            _ => {}
        }
        if missed > MANY_MISSED {
            let message = "too many missed start times. Set or decrease \
                           .spec.startingDeadlineSeconds or check clock skew";
            self.steps
                .event(EventType::Warning, "TooManyMissedTimes", message);
        }
        let job = self.job(&name, time);
        self.steps
            .send(Call::create(&apis::JOBS, &cron_job.namespace, &job));
        let message = format!("Created job {name}");
        self.steps
            .event(EventType::Normal, "SuccessfulCreate", &message);
        put(&mut self.status, "lastScheduleTime", json!(time.rfc3339()));
    }

    /// `getJobFromTemplate2`
    fn job(&self, name: &str, time: Time) -> Value {
        let template = at(&self.cron_job, &["spec", "jobTemplate"]);
        let mut metadata = json!({
            "name": name, "namespace": self.owner.object.meta().namespace,
            "ownerReferences": [self.owner.reference()],
        });
        for field in ["labels", "annotations"] {
            let value = at(template, &["metadata", field]).clone();
            put(&mut metadata, field, value);
        }
        let annotation = "batch.kubernetes.io/cronjob-scheduled-timestamp";
        put(
            object(&mut metadata, "annotations"),
            annotation,
            json!(time.rfc3339()),
        );
        json!({
            "apiVersion": "batch/v1", "kind": "Job", "metadata": metadata,
            "spec": at(template, &["spec"]),
        })
    }
}

//! What the controllers that make pods have in common.

mod amount;
mod claim;
mod condition;
mod history;
mod pod;
mod template;

pub(super) use amount::{Rounding, scaled};
pub(super) use claim::{JOB_TRACKING, Orphans, Owner, claim, items_of};
pub(super) use condition::{condition, finished, new_condition, put_condition, remove_condition};
pub(super) use history::{History, Revision, collisions, history};
pub(super) use pod::{Pod, pods_of};
pub(super) use template::{cut, hash, pod_from, same_template};

use super::{Api, Call, EventType, Outcome, Recorder};
use crate::{
    ambient::{Ambient, Time},
    kinds::document::{at, number, put, text},
    object::Object,
};
use alloc::vec::Vec;
use serde_json::{Value, json};

/// What a look at an object comes to, as it is put together.
pub(super) struct Steps<'a> {
    pub(super) ambient: &'a Ambient,
    api: &'a Api,
    object: &'a Object,
    recorder: &'a Recorder,
    outcome: Outcome,
    events: u32,
}

impl<'a> Steps<'a> {
    pub(super) fn new(
        ambient: &'a Ambient,
        (api, object): (&'a Api, &'a Object),
        recorder: &'a Recorder,
    ) -> Steps<'a> {
        Steps {
            ambient,
            api,
            object,
            recorder,
            outcome: Outcome::done(),
            events: 0,
        }
    }

    pub(super) fn send(&mut self, call: Call) {
        self.outcome.calls.push(call);
    }

    /// This goes before everything else.
    pub(super) fn send_first(&mut self, call: Call) {
        self.outcome.calls.insert(0, call);
    }

    /// This goes before the events at the end, which tell what it does.
    pub(super) fn send_before_events(&mut self, call: Call) {
        let calls = &mut self.outcome.calls;
        let rest = calls.iter().rposition(|call| !call.optional);
        calls.insert(rest.map_or(0, |last| last + 1), call);
    }

    /// An event about the object that is looked at.
    pub(super) fn event(&mut self, kind: EventType, reason: &str, message: &str) {
        let number = (self.ambient, self.events);
        self.events += 1;
        let about = (self.api, self.object);
        let event = self.recorder.event(about, kind, reason, message, number);
        self.outcome.calls.push(event);
    }

    pub(super) fn again_at(&mut self, time: Time) {
        let outcome = core::mem::take(&mut self.outcome);
        self.outcome = outcome.again_at(time);
    }

    pub(super) fn now(&self) -> Time {
        self.ambient.now
    }

    pub(super) fn finish(self) -> Outcome {
        self.outcome
    }
}

/// `metadata.generation`
pub(super) fn generation(object: &Value) -> i64 {
    number(object, &["metadata", "generation"]).unwrap_or_default()
}

/// A moment at a path.
pub(super) fn time_at(value: &Value, path: &[&str]) -> Option<Time> {
    Time::parse(text(value, path))
}

/// So many seconds later.
pub(super) fn later(time: Time, seconds: i64) -> Time {
    Time(time.0.saturating_add(seconds.saturating_mul(1_000_000)))
}

/// Sets a number; 0 is left out, as Go's `omitempty` has it.
pub(super) fn put_count(value: &mut Value, field: &str, count: i64) {
    put(
        value,
        field,
        if count == 0 {
            Value::Null
        } else {
            json!(count)
        },
    );
}

/// An annotation; empty when there is none.
pub(super) fn annotation<'a>(object: &'a Value, name: &str) -> &'a str {
    at(object, &["metadata", "annotations", name])
        .as_str()
        .unwrap_or_default()
}

/// What a refusal says, without its reason, which [`super::Answer`] puts in front.
pub(super) fn refusal(why: &str) -> &str {
    why.split_once(": ").map_or(why, |(_, message)| message)
}

/// A number of pods that fits into what the API counts with.
pub(super) fn count<T>(items: &[T]) -> i64 {
    i64::try_from(items.len()).unwrap_or(i64::MAX)
}

/// All of them that a condition holds for.
pub(super) fn count_if<T>(items: &[T], holds: impl Fn(&T) -> bool) -> i64 {
    let found: Vec<&T> = items.iter().filter(|item| holds(item)).collect();
    count(&found)
}

//! A worker fed by hand.

use super::{
    Answer, Awaited, Call, Change, Controller, DeleteOptions, Item, Name, Outcome, Todo, View,
    Watch, Worker, apis,
};
use crate::{
    ambient::{Ambient, Time},
    cache::WatchEvent,
    config::User,
    etcd::{Key, KeyValue, LeaseId, Revision},
    frozen::Frozen,
    object::Object,
    selector,
};
use alloc::{format, string::ToString, vec, vec::Vec};
use serde_json::json;

/// Makes a Secret for each ConfigMap, and deletes those that have none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Copier;

impl Controller for Copier {
    fn name(&self) -> &'static str {
        "copier"
    }

    fn user(&self) -> User {
        super::service_account("copier")
    }

    fn watches(&self) -> Vec<Watch> {
        vec![Watch::all(apis::CONFIG_MAPS), Watch::all(apis::SECRETS)]
    }

    fn observe(&mut self, _view: &View, change: &Change, items: &mut Vec<Item>) {
        items.push(change.name.clone());
    }

    fn reconcile(&mut self, view: &View, item: &Item, _ambient: &Ambient) -> Outcome {
        let wanted = view.get(&apis::CONFIG_MAPS, item).is_some();
        let there = view.get(&apis::SECRETS, item);
        let secret = json!({"metadata": {"name": &*item.name, "namespace": &*item.namespace}});
        Outcome::calls(match (wanted, there) {
            (true, None) => vec![Call::create(&apis::SECRETS, &item.namespace, &secret)],
            (false, Some(secret)) => {
                let uid = &secret.meta().uid;
                let options = DeleteOptions::default();
                vec![Call::delete(&apis::SECRETS, item, uid, options)]
            }
            _ => Vec::new(),
        })
    }
}

fn object(name: &str, revision: u64) -> Object {
    let value = format!(
        r#"{{"kind":"ConfigMap","apiVersion":"v1","metadata":{{"name":"{name}","namespace":"d","uid":"u-{name}"}}}}"#
    );
    let kv = KeyValue {
        key: Key::from(format!("/registry/configmaps/d/{name}").as_str()),
        create_revision: Revision(revision),
        mod_revision: Revision(revision),
        version: 1,
        lease: LeaseId(0),
        value: Frozen::from(value.as_str()),
    };
    Object::decode(&kv, selector::stored_under("")).expect("it is an object")
}

fn end(revision: u64) -> WatchEvent {
    WatchEvent::Bookmark {
        revision: Revision(revision),
        initial_events_end: true,
    }
}

fn at(time: i64) -> Ambient {
    Ambient {
        now: Time(time),
        ..Ambient::default()
    }
}

/// A worker whose watches have told their initial states: these ConfigMaps and no Secrets.
fn synced(names: &[&str]) -> Worker<Copier> {
    let mut worker = Worker::new(Copier);
    worker.begun(&apis::CONFIG_MAPS);
    worker.begun(&apis::SECRETS);
    for name in names {
        let added = WatchEvent::Added(object(name, 3));
        worker.event(&apis::CONFIG_MAPS, &added);
    }
    worker.event(&apis::CONFIG_MAPS, &end(5));
    assert_eq!(worker.next(&at(0)), Todo::Wait(None), "it has seen half");
    worker.event(&apis::SECRETS, &end(5));
    worker
}

fn sent(todo: Todo) -> Call {
    match todo {
        Todo::Send(call) => *call,
        Todo::Wait(_) => panic!("it has nothing to send"),
    }
}

fn created(revision: u64) -> Answer {
    let body = format!(r#"{{"metadata":{{"resourceVersion":"{revision}"}}}}"#);
    Answer::read(201, body.as_bytes())
}

#[test]
fn an_item_is_held_until_the_view_shows_what_was_written() {
    let mut worker = synced(&["a"]);
    let call = sent(worker.next(&at(0)));
    assert_eq!(call.path, "/api/v1/namespaces/d/secrets");
    worker.answered(&created(9), &at(0));
    let again = WatchEvent::Modified(object("a", 7));
    worker.event(&apis::CONFIG_MAPS, &again);
    assert_eq!(worker.next(&at(0)), Todo::Wait(None), "the view is old");
    let other = WatchEvent::Added(object("b", 8));
    worker.event(&apis::SECRETS, &other);
    let call = sent(worker.next(&at(0)));
    assert_eq!(
        call.awaited,
        Some(Awaited::Gone(Name::new("d", "b"), "u-b".to_string())),
        "another item goes on"
    );
    worker.answered(&Answer::read(404, b"{}"), &at(0));
    let mine = WatchEvent::Added(object("a", 9));
    worker.event(&apis::SECRETS, &mine);
    assert_eq!(worker.next(&at(0)), Todo::Wait(None), "nothing is missing");
    worker.event(&apis::SECRETS, &WatchEvent::Deleted(object("b", 10)));
    assert_eq!(worker.next(&at(0)), Todo::Wait(None));
    assert_eq!(worker.view().list(&apis::SECRETS).count(), 1);
}

#[test]
fn what_fails_is_tried_again_later_and_later() {
    let mut worker = synced(&["a"]);
    let mut now = 0;
    for delay in [5_000, 10_000, 20_000] {
        sent(worker.next(&at(now)));
        worker.answered(&Answer::none("the connection broke"), &at(now));
        let due = Time(now + delay);
        assert_eq!(worker.next(&at(now)), Todo::Wait(Some(due)));
        now = due.0;
    }
    sent(worker.next(&at(now)));
    worker.answered(&created(9), &at(now));
    assert_eq!(worker.next(&at(now)), Todo::Wait(None));
}

#[test]
fn what_a_new_initial_state_does_not_tell_of_is_gone() {
    let mut worker = synced(&["a", "b"]);
    for revision in [9, 10] {
        sent(worker.next(&at(0)));
        worker.answered(&created(revision), &at(0));
    }
    worker.begun(&apis::SECRETS);
    for (name, revision) in [("a", 9), ("b", 10)] {
        let added = WatchEvent::Added(object(name, revision));
        worker.event(&apis::SECRETS, &added);
    }
    assert_eq!(worker.view().revision(&apis::SECRETS), Some(Revision(5)));
    worker.event(&apis::SECRETS, &end(12));
    assert_eq!(worker.next(&at(0)), Todo::Wait(None));
    worker.begun(&apis::CONFIG_MAPS);
    let kept = WatchEvent::Added(object("b", 3));
    worker.event(&apis::CONFIG_MAPS, &kept);
    worker.event(&apis::CONFIG_MAPS, &end(13));
    let call = sent(worker.next(&at(0)));
    assert_eq!(call.path, "/api/v1/namespaces/d/secrets/a");
}

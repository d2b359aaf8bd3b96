//! A plane with a small controller: what the harness itself does.

use super::{
    Ask, Calls, Clock, Faults, Happened, Owed, Part, Plane, Rule, State,
    steps::{Action, Done},
};
use crate::{
    check::{Failure, catches, catches_livelock, exhaust, exhaust_fair},
    zoo::plane::Fault,
};
use model::{
    ambient::Ambient,
    cache::WatchEvent,
    config::User,
    controllers::{
        Call, Change, Controller, DeleteOptions, Item, Outcome, View, Watch, apis, service_account,
    },
};
use serde_json::json;

/// Makes a Secret for each ConfigMap, and deletes those that have none.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Copier {
    /// The Secret's name is drawn anew each time.
    generates: bool,
}

impl Controller for Copier {
    fn name(&self) -> &'static str {
        "copier"
    }

    fn user(&self) -> User {
        service_account("copier")
    }

    fn watches(&self) -> Vec<Watch> {
        vec![Watch::all(apis::CONFIG_MAPS), Watch::all(apis::SECRETS)]
    }

    fn observe(&mut self, _view: &View, change: &Change, items: &mut Vec<Item>) {
        let name = change.newest().map(|object| object.meta());
        let name = name.and_then(|meta| meta.labels.get("of").or(Some(&meta.name)));
        items.extend(name.map(|name| Item::new("d", name)));
    }

    fn reconcile(&mut self, view: &View, item: &Item, _ambient: &Ambient) -> Outcome {
        let wanted = view.get(&apis::CONFIG_MAPS, item).is_some();
        let copy = view
            .list(&apis::SECRETS)
            .find(|(_, copy)| copy.meta().labels.get("of").map(String::as_str) == Some(&item.name));
        let mut secret = json!({"metadata": {"name": &*item.name, "labels": {"of": &*item.name}}});
        if self.generates {
            secret["metadata"] = json!({"generateName": "copy-", "labels": {"of": &*item.name}});
        }
        Outcome::calls(match (wanted, copy) {
            (true, None) => vec![Call::create(&apis::SECRETS, "d", &secret)],
            (false, Some((name, copy))) => {
                let options = DeleteOptions::default();
                vec![Call::delete(
                    &apis::SECRETS,
                    name,
                    &copy.meta().uid,
                    options,
                )]
            }
            _ => Vec::new(),
        })
    }
}

const ONE: &str = "a ConfigMap has one copy at most";
const COPIED: &str = "the copies are those of the ConfigMaps in the end";
const LOST: &str = "an answer is lost of what was done";

fn config_map() -> Call {
    Call::create(&apis::CONFIG_MAPS, "d", &json!({"metadata": {"name": "a"}}))
}

fn no_more(state: &State) -> bool {
    state.asked == 2
}

fn copied(state: &State) -> bool {
    let maps = state.list(&apis::CONFIG_MAPS).count();
    state.list(&apis::SECRETS).count() == maps
}

/// The administrator makes a ConfigMap and deletes it.
fn plane(generates: bool) -> Plane {
    let namespace = json!({"metadata": {"name": "d"}});
    let begin = vec![Call::create(&apis::NAMESPACES, "", &namespace)];
    let mut plane = Plane::new(begin, vec![Part::new("copier", Copier { generates })]);
    let name = Item::new("d", "a");
    let delete = Call::delete(&apis::CONFIG_MAPS, &name, "", DeleteOptions::default());
    plane.asks = [config_map(), delete].map(Ask::at_once).into();
    plane.faults = Faults {
        lost: 1,
        crashes: 1,
        cuts: 1,
    };
    plane.clock = Clock::AtAnyTime(3);
    plane.rules = vec![
        Rule::always(ONE, |state| state.list(&apis::SECRETS).count() <= 1),
        Rule::some_step(LOST, |happened: &Happened<'_>| {
            matches!(happened.action, Action::Lose(_, Done::Yes)) && !happened.touched.is_empty()
        }),
    ];
    plane.owed = vec![Owed {
        name: COPIED,
        given: no_more,
        goal: copied,
    }];
    plane
}

#[test]
fn what_does_not_depend_on_the_order_holds_in_every_order() {
    let report = exhaust_fair("copier", &plane(false), 1_922).unwrap();
    assert!(
        report
            .verdicts
            .iter()
            .any(|verdict| verdict.property == COPIED)
    );
}

#[test]
fn a_read_and_its_commit_can_be_two_steps() {
    let mut plane = plane(false);
    plane.calls = Calls::ReadThenCommit;
    exhaust("copier in two steps", &plane, 2_734).unwrap();
}

#[test]
fn a_lost_answer_makes_two_of_one_when_names_are_drawn() {
    let story = catches(&plane(true), ONE).unwrap();
    assert_eq!(story.len(), 5, "{story}");
}

#[test]
fn faults_are_put_around_controllers() {
    let untold = Fault::Event(|event| matches!(event, WatchEvent::Deleted(_)));
    let story = catches_livelock(&plane(false).with(untold), COPIED).unwrap();
    assert!(!story.is_empty(), "{story}");
    let elsewhere = Fault::Call(|call| {
        if call.method == "DELETE" {
            call.path = call.path.replace("secrets", "events");
        }
    });
    catches_livelock(&plane(false).with(elsewhere), COPIED).unwrap();
    let held = catches(&plane(false), ONE).unwrap_err();
    assert_eq!(held, Failure::NotCaught(ONE));
}

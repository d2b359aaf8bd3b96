//! A namespace that is deleted while somebody still makes things in it, and the controller that
//! empties it.

use super::objects::{dry_delete, namespace};
use crate::{
    check::{Failure, Report, Story, catches, catches_livelock, exhaust_fair},
    plane::{Ask, Clock, Faults, Owed, Part, Plane, Rule, State},
    worlds::{Fault as Seeded, Obligation, World},
    zoo::plane::Fault,
};
use model::controllers::{
    Call, DeleteOptions, Name, apis, namespace::Namespaces, root_ca::RootCertificates,
};
use serde_json::json;

/// The reachable states.
const UNIQUE: usize = 169_765;

const P9: &str = "nothing is in a namespace that is gone";
const GONE: &str = "a namespace is gone that has had something in it";
const ENDS: &str = "a terminating namespace is gone in the end";
const REFUSED: &str = "somebody is refused, because the namespace is terminating";

fn plane() -> Plane {
    let secret =
        |name: &str| Call::create(&apis::SECRETS, "d", &json!({"metadata": {"name": name}}));
    let begin = vec![namespace("d")];
    let resources = [apis::CONFIG_MAPS, apis::SECRETS];
    let members = vec![
        Part::new("namespaces", Namespaces::new(resources)),
        Part::new("root-ca", RootCertificates::new("PEM".into())),
    ];
    let mut plane = Plane::new(begin, members);
    let name = Name::new("", "d");
    plane.asks = vec![
        Ask::at_once(secret("new")),
        Ask::at_once(Call::delete(
            &apis::NAMESPACES,
            &name,
            "",
            DeleteOptions::default(),
        )),
        Ask::at_once(secret("late")),
    ];
    plane.faults = Faults {
        lost: 0,
        crashes: 1,
        cuts: 0,
    };
    plane.clock = Clock::WhenIdle(6);
    plane.rules = vec![
        Rule::always(P9, |state| there(state) || content(state) == 0),
        Rule::sometimes(GONE, |state| !there(state)),
        Rule::some_step(REFUSED, |happened| {
            happened.call.is_some_and(|(_, answer)| answer.code == 403)
        }),
    ];
    plane.owed = vec![Owed {
        name: ENDS,
        given: |state| {
            let mut namespaces = state.list(&apis::NAMESPACES);
            namespaces.any(|it| it.meta().deletion_timestamp.is_some())
        },
        goal: |state| !there(state),
    }];
    plane
}

fn there(state: &State) -> bool {
    state.get(&apis::NAMESPACES, &Name::new("", "d")).is_some()
}

fn content(state: &State) -> usize {
    let resources = [apis::CONFIG_MAPS, apis::SECRETS];
    resources.iter().map(|api| state.list(api).count()).sum()
}

fn run() -> Result<Report, Failure> {
    exhaust_fair("emptied", &plane(), UNIQUE)
}

/// Secrets are looked for in another namespace.
fn looks_elsewhere() -> Result<Story, Failure> {
    let fault = Fault::Call(|call| {
        if call.method == "DELETE" {
            call.path = call.path.replace("/d/secrets", "/e/secrets");
        }
    });
    catches(&plane().with(fault), P9)
}

/// Secrets stay.
fn dry() -> Result<Story, Failure> {
    catches_livelock(&plane().with(Fault::Call(dry_delete)), ENDS)
}

/// The world's entry.
pub(super) fn world() -> World {
    let obligation = |invariant, premise, name, steps, run| Obligation {
        id: "P9",
        invariant,
        premise,
        faults: vec![Seeded { name, steps, run }],
    };
    World {
        name: "emptied",
        run,
        obligations: vec![
            obligation(P9, GONE, "looks-elsewhere", 7, looks_elsewhere as fn() -> _),
            obligation(ENDS, REFUSED, "deletes-as-dry-run", 31, dry),
        ],
    }
}

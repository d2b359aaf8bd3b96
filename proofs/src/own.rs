//! Your own controller, checked: write it as a [`model::controllers::Controller`], say in a
//! [`Scenario`] what there is, what happens and what must hold, and [`check`] it. Every order is
//! tried in which its watches can lag, its calls can be sent, answers be lost, it be restarted and
//! its watches break; its calls go through the shipped API server, conflicts and all.
//!
//! ```
//! use model::controllers::{Call, apis, root_ca::RootCertificates};
//! use proofs::own::{Scenario, check};
//! use serde_json::json;
//!
//! let namespace = Call::create(&apis::NAMESPACES, "", &json!({"metadata": {"name": "d"}}));
//! let scenario = Scenario::new("every namespace has the certificate")
//!     .asks(vec![namespace])
//!     .comes("the certificate is there", |state| {
//!         state.list(&apis::NAMESPACES).count() == 1
//!     }, |state| {
//!         state.list(&apis::CONFIG_MAPS).count() == 1
//!     });
//! let checked = check(RootCertificates::new("PEM".into()), scenario).unwrap();
//! assert!(checked.unique > 10);
//! ```
//!
//! A [`Failure`] shows itself with the shortest trace: who did what, and what changed by it. The
//! example `own_controller` of the crate `tests` has a controller with a mistake that is often
//! made, and its repaired form, and runs it against any cluster.

use crate::{
    check::{Failure, Report, explore},
    plane::{Ask, Checkable, Clock, Faults, Happened, Owed, Part, Plane, Rule, State},
};
use model::controllers::Call;

/// How often the clock moves, when it may at any moment: enough for one failure after another.
const TICKS: u8 = 2;
/// How often it moves when nobody has anything else to do: more often than what can fail fails.
const PATIENCE: u8 = 32;

/// What happens around a controller, and what must hold.
#[derive(Clone, Debug)]
pub struct Scenario {
    name: &'static str,
    begin: Vec<Call>,
    asks: Vec<Ask>,
    faults: Faults,
    rules: Vec<Rule>,
    owed: Vec<Owed>,
}

impl Scenario {
    /// A scenario in which nothing is there and nothing happens, but that an answer can be lost, the
    /// controller can crash and a watch can break, once each.
    #[must_use]
    pub fn new(name: &'static str) -> Scenario {
        Scenario {
            name,
            begin: Vec::new(),
            asks: Vec::new(),
            faults: Faults {
                lost: 1,
                crashes: 1,
                cuts: 1,
            },
            rules: Vec::new(),
            owed: Vec::new(),
        }
    }

    /// What is there before the controller is, made by these calls.
    #[must_use]
    pub fn begin(self, begin: Vec<Call>) -> Scenario {
        Scenario { begin, ..self }
    }

    /// What others do meanwhile, in this order, at any moment.
    #[must_use]
    pub fn asks(self, calls: Vec<Call>) -> Scenario {
        let asks = calls.into_iter().map(Ask::at_once).collect();
        Scenario { asks, ..self }
    }

    /// How often what goes wrong.
    #[must_use]
    pub fn faults(self, faults: Faults) -> Scenario {
        Scenario { faults, ..self }
    }

    /// Something that holds in every state.
    #[must_use]
    pub fn holds(
        mut self,
        name: &'static str,
        judge: impl Fn(&State) -> bool + Send + Sync + 'static,
    ) -> Scenario {
        self.rules.push(Rule::always(name, judge));
        self
    }

    /// Something that holds of every step: of what it changes in the store.
    #[must_use]
    pub fn every_step(
        mut self,
        name: &'static str,
        judge: impl Fn(&Happened<'_>) -> bool + Send + Sync + 'static,
    ) -> Scenario {
        self.rules.push(Rule::every_step(name, judge));
        self
    }

    /// Something that must happen in some order, or the scenario shows nothing.
    #[must_use]
    pub fn happens(
        mut self,
        name: &'static str,
        judge: impl Fn(&Happened<'_>) -> bool + Send + Sync + 'static,
    ) -> Scenario {
        self.rules.push(Rule::some_step(name, judge));
        self
    }

    /// Once `given` holds, `goal` comes, in whatever order everybody goes on.
    #[must_use]
    pub fn comes(
        mut self,
        name: &'static str,
        given: fn(&State) -> bool,
        goal: fn(&State) -> bool,
    ) -> Scenario {
        self.owed.push(Owed { name, given, goal });
        self
    }
}

/// Checks a controller: what must hold, with a clock that may move at any moment; then what must
/// come, with a clock that waits until nobody has anything else to do.
///
/// # Errors
/// What does not hold, with the shortest way to it; what does not come; what never happens; a
/// scenario that claims nothing.
pub fn check(controller: impl Checkable, scenario: Scenario) -> Result<Report, Failure> {
    check_all(vec![Part::new("controller", controller)], scenario)
}

/// The same for several controllers at once.
///
/// # Errors
/// As there.
pub fn check_all(controllers: Vec<Part>, scenario: Scenario) -> Result<Report, Failure> {
    let mut plane = Plane::new(scenario.begin, controllers);
    plane.asks = scenario.asks;
    plane.faults = scenario.faults;
    plane.clock = Clock::AtAnyTime(TICKS);
    plane.rules = scenario.rules;
    let safe = match plane.rules.is_empty() {
        true => None,
        false => Some(explore(scenario.name, &plane)?),
    };
    if let (true, Some(safe)) = (scenario.owed.is_empty(), safe) {
        return Ok(safe);
    }
    plane.owed = scenario.owed;
    plane.rules.clear();
    plane.clock = Clock::WhenIdle(PATIENCE);
    explore(scenario.name, &plane)
}

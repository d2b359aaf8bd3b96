//! What can happen in a plane, and how it does.

use super::{
    Calls, Clock, Happened, Lag, Member, Plane, State, Touched,
    member::{Going, Shared},
    server::{self, Derived},
};
use crate::{
    check::{Class, Fair, Fairness, Promise},
    zoo::{plane::Fault, requests::Driver},
};
use model::{
    ambient::Time,
    cache::WatchEvent,
    controllers::{Answer, Call, Todo, apis},
    lifecycle::Next,
};
use stateright::{Model, Property};
use std::{borrow::Cow, fmt};

/// A member, by its number and its name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Who(pub usize, pub &'static str);

impl fmt::Debug for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.1)
    }
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// This watch of this member tells its next event.
    Deliver(Who, &'static str, usize),
    /// It looks at its next item, or sends its next call.
    Turn(Who),
    /// What its call has read is committed.
    Commit(Who),
    /// It sends its next call, and is never answered.
    Lose(Who, Done),
    /// It crashes.
    Crash(Who),
    /// It lists this resource, and watches it from then on.
    Open(Who, &'static str, usize),
    /// This watch breaks; what is on its way is lost, and the resource is listed again.
    Cut(Who, &'static str, usize),
    /// The administrator asks for the next thing.
    Ask(usize),
    /// The clock moves to what is due next.
    Tick,
}

/// Whether a call that is not answered was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// It was.
    Yes,
    /// It wasn't.
    No,
}

/// The classes of fairness of each member: one for what it does, one for each watch.
const CLASSES: usize = 8;
/// The class of the clock.
const CLOCK: Class = Class::new(63);

impl Model for Plane {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![self.initial()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for (index, member) in state.members.iter().enumerate() {
            let who = Who(index, self.members[index].name);
            let oldest = member.oldest();
            for (watch, stream) in member.streams.iter().enumerate() {
                // Only a custom resource's name does not live as long as the program.
                let api = match stream.watch.0.api.resource {
                    Cow::Borrowed(name) => name,
                    Cow::Owned(_) => "custom resource",
                };
                if !stream.open {
                    actions.push(Action::Open(who, api, watch));
                    continue;
                }
                let next = match self.lag {
                    Lag::EachWatch => !stream.pending.is_empty(),
                    Lag::EachMember => oldest == Some(watch),
                };
                if next {
                    actions.push(Action::Deliver(who, api, watch));
                }
                if state.left.cuts > 0 && !stream.pending.is_empty() {
                    actions.push(Action::Cut(who, api, watch));
                }
            }
            if member.going.is_some() {
                actions.push(Action::Commit(who));
            } else {
                actions.push(Action::Turn(who));
                if state.left.lost > 0 {
                    actions.extend([Done::Yes, Done::No].map(|done| Action::Lose(who, done)));
                }
            }
            if state.left.crashes > 0 {
                actions.push(Action::Crash(who));
            }
        }
        let asked = usize::from(state.asked);
        if self.asks.get(asked).is_some_and(|ask| (ask.when)(state)) {
            actions.push(Action::Ask(asked));
        }
        if state.ticks > 0 {
            actions.push(Action::Tick);
        }
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = before.clone();
        state.remark = Derived::default();
        let call = self.act(&mut state, action)?;
        let revision = before.server.store().revision();
        let mut touched = Vec::new();
        if state.server.store().revision() != revision {
            touched = state
                .server
                .since(revision)
                .iter()
                .map(Touched::new)
                .collect();
            self.tell(&mut state);
            state.server.forget();
        }
        if let Some((call, answer)) = &call {
            state.remark = Derived(told(call, answer));
        }
        state.marks = self.marks(&Happened {
            action: &action,
            before,
            after: &state,
            call: call.as_ref(),
            touched: &touched,
        });
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Plane>> {
        self.checked_rules()
    }
}

/// Members, watches and the clock go on; the administrator may ask for nothing more; what goes
/// wrong does so finitely often.
impl Fair for Plane {
    fn fairness(&self, action: &Action) -> Fairness {
        let class = |member: usize, number: usize| {
            let number = member * CLASSES + number.min(CLASSES - 1);
            Fairness::Weak(Class::new(u8::try_from(number).unwrap_or(u8::MAX)))
        };
        match *action {
            Action::Turn(who) | Action::Commit(who) => class(who.0, 0),
            Action::Deliver(who, _, watch) | Action::Open(who, _, watch) => class(who.0, watch + 1),
            Action::Tick => Fairness::Weak(CLOCK),
            Action::Ask(_) => Fairness::Free,
            Action::Lose(..) | Action::Crash(_) | Action::Cut(..) => Fairness::Finite,
        }
    }

    fn promises(&self) -> Vec<Promise<Plane>> {
        self.checked_promises()
    }
}

/// The call that a step has sent and what came of it; `None` when it is no step.
type Acted = Option<Option<(Call, Answer)>>;

impl Plane {
    fn act(&self, state: &mut State, action: Action) -> Acted {
        match action {
            Action::Deliver(who, _, watch) => self.deliver(state, who.0, watch),
            Action::Turn(who) => self.turn(state, who.0, None),
            Action::Lose(who, done) => {
                state.left.lost -= 1;
                self.turn(state, who.0, Some(done))
            }
            Action::Commit(who) => self.commit(state, who.0),
            Action::Crash(who) => {
                state.left.crashes -= 1;
                let member = &mut state.members[who.0];
                *member = Member::begin(member.machine.crashed(&self.members[who.0]));
                Some(None)
            }
            Action::Open(who, _, watch) => {
                self.open(state, who.0, watch);
                Some(None)
            }
            Action::Cut(who, _, watch) => {
                state.left.cuts -= 1;
                self.open(state, who.0, watch);
                Some(None)
            }
            Action::Ask(number) => {
                state.asked += 1;
                let call = self.asks[number].call.clone();
                let head = call.head(&server::administrator(), "kubectl");
                let ambient = self.ambient(state, None);
                let answer = state
                    .server
                    .send(&head, &call.body, &self.config, None, &ambient);
                Some(Some((call, answer)))
            }
            Action::Tick => self.tick(state),
        }
    }

    /// Lists and watches: the initial state is told at once, as nothing is done with half of it.
    pub(super) fn open(&self, state: &mut State, index: usize, watch: usize) {
        let ambient = self.ambient(state, Some(index));
        let member = &mut state.members[index];
        let stream = &mut member.streams[watch];
        let mut machine = member.machine.copy();
        let mut head = machine.watch(&stream.watch.0);
        if let Some(Fault::Watch(fault)) = self.broken {
            fault(&mut head);
        }
        let mut watcher = state.server.watch(&head, &self.config, &ambient);
        machine.begun(&stream.watch.0.api);
        for event in state.server.poll(&mut watcher) {
            machine.event(&stream.watch.0.api, &event);
        }
        stream.watcher = Derived(Some(watcher));
        stream.open = true;
        stream.pending.clear();
        member.machine = Shared::new(machine);
    }

    fn deliver(&self, state: &mut State, index: usize, watch: usize) -> Acted {
        let member = &mut state.members[index];
        let stream = &mut member.streams[watch];
        let event = stream.pending.pop_front()?;
        let mut machine = member.machine.copy();
        machine.event(&stream.watch.0.api, &event);
        member.machine = Shared::new(machine);
        state.remark = Derived(event_told(&event));
        Some(None)
    }

    /// A member looks at its next item, and what it wants to send is sent.
    fn turn(&self, state: &mut State, index: usize, lose: Option<Done>) -> Acted {
        let ambient = self.ambient(state, Some(index));
        let mut machine = state.members[index].machine.copy();
        let mut todo = machine.next(&ambient);
        while let Todo::Send(call) = &todo
            && call.about == apis::EVENTS
            && !self.events
        {
            machine.answered(&Answer::read(201, b"{}"), &ambient);
            todo = machine.next(&ambient);
        }
        let Todo::Send(mut call) = todo else {
            let looked = Shared::new(machine);
            if lose.is_some() || looked == state.members[index].machine {
                return None;
            }
            state.members[index].machine = looked;
            return Some(None);
        };
        if let Some(Fault::Call(fault)) = self.broken {
            fault(&mut call);
        }
        let head = machine.head(&call);
        let answer = match (lose, self.calls) {
            (Some(Done::No), _) => Answer::none("it is lost on the way"),
            (None, Calls::ReadThenCommit) => {
                let next = state
                    .server
                    .begin(&head, &call.body, &self.config, &ambient);
                state.members[index].machine = Shared::new(machine);
                return self.go_on(state, index, *call, next);
            }
            (lost, _) => {
                let fault = self.store_fault();
                let answer = state
                    .server
                    .send(&head, &call.body, &self.config, fault, &ambient);
                match lost {
                    Some(_) => Answer::none("the answer is lost"),
                    None => answer,
                }
            }
        };
        machine.answered(&answer, &ambient);
        state.members[index].machine = Shared::new(machine);
        Some(Some((*call, answer)))
    }

    fn commit(&self, state: &mut State, index: usize) -> Acted {
        let Going {
            call,
            request,
            effect,
        } = state.members[index].going.take()?;
        let ambient = self.ambient(state, Some(index));
        let driver = Driver {
            fault: self.store_fault(),
        };
        let next = state
            .server
            .commit((request, effect), &self.config, driver, &ambient);
        self.go_on(state, index, call, next)
    }

    fn go_on(&self, state: &mut State, index: usize, call: Call, next: Next) -> Acted {
        let ambient = self.ambient(state, Some(index));
        let member = &mut state.members[index];
        match next {
            Next::Wait(request, effect) => {
                member.going = Some(Going {
                    call,
                    request,
                    effect,
                });
                Some(None)
            }
            Next::Done(response) => {
                let answer = server::answer(&response);
                let mut machine = member.machine.copy();
                machine.answered(&answer, &ambient);
                member.machine = Shared::new(machine);
                Some(Some((call, answer)))
            }
        }
    }

    /// The clock moves to the next moment at which something is due.
    fn tick(&self, state: &mut State) -> Acted {
        let mut due: Option<Time> = None;
        for (index, member) in state.members.iter().enumerate() {
            let mut machine = member.machine.copy();
            let idle = member.has_seen_all();
            match machine.next(&self.ambient(state, Some(index))) {
                Todo::Wait(time) => {
                    let busy = !idle || machine.digest() != member.machine.digest();
                    if busy && matches!(self.clock, Clock::WhenIdle(_)) {
                        return None;
                    }
                    due = [due, time].into_iter().flatten().min();
                }
                Todo::Send(_) if matches!(self.clock, Clock::WhenIdle(_)) => return None,
                Todo::Send(_) => {}
            }
        }
        let due = due.filter(|due| *due > state.now)?;
        state.now = due;
        state.ticks -= 1;
        Some(None)
    }

    /// What has happened is on its way to those who watch it.
    fn tell(&self, state: &mut State) {
        for member in &mut state.members {
            for stream in &mut member.streams {
                let Some(watcher) = &mut stream.watcher.0 else {
                    continue;
                };
                let mut events = state.server.poll(watcher);
                if let Some(Fault::Event(untold)) = self.broken {
                    events.retain(|event| !untold(event));
                }
                stream.pending.extend(events);
            }
        }
    }

    fn store_fault(&self) -> Option<crate::zoo::requests::Fault> {
        match self.broken {
            Some(Fault::Store(fault)) => Some(fault),
            _ => None,
        }
    }
}

fn told(call: &Call, answer: &Answer) -> String {
    let came = match (answer.code, &answer.revision) {
        (0, _) => answer.why.clone(),
        (code, Some(revision)) => format!("{code}, revision {revision}"),
        (code, None) => format!("{code} {}", answer.why),
    };
    format!("{call:?} -> {came}")
}

pub(super) fn event_told(event: &WatchEvent) -> String {
    let (what, object) = match event {
        WatchEvent::Added(object) => ("ADDED", object),
        WatchEvent::Modified(object) => ("MODIFIED", object),
        WatchEvent::Deleted(object) => ("DELETED", object),
        WatchEvent::Bookmark { revision, .. } => return format!("BOOKMARK @{revision}"),
    };
    let meta = object.meta();
    format!(
        "{what} {} {}/{} @{}",
        meta.uid.get(..8).unwrap_or_default(),
        meta.namespace,
        meta.name,
        object.revision()
    )
}

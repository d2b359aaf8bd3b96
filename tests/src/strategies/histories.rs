//! Random histories: requests one after another, while the clock moves and the store is compacted.

use super::{
    objects::{KINDS, Kind, object},
    requests::{Ask, Content, SPACES, Seen, ask_about},
};
use crate::in_memory::{Answer, InMemory};
use model::{ambient::Time, etcd::Revision};
use proptest::{collection::vec, option::weighted, prelude::*, sample::subsequence};
use serde_json::{Value, json};

/// One step of a history.
#[derive(Clone, Debug)]
pub enum Step {
    /// A request.
    Send(Box<Ask>),
    /// The clock moves on by so many seconds.
    Wait(u32),
    /// The store forgets what is more than so many revisions before the newest.
    Compact(i64),
}

/// A history of at most so many steps, with objects of a few kinds: of more they would seldom meet.
/// To be begun with [`spaces`].
pub fn history(length: usize) -> BoxedStrategy<Vec<Step>> {
    subsequence(&KINDS[..], 1..=3)
        .prop_flat_map(move |kinds| {
            let first: Vec<_> = kinds.iter().map(|kind| beginning(*kind)).collect();
            (first, history_of(ask_about(kinds), length))
        })
        .prop_map(|(first, rest)| first.into_iter().flatten().chain(rest).collect())
        .boxed()
}

/// An object or two that are there from the beginning, mostly.
fn beginning(kind: Kind) -> BoxedStrategy<Vec<Step>> {
    let names = if kind.namespaced {
        ["a", "b"]
    } else {
        ["a", "f"]
    };
    let create = move |name: &str| {
        let object = weighted(0.8, object(kind, name));
        object.prop_map(move |object| {
            object.map(|object| {
                Step::Send(Box::new(Ask {
                    content: Content::Document(object, None),
                    ..Ask::plain("POST", kind.collection(SPACES[0]))
                }))
            })
        })
    };
    names
        .map(create)
        .prop_map(|steps| steps.into_iter().flatten().collect())
        .boxed()
}

/// A history of such requests.
pub fn history_of(ask: BoxedStrategy<Ask>, length: usize) -> BoxedStrategy<Vec<Step>> {
    let step = prop_oneof![
        30 => ask.prop_map(|ask| Step::Send(ask.into())),
        2 => (1_u32..40).prop_map(Step::Wait),
        2 => (0_i64..8).prop_map(Step::Compact),
    ];
    vec(step, 0..=length)
        .prop_map(|mut steps| {
            for (number, step) in steps.iter_mut().enumerate() {
                if let Step::Send(ask) = step {
                    number_generated_name(ask, number);
                }
            }
            steps
        })
        .boxed()
}

/// The requests that make the namespaces which all others expect.
#[must_use]
pub fn spaces() -> Vec<Ask> {
    let create = |name: &&str| {
        let document = json!({"metadata": {"name": name}});
        Ask {
            content: Content::Document(document, None),
            ..Ask::plain("POST", "/api/v1/namespaces".into())
        }
    };
    SPACES[..2].iter().map(create).collect()
}

/// A server in memory with a client that remembers what it has seen.
pub struct Player {
    /// The server.
    pub server: InMemory,
    tokens: Vec<String>,
}

impl Player {
    /// Begins with the namespaces of [`spaces`].
    #[must_use]
    pub fn new(server: InMemory) -> Player {
        let mut player = Player {
            server,
            tokens: Vec::new(),
        };
        for ask in spaces() {
            player.send(&ask);
        }
        player
    }

    /// Takes a step; the answer, when it was a request.
    pub fn step(&mut self, step: &Step) -> Option<Answer> {
        match step {
            Step::Send(ask) => Some(self.send(ask)),
            Step::Wait(seconds) => {
                self.server.now = Time(self.server.now.0 + i64::from(*seconds) * 1_000_000);
                None
            }
            Step::Compact(back) => {
                let newest = self.server.store().revision();
                let revision = newest.0.saturating_add_signed(-back);
                self.server.compact(Revision(revision));
                None
            }
        }
    }

    /// Sends a request.
    pub fn send(&mut self, ask: &Ask) -> Answer {
        let request = ask.request(&self.seen(ask));
        let answer = self.server.send(&request.head, &request.body);
        if let Some(token) = answer.json()["metadata"]["continue"].as_str() {
            self.tokens.push(token.to_owned());
        }
        answer
    }

    /// What the client has seen when it sends this request.
    pub fn seen(&mut self, ask: &Ask) -> Seen<'_> {
        let object = (!ask.about.is_empty()).then(|| self.get(&ask.about));
        Seen {
            newest: self.server.store().revision().0,
            object: object.flatten(),
            tokens: &self.tokens,
        }
    }

    /// The object at a path; `None` when there is none.
    pub fn get(&mut self, path: &str) -> Option<Value> {
        let request = Ask::plain("GET", path.to_owned()).request(&Seen::default());
        let answer = self.server.send(&request.head, &request.body);
        (answer.code == 200).then(|| answer.json())
    }
}

/// Generated names end in a random suffix. With a prefix of its own for each request their order
/// is the same whatever the suffixes are.
fn number_generated_name(ask: &mut Ask, number: usize) {
    if let Content::Document(document, _) = &mut ask.content
        && let Some(Value::String(prefix)) = document.pointer_mut("/metadata/generateName")
    {
        *prefix = format!("g{number:04}-");
    }
}

//! Faults around the request machine: between it and the client, the store, or its audit log.
//!
//! [`Driver`] is how the worlds run the core. Without a fault each of its functions is what the
//! server's driver does and nothing else.

use crate::worlds::requests::menu::{Form, OWN};
use model::{
    ambient::{Ambient, Time},
    cache::Cache,
    etcd::{
        Compare, Operation, OperationResponse, Range, RangeResponse, Relation, Revision, Store,
        Target, Txn, TxnResponse,
    },
    lifecycle::{Effect, Event, audit},
    limits,
    wire::{BodyError, Head},
};

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Whoever asks is taken for an administrator.
    TakesEveryoneForTheAdministrator,
    /// What has been committed is answered as if somebody else had been first.
    ReportsACommitAsLost,
    /// What was not committed is acknowledged.
    AcknowledgesWithoutCommitting,
    /// A transaction is sent again without its compares, as after a timeout.
    CommitsTwice,
    /// `dryRun` is lost on the way.
    LosesDryRun,
    /// Requests leave no audit event when they come in.
    AuditsAnswersAlone,
    /// Audit events name whoever is the administrator.
    AuditsTheAdministrator,
    /// What is written is not compared with what it was made of: the last writer wins.
    LastWriterWins,
    /// Objects are compared by how often they were written, which begins anew when they are
    /// created again.
    ComparesByCount,
    /// Every request draws the same random number.
    DrawsTheSameNumber,
    /// k8s#77988: removal does not look whether the object is still as it was.
    RemovesWithoutLooking,
    /// k8s#82130: reads come from a cache that is one revision behind.
    ReadsThePast,
    /// `/status` is taken for the object itself.
    TakesStatusForTheObject,
    /// What was seen of other objects is not compared: namespaces, and what other Services hold.
    ComparesTheObjectAlone,
    /// A transaction that has lost is sent again as it is, as long as it loses.
    RepeatsWhatHasLost,
}

/// The core as the worlds run it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Driver {
    /// What is broken, if anything.
    pub fault: Option<Fault>,
}

/// The bearer tokens of the clients, who may do everything.
pub const TOKENS: [&str; 2] = ["alice", "carol"];

/// 27 to the power of 5: with seeds that are multiples of it every generated name is first tried
/// with the same suffix.
const SUFFIXES: u128 = 14_348_907;

impl Driver {
    fn has(self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    /// What comes in.
    #[must_use]
    pub fn head(self, form: &Form, client: usize) -> Head {
        let token = match form.token {
            _ if self.has(Fault::TakesEveryoneForTheAdministrator) => TOKENS[0],
            OWN => TOKENS[client],
            other => other,
        };
        let query = if self.has(Fault::LosesDryRun) {
            ""
        } else {
            form.query
        };
        let mut path = form.path.to_owned();
        if self.has(Fault::TakesStatusForTheObject) {
            path = path.replace("/status", "");
        }
        Head {
            method: form.method.into(),
            path,
            query: query.into(),
            headers: vec![
                ("authorization".into(), format!("Bearer {token}")),
                ("content-type".into(), form.content_type.into()),
            ],
            certificate: None,
            source: "127.0.0.1".into(),
            verified: None,
        }
    }

    /// Clock and randomness: time stands still, and each request draws a number of its own.
    #[must_use]
    pub fn ambient(self, client: usize, number: usize) -> Ambient {
        let drawn = (number * TOKENS.len() + client + 1) as u128;
        let drawn = if self.has(Fault::DrawsTheSameNumber) {
            1
        } else {
            drawn
        };
        Ambient {
            now: Time(1_767_225_600_000_000),
            seed: drawn * SUFFIXES,
            ..Ambient::default()
        }
    }

    /// Does what the core wants done.
    #[must_use]
    pub fn perform(self, effect: &Effect, store: &mut Store) -> Event {
        match effect {
            // It came with the request and has been taken.
            Effect::Body { .. } => Event::Body(Err(BodyError::Cut)),
            Effect::Cache { .. } => Event::Cache(cache(store)),
            Effect::Revision => Event::Revision(store.revision()),
            Effect::Read(range) => Event::Read(self.read(range, store)),
            Effect::Commit(txn) | Effect::CommitForAWhile(txn, _) => {
                Event::Committed(self.commit(txn, store))
            }
        }
    }

    /// The event is not handed to the request, whose effect is performed again instead.
    #[must_use]
    pub fn performs_again(self, event: &Event) -> bool {
        let lost = matches!(event, Event::Committed(Ok(answer)) if !answer.succeeded);
        self.has(Fault::RepeatsWhatHasLost) && lost
    }

    fn read(self, range: &Range, store: &Store) -> Result<RangeResponse, model::etcd::Error> {
        if self.has(Fault::ReadsThePast) && range.revision.is_none() {
            let before = Revision(store.revision().0 - 1);
            return store.range(&Range::at(range.keys.clone(), before));
        }
        store.range(range)
    }

    fn commit(self, txn: &Txn, store: &mut Store) -> Result<TxnResponse, model::etcd::Error> {
        let unguarded = Txn::always(txn.success.clone());
        match self.fault {
            Some(Fault::LastWriterWins) if changes(txn) => store.txn(&unguarded),
            Some(Fault::RemovesWithoutLooking) if removes(txn) => store.txn(&unguarded),
            Some(Fault::CommitsTwice) => {
                let answer = store.txn(txn)?;
                store.txn(&unguarded)?;
                Ok(answer)
            }
            Some(Fault::AcknowledgesWithoutCommitting) => store.clone().txn(txn),
            Some(Fault::ReportsACommitAsLost) => {
                store.txn(txn)?;
                lost(txn, store)
            }
            Some(Fault::ComparesTheObjectAlone) => {
                let mut txn = txn.clone();
                txn.compare.truncate(1);
                store.txn(&txn)
            }
            Some(Fault::ComparesByCount) => {
                let compare = txn.compare.iter().map(|it| by_count(it, store)).collect();
                store.txn(&Txn {
                    compare,
                    ..txn.clone()
                })
            }
            _ => store.txn(txn),
        }
    }

    /// What is written into the audit log: stage, user, code.
    #[must_use]
    pub fn audit(self, events: &[audit::Event]) -> Vec<(audit::Stage, String, Option<u16>)> {
        let mut log = Vec::new();
        for event in events {
            if self.has(Fault::AuditsAnswersAlone) && event.stage == audit::Stage::RequestReceived {
                continue;
            }
            let mut user = event.context.user.name.clone();
            if self.has(Fault::AuditsTheAdministrator) {
                user = TOKENS[0].into();
            }
            log.push((event.stage, user, event.code));
        }
        log
    }
}

/// It changes an object that is there.
fn changes(txn: &Txn) -> bool {
    let present = |it: &Compare| matches!(it.target, Target::ModRevision(_));
    !removes(txn) && txn.compare.first().is_some_and(present)
}

fn removes(txn: &Txn) -> bool {
    let removes = |it: &Operation| matches!(it, Operation::DeleteRange(_));
    txn.success.iter().any(removes)
}

/// A cache that doesn't lag; caches that do are the subject of another world.
fn cache(store: &Store) -> Cache {
    let snapshot = store.snapshot(store.revision()).unwrap_or_default();
    let kvs = snapshot.iter().map(|(_, kv)| kv);
    Cache::restore(limits::WATCH_WINDOW_EVENTS, store.revision(), kvs)
}

/// What the store answers when a transaction's compares don't hold.
fn lost(txn: &Txn, store: &Store) -> Result<TxnResponse, model::etcd::Error> {
    let mut responses = Vec::new();
    for operation in &txn.failure {
        if let Operation::Range(range) = operation {
            responses.push(OperationResponse::Range(store.range(range)?));
        }
    }
    Ok(TxnResponse {
        revision: store.revision(),
        succeeded: false,
        responses,
    })
}

/// The compare with the number of writes that the key had at the revision that is compared.
fn by_count(compare: &Compare, store: &Store) -> Compare {
    let mut compare = compare.clone();
    if let (Target::ModRevision(revision), Relation::Equal) = (&compare.target, compare.relation) {
        let at = store.range(&Range::at(compare.keys.clone(), *revision));
        let kv = at.ok().and_then(|at| at.kvs.into_iter().next());
        compare.target = Target::Version(kv.map_or(0, |kv| kv.version));
    }
    compare
}

//! The only place where the core writes: transactions on one object's key.
//!
//! **Architecture invariant:** every write takes a [`Validated`], and only [`super::validate`] makes
//! one. Every transaction compares the revision that the decision was made on, so that removal and
//! change are one step each: a finalizer that is added meanwhile makes a removal fail
//! (upstream's separate transactions allow it: kubernetes#77988).

use super::{Effect, context::Scene, validate::Validated};
use crate::{
    cache::Entry,
    etcd::{
        Compare, DeleteRange, Key, KeyRange, KeyValue, LeaseId, Operation, OperationResponse, Put,
        Range, Relation, Revision, Target, Txn, TxnResponse,
    },
    frozen::Frozen,
    object::Object,
    selector,
    status::{Refusal, Status},
};
use alloc::vec;

/// A read of one key.
#[must_use]
pub fn read(key: &Key) -> Range {
    Range::newest(KeyRange::Single(key.clone()))
}

/// Writes the object if there is none (rule 1 of the storage contract).
#[must_use]
pub fn create(key: &Key, object: &Validated) -> Txn {
    guarded(key, Target::CreateRevision(Revision(0)), put(key, object))
}

/// Writes the object if it is still the one at `expected`.
#[must_use]
pub fn update(key: &Key, expected: Revision, object: &Validated) -> Txn {
    guarded(key, Target::ModRevision(expected), put(key, object))
}

/// Removes the object if it is still the one at `expected`.
#[must_use]
pub fn remove(key: &Key, expected: Revision) -> Txn {
    let keys = KeyRange::Single(key.clone());
    let delete = Operation::DeleteRange(DeleteRange {
        keys,
        previous: false,
    });
    guarded(key, Target::ModRevision(expected), delete)
}

/// Lets a transaction happen only if none of these keys has been written after `seen`: what was
/// decided on these objects, as a cache has them, holds.
pub fn only_if_unchanged_since(txn: &mut Txn, keys: KeyRange, seen: Revision) {
    txn.compare.push(Compare {
        keys,
        relation: Relation::Less,
        target: Target::ModRevision(seen.next()),
    });
}

/// Lets a transaction happen only if there is something at a key.
pub fn only_if_there(txn: &mut Txn, key: Key) {
    txn.compare.push(Compare {
        keys: KeyRange::Single(key),
        relation: Relation::Greater,
        target: Target::CreateRevision(Revision(0)),
    });
}

/// Asks for a transaction that writes an object of the request's kind: Events last for a while
/// (`registry/core/event/storage`, whose every write has the time to live).
#[must_use]
pub fn write(scene: &Scene<'_>, txn: Txn) -> Effect {
    let resource = &scene.endpoint.resource;
    let event = matches!(
        (resource.group.as_str(), resource.plural.as_str()),
        ("" | "events.k8s.io", "events")
    );
    match scene.config.event_ttl {
        ttl if event && ttl > 0 => Effect::CommitForAWhile(txn, ttl),
        _ => Effect::Commit(txn),
    }
}

/// What a transaction came to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It is done, at this revision.
    Done(Revision),
    /// Somebody else was first: this is what is there now (rule 22).
    Lost(Option<KeyValue>),
}

/// Reads the answer to one of this module's transactions.
///
/// # Errors
/// 500 when the store answered something else than was asked.
pub fn outcome(answer: TxnResponse) -> Result<Outcome, Refusal> {
    if answer.succeeded {
        return Ok(Outcome::Done(answer.revision));
    }
    match answer.responses.into_iter().next() {
        Some(OperationResponse::Range(range)) => Ok(Outcome::Lost(range.kvs.into_iter().next())),
        _ => Err(Status::internal(
            "the store did not answer the read of a lost transaction",
        )),
    }
}

/// The object that was just written at `revision`.
///
/// # Errors
/// 500 when it cannot be read back, which [`Validated`] excludes.
pub fn written(key: &Key, frozen: &Frozen, revision: Revision) -> Result<Object, Refusal> {
    let kv = KeyValue {
        key: key.clone(),
        create_revision: revision,
        mod_revision: revision,
        version: 1,
        lease: LeaseId(0),
        value: frozen.clone(),
    };
    decode(&kv)
}

/// Decodes a key's value.
///
/// # Errors
/// 500 when somebody wrote garbage past the API server; it concerns this object alone.
pub fn decode(kv: &KeyValue) -> Result<Object, Refusal> {
    Object::decode(kv, selector::stored_under("")).map_err(|error| Status::internal(&error.0))
}

/// The object that the cache has at a key.
///
/// # Errors
/// As [`decode`].
pub fn cached(entry: &Entry) -> Result<Object, Refusal> {
    match entry {
        Entry::Object(object) => Ok(object.clone()),
        Entry::Undecodable { why, .. } => Err(Status::internal(&why.0)),
    }
}

fn put(key: &Key, object: &Validated) -> Operation {
    Operation::Put(Put::new(key.clone(), object.frozen().clone()))
}

fn guarded(key: &Key, target: Target, operation: Operation) -> Txn {
    let keys = KeyRange::Single(key.clone());
    Txn {
        compare: vec![Compare {
            keys,
            relation: Relation::Equal,
            target,
        }],
        success: vec![operation],
        failure: vec![Operation::Range(read(key))],
    }
}

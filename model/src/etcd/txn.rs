//! Transactions: compares, then one of two branches, as one revision.
//!
//! As in etcd (`server/etcdserver/txn/txn.go`) a transaction goes three ways one after another:
//! its shape is checked; the compares of it and of all nested ones pick their branches in the state
//! before; what these branches need is checked in that state too. After that nothing can fail.

use super::{
    Compare, DeleteRange, Error, Key, KeyRange, KeyValue, LeaseId, Operation, OperationResponse,
    Put, Range, RangeResponse, Relation, Revision, Store, Target, Txn, TxnResponse,
    read::{asked, read},
    store::Draft,
};
use crate::limits::{TXN_OPERATIONS, VALUE_BYTES};
use alloc::{collections::BTreeSet, vec::Vec};
use core::cmp::Ordering;

impl Store {
    /// Runs a transaction. It adds a revision exactly when it changes something.
    ///
    /// # Errors
    /// What is wrong with its shape, or what the branches that would run cannot have; the store is
    /// then as it was.
    pub fn txn(&mut self, txn: &Txn) -> Result<TxnResponse, Error> {
        check_shape(txn, TXN_OPERATIONS)?;
        check_overlaps(&txn.success)?;
        check_overlaps(&txn.failure)?;
        let branch = self.choose(txn);
        self.check(&branch)?;
        let mut draft = Draft::new(self);
        let responses = self.run(&branch, &mut draft);
        self.commit(draft);
        Ok(TxnResponse {
            revision: self.revision,
            succeeded: branch.succeeded,
            responses,
        })
    }

    /// Which branches of it and of all nested transactions will run.
    fn choose<'a>(&self, txn: &'a Txn) -> Branch<'a> {
        let succeeded = txn.compare.iter().all(|compare| self.holds(compare));
        let operations = if succeeded {
            &txn.success
        } else {
            &txn.failure
        };
        let step = |operation: &'a Operation| match operation {
            Operation::Range(range) => Step::Range(range),
            Operation::Put(put) => Step::Put(put),
            Operation::DeleteRange(delete) => Step::DeleteRange(delete),
            Operation::Txn(txn) => Step::Txn(self.choose(txn)),
        };
        Branch {
            succeeded,
            steps: operations.iter().map(step).collect(),
        }
    }

    fn holds(&self, compare: &Compare) -> bool {
        let mut found = compare.keys.within(&self.live).peekable();
        if found.peek().is_none() {
            return matches(compare, None);
        }
        found.all(|(_, kv)| matches(compare, Some(kv)))
    }

    /// Checks what the branch needs, in the state before: revisions, leases, and keys whose value
    /// or lease a put keeps.
    fn check(&self, branch: &Branch<'_>) -> Result<(), Error> {
        for step in &branch.steps {
            match step {
                Step::Range(range) => match asked(range) {
                    Some(revision) if revision > self.revision => {
                        return Err(Error::FutureRevision(self.revision));
                    }
                    Some(revision) if revision < self.compacted() => {
                        return Err(Error::Compacted(self.compacted()));
                    }
                    _ => {}
                },
                Step::Put(put) => {
                    if put.lease != LeaseId(0) && !self.leases.contains(&put.lease) {
                        return Err(Error::LeaseNotFound);
                    }
                    if (put.ignore_value || put.ignore_lease) && !self.live.contains(&put.key) {
                        return Err(Error::KeyNotFound);
                    }
                }
                Step::DeleteRange(_) => {}
                Step::Txn(nested) => self.check(nested)?,
            }
        }
        Ok(())
    }

    fn run(&self, branch: &Branch<'_>, draft: &mut Draft) -> Vec<OperationResponse> {
        let run = |step: &Step<'_>| match step {
            Step::Range(range) => OperationResponse::Range(self.read_within(range, draft)),
            Step::Put(put) => OperationResponse::Put {
                previous: run_put(put, draft),
            },
            Step::DeleteRange(delete) => run_delete(delete, draft),
            Step::Txn(nested) => OperationResponse::Txn(TxnResponse {
                revision: Revision(0),
                succeeded: nested.succeeded,
                responses: self.run(nested, draft),
            }),
        };
        branch.steps.iter().map(run).collect()
    }

    /// A read within the transaction sees what the transaction has written; at a revision, what was
    /// there then.
    fn read_within(&self, range: &Range, draft: &Draft) -> RangeResponse {
        let revision = draft.revision();
        match asked(range) {
            Some(past) if past < revision => {
                let state = self.history.rewind(&self.live, past);
                read(range, &state, revision)
            }
            _ => read(range, &draft.live, revision),
        }
    }
}

/// The branch of a transaction that runs, with those of its nested transactions.
struct Branch<'a> {
    succeeded: bool,
    steps: Vec<Step<'a>>,
}

enum Step<'a> {
    Range(&'a Range),
    Put(&'a Put),
    DeleteRange(&'a DeleteRange),
    Txn(Branch<'a>),
}

fn run_put(put: &Put, draft: &mut Draft) -> Option<KeyValue> {
    let old = draft.live.get(&put.key).cloned();
    let value = match &old {
        Some(old) if put.ignore_value => old.value.clone(),
        _ => put.value.clone(),
    };
    let lease = match &old {
        Some(old) if put.ignore_lease => old.lease,
        _ => put.lease,
    };
    draft.put(&put.key, value, lease);
    old.filter(|_| put.previous)
}

fn run_delete(delete: &DeleteRange, draft: &mut Draft) -> OperationResponse {
    let found = delete.keys.within(&draft.live);
    let found: Vec<KeyValue> = found.map(|(_, kv)| kv.clone()).collect();
    for old in &found {
        draft.delete(old);
    }
    OperationResponse::DeleteRange {
        deleted: found.len(),
        previous: if delete.previous { found } else { Vec::new() },
    }
}

/// True when the compare holds for what is there; an absent key is all zeros, but has no value to
/// compare with.
fn matches(compare: &Compare, kv: Option<&KeyValue>) -> bool {
    let ordering = match &compare.target {
        Target::Version(version) => kv.map_or(0, |kv| kv.version).cmp(version),
        Target::CreateRevision(revision) => kv
            .map_or(Revision(0), |kv| kv.create_revision)
            .cmp(revision),
        Target::ModRevision(revision) => kv.map_or(Revision(0), |kv| kv.mod_revision).cmp(revision),
        Target::Lease(lease) => kv.map_or(LeaseId(0), |kv| kv.lease).cmp(lease),
        Target::Value(value) => match kv {
            Some(kv) => kv.value.cmp(value),
            None => return false,
        },
    };
    match compare.relation {
        Relation::Equal => ordering == Ordering::Equal,
        Relation::NotEqual => ordering != Ordering::Equal,
        Relation::Greater => ordering == Ordering::Greater,
        Relation::Less => ordering == Ordering::Less,
    }
}

/// Checks what can be seen without the state (etcd's `checkTxnRequest`). The longest of the three
/// lists counts against the budget, which the nested transactions share: so it also bounds how deep
/// they nest.
fn check_shape(txn: &Txn, budget: usize) -> Result<(), Error> {
    let longest = txn
        .compare
        .len()
        .max(txn.success.len())
        .max(txn.failure.len());
    let Some(budget) = budget.checked_sub(longest) else {
        return Err(Error::TooManyOperations);
    };
    for compare in &txn.compare {
        check_key(&compare.keys)?;
    }
    for operation in txn.success.iter().chain(&txn.failure) {
        match operation {
            Operation::Range(range) => check_key(&range.keys)?,
            Operation::Put(put) => check_put(put)?,
            Operation::DeleteRange(delete) => check_key(&delete.keys)?,
            Operation::Txn(nested) => check_shape(nested, budget)?,
        }
    }
    Ok(())
}

fn check_key(keys: &KeyRange) -> Result<(), Error> {
    if keys.start().bytes().is_empty() {
        return Err(Error::EmptyKey);
    }
    Ok(())
}

fn check_put(put: &Put) -> Result<(), Error> {
    if put.key.bytes().is_empty() {
        return Err(Error::EmptyKey);
    }
    if put.ignore_value && !put.value.bytes().is_empty() {
        return Err(Error::ValueProvided);
    }
    if put.ignore_lease && put.lease != LeaseId(0) {
        return Err(Error::LeaseProvided);
    }
    if put.value.bytes().len() > VALUE_BYTES {
        return Err(Error::RequestTooLarge);
    }
    Ok(())
}

/// Refuses a branch that writes a key twice (etcd's `checkIntervals`): puts of a key meet no other
/// put of it, and no delete of this level or of an earlier nested transaction. Deletes may overlap;
/// the two branches of a nested transaction exclude each other, so they may write the same; and a
/// nested transaction may delete what an earlier one has put.
///
/// etcd doesn't notice a delete of [`KeyRange::From`] (it takes the end's zero byte for a key), and
/// then loses the key when that revision is compacted. Here it counts like every other delete.
fn check_overlaps(operations: &[Operation]) -> Result<Writes<'_>, Error> {
    let mut writes = Writes::default();
    for operation in operations {
        if let Operation::DeleteRange(delete) = operation {
            writes.deletes.push(&delete.keys);
        }
    }
    for operation in operations {
        if let Operation::Txn(nested) = operation {
            let success = check_overlaps(&nested.success)?;
            let failure = check_overlaps(&nested.failure)?;
            let mut puts = success.puts;
            puts.extend(failure.puts);
            for key in puts {
                writes.put(key)?;
            }
            writes.deletes.extend(success.deletes);
            writes.deletes.extend(failure.deletes);
        }
    }
    for operation in operations {
        if let Operation::Put(put) = operation {
            writes.put(&put.key)?;
        }
    }
    Ok(writes)
}

/// What a list of operations may write.
#[derive(Default)]
struct Writes<'a> {
    puts: BTreeSet<&'a Key>,
    deletes: Vec<&'a KeyRange>,
}

impl<'a> Writes<'a> {
    fn put(&mut self, key: &'a Key) -> Result<(), Error> {
        let deleted = self.deletes.iter().any(|keys| keys.contains(key));
        if deleted || !self.puts.insert(key) {
            return Err(Error::DuplicateKey);
        }
        Ok(())
    }
}

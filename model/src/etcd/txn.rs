//! Transactions: compares, then one of two branches, as one revision.
//!
//! As in etcd (`server/etcdserver/txn/txn.go`) a transaction goes three ways one after another:
//! its shape is checked; the compares of it and of all nested ones pick their branches in the state
//! before; what these branches need is checked in that state too. After that nothing can fail.

use super::{
    Compare, DeleteRange, Error, KeyValue, LeaseId, Operation, OperationResponse, Put, Range,
    RangeResponse, Relation, Revision, Store, Target, Txn, TxnResponse,
    read::{asked, read},
    shape,
    store::Draft,
};
use alloc::vec::Vec;
use core::cmp::Ordering;

impl Store {
    /// Runs a transaction. It adds a revision exactly when it changes something.
    ///
    /// # Errors
    /// What is wrong with its shape, or what the branches that would run cannot have; the store is
    /// then as it was.
    pub fn txn(&mut self, txn: &Txn) -> Result<TxnResponse, Error> {
        shape::check(txn)?;
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
                    if (put.ignore_value || put.ignore_lease) && !self.live.contains(&put.key) {
                        return Err(Error::KeyNotFound);
                    }
                    if put.lease != LeaseId(0) && !self.leases.contains(&put.lease) {
                        return Err(Error::LeaseNotFound);
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

#[cfg(test)]
mod tests {
    use super::super::fixture::{delete, key, put, told};
    use super::{
        Compare, Error, LeaseId, Operation, OperationResponse, Put, Relation, Revision, Store,
        Target, Txn,
    };
    use crate::etcd::{DeleteRange, KeyRange, Range};
    use alloc::{vec, vec::Vec};

    fn branch(success: Vec<Operation>, failure: Vec<Operation>) -> Operation {
        let compare = vec![Compare::equal("z".into(), Target::Version(0))];
        Operation::Txn(Txn {
            compare,
            success,
            failure,
        })
    }

    #[test]
    fn only_a_change_adds_a_revision_and_all_keys_share_it() {
        let mut store = Store::new();
        let read = Range::newest(KeyRange::all()).into();
        assert_eq!(store.together(vec![read]).unwrap().revision, Revision(1));
        let nothing = store.together(vec![delete(key("a"))]).unwrap();
        assert_eq!(nothing.revision, Revision(1));
        let both = store.together(vec![put("a", "1"), put("b", "1")]).unwrap();
        assert_eq!(both.revision, Revision(2));
        assert_eq!(store.listing(2).unwrap(), "a=1 2/2 v1, b=1 2/2 v1");
        // Writing the same again is a change.
        assert_eq!(
            store.together(vec![put("a", "1")]).unwrap().revision,
            Revision(3)
        );
    }

    #[test]
    fn previous_values_are_told_when_asked_for() {
        let previous = true;
        let put_a = |value: &str| Put {
            previous,
            ..Put::new("a".into(), value.into())
        };
        let delete_all = DeleteRange {
            keys: KeyRange::all(),
            previous,
        };
        let mut store = Store::new().with(&[put("b", "1")]);
        let operations = vec![put_a("1").into()];
        let first = store.together(operations).unwrap().responses;
        assert_eq!(first, [OperationResponse::Put { previous: None }]);
        let a = store.get(&"a".into()).cloned();
        let second = store.together(vec![put_a("2").into()]).unwrap().responses;
        assert_eq!(second, [OperationResponse::Put { previous: a }]);
        let live: Vec<_> = store.live.iter().map(|(_, kv)| kv.clone()).collect();
        let gone = store.together(vec![delete_all.into()]).unwrap().responses;
        let expected = OperationResponse::DeleteRange {
            deleted: 2,
            previous: live,
        };
        assert_eq!(gone, [expected]);
        let quiet = store.together(vec![put("a", "3")]).unwrap().responses;
        assert_eq!(quiet, [OperationResponse::Put { previous: None }]);
    }

    #[test]
    fn a_put_can_keep_the_value_or_the_lease() {
        let keep_value = Put {
            ignore_value: true,
            ..Put::new("a".into(), "".into())
        };
        let keep_lease = Put {
            ignore_lease: true,
            ..Put::new("a".into(), "2".into())
        };
        let mut store = Store::new().granted(5, 10);
        for absent in [keep_value.clone(), keep_lease.clone()] {
            assert_eq!(store.together(vec![absent.into()]), Err(Error::KeyNotFound));
        }
        // Also when an earlier operation of the transaction makes the key: the state before counts.
        let nested = branch(vec![put("b", "1")], vec![]);
        let refused = store.together(vec![nested, keep_value.clone().into()]);
        assert_eq!(refused, Err(Error::KeyNotFound));
        let leased = Put {
            lease: LeaseId(5),
            ..Put::new("a".into(), "1".into())
        };
        let store = store.with(&[leased.into(), keep_lease.clone().into()]);
        assert_eq!(store.get(&"a".into()).unwrap().lease, LeaseId(5));
        let mut store = store.with(&[keep_value.clone().into()]);
        assert_eq!(store.listing(4).unwrap(), "a=2 2/4 v3");
        assert_eq!(store.get(&"a".into()).unwrap().lease, LeaseId(0));
        let value = Put {
            value: "x".into(),
            ..keep_value
        };
        assert_eq!(
            store.together(vec![value.into()]),
            Err(Error::ValueProvided)
        );
        let lease = Put {
            lease: LeaseId(5),
            ..keep_lease
        };
        assert_eq!(
            store.together(vec![lease.into()]),
            Err(Error::LeaseProvided)
        );
    }

    #[test]
    fn compares() {
        // a=2 (2/3 v2), b=1 (4/4 v1); c is absent.
        let store = Store::new().with(&[put("a", "1"), put("a", "2"), put("b", "1")]);
        let check = |keys: KeyRange, relation, target, expected: bool| {
            let compare = Compare {
                keys,
                relation,
                target,
            };
            assert_eq!(store.holds(&compare), expected, "{compare:?}");
        };
        use Relation::{Equal, Greater, Less, NotEqual};
        check(key("a"), Equal, Target::Version(2), true);
        check(key("a"), Greater, Target::Version(1), true);
        check(key("a"), Less, Target::ModRevision(Revision(3)), false);
        check(
            key("a"),
            NotEqual,
            Target::CreateRevision(Revision(3)),
            true,
        );
        check(key("a"), Equal, Target::Value("2".into()), true);
        check(key("a"), Greater, Target::Value("10".into()), true);
        check(key("a"), Equal, Target::Lease(LeaseId(0)), true);
        check(key("c"), Equal, Target::Version(0), true);
        check(key("c"), Equal, Target::ModRevision(Revision(0)), true);
        check(key("c"), Equal, Target::CreateRevision(Revision(0)), true);
        check(key("c"), Equal, Target::Lease(LeaseId(0)), true);
        check(key("c"), Equal, Target::Value("".into()), false);
        check(key("c"), NotEqual, Target::Value("1".into()), false);
        check(KeyRange::all(), Greater, Target::Version(0), true);
        check(KeyRange::all(), Greater, Target::Version(1), false);
        check(KeyRange::From("c".into()), Equal, Target::Version(0), true);
    }

    #[test]
    fn all_compares_nested_ones_too_see_the_state_before() {
        let mut store = Store::new();
        let absent = Compare::equal("a".into(), Target::Version(0));
        let nested = Txn {
            compare: vec![absent.clone()],
            success: vec![put("b", "absent")],
            failure: vec![put("b", "there")],
        };
        let outer = Txn {
            compare: vec![absent],
            success: vec![put("a", "1"), nested.into()],
            failure: vec![put("c", "1")],
        };
        let response = store.txn(&outer).unwrap();
        assert!(response.succeeded);
        assert_eq!(store.listing(2).unwrap(), "a=1 2/2 v1, b=absent 2/2 v1");
        match &response.responses[1] {
            OperationResponse::Txn(nested) => {
                assert!(nested.succeeded);
                assert_eq!(
                    nested.revision,
                    Revision(0),
                    "etcd fills the outer header only"
                );
            }
            other => panic!("{other:?}"),
        }
        assert!(!store.txn(&outer).unwrap().succeeded);
        assert_eq!(store.get(&"c".into()).unwrap().mod_revision, Revision(3));
    }

    #[test]
    fn a_key_that_is_put_and_deleted_in_one_transaction_is_told_twice() {
        let nested = |operation| branch(vec![operation], vec![]);
        let mut store = Store::new().with(&[put("a", "0")]);
        let operations = vec![
            nested(put("a", "1")),
            nested(put("b", "1")),
            nested(delete(KeyRange::all())),
        ];
        let response = store.together(operations).unwrap();
        assert_eq!(response.revision, Revision(3));
        let events: Vec<_> = store.events(Revision(2)).unwrap().collect();
        // What was before is what was at the revision before.
        assert_eq!(told(events[0].1), "3 a=1 [0], 3 b=1, 3 -a [0], 3 -b");
        assert_eq!(store.listing(3).unwrap(), "");
        assert_eq!(store.listing(2).unwrap(), "a=0 2/2 v1");
    }

    #[test]
    fn bad_requests_are_refused_in_the_branch_that_does_not_run_too() {
        let mut store = Store::new()
            .with(&[put("a", "1"), put("a", "2")])
            .compacted_at(3);
        let mut check = |operation: Operation, expected: Error| {
            let before = store.clone();
            let unused = Txn {
                failure: vec![operation],
                ..Txn::default()
            };
            assert_eq!(store.txn(&unused), Err(expected));
            assert_eq!(store, before);
        };
        check(put("", "1"), Error::EmptyKey);
        check(delete(KeyRange::From("".into())), Error::EmptyKey);
        check(Range::newest(key("")).into(), Error::EmptyKey);
        let large = vec![0; crate::limits::VALUE_BYTES + 1];
        check(
            Put::new("a".into(), large.into()).into(),
            Error::RequestTooLarge,
        );
        // What depends on the state counts only in the branch that runs.
        let old = |revision| -> Operation { Range::at(key("a"), Revision(revision)).into() };
        let unused = Txn {
            failure: vec![old(2), old(9)],
            ..Txn::default()
        };
        assert!(store.txn(&unused).is_ok());
        let write_and_read = |revision| vec![put("a", "3"), old(revision)];
        assert_eq!(
            store.together(write_and_read(2)),
            Err(Error::Compacted(Revision(3)))
        );
        assert_eq!(
            store.together(write_and_read(4)),
            Err(Error::FutureRevision(Revision(3)))
        );
        assert_eq!(store.revision(), Revision(3));
    }
}

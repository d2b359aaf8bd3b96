//! What can be wrong with a transaction whatever the state
//! (etcd's `server/etcdserver/api/v3rpc/key.go`).

use super::{Error, Key, KeyRange, LeaseId, Operation, Put, Txn};
use crate::limits::{TXN_OPERATIONS, VALUE_BYTES};
use alloc::{collections::BTreeSet, vec::Vec};

/// Checks both branches of a transaction and of all nested ones.
pub(super) fn check(txn: &Txn) -> Result<(), Error> {
    check_form(txn, TXN_OPERATIONS)?;
    check_overlaps(&txn.success)?;
    check_overlaps(&txn.failure)?;
    Ok(())
}

/// Checks what can be seen without the state (etcd's `checkTxnRequest`). The longest of the three
/// lists counts against the budget, which the nested transactions share: so it also bounds how deep
/// they nest.
fn check_form(txn: &Txn, budget: usize) -> Result<(), Error> {
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
            Operation::Txn(nested) => check_form(nested, budget)?,
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

#[cfg(test)]
mod tests {
    use super::super::fixture::{delete, key, put};
    use super::{Error, KeyRange, Operation, Txn};
    use crate::etcd::{Compare, Store, Target};
    use alloc::{vec, vec::Vec};

    fn branch(success: Vec<Operation>, failure: Vec<Operation>) -> Operation {
        let compare = vec![Compare::equal("z".into(), Target::Version(0))];
        Operation::Txn(Txn {
            compare,
            success,
            failure,
        })
    }

    fn check_overlap(operations: Vec<Operation>, expected: Result<(), Error>) {
        let mut store = Store::new().with(&[put("a", "0"), put("b", "0")]);
        let result = store.together(operations.clone()).map(|_| ());
        assert_eq!(result, expected, "{operations:?}");
    }

    #[test]
    fn a_key_is_not_written_twice() {
        let twice = Err(Error::DuplicateKey);
        check_overlap(vec![put("a", "1"), put("b", "1")], Ok(()));
        check_overlap(vec![put("a", "1"), put("a", "2")], twice.clone());
        check_overlap(vec![put("a", "1"), delete(key("a"))], twice.clone());
        check_overlap(
            vec![delete(KeyRange::prefix(b"a")), put("ab", "1")],
            twice.clone(),
        );
        check_overlap(
            vec![put("b", "1"), delete(KeyRange::From("a".into()))],
            twice.clone(),
        );
        check_overlap(vec![delete(key("a")), delete(KeyRange::all())], Ok(()));
        let nested = |operation| branch(vec![operation], vec![]);
        check_overlap(vec![nested(put("a", "1")), put("a", "2")], twice.clone());
        check_overlap(
            vec![nested(put("a", "1")), nested(put("a", "2"))],
            twice.clone(),
        );
        check_overlap(vec![put("a", "1"), nested(delete(key("a")))], twice.clone());
        check_overlap(
            vec![nested(delete(key("a"))), nested(put("a", "1"))],
            twice.clone(),
        );
        check_overlap(vec![nested(put("a", "1")), delete(key("a"))], twice.clone());
        // Two branches exclude each other; and etcd doesn't look for this last one.
        check_overlap(
            vec![branch(vec![put("a", "1")], vec![put("a", "2")])],
            Ok(()),
        );
        check_overlap(
            vec![branch(vec![put("a", "1")], vec![delete(key("a"))])],
            Ok(()),
        );
        check_overlap(
            vec![nested(put("a", "1")), nested(delete(key("a")))],
            Ok(()),
        );
        // Branches that don't run are looked at too.
        let other = branch(vec![], vec![put("a", "1"), put("a", "2")]);
        check_overlap(vec![other], twice);
    }

    #[test]
    fn operations_are_counted_down_through_nested_transactions() {
        let puts = |count: usize| -> Vec<Operation> {
            (0..count)
                .map(|n| put(&alloc::format!("k{n}"), ""))
                .collect()
        };
        let mut store = Store::new();
        assert!(store.together(puts(128)).is_ok());
        assert_eq!(store.together(puts(129)), Err(Error::TooManyOperations));
        assert!(store.together(vec![branch(puts(127), vec![])]).is_ok());
        let deep = store.together(vec![branch(puts(128), vec![])]);
        assert_eq!(deep, Err(Error::TooManyOperations));
        let compare = vec![Compare::equal("a".into(), Target::Version(0)); 129];
        let compares = store.txn(&Txn::only_if(compare, vec![]));
        assert_eq!(compares, Err(Error::TooManyOperations));
    }
}

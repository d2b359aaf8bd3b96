//! Compaction: history below a revision is forgotten.

use super::{Error, Revision, Store};

impl Store {
    /// Forgets what was below `revision`, which stays readable itself; no key goes, and no revision
    /// is added.
    ///
    /// # Errors
    /// [`Error::Compacted`] at or below the compacted revision, [`Error::FutureRevision`] above the
    /// newest.
    pub(super) fn compact(&mut self, revision: Revision) -> Result<(), Error> {
        match self.history.compacted() {
            Some(compacted) if revision <= compacted => Err(Error::Compacted(compacted)),
            _ if revision > self.revision => Err(Error::FutureRevision(self.revision)),
            _ => {
                self.history.forget(revision);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{delete, key, put, told};
    use super::{Error, Revision, Store};
    use crate::etcd::{KeyRange, Range, Txn};
    use alloc::{vec, vec::Vec};

    fn events_from(store: &Store, revision: u64) -> Vec<alloc::string::String> {
        let events = store.events(Revision(revision - 1)).unwrap();
        events.map(|(_, events)| told(events)).collect()
    }

    #[test]
    fn no_live_key_is_lost_and_the_compacted_revision_can_be_read() {
        let store = Store::new().with(&[put("a", "1"), put("b", "1"), put("a", "2")]);
        let compacted = store.clone().compacted_at(3);
        assert_eq!(compacted.revision(), Revision(4));
        assert_eq!(compacted.compacted(), Revision(3));
        assert_eq!(compacted.listing(3), store.listing(3));
        assert_eq!(compacted.listing(4), store.listing(4));
        let error = compacted.range(&Range::at(KeyRange::all(), Revision(2)));
        assert_eq!(error, Err(Error::Compacted(Revision(3))));
    }

    #[test]
    fn at_or_below_the_last_is_compacted_and_above_the_newest_is_the_future() {
        let mut store = Store::new().with(&[put("a", "1")]).compacted_at(2);
        assert_eq!(
            store.compact(Revision(2)),
            Err(Error::Compacted(Revision(2)))
        );
        assert_eq!(
            store.compact(Revision(0)),
            Err(Error::Compacted(Revision(2)))
        );
        assert_eq!(
            store.compact(Revision(3)),
            Err(Error::FutureRevision(Revision(2)))
        );
    }

    #[test]
    fn the_first_compaction_can_be_at_0_and_the_second_cannot() {
        let mut store = Store::new().compacted_at(0);
        assert_eq!(
            store.compact(Revision(0)),
            Err(Error::Compacted(Revision(0)))
        );
        assert_eq!(store.compact(Revision(1)), Ok(()));
    }

    /// etcd issues 18089 and 19179.
    #[test]
    fn a_delete_at_the_compacted_revision_is_still_told() {
        let store = Store::new().with(&[put("a", "1"), delete(key("a")), put("b", "1")]);
        assert_eq!(events_from(&store, 3), ["3 -a [1]", "4 b=1"]);
        assert_eq!(events_from(&store.compacted_at(3), 3), ["3 -a", "4 b=1"]);
    }

    #[test]
    fn at_the_compacted_revision_one_version_a_key_is_left() {
        let mut store = Store::new();
        let put_then_delete = vec![
            Txn::always(vec![put("a", "1"), put("b", "1")]).into(),
            Txn::always(vec![delete(key("a"))]).into(),
        ];
        store.together(put_then_delete).unwrap();
        assert_eq!(events_from(&store, 2), ["2 a=1, 2 b=1, 2 -a"]);
        let compacted = store.compacted_at(2);
        assert_eq!(events_from(&compacted, 2), ["2 b=1, 2 -a"]);
        assert_eq!(compacted.listing(2).unwrap(), "b=1 2/2 v1");
    }

    #[test]
    fn what_is_forgotten_is_refused_and_never_a_gap() {
        let store = Store::new().with(&[put("a", "1"), put("a", "2"), put("a", "3")]);
        let store = store.compacted_at(3);
        assert!(store.events(Revision(2)).is_ok());
        let error = store.events(Revision(1)).map(Iterator::count);
        assert_eq!(error, Err(Error::Compacted(Revision(3))));
    }

    #[test]
    fn two_ways_to_the_same_observations_are_the_same_state() {
        let history = [put("a", "1"), put("a", "2"), put("a", "3")];
        let once = Store::new().with(&history).compacted_at(4);
        let twice = Store::new().with(&history).compacted_at(2).compacted_at(4);
        assert_eq!(once, twice);
        let mut early = Store::new().with(&history[..1]).compacted_at(2);
        early = early.with(&history[1..]).compacted_at(4);
        assert_eq!(once, early);
    }
}

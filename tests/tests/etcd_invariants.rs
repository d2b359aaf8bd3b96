//! What the checker proves of small worlds holds of long random histories too: the same functions
//! look at them.

use model::etcd::{
    Command, KeyRange, Outcome, Range, Revision, Store, Txn, WatchRequest, WatchResponse, Watcher,
};
use proofs::{
    history::{Commit, History, Keys, Told},
    invariants::etcd as invariants,
};
use proptest::{collection::vec, prelude::*, test_runner::TestCaseResult};
use tests::strategies::{
    self,
    etcd::{ago, plain_txn, watch_request},
};

proptest! {
    #![proptest_config(strategies::config())]

    #[test]
    fn every_invariant_holds_of_random_histories(
        request in watch_request(),
        start in 0_u64..20,
        steps in vec(step(), 0..120),
    ) {
        let mut world = World::new(request, start);
        for step in steps {
            world.step(&step)?;
        }
        world.at_the_end()?;
    }
}

#[derive(Clone, Debug)]
enum Step {
    Commit(Txn),
    Compact(i64),
    Poll(usize),
    Progress,
    /// The watch is cut off and resumed.
    Cut,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => plain_txn().prop_map(Step::Commit),
        1 => (0_i64..8).prop_map(Step::Compact),
        5 => (0_usize..6).prop_map(Step::Poll),
        3 => Just(Step::Progress),
        1 => Just(Step::Cut),
    ]
}

struct World {
    store: Store,
    history: History,
    request: WatchRequest,
    watcher: Watcher,
    told: Told,
}

impl World {
    /// Without filters: the invariants expect every event of the keys.
    fn new(request: WatchRequest, start: u64) -> World {
        let start = Revision(start.max(1));
        let request = WatchRequest {
            start,
            no_put: false,
            no_delete: false,
            ..request
        };
        let store = Store::new();
        World {
            watcher: Watcher::create(request.clone(), &store).0,
            told: Told::nothing(request.keys.clone(), start),
            history: History::new(),
            request,
            store,
        }
    }

    fn step(&mut self, step: &Step) -> TestCaseResult {
        match step {
            Step::Commit(txn) => return self.commit(txn),
            Step::Compact(back) => {
                let revision = ago(self.store.revision(), *back);
                // At or below the last one it is refused.
                let _ = self.store.apply(&Command::Compact(revision));
            }
            Step::Poll(max_events) => {
                if let Some(answer) = self.watcher.poll(&self.store, *max_events) {
                    self.told.hear(&answer);
                    if answer.canceled {
                        self.resume();
                    }
                }
            }
            Step::Progress => {
                if let Some(answer) = self.watcher.progress(&self.store) {
                    self.told.hear(&answer);
                }
            }
            Step::Cut => self.resume(),
        }
        self.watches()
    }

    fn resume(&mut self) {
        let start = self.told.resume();
        let request = WatchRequest {
            start,
            ..self.request.clone()
        };
        self.watcher = Watcher::create(request, &self.store).0;
    }

    fn commit(&mut self, txn: &Txn) -> TestCaseResult {
        let before = self.store.revision();
        let outcome = self.store.apply(&Command::Txn(txn.clone()));
        let after = self.store.revision();
        let read = |revision| -> Keys { self.store.snapshot(revision).unwrap_or_default() };
        self.history.record(after, read);
        let response = match outcome {
            Ok(Outcome::Txn(response)) => Some(response),
            _ => None,
        };
        let commit = Commit {
            txn: txn.clone(),
            response,
            before,
            after,
        };
        let history = &self.history;
        prop_assert!(invariants::the_revision_grows_by_one_with_each_change(
            &commit, history
        ));
        prop_assert!(
            invariants::a_transaction_is_whole_and_compares_with_the_state_before(&commit, history)
        );
        Ok(())
    }

    fn watches(&self) -> TestCaseResult {
        let (told, history, compacted) = (&self.told, &self.history, self.store.compacted());
        prop_assert!(invariants::events_are_ordered(told));
        prop_assert!(invariants::events_are_unique(told));
        prop_assert!(invariants::a_revision_is_never_split(told, history));
        prop_assert!(invariants::progress_means_that_everything_up_to_it_was_told(told, history));
        if self.request.previous {
            prop_assert!(
                invariants::a_previous_value_is_the_state_of_the_revision_before(
                    told, compacted, history
                )
            );
        }
        let impossible = matches!(&told.keys, KeyRange::Between(start, end) if start >= end);
        let rest = drain(self.watcher.clone(), &self.store);
        prop_assert!(impossible || invariants::no_event_is_lost(told, &rest, history));
        Ok(())
    }

    fn at_the_end(&self) -> TestCaseResult {
        let (history, compacted) = (&self.history, self.store.compacted());
        let read = |range: &Range| self.store.range(range);
        prop_assert!(invariants::creation_and_version_are_kept_across_deletion(
            history
        ));
        prop_assert!(invariants::a_read_at_a_revision_shows_the_state_as_of_it(
            history, compacted, read
        ));
        prop_assert!(
            invariants::a_compaction_loses_no_key_and_makes_no_read_wrong(history, compacted, read)
        );
        let watch = |start| {
            let all = WatchRequest::new(KeyRange::all(), start);
            drain(Watcher::create(all, &self.store).0, &self.store)
        };
        prop_assert!(invariants::a_watch_can_begin_wherever_history_is_left(
            history, compacted, watch
        ));
        Ok(())
    }
}

/// All that is left to tell.
fn drain(mut watcher: Watcher, store: &Store) -> Vec<WatchResponse> {
    std::iter::from_fn(|| watcher.poll(store, 3)).collect()
}

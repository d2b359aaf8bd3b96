//! The etcd machine equals the naive reference, whatever is done to both.

use model::{
    ambient::Time,
    etcd::{Command, Key, KeyRange, KeyValue, Range, Revision, Store, WatchRequest, Watcher},
};
use proptest::{prelude::*, test_runner::TestCaseResult};
use tests::{
    etcd_reference::{Reference, ReferenceWatcher},
    strategies::{
        self,
        etcd::{Step, ago, steps},
    },
};

proptest! {
    #![proptest_config(strategies::config())]

    #[test]
    fn the_machine_equals_the_reference(steps in steps(350)) {
        let mut pair = Pair::default();
        for step in steps {
            pair.step(step)?;
        }
        pair.finish()?;
    }
}

/// The machine and the reference, with watchers and snapshots of both.
#[derive(Default)]
struct Pair {
    store: Store,
    reference: Reference,
    watchers: Vec<(Watcher, ReferenceWatcher)>,
    snapshots: Vec<(Store, Reference)>,
}

impl Pair {
    fn step(&mut self, step: Step) -> TestCaseResult {
        let newest = self.store.revision();
        match step {
            Step::Apply(command) => self.apply(&command),
            Step::Compact { back } => {
                self.apply(&Command::Compact(ago(newest, back)))?;
                same_past(&self.store, &self.reference)
            }
            Step::Read { range, back } => {
                let revision = back.map(|back| ago(newest, back));
                let range = Range { revision, ..range };
                prop_assert_eq!(self.store.range(&range), self.reference.range(&range));
                Ok(())
            }
            Step::Watch { request, back } => {
                let start = back.map_or(Revision(0), |back| ago(newest, back));
                self.watch(WatchRequest { start, ..request })
            }
            Step::Poll {
                watcher,
                max_events,
            } if !self.watchers.is_empty() => {
                let index = watcher.index(self.watchers.len());
                self.poll(index, max_events).map(|_| ())
            }
            Step::Poll { .. } => Ok(()),
            Step::Snapshot => {
                let both = (self.store.clone(), self.reference.clone());
                self.snapshots.push(both);
                Ok(())
            }
        }
    }

    fn apply(&mut self, command: &Command) -> TestCaseResult {
        let before = self.store.clone();
        let outcome = self.store.apply(command);
        prop_assert_eq!(&outcome, &self.reference.apply(command), "{:?}", command);
        prop_assert_eq!(self.store.revision(), self.reference.revision());
        prop_assert_eq!(self.store.compacted(), self.reference.compacted());
        same_leases(&self.store, &self.reference)?;
        if outcome.is_err() {
            prop_assert_eq!(&before, &self.store);
        }
        Ok(())
    }

    fn watch(&mut self, request: WatchRequest) -> TestCaseResult {
        let (watcher, created) = Watcher::create(request.clone(), &self.store);
        prop_assert!(created.created);
        prop_assert_eq!(created.canceled, watcher.canceled());
        prop_assert_eq!(created.revision, self.store.revision());
        let reference = ReferenceWatcher::create(request, &self.reference);
        self.watchers.push((watcher, reference));
        Ok(())
    }

    /// Polls one watcher of each; true when it was told something.
    fn poll(&mut self, index: usize, max_events: usize) -> Result<bool, TestCaseError> {
        let (watcher, reference) = &mut self.watchers[index];
        let told = watcher.poll(&self.store, max_events);
        prop_assert_eq!(&told, &reference.poll(&self.reference, max_events));
        let progress = watcher.progress(&self.store).map(|told| told.revision);
        prop_assert_eq!(progress, reference.progress(&self.reference));
        Ok(told.is_some())
    }

    /// Every watcher gets all that is left for it; all of the past is looked at once more, and so
    /// are the snapshots.
    fn finish(&mut self) -> TestCaseResult {
        for index in 0..self.watchers.len() {
            while self.poll(index, 3)? {}
            let (watcher, _) = &self.watchers[index];
            prop_assert!(watcher.canceled() || watcher.in_step(&self.store));
        }
        same_past(&self.store, &self.reference)?;
        for (store, reference) in &self.snapshots {
            same_past(store, reference)?;
            same_leases(store, reference)?;
        }
        Ok(())
    }
}

/// Every revision is read and its events are looked at: those that are gone and the next one too.
fn same_past(store: &Store, reference: &Reference) -> TestCaseResult {
    for revision in (0..=store.revision().0 + 1).map(Revision) {
        let machine = store.snapshot(revision).map(|state| {
            let kvs = state.iter().map(|(_, kv)| kv.clone());
            kvs.collect::<Vec<KeyValue>>()
        });
        prop_assert_eq!(machine, reference.snapshot(revision));
        let all = Range::at(KeyRange::all(), revision);
        prop_assert_eq!(store.range(&all), reference.range(&all));
    }
    let oldest = store.compacted().0.max(2);
    let mut expected = (oldest..=store.revision().0).map(Revision);
    for (revision, events) in store.events(Revision(oldest - 1)).unwrap() {
        prop_assert_eq!(Some(revision), expected.next());
        prop_assert_eq!(events.to_vec(), reference.events_at(revision));
    }
    prop_assert_eq!(expected.next(), None);
    prop_assert_eq!(
        store.events(Revision(0)).is_err(),
        store.compacted() > Revision(1)
    );
    Ok(())
}

fn same_leases(store: &Store, reference: &Reference) -> TestCaseResult {
    let leases = store.leases().map(|(id, lease)| {
        let keys: Vec<Key> = lease.keys().cloned().collect();
        (id, lease.ttl(), lease.expires(), keys)
    });
    let leases: Vec<_> = leases.collect();
    let now = Time(6_000_000);
    let over = leases.iter().filter(|(_, _, expires, _)| *expires <= now);
    let over: Vec<_> = over.map(|(id, ..)| *id).collect();
    prop_assert_eq!(store.expired(now), over);
    prop_assert_eq!(leases, reference.leases());
    Ok(())
}

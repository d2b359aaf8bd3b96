//! The core's etcd machine equals the real etcd, whatever is done to both: answers, errors,
//! revisions, leases, compaction and what watches tell.
//!
//! Known differences, which are kept out of the comparison: etcd takes a transaction that puts a
//! key and deletes all keys from one on (see `model/src/etcd/shape.rs`); it does not tell the
//! revision of an error; it ends leases by its own clock.

use model::{
    ambient::Time,
    etcd::{
        Command, Error, EventKind, Key, KeyRange, LeaseId, Operation, Outcome, Put, Range,
        Revision, Store, StoreEvent, Txn, WatchRequest, Watcher,
    },
};
use proptest::{prelude::*, test_runner::TestCaseResult};
use server::etcd::{self, Client, Watch};
use std::time::Duration;
use tests::{
    etcd::Etcd,
    live::PATIENCE,
    strategies::{
        config_of,
        etcd::{Step, ago, steps},
    },
};
use tokio::{runtime::Runtime, time::timeout};

/// No lease ends by itself while the test runs.
const TTL: u64 = 10_000;

proptest! {
    #![proptest_config(config_of(12))]

    #[test]
    fn the_machine_equals_etcd(steps in steps(220)) {
        let etcd = Etcd::start();
        let runtime = Runtime::new().unwrap();
        runtime.block_on(async {
            let mut pair = Pair::new(etcd.client());
            for step in steps {
                pair.step(step).await?;
            }
            pair.finish().await
        })?;
    }
}

/// The machine and etcd, with watches of both.
struct Pair {
    store: Store,
    client: Client,
    watches: Vec<Both>,
}

/// One watch of each.
struct Both {
    watcher: Watcher,
    watch: Watch,
    expected: Vec<StoreEvent>,
    told: Vec<StoreEvent>,
    /// etcd has ended it.
    over: bool,
}

impl Pair {
    fn new(client: Client) -> Pair {
        Pair {
            store: Store::new(),
            client,
            watches: Vec::new(),
        }
    }

    async fn step(&mut self, step: Step) -> TestCaseResult {
        let newest = self.store.revision();
        match step {
            Step::Apply(command) => match without_clock(command) {
                Some(command) => self.apply(&command).await,
                None => Ok(()),
            },
            Step::Compact { back } => {
                // etcd compacts behind watches that are not in step yet, so each is told first.
                self.catch_up().await?;
                self.apply(&Command::Compact(ago(newest, back))).await
            }
            Step::Read { range, back } => {
                let revision = back.map(|back| ago(newest, back));
                self.read(&Range { revision, ..range }).await
            }
            Step::Watch { request, back } => {
                let start = back.map_or(Revision(0), |back| ago(newest, back));
                self.watch(WatchRequest { start, ..request }).await
            }
            Step::Poll { .. } => self.catch_up().await,
            Step::Snapshot => self.read(&Range::newest(KeyRange::all())).await,
        }
    }

    async fn apply(&mut self, command: &Command) -> TestCaseResult {
        let mut store = self.store.clone();
        let expected = store.apply(command).map_err(without_revision);
        if expected == Err(Error::DuplicateKey) && deletes_the_rest(command) {
            return Ok(());
        }
        let answer = refused(self.client.apply(command).await)?;
        prop_assert_eq!(answer, expected, "{:?}", command);
        self.store = store;
        for both in &mut self.watches {
            both.follow(&self.store);
        }
        Ok(())
    }

    async fn read(&self, range: &Range) -> TestCaseResult {
        let expected = self.store.range(range).map_err(without_revision);
        let answer = refused(self.client.range(range).await)?;
        prop_assert_eq!(answer, expected, "{:?}", range);
        Ok(())
    }

    async fn watch(&mut self, request: WatchRequest) -> TestCaseResult {
        let (watcher, expected) = Watcher::create(request.clone(), &self.store);
        let mut watch = answered(self.client.watch(&request)).await?;
        let created = answered(watch.next()).await?;
        prop_assert_eq!(created.created, expected.created);
        prop_assert_eq!(created.canceled, expected.canceled, "{:?}", request);
        prop_assert_eq!(&created.reason, &expected.reason);
        if created.canceled {
            return Ok(());
        }
        prop_assert_eq!(created.revision, expected.revision);
        let mut both = Both {
            watcher,
            watch,
            expected: Vec::new(),
            told: Vec::new(),
            over: false,
        };
        both.follow(&self.store);
        both.catch_up().await?;
        self.watches.push(both);
        Ok(())
    }

    async fn catch_up(&mut self) -> TestCaseResult {
        for both in &mut self.watches {
            both.catch_up().await?;
        }
        Ok(())
    }

    /// Every key is written and deleted once more, so that every watch is told to its end; then all
    /// that is left of the past is read.
    async fn finish(&mut self) -> TestCaseResult {
        for name in ["a", "ab", "b", "c", "d"] {
            let key = Key::from(name);
            let put = Put::new(key.clone(), "last".into());
            self.apply(&Command::Txn(Txn::always(vec![put.into()])))
                .await?;
            let delete = model::etcd::DeleteRange::new(KeyRange::Single(key));
            self.apply(&Command::Txn(Txn::always(vec![delete.into()])))
                .await?;
        }
        self.catch_up().await?;
        let oldest = self.store.compacted().0.saturating_sub(1);
        for revision in oldest..=self.store.revision().0 + 1 {
            self.read(&Range::at(KeyRange::all(), Revision(revision)))
                .await?;
        }
        Ok(())
    }
}

impl Both {
    /// The machine's watch takes all that there is.
    fn follow(&mut self, store: &Store) {
        while let Some(answer) = self.watcher.poll(store, usize::MAX) {
            self.expected.extend(answer.events);
        }
    }

    /// etcd's watch takes as much.
    async fn catch_up(&mut self) -> TestCaseResult {
        while !self.over && (self.told.len() < self.expected.len() || self.watcher.canceled()) {
            let answer = answered(self.watch.next()).await?;
            prop_assert!(!answer.created);
            self.over = answer.canceled;
            self.told.extend(answer.events);
        }
        let request = self.watcher.request();
        if self.over && !self.watcher.canceled() {
            // A watch of the past is led on in etcd's own time, and a compaction may pass it.
            prop_assert!(request.start > Revision(0), "{:?}", request);
            prop_assert!(self.expected.starts_with(&self.told), "{:?}", request);
            return Ok(());
        }
        prop_assert_eq!(self.over, self.watcher.canceled());
        prop_assert_eq!(&self.told, &self.expected, "{:?}", request);
        for events in self
            .told
            .chunk_by(|one, other| one.kv.mod_revision == other.kv.mod_revision)
        {
            prop_assert!(
                events
                    .iter()
                    .all(|it| it.kind == EventKind::Put || it.kv.version == 0)
            );
        }
        Ok(())
    }
}

/// Commands whose outcome does not depend on a clock; `None` for those that are nothing else.
fn without_clock(command: Command) -> Option<Command> {
    let now = Time(0);
    match command {
        // etcd chooses a number itself when there is none.
        Command::ExpireLease { .. }
        | Command::GrantLease {
            lease: LeaseId(0), ..
        } => None,
        Command::GrantLease { lease, ttl, .. } => Some(Command::GrantLease {
            lease,
            ttl: ttl.saturating_add(TTL),
            now,
        }),
        Command::KeepAlive { lease, .. } => Some(Command::KeepAlive { lease, now }),
        other => Some(other),
    }
}

/// True when something in it deletes all keys from one on.
fn deletes_the_rest(command: &Command) -> bool {
    fn within(txn: &Txn) -> bool {
        let operations = txn.success.iter().chain(&txn.failure);
        operations.into_iter().any(|operation| match operation {
            Operation::DeleteRange(delete) => matches!(delete.keys, KeyRange::From(_)),
            Operation::Txn(nested) => within(nested),
            Operation::Range(_) | Operation::Put(_) => false,
        })
    }
    matches!(command, Command::Txn(txn) if within(txn))
}

fn without_revision(error: Error) -> Error {
    match error {
        Error::Compacted(_) => Error::Compacted(Revision(0)),
        Error::FutureRevision(_) => Error::FutureRevision(Revision(0)),
        other => other,
    }
}

/// An answer or a refusal; any other failure fails the test.
fn refused<T>(answer: Result<T, etcd::Error>) -> Result<Result<T, Error>, TestCaseError> {
    match answer {
        Ok(answer) => Ok(Ok(answer)),
        Err(etcd::Error::Refused(why)) => Ok(Err(why)),
        Err(other) => Err(TestCaseError::fail(other.to_string())),
    }
}

async fn answered<T>(
    answer: impl Future<Output = Result<T, etcd::Error>>,
) -> Result<T, TestCaseError> {
    let answer = timeout(PATIENCE, answer).await;
    let answer = answer.map_err(|_| TestCaseError::fail("etcd does not answer"))?;
    answer.map_err(|why| TestCaseError::fail(why.to_string()))
}

/// A lease's keys go when its time is over, and not before: by etcd's clock.
#[test]
fn a_lease_ends_by_etcds_clock_and_takes_its_keys_along() {
    let etcd = Etcd::start();
    Runtime::new().unwrap().block_on(async {
        let client = etcd.client();
        let (lease, ttl) = client.grant(LeaseId(0), 1).await.unwrap();
        assert!(lease != LeaseId(0));
        assert_eq!(ttl, model::limits::LEASE_TTL_MINIMUM_SECONDS);
        let put = Put {
            lease,
            ..Put::new(Key::from("leased"), "1".into())
        };
        let granted = tokio::time::Instant::now();
        let written = client.txn(&Txn::always(vec![put.into()])).await.unwrap();
        let request = WatchRequest::new(KeyRange::all(), written.revision.next());
        let mut watch = client.watch(&request).await.unwrap();
        assert!(watch.next().await.unwrap().created);
        let gone = timeout(PATIENCE, watch.next()).await.unwrap().unwrap();
        assert_eq!(gone.events[0].kind, EventKind::Delete);
        assert!(granted.elapsed() >= Duration::from_secs(1), "too early");
        let again = client.keep_alive(lease).await;
        assert_eq!(again, Err(etcd::Error::Refused(Error::LeaseNotFound)));
    });
}

/// Progress is told behind every event, by an etcd that does so; an older one is not asked.
#[test]
fn progress_is_asked_for() {
    let etcd = Etcd::start();
    Runtime::new().unwrap().block_on(async {
        let client = etcd.client();
        let request = WatchRequest::new(KeyRange::all(), Revision(0));
        let mut watch = client.watch(&request).await.unwrap();
        let created = watch.next().await.unwrap();
        watch.ask_for_progress();
        let told = timeout(PATIENCE, watch.next()).await.unwrap().unwrap();
        assert!(told.is_progress());
        assert_eq!(told.revision, created.revision);
        let outcome = client.apply(&Command::Compact(Revision(9))).await;
        let future = etcd::Error::Refused(Error::FutureRevision(Revision(0)));
        assert_eq!(outcome, Err::<Outcome, _>(future));
    });
}

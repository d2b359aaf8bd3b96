//! The embedded store: the etcd machine on one writer thread, behind a log.
//!
//! The writer takes all commands that wait, applies them, makes them durable with one flush, then
//! publishes the new state and only then answers. Readers take the published state without a lock.

use super::{StoreError, changes::Changes, disk::Disk};
use crate::{
    error::StartError,
    limits::{COMMANDS_BATCH, COMMANDS_WAITING, FRAME_BYTES},
};
use arc_swap::ArcSwap;
use model::{
    cache::Cache,
    etcd::{Command, KeyRange, Outcome, Range, Revision, Store},
    limits::WATCH_WINDOW_EVENTS,
    registry,
};
use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};
use tokio::sync::{mpsc, oneshot, watch};

/// What is published: one state of the store, and the watch cache at the same revision.
#[derive(Clone)]
pub(crate) struct Published {
    pub(crate) store: Store,
    pub(crate) cache: Cache,
}

/// A handle to the store.
pub(crate) struct Embedded {
    orders: mpsc::Sender<Order>,
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    published: ArcSwap<Published>,
    revision: watch::Sender<Revision>,
    changes: Changes,
    failure: OnceLock<String>,
}

enum Order {
    Commit(Command, oneshot::Sender<Result<Outcome, StoreError>>),
    Stop,
}

impl Embedded {
    /// Opens the store in `directory`, which no other process may have open; without one it lives
    /// in memory and is gone with the process.
    ///
    /// # Errors
    /// When the directory cannot be used, is in use, or holds damaged files.
    pub(crate) fn open(directory: Option<&Path>) -> Result<Embedded, StartError> {
        match directory {
            None => Embedded::start(Store::new(), None),
            Some(directory) => {
                let (store, disk) = Disk::open(directory)?;
                Embedded::start(store, Some(disk))
            }
        }
    }

    fn start(store: Store, disk: Option<Disk>) -> Result<Embedded, StartError> {
        let everything = Range::newest(KeyRange::prefix(registry::ROOT.as_bytes()));
        let all = store
            .range(&everything)
            .map_err(|why| StartError(format!("the store cannot be read: {why}")))?;
        let cache = Cache::restore(WATCH_WINDOW_EVENTS, store.revision(), &all.kvs);
        let state = Published { store, cache };
        let shared = Arc::new(Shared {
            revision: watch::Sender::new(state.store.revision()),
            published: ArcSwap::from_pointee(state.clone()),
            changes: Changes::default(),
            failure: OnceLock::new(),
        });
        let (orders, waiting) = mpsc::channel(COMMANDS_WAITING);
        let writer = Writer {
            waiting,
            state,
            disk,
            shared: Arc::clone(&shared),
        };
        let writer = thread::Builder::new()
            .name("store".into())
            .spawn(move || writer.run())
            .map_err(|why| StartError(format!("cannot start a thread: {why}")))?;
        Ok(Embedded {
            orders,
            shared,
            writer: Mutex::new(Some(writer)),
        })
    }

    /// The newest durable state.
    pub(crate) fn newest(&self) -> Arc<Published> {
        self.shared.published.load_full()
    }

    /// The newest state, once it has reached `revision` or `patience` is over.
    pub(crate) async fn reached(&self, revision: Revision, patience: Duration) -> Arc<Published> {
        let newest = self.newest();
        if newest.cache.revision() >= revision {
            return newest;
        }
        let mut revisions = self.shared.revision.subscribe();
        // When time is over the state is handed out as it is.
        let _ = tokio::time::timeout(patience, revisions.wait_for(|now| *now >= revision)).await;
        self.newest()
    }

    /// Wakes up when something under the resource prefix `prefix` has changed.
    pub(crate) fn changes(&self, prefix: &str) -> watch::Receiver<()> {
        self.shared.changes.subscribe(prefix)
    }

    /// Does what the command says; answered when it is durable and published.
    pub(crate) async fn commit(&self, command: Command) -> Result<Outcome, StoreError> {
        let (reply, answer) = oneshot::channel();
        let gone = || StoreError::Unavailable(self.failure().unwrap_or(STOPPED).to_owned());
        self.orders
            .send(Order::Commit(command, reply))
            .await
            .map_err(|_| gone())?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Why nothing can be written any more, if that is so.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.shared.failure.get().map(String::as_str)
    }

    /// Answers what has been asked before, then ends the writer. Waits for it.
    pub(crate) async fn stop(&self) {
        // An error means that it has ended already.
        let _ = self.orders.send(Order::Stop).await;
        let writer = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(writer) = writer
            && tokio::task::spawn_blocking(|| writer.join())
                .await
                .is_ok_and(|end| end.is_err())
        {
            tracing::error!("the store's writer panicked");
        }
    }
}

const STOPPED: &str = "the store has been stopped";

/// The thread that writes.
struct Writer {
    waiting: mpsc::Receiver<Order>,
    state: Published,
    disk: Option<Disk>,
    shared: Arc<Shared>,
}

type Answer = (
    oneshot::Sender<Result<Outcome, StoreError>>,
    Result<Outcome, StoreError>,
);

impl Writer {
    fn run(mut self) {
        let mut stopping = false;
        while !stopping {
            let Some(first) = self.waiting.blocking_recv() else {
                break;
            };
            stopping = self.batch(first);
        }
        if let Some(disk) = self.disk {
            disk.close();
        }
    }

    /// Does what waits, up to the limits of one flush; true when it is to stop.
    fn batch(&mut self, first: Order) -> bool {
        let before = self.state.clone();
        let mut touched = BTreeSet::new();
        let mut answers = Vec::new();
        let mut failure = self.shared.failure.get().cloned();
        let mut next = Some(first);
        let mut stopping = false;
        while let Some(order) = next {
            let Order::Commit(command, reply) = order else {
                stopping = true;
                break;
            };
            let (result, bytes) = match &failure {
                Some(why) => (Err(StoreError::Unavailable(why.clone())), 0),
                None => self.apply(&command, &mut touched).unwrap_or_else(|why| {
                    failure = Some(why.clone());
                    (Err(StoreError::Unavailable(why)), 0)
                }),
            };
            answers.push((reply, result));
            let full = answers.len() >= COMMANDS_BATCH || bytes >= FRAME_BYTES;
            next = if full {
                None
            } else {
                self.waiting.try_recv().ok()
            };
        }
        if failure.is_none()
            && let Some(disk) = &mut self.disk
            && let Err(why) = disk.log.flush()
        {
            failure = Some(format!("the store cannot write to its log: {why}"));
        }
        match failure {
            None => self.publish(&touched),
            Some(why) => self.fail(before, &why, &mut answers),
        }
        for (reply, result) in answers {
            // Whoever has asked may have gone.
            let _ = reply.send(result);
        }
        if let Some(disk) = &mut self.disk {
            disk.snapshot_if_due(&self.state.store);
        }
        stopping
    }

    /// Applies one command to the state that is not yet published; answers the bytes that wait to
    /// be flushed. The error is one of ours, after which nothing may be written.
    fn apply(
        &mut self,
        command: &Command,
        touched: &mut BTreeSet<String>,
    ) -> Result<(Result<Outcome, StoreError>, usize), String> {
        let before = self.state.store.revision();
        let outcome = match self.state.store.apply(command) {
            Ok(outcome) => outcome,
            Err(why) => return Ok((Err(StoreError::Refused(why)), 0)),
        };
        let changed = self.state.store.revision() > before;
        if !changed && matches!(command, Command::Txn(_)) {
            return Ok((Ok(outcome), 0));
        }
        let events = self
            .state
            .store
            .events(before)
            .map_err(|why| why.to_string())?;
        for (revision, events) in events {
            let gap = |_| format!("the watch cache has lost step at revision {revision}");
            self.state.cache.apply(revision, events).map_err(gap)?;
            for event in events.iter() {
                if let Some(prefix) = registry::prefix_of(&event.kv.key)
                    && !touched.contains(prefix)
                {
                    touched.insert(prefix.to_owned());
                }
            }
        }
        let bytes = match &mut self.disk {
            None => 0,
            Some(disk) => disk
                .log
                .add(command)
                .map_err(|why| format!("the store cannot encode a command: {why}"))?,
        };
        Ok((Ok(outcome), bytes))
    }

    fn publish(&self, touched: &BTreeSet<String>) {
        self.shared.published.store(Arc::new(self.state.clone()));
        let revision = self.state.store.revision();
        self.shared.revision.send_if_modified(|now| {
            let newer = revision > *now;
            *now = revision;
            newer
        });
        self.shared.changes.wake(touched);
    }

    /// Nothing of this batch is acknowledged, and nothing will be written any more: what the disk
    /// holds is only known again after a restart.
    fn fail(&mut self, before: Published, why: &str, answers: &mut [Answer]) {
        if self.shared.failure.set(why.to_owned()).is_ok() {
            tracing::error!(
                why,
                "the store accepts no more writes; restart once the cause is removed"
            );
        }
        self.state = before;
        for (_, result) in answers {
            *result = Err(StoreError::Unavailable(why.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Disk, Embedded, StoreError};
    use crate::temporary_directory::TemporaryDirectory;
    use model::{
        etcd::{Command, Compare, Key, Put, Revision, Target, Txn},
        frozen::Frozen,
    };
    use std::{fs::File, time::Duration};

    fn key(number: u64) -> Key {
        Key::from(format!("/registry/configmaps/default/c{number}").as_str())
    }

    fn put(number: u64, padding: usize) -> Command {
        let value = format!(
            "{{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{{\"name\":\"c{number}\",\
             \"namespace\":\"default\"}},\"data\":{{\"x\":\"{}\"}}}}",
            "x".repeat(padding)
        );
        let put = Put::new(key(number), Frozen::from(value.as_str()));
        Command::Txn(Txn::always(vec![put.into()]))
    }

    #[tokio::test]
    async fn what_was_answered_is_there_after_a_restart_with_its_history() {
        let directory = TemporaryDirectory::new();
        let store = Embedded::open(Some(directory.path())).unwrap();
        let mut configmaps = store.changes("/registry/configmaps/");
        let pods = store.changes("/registry/pods/");
        for number in 0..50 {
            store.commit(put(number % 7, 10)).await.unwrap();
        }
        assert!(configmaps.has_changed().unwrap() && !pods.has_changed().unwrap());
        configmaps.borrow_and_update();
        let absent = Compare::equal(key(1), Target::Version(0));
        let lost = Txn::only_if(
            vec![absent],
            vec![Put::new(key(1), Frozen::default()).into()],
        );
        store.commit(Command::Txn(lost)).await.unwrap();
        assert!(!configmaps.has_changed().unwrap(), "nothing has changed");
        store.commit(Command::Compact(Revision(20))).await.unwrap();
        let refused = store.commit(Command::Compact(Revision(20))).await;
        assert!(
            matches!(refused, Err(StoreError::Refused(_))),
            "{refused:?}"
        );
        assert!(
            Embedded::open(Some(directory.path())).is_err(),
            "it is locked"
        );
        store.stop().await;
        let before = store.newest();
        assert!(store.commit(put(1, 1)).await.is_err(), "it has stopped");
        drop(store);
        let store = Embedded::open(Some(directory.path())).unwrap();
        assert_eq!(store.newest().store, before.store);
        assert_eq!(store.newest().cache.revision(), before.cache.revision());
    }

    #[tokio::test]
    async fn a_grown_log_becomes_a_snapshot_and_goes() {
        let directory = TemporaryDirectory::new();
        let (state, mut disk) = Disk::open(directory.path()).unwrap();
        disk.due = 10_000;
        let store = Embedded::start(state, Some(disk)).unwrap();
        for number in 0..40 {
            store.commit(put(number % 3, 500)).await.unwrap();
        }
        let last = store.newest().store.revision();
        store.commit(Command::Compact(last)).await.unwrap();
        store.stop().await;
        let before = store.newest();
        drop(store);
        let mut names: Vec<String> = std::fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let [lock, log, snapshot] = names.as_slice() else {
            panic!("{names:?}");
        };
        assert!(lock == "lock" && log.starts_with("log-") && snapshot.starts_with("snapshot-"));
        assert_eq!(log.strip_prefix("log-"), snapshot.strip_prefix("snapshot-"));
        let store = Embedded::open(Some(directory.path())).unwrap();
        assert_eq!(store.newest().store, before.store);
        store.stop().await;
        drop(store);
        let path = directory.path().join(snapshot);
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let why = Embedded::open(Some(directory.path())).err().unwrap().0;
        assert!(why.contains(snapshot) && why.contains("checksum"), "{why}");
    }

    #[tokio::test]
    async fn a_disk_that_fails_ends_writing_and_loses_nothing_that_was_answered() {
        let directory = TemporaryDirectory::new();
        let store = Embedded::open(Some(directory.path())).unwrap();
        for number in 0..3 {
            store.commit(put(number, 10)).await.unwrap();
        }
        store.stop().await;
        let before = store.newest();
        drop(store);
        let (state, mut disk) = Disk::open(directory.path()).unwrap();
        disk.log.segment = File::options().write(true).open("/dev/full").unwrap();
        let store = Embedded::start(state, Some(disk)).unwrap();
        for number in 3..6 {
            let failed = store.commit(put(number, 10)).await;
            assert!(
                matches!(failed, Err(StoreError::Unavailable(_))),
                "{failed:?}"
            );
        }
        assert!(store.failure().unwrap().contains("cannot write to its log"));
        assert_eq!(store.newest().store, before.store);
        assert_eq!(store.newest().cache.revision(), before.cache.revision());
        store.stop().await;
        drop(store);
        let store = Embedded::open(Some(directory.path())).unwrap();
        assert_eq!(store.newest().store, before.store);
    }

    #[tokio::test]
    async fn a_reader_waits_for_a_revision_but_not_for_ever() {
        let store = Embedded::open(None).unwrap();
        let late = store.reached(Revision(9), Duration::ZERO).await;
        assert_eq!(late.cache.revision(), Revision(1));
        let (reached, ()) = tokio::join!(
            store.reached(Revision(3), Duration::from_secs(3600)),
            async {
                store.commit(put(0, 1)).await.unwrap();
                store.commit(put(1, 1)).await.unwrap();
            }
        );
        assert!(reached.cache.revision() >= Revision(3));
    }
}

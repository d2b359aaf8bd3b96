//! What fills the watch cache: a list of everything, then a watch from there on.

use super::{newest_revision, shared::Shared};
use crate::{
    etcd::{Client, Error, Watch},
    limits::{ETCD_BACKOFF_MOST, ETCD_PAGE, ETCD_PROGRESS},
};
use model::{
    cache::Cache,
    etcd::{
        self, Key, KeyRange, KeyValue, Put, Range, Revision, StoreEvent, Txn, WatchRequest,
        WatchResponse,
    },
    frozen::Frozen,
    limits::WATCH_WINDOW_EVENTS,
    registry,
};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, sleep_until},
};

/// The one that writes the cache.
pub(super) struct Feed {
    client: Client,
    shared: Arc<Shared>,
    cache: Cache,
    /// Progress is told only when everything before it has been.
    asks_for_progress: bool,
}

/// Why a watch is over.
enum End {
    /// The connection: the next watch goes on where this one was.
    Cut(String),
    /// Something in between is lost: only a new list helps.
    Gap(String),
}

/// What is under way to learn how far the watch has come.
#[derive(Default)]
struct Asking {
    /// Somebody waits, and nobody has been asked since.
    wanted: bool,
    /// A request for the progress is under way.
    sent: bool,
    /// When to ask again.
    next: Option<Instant>,
    mark: Option<JoinHandle<()>>,
}

impl Feed {
    /// Lists everything.
    pub(super) async fn begin(client: Client) -> Result<Feed, Error> {
        let version = client.version().await?;
        let asks_for_progress = tells_progress_in_order(&version);
        tracing::info!(version, asks_for_progress, "etcd");
        let (revision, kvs) = list(&client).await?;
        let cache = Cache::restore(WATCH_WINDOW_EVENTS, revision, &kvs);
        Ok(Feed {
            client,
            shared: Arc::new(Shared::new(cache.clone())),
            cache,
            asks_for_progress,
        })
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Follows etcd for as long as it runs.
    pub(super) async fn run(mut self) {
        let mut backoff = Duration::ZERO;
        loop {
            let before = self.cache.revision();
            match self.follow().await {
                End::Cut(why) => {
                    tracing::warn!(why, revision = self.cache.revision().0, "the watch of etcd");
                }
                End::Gap(why) => {
                    tracing::warn!(
                        why,
                        revision = self.cache.revision().0,
                        "a new list of etcd"
                    );
                    match list(&self.client).await {
                        Ok((revision, kvs)) => {
                            self.cache.relist(revision, &kvs);
                            self.shared.replace(&self.cache);
                        }
                        Err(why) => tracing::warn!(%why, "etcd cannot be listed"),
                    }
                }
            }
            backoff = if self.cache.revision() > before {
                Duration::ZERO
            } else {
                (backoff * 2).clamp(crate::limits::ETCD_BACKOFF, ETCD_BACKOFF_MOST)
            };
            sleep(backoff).await;
        }
    }

    /// One watch, to its end.
    async fn follow(&mut self) -> End {
        let everything = KeyRange::prefix(registry::ROOT.as_bytes());
        let request = WatchRequest {
            previous: true,
            progress: true,
            ..WatchRequest::new(everything, self.cache.revision().next())
        };
        let mut watch = match self.client.watch(&request).await {
            Ok(watch) => watch,
            Err(why) => return End::Cut(why.to_string()),
        };
        let mut asking = Asking {
            wanted: self.shared.is_waited_for(),
            ..Asking::default()
        };
        loop {
            self.ask(&mut asking, &watch);
            let again = asking.next.unwrap_or_else(Instant::now);
            let shared = Arc::clone(&self.shared);
            tokio::select! {
                answer = watch.next() => {
                    let answer = match answer {
                        Ok(answer) => answer,
                        Err(why) => return End::Cut(why.to_string()),
                    };
                    if !answer.created && answer.events.is_empty() {
                        asking.sent = false;
                    }
                    if let Err(end) = self.take(answer) {
                        return end;
                    }
                }
                () = shared.begun.notified() => asking.wanted = true,
                () = sleep_until(again), if asking.next.is_some() => {
                    asking.next = None;
                    asking.sent = false;
                    asking.wanted = shared.is_waited_for();
                    if asking.wanted && !self.asks_for_progress {
                        self.mark(&mut asking);
                    }
                }
            }
        }
    }

    /// Asks for the progress when somebody waits for a revision, one request at a time: at once,
    /// and again every [`ETCD_PROGRESS`] as long as somebody waits. (etcd answers nothing while a
    /// watch is not in step.)
    fn ask(&self, asking: &mut Asking, watch: &Watch) {
        if !asking.wanted || (asking.sent && asking.next.is_some()) {
            return;
        }
        if asking.next.is_none() {
            asking.next = Some(Instant::now() + ETCD_PROGRESS);
        }
        if self.asks_for_progress {
            watch.ask_for_progress();
            asking.sent = true;
        }
        asking.wanted = false;
    }

    /// For an etcd whose progress cannot be trusted: when its newest revision is another's, no
    /// event will tell that the watch has come so far. A write of our own does.
    fn mark(&self, asking: &mut Asking) {
        if asking.mark.as_ref().is_some_and(|mark| !mark.is_finished()) {
            return;
        }
        let (client, shared) = (self.client.clone(), Arc::clone(&self.shared));
        asking.mark = Some(tokio::spawn(async move {
            let newest = match newest_revision(&client).await {
                Ok(newest) if newest > shared.cache().revision() => newest,
                _ => return,
            };
            let key = Key::from([registry::ROOT, MARK].concat().as_str());
            let value = Frozen::from(newest.to_string().as_str());
            let put = Txn::always(vec![Put::new(key, value).into()]);
            if let Err(why) = client.txn(&put).await {
                tracing::warn!(%why, "etcd cannot be asked how far it is");
            }
        }));
    }

    fn take(&mut self, answer: WatchResponse) -> Result<(), End> {
        if answer.canceled {
            return Err(match answer.compacted {
                Some(compacted) => End::Gap(format!("history up to {compacted} is compacted")),
                None => End::Cut(answer.reason),
            });
        }
        if answer.created {
            return Ok(());
        }
        let mut touched = BTreeSet::new();
        if answer.events.is_empty() {
            self.cache.progress(answer.revision);
        }
        for events in answer.events.chunk_by(same_revision) {
            let revision = events[0].kv.mod_revision;
            if let Err(gap) = self.cache.apply(revision, events) {
                return Err(End::Gap(gap.to_string()));
            }
            let prefixes = events
                .iter()
                .filter_map(|event| registry::prefix_of(&event.kv.key));
            touched.extend(prefixes.map(str::to_owned));
        }
        self.shared.publish(&self.cache, &touched);
        Ok(())
    }
}

/// A key that no resource has: see [`Feed::mark`].
const MARK: &str = "trueplane-progress";

fn same_revision(one: &StoreEvent, other: &StoreEvent) -> bool {
    one.kv.mod_revision == other.kv.mod_revision
}

/// Everything at one revision, in pages.
async fn list(client: &Client) -> Result<(Revision, Vec<KeyValue>), Error> {
    'anew: loop {
        let mut found: Vec<KeyValue> = Vec::new();
        let mut revision = None;
        let mut keys = KeyRange::prefix(registry::ROOT.as_bytes());
        loop {
            let page = Range {
                limit: ETCD_PAGE,
                revision,
                ..Range::newest(keys.clone())
            };
            let page = match client.range(&page).await {
                // It took so long that the first page is history.
                Err(Error::Refused(etcd::Error::Compacted(_))) => continue 'anew,
                page => page?,
            };
            let at = *revision.get_or_insert(page.revision);
            found.extend(page.kvs);
            let (true, Some(last)) = (page.more, found.last()) else {
                return Ok((at, found));
            };
            let next = Key::from([last.key.bytes(), &[0]].concat().as_slice());
            if let KeyRange::Between(start, _) = &mut keys {
                *start = next;
            }
        }
    }
}

/// Before 3.4.31 and 3.5.13 etcd may tell a progress ahead of events (etcd issues 15220 and 17507;
/// kube-apiserver's `RequestWatchProgress`).
fn tells_progress_in_order(version: &str) -> bool {
    let mut numbers = version.split(['.', '-']).map(|part| part.parse::<u32>());
    let mut next = || numbers.next().and_then(Result::ok);
    let (Some(major), Some(minor), Some(patch)) = (next(), next(), next()) else {
        return false;
    };
    match (major, minor) {
        (3, 4) => patch >= 31,
        (3, 5) => patch >= 13,
        other => other > (3, 5),
    }
}

#[cfg(test)]
mod tests {
    use super::tells_progress_in_order;

    #[test]
    fn versions_whose_progress_can_be_trusted() {
        for (version, expected) in [
            ("3.4.23", false),
            ("3.4.31", true),
            ("3.5.12", false),
            ("3.5.13", true),
            ("3.6.0-rc.1", true),
            ("4.0.0", true),
            ("3.3.99", false),
            ("nonsense", false),
        ] {
            assert_eq!(tells_progress_in_order(version), expected, "{version}");
        }
    }
}

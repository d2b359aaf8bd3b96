//! Forgets history, in turns with the other servers on the same etcd: kube-apiserver's protocol, so
//! that both can share one (`storage/etcd3/compact.go`).
//!
//! A key holds the revision that was compacted last, and its version is the number of the turn. Who
//! writes it at the version that they know has the turn; who loses it learns the version.

use crate::etcd::{Client, Error};
use model::{
    etcd::{
        Compare, Key, KeyRange, OperationResponse, Put, Range, Revision, Target, Txn, TxnResponse,
    },
    frozen::Frozen,
};
use std::{future, time::Duration};
use tokio::time::sleep;

const KEY: &str = "compact_rev_key";

/// What a server knows of the turns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Turn {
    version: u64,
    /// The newest revision at that time: what is compacted at the next one.
    revision: Revision,
}

/// Compacts every `interval` to what was the newest revision at the last time; never when it is 0.
pub(super) async fn run(client: &Client, interval: Duration) {
    if interval.is_zero() {
        return future::pending().await;
    }
    let mut turn = Turn::default();
    loop {
        sleep(interval).await;
        match compact(client, turn).await {
            Ok(next) => turn = next,
            Err(why) => tracing::warn!(%why, "etcd cannot be compacted"),
        }
    }
}

async fn compact(client: &Client, turn: Turn) -> Result<Turn, Error> {
    let answer = client.txn(&bid(turn)).await?;
    let next = after(turn, &answer);
    // Nothing is compacted in the first turn.
    if answer.succeeded && turn.revision > Revision(0) {
        match client.compact(turn.revision).await {
            Ok(()) => tracing::debug!(revision = turn.revision.0, "compacted etcd"),
            // It has been: by hand, say.
            Err(Error::Refused(_)) => {}
            Err(why) => tracing::warn!(%why, "etcd cannot be compacted"),
        }
    }
    Ok(next)
}

/// Takes the turn, unless another has.
fn bid(turn: Turn) -> Txn {
    let key = Key::from(KEY);
    let value = Frozen::from(turn.revision.to_string().as_str());
    Txn {
        compare: vec![Compare::equal(key.clone(), Target::Version(turn.version))],
        success: vec![Put::new(key.clone(), value).into()],
        failure: vec![Range::newest(KeyRange::Single(key)).into()],
    }
}

fn after(turn: Turn, answer: &TxnResponse) -> Turn {
    let version = match answer.responses.first() {
        Some(OperationResponse::Range(found)) => found.kvs.first().map_or(0, |kv| kv.version),
        _ => turn.version + 1,
    };
    Turn {
        version,
        revision: answer.revision,
    }
}

#[cfg(test)]
mod tests {
    use super::{Turn, after, bid};
    use model::etcd::{Command, Outcome, Revision, Store};

    /// Two servers on the core's own machine: in every round one of them has the turn.
    #[test]
    fn one_of_several_has_the_turn() {
        let mut store = Store::new();
        let mut turns = [Turn::default(); 2];
        for round in 0..4 {
            let mut winners = 0;
            for turn in &mut turns {
                let Ok(Outcome::Txn(answer)) = store.apply(&Command::Txn(bid(*turn))) else {
                    panic!("the store refuses");
                };
                winners += u32::from(answer.succeeded);
                *turn = after(*turn, &answer);
            }
            assert_eq!(winners, 1, "round {round}");
            assert_eq!(turns[0], turns[1], "both know of the last turn");
            assert_eq!(turns[1].revision, Revision(round + 2));
        }
    }
}

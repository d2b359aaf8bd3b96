//! Requests that have one answer.

use super::{
    Error, Servers, Watch, connection::Connections, convert::signed, layout::Layout,
    messages as wire, watch::open,
};
use crate::{
    error::StartError,
    limits::{ETCD_ATTEMPTS, ETCD_BACKOFF},
};
use model::etcd::{
    Command, LeaseId, Outcome, Range, RangeResponse, Revision, Txn, TxnResponse, WatchRequest,
};
use prost::Message;
use std::sync::Arc;
use tokio::time::sleep;
use tonic::{Request, client::Grpc, codegen::http::uri::PathAndQuery, transport::Channel};
use tonic_prost::ProstCodec;

/// A client of one etcd. A clone uses the same connections.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    connections: Connections,
    layout: Layout,
}

/// What may be sent again after a failure.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    /// A read: it changes nothing.
    Always,
    /// A write: only when the first was never sent.
    IfNotSent,
}

impl Client {
    /// A client; it connects with its first request.
    ///
    /// # Errors
    /// When a URL is none, or a file cannot be read.
    pub fn new(servers: &Servers) -> Result<Client, StartError> {
        Ok(Client {
            shared: Arc::new(Shared {
                connections: Connections::new(servers)?,
                layout: Layout::below(&servers.prefix),
            }),
        })
    }

    /// A linearizable read.
    ///
    /// # Errors
    /// See [`Error`]; what has failed on the way is asked again for a while.
    pub async fn range(&self, range: &Range) -> Result<RangeResponse, Error> {
        let request = self.shared.layout.range_request(range);
        let answer = self
            .ask("/etcdserverpb.KV/Range", request, Again::Always)
            .await?;
        Ok(self.shared.layout.range_response(answer))
    }

    /// A transaction.
    ///
    /// # Errors
    /// See [`Error`]; a transaction is never sent twice.
    pub async fn txn(&self, txn: &Txn) -> Result<TxnResponse, Error> {
        let request = self.shared.layout.txn_request(txn);
        let answer = self
            .ask("/etcdserverpb.KV/Txn", request, Again::IfNotSent)
            .await?;
        let answer = self.shared.layout.txn_response(answer);
        answer.ok_or_else(|| Error::Other("etcd did not answer a part of a transaction".into()))
    }

    /// Forgets history below the revision; the store may still be busy with it when this returns.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn compact(&self, revision: Revision) -> Result<(), Error> {
        let request = wire::CompactionRequest {
            revision: signed(revision.0),
            physical: false,
        };
        let compact =
            self.ask::<_, wire::Done>("/etcdserverpb.KV/Compact", request, Again::IfNotSent);
        compact.await.map(|_| ())
    }

    /// Makes a lease of so many seconds; 0 lets etcd choose its number. Answers the number and the
    /// seconds that it has.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn grant(&self, lease: LeaseId, ttl: u64) -> Result<(LeaseId, u64), Error> {
        let request = wire::LeaseGrantRequest {
            ttl: signed(ttl),
            id: lease.0,
        };
        let answer: wire::LeaseGrantResponse = self
            .ask("/etcdserverpb.Lease/LeaseGrant", request, Again::IfNotSent)
            .await?;
        Ok((
            LeaseId(answer.id),
            u64::try_from(answer.ttl).unwrap_or_default(),
        ))
    }

    /// Deletes a lease and the keys that go with it.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn revoke(&self, lease: LeaseId) -> Result<(), Error> {
        let request = wire::LeaseRequest { id: lease.0 };
        let revoke =
            self.ask::<_, wire::Done>("/etcdserverpb.Lease/LeaseRevoke", request, Again::IfNotSent);
        revoke.await.map(|_| ())
    }

    /// Lets a lease's time begin anew; answers its seconds.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn keep_alive(&self, lease: LeaseId) -> Result<u64, Error> {
        let request = wire::LeaseRequest { id: lease.0 };
        let answer: wire::LeaseKeepAliveResponse = self
            .ask("/etcdserverpb.Lease/LeaseKeepAlive", request, Again::Always)
            .await?;
        match u64::try_from(answer.ttl) {
            Ok(ttl) if ttl > 0 => Ok(ttl),
            _ => Err(Error::Refused(model::etcd::Error::LeaseNotFound)),
        }
    }

    /// The version of the server that is connected, like `3.5.16`.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn version(&self) -> Result<String, Error> {
        let answer: wire::StatusResponse = self
            .ask(
                "/etcdserverpb.Maintenance/Status",
                wire::StatusRequest {},
                Again::Always,
            )
            .await?;
        Ok(answer.version)
    }

    /// Begins a watch.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn watch(&self, request: &WatchRequest) -> Result<Watch, Error> {
        let create = self.shared.layout.watch_request(request);
        let (number, channel) = self.shared.connections.current();
        let layout = self.shared.layout.clone();
        open(channel, create, layout)
            .await
            .inspect_err(|_| self.shared.connections.failed(number))
    }

    /// Does what the command says, but for [`Command::ExpireLease`]: etcd has its own clock.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn apply(&self, command: &Command) -> Result<Outcome, Error> {
        match command {
            Command::Txn(txn) => self.txn(txn).await.map(Outcome::Txn),
            Command::Compact(revision) => self.compact(*revision).await.map(|()| Outcome::Done),
            Command::GrantLease { lease, ttl, .. } => {
                let (_, ttl) = self.grant(*lease, *ttl).await?;
                Ok(Outcome::Lease { ttl })
            }
            Command::KeepAlive { lease, .. } => {
                let ttl = self.keep_alive(*lease).await?;
                Ok(Outcome::Lease { ttl })
            }
            Command::RevokeLease(lease) => self.revoke(*lease).await.map(|()| Outcome::Done),
            Command::ExpireLease { .. } => {
                Err(Error::Other("etcd ends leases by its own clock".into()))
            }
        }
    }

    /// One exchange, tried again on the next server as far as that is allowed, as etcd's Go client
    /// does (`client/v3/retry.go`).
    async fn ask<Q, A>(&self, path: &'static str, request: Q, again: Again) -> Result<A, Error>
    where
        Q: Message + Clone + 'static,
        A: Message + Default + 'static,
    {
        let connections = &self.shared.connections;
        let mut attempts = 0;
        loop {
            let (number, channel) = connections.current();
            let error = match exchange(channel, path, request.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            attempts += 1;
            let may = match &error {
                Error::NotSent(_) => true,
                Error::Unavailable(_) => again == Again::Always,
                Error::Refused(_) | Error::Other(_) => return Err(error),
            };
            connections.failed(number);
            if !may || attempts >= ETCD_ATTEMPTS {
                return Err(error);
            }
            if attempts % connections.len() == 0 {
                sleep(ETCD_BACKOFF).await;
            }
        }
    }
}

async fn exchange<Q, A>(channel: Channel, path: &'static str, request: Q) -> Result<A, Error>
where
    Q: Message + 'static,
    A: Message + Default + 'static,
{
    let mut grpc = grpc(channel);
    let ready = grpc.ready().await;
    ready.map_err(|why| Error::from(tonic::Status::from_error(why.into())))?;
    let path = PathAndQuery::from_static(path);
    let codec = ProstCodec::<Q, A>::default();
    let answer = grpc.unary(Request::new(request), path, codec).await?;
    Ok(answer.into_inner())
}

/// What etcd answers has no limit here: kube-apiserver's client takes what comes too.
pub(super) fn grpc(channel: Channel) -> Grpc<Channel> {
    Grpc::new(channel).max_decoding_message_size(usize::MAX)
}

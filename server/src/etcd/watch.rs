//! Watches.

use super::{Error, client::grpc, layout::Layout, messages as wire};
use futures_util::stream;
use model::etcd::WatchResponse;
use tokio::sync::mpsc;
use tonic::{Request, Streaming, codegen::http::uri::PathAndQuery, transport::Channel};
use tonic_prost::ProstCodec;

/// A watch that goes on until it is dropped or fails.
pub struct Watch {
    /// Dropped with the watch, which ends the stream.
    orders: mpsc::UnboundedSender<wire::WatchRequest>,
    answers: Streaming<wire::WatchResponse>,
    layout: Layout,
}

pub(super) async fn open(
    channel: Channel,
    create: wire::WatchCreateRequest,
    layout: Layout,
) -> Result<Watch, Error> {
    let (orders, taken) = mpsc::unbounded_channel();
    // It is taken when the stream is opened: the receiver is alive.
    let _ = orders.send(wire::WatchRequest {
        request: Some(wire::Watch::Create(create)),
    });
    let requests = stream::unfold(taken, |mut taken| async {
        let order = taken.recv().await?;
        Some((order, taken))
    });
    let mut grpc = grpc(channel);
    let ready = grpc.ready().await;
    ready.map_err(|why| Error::from(tonic::Status::from_error(why.into())))?;
    let path = PathAndQuery::from_static("/etcdserverpb.Watch/Watch");
    let codec = ProstCodec::<wire::WatchRequest, wire::WatchResponse>::default();
    let answers = grpc
        .streaming(Request::new(requests), path, codec)
        .await?
        .into_inner();
    Ok(Watch {
        orders,
        answers,
        layout,
    })
}

impl Watch {
    /// The next answer. It may be dropped and called again: nothing is lost.
    ///
    /// # Errors
    /// When the stream has ended.
    pub async fn next(&mut self) -> Result<WatchResponse, Error> {
        match self.answers.message().await? {
            Some(answer) => Ok(self.layout.watch_response(answer)),
            None => Err(Error::Unavailable("etcd has closed the watch".into())),
        }
    }

    /// Asks for the progress: an answer without events follows, unless events do.
    pub fn ask_for_progress(&self) {
        // When the stream has ended the next answer says so.
        let _ = self.orders.send(wire::WatchRequest {
            request: Some(wire::Watch::Progress(wire::WatchProgressRequest {})),
        });
    }
}

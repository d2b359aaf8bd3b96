//! Connections: accepted, spoken TLS and HTTP with, drained.

use crate::{
    decode::Peer,
    drive,
    limits::{
        CONNECTIONS, HANDSHAKE, HEAD, HEAD_BYTES, HTTP2_PING, HTTP2_STREAM_BYTES, HTTP2_STREAMS,
        STALLED_WRITE,
    },
    server::Core,
    stall::Stall,
    tls::Tls,
};
use hyper::{
    rt::{Read, Write},
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::{convert::Infallible, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

/// How long the loop rests when the system has no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves connections until `closing` says so, then waits until they are done or `patience` is
/// over. Every connection finishes what it has begun and begins nothing more.
pub(crate) async fn serve(
    core: Arc<Core>,
    listener: TcpListener,
    tls: Tls,
    mut closing: watch::Receiver<bool>,
    patience: Duration,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place,
            () = told(&mut closing) => break,
        };
        let (stream, address) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(why) => {
                    // A connection that broke off before it was accepted, or no descriptors left.
                    tracing::debug!(%why, "cannot accept");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
            () = told(&mut closing) => break,
        };
        let (core, tls, closing) = (Arc::clone(&core), tls.clone(), closing.clone());
        connections.spawn(async move {
            if let Err(why) = connection(core, stream, address, tls, closing).await {
                tracing::debug!(%why, %address, "a connection ends");
            }
            drop(place);
        });
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if timeout(patience, drained).await.is_err() {
        tracing::warn!(
            left = connections.len(),
            "connections are cut: they did not end in time"
        );
        connections.shutdown().await;
    }
}

/// Returns when the server is closing.
async fn told(closing: &mut watch::Receiver<bool>) {
    // The sender lives as long as the server.
    let _ = closing.wait_for(|closing| *closing).await;
}

async fn connection(
    core: Arc<Core>,
    stream: TcpStream,
    address: SocketAddr,
    tls: Tls,
    mut closing: watch::Receiver<bool>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    stream.set_nodelay(true)?;
    let secured = async {
        if speaks_plain_http(&stream).await? {
            return refuse_plain_http(stream).await.map(|()| None);
        }
        tls.acceptor.accept(stream).await.map(Some)
    };
    let secured = tokio::select! {
        secured = timeout(HANDSHAKE, secured) => secured.map_err(io::Error::from)??,
        () = told(&mut closing) => return Ok(()),
    };
    let Some(stream) = secured else {
        return Ok(());
    };
    let (_, session) = stream.get_ref();
    let is_http2 = session.alpn_protocol() == Some(b"h2");
    let certificate = tls.shown(session.peer_certificates());
    let peer = Arc::new(Peer {
        address,
        certificate,
    });
    let io = TokioIo::new(Stall::new(stream, STALLED_WRITE));
    if is_http2 {
        speak_http2(core, peer, io, closing).await?;
    } else {
        speak_http1(core, peer, io, closing).await?;
    }
    Ok(())
}

/// What a connection begins with that takes the port for one of plain HTTP (crypto/tls'
/// `tlsRecordHeaderLooksLikeHTTP`). A client that sends less at first is taken to speak TLS.
async fn speaks_plain_http(stream: &TcpStream) -> io::Result<bool> {
    let mut start = [0; 5];
    stream.peek(&mut start).await?;
    Ok([b"GET /", b"HEAD ", b"POST ", b"PUT /", b"OPTIO"].contains(&&start))
}

/// Says so, as net/http's server does, and ends the connection.
async fn refuse_plain_http(mut stream: TcpStream) -> io::Result<()> {
    const ANSWER: &[u8] = b"HTTP/1.0 400 Bad Request\r\n\r\n\
        Client sent an HTTP request to an HTTPS server.\n";
    // What is left unread when a socket is closed resets the connection, and the answer is lost.
    let mut discarded = [0; 4096];
    let _how_much = stream.read(&mut discarded).await?;
    stream.write_all(ANSWER).await?;
    stream.shutdown().await
}

async fn speak_http1<I: Read + Write + Unpin + Send + 'static>(
    core: Arc<Core>,
    peer: Arc<Peer>,
    io: I,
    mut closing: watch::Receiver<bool>,
) -> hyper::Result<()> {
    let service = service_fn(|request| {
        let (core, peer) = (Arc::clone(&core), Arc::clone(&peer));
        async move { Ok::<_, Infallible>(drive::serve(core, peer, request).await) }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(io, service)
    );
    tokio::select! {
        ended = connection.as_mut() => return ended,
        () = told(&mut closing) => connection.as_mut().graceful_shutdown(),
    }
    connection.await
}

async fn speak_http2<I: Read + Write + Unpin + Send + 'static>(
    core: Arc<Core>,
    peer: Arc<Peer>,
    io: I,
    mut closing: watch::Receiver<bool>,
) -> hyper::Result<()> {
    let service = service_fn(|request| {
        let (core, peer) = (Arc::clone(&core), Arc::clone(&peer));
        async move { Ok::<_, Infallible>(drive::serve(core, peer, request).await) }
    });
    let (interval, patience) = HTTP2_PING;
    let mut connection = pin!(
        http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(HTTP2_STREAMS)
            .max_send_buf_size(HTTP2_STREAM_BYTES)
            .max_header_list_size(u32::try_from(HEAD_BYTES).unwrap_or(u32::MAX))
            .keep_alive_interval(interval)
            .keep_alive_timeout(patience)
            .serve_connection(io, service)
    );
    tokio::select! {
        ended = connection.as_mut() => return ended,
        () = told(&mut closing) => connection.as_mut().graceful_shutdown(),
    }
    connection.await
}

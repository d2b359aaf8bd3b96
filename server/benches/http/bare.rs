//! What there is to compare with: hyper and rustls, and answers that cost nothing.
//!
//! `/bytes/<n>/...` answers n bytes, `GET /watch` streams what is published, and `/publish/<n>`
//! publishes n bytes and answers as many.

use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Frame, Incoming},
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue},
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::{convert::Infallible, error::Error, fs, io::Write, path::Path, sync::Arc};
use tokio::{net::TcpListener, sync::broadcast};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

/// The longest answer.
const LONGEST: usize = 16 << 20;
/// Events that a watcher may be behind.
const BEHIND: usize = 1 << 16;

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// What all connections share.
struct Shared {
    bytes: Bytes,
    events: broadcast::Sender<Bytes>,
}

/// Serves until it is killed, and says where.
pub(crate) fn serve(pki: &Path) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let acceptor = acceptor(pki)?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        std::io::stdout().flush()?;
        let shared = Arc::new(Shared {
            bytes: vec![b'x'; LONGEST].into(),
            events: broadcast::Sender::new(BEHIND),
        });
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let (acceptor, shared) = (acceptor.clone(), Arc::clone(&shared));
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else {
                    return;
                };
                let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                let io = TokioIo::new(stream);
                let service = service_fn(move |request| {
                    let shared = Arc::clone(&shared);
                    async move { Ok::<_, Infallible>(answer(&shared, request).await) }
                });
                // Clients end as they like.
                let _ = if is_http2 {
                    let builder = http2::Builder::new(TokioExecutor::new());
                    builder.serve_connection(io, service).await
                } else {
                    http1::Builder::new().serve_connection(io, service).await
                };
            });
        }
    })
}

fn acceptor(pki: &Path) -> Result<TlsAcceptor, Box<dyn Error>> {
    let certificate = fs::read(pki.join("apiserver.crt"))?;
    let key = fs::read(pki.join("apiserver.key"))?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&certificate).collect();
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain?, PrivateKeyDer::from_pem_slice(&key)?)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn answer(shared: &Shared, request: Request<Incoming>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let mut path = parts.uri.path().split('/').skip(1);
    let what = path.next().unwrap_or_default();
    let length: usize = path.next().and_then(|n| n.parse().ok()).unwrap_or_default();
    let constant = shared.bytes.slice(..length.min(LONGEST));
    let created = parts.method == Method::POST;
    if parts.method != Method::GET {
        // A body that breaks off is answered like any other.
        let _ = body.collect().await;
    }
    let body = match what {
        "watch" => watch(shared.events.subscribe()),
        "publish" => {
            let mut event = constant.to_vec();
            event.push(b'\n');
            // Nobody may be watching.
            let _ = shared.events.send(event.into());
            Full::new(constant).boxed_unsync()
        }
        _ => Full::new(constant).boxed_unsync(),
    };
    let mut response = Response::new(body);
    if created {
        *response.status_mut() = StatusCode::CREATED;
    }
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(
        HeaderName::from_static("audit-id"),
        HeaderValue::from_static("00000000-0000-4000-8000-000000000000"),
    );
    response
}

fn watch(events: broadcast::Receiver<Bytes>) -> Body {
    let frames = futures_util::stream::unfold(events, |mut events| async {
        let event = events.recv().await.ok()?;
        Some((Ok(Frame::data(event)), events))
    });
    StreamBody::new(frames).boxed_unsync()
}

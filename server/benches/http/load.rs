//! The load generator: connections that are kept, each with requests one after the other on each
//! of its streams.

use crate::{child::TOKEN, report::Measured};
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    client::conn::{http1, http2},
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};

/// The protocol that is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Http {
    One,
    Two,
}

/// How many clients there are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crowd {
    pub(crate) http: Http,
    pub(crate) connections: usize,
    /// Requests at once on each connection; one with HTTP/1.1.
    pub(crate) streams: usize,
}

/// Knows how to reach one server.
#[derive(Clone)]
pub(crate) struct Client {
    address: SocketAddr,
    tls: TlsConnector,
    http: Http,
    base: String,
    bearer: HeaderValue,
    host: HeaderValue,
}

/// A connection, or a stream of one.
pub(crate) enum Connection {
    One(http1::SendRequest<Full<Bytes>>),
    Two(http2::SendRequest<Full<Bytes>>),
}

/// What a client does next, and what it does with the answer.
pub(crate) trait Script: Send + 'static {
    /// Method, path with query, body.
    fn next(&mut self) -> (Method, String, Bytes);

    /// The answer to it, if it is wanted.
    fn answered(&mut self, _answer: &[u8]) {}

    /// Whether the answer is wanted; else it is read and thrown away.
    fn wants_answer(&self) -> bool {
        false
    }
}

/// When it is enough.
#[derive(Clone)]
pub(crate) enum Until {
    /// After so long, of which the first part does not count.
    Time { warm: Duration, window: Duration },
    /// When so many requests are done.
    Count(Arc<AtomicUsize>),
}

impl Client {
    pub(crate) fn new(address: SocketAddr, authority: &[u8], http: Http) -> Client {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(authority) {
            let certificate = certificate.expect("a certificate in PEM");
            roots.add(certificate).expect("an authority");
        }
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has all versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let (protocol, base) = match http {
            Http::One => ("http/1.1", String::new()),
            Http::Two => ("h2", format!("https://{address}")),
        };
        config.alpn_protocols = vec![protocol.into()];
        Client {
            address,
            tls: TlsConnector::from(Arc::new(config)),
            http,
            base,
            bearer: HeaderValue::try_from(format!("Bearer {TOKEN}")).expect("a token"),
            host: HeaderValue::try_from(address.to_string()).expect("an address"),
        }
    }

    pub(crate) async fn connect(&self) -> Connection {
        let stream = TcpStream::connect(self.address)
            .await
            .expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        let name = ServerName::from(self.address.ip());
        let stream = self.tls.connect(name, stream).await.expect("a handshake");
        let io = TokioIo::new(stream);
        match self.http {
            Http::One => {
                let (sender, connection) = http1::handshake(io).await.expect("HTTP/1.1");
                tokio::spawn(connection);
                Connection::One(sender)
            }
            Http::Two => {
                let executor = TokioExecutor::new();
                let (sender, connection) = http2::handshake(executor, io).await.expect("HTTP/2");
                tokio::spawn(connection);
                Connection::Two(sender)
            }
        }
    }

    /// Sends a request; the head of the answer.
    ///
    /// # Panics
    /// When it is not answered, or refused.
    pub(crate) async fn send(
        &self,
        connection: &mut Connection,
        (method, path, body): (Method, String, Bytes),
    ) -> Response<Incoming> {
        let mut request = Request::new(Full::new(body));
        let uri = format!("{}{path}", self.base);
        *request.uri_mut() = uri.try_into().expect("a path");
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, self.bearer.clone());
        if self.http == Http::One {
            headers.insert(HOST, self.host.clone());
        }
        if method != Method::GET {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        *request.method_mut() = method;
        let answer = match connection {
            Connection::One(sender) => {
                sender.ready().await.expect("the connection lives");
                sender.send_request(request).await
            }
            Connection::Two(sender) => {
                sender.ready().await.expect("the connection lives");
                sender.send_request(request).await
            }
        };
        let answer = answer.expect("an answer");
        if !matches!(answer.status(), StatusCode::OK | StatusCode::CREATED) {
            let status = answer.status();
            let text = answer
                .into_body()
                .collect()
                .await
                .expect("a body")
                .to_bytes();
            panic!("{path}: {status}: {}", String::from_utf8_lossy(&text));
        }
        answer
    }

    /// Sends a request; the whole body of the answer.
    pub(crate) async fn ask(
        &self,
        connection: &mut Connection,
        request: (Method, String, Bytes),
    ) -> Bytes {
        let answer = self.send(connection, request).await;
        answer
            .into_body()
            .collect()
            .await
            .expect("a body")
            .to_bytes()
    }

    /// The streams of a crowd, connected.
    pub(crate) async fn crowd(&self, crowd: Crowd) -> Vec<Connection> {
        let mut streams = Vec::new();
        for _ in 0..crowd.connections {
            let connection = self.connect().await;
            if let Connection::Two(sender) = &connection {
                for _ in 1..crowd.streams {
                    streams.push(Connection::Two(sender.clone()));
                }
            }
            streams.push(connection);
        }
        streams
    }

    /// Lets every client of the crowd follow its script.
    pub(crate) async fn run<S: Script>(
        &self,
        crowd: Crowd,
        until: Until,
        mut script: impl FnMut(usize) -> S,
    ) -> Measured {
        let streams = self.crowd(crowd).await;
        let began = Instant::now();
        let clients: Vec<_> = streams
            .into_iter()
            .enumerate()
            .map(|(number, stream)| {
                let (client, script, until) = (self.clone(), script(number), until.clone());
                tokio::spawn(async move { client.follow(stream, script, began, &until).await })
            })
            .collect();
        let mut measured = Measured::default();
        for client in clients {
            measured
                .latencies
                .extend(client.await.expect("a client that does not fail"));
        }
        measured.elapsed = match until {
            Until::Time { window, .. } => window,
            Until::Count(_) => began.elapsed(),
        };
        measured.latencies.sort_unstable();
        measured
    }

    /// How long each request took that was answered within the window.
    async fn follow<S: Script>(
        &self,
        mut connection: Connection,
        mut script: S,
        began: Instant,
        until: &Until,
    ) -> Vec<Duration> {
        let mut latencies = Vec::new();
        loop {
            if let Until::Count(left) = until {
                let step = |left: usize| left.checked_sub(1);
                if left
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, step)
                    .is_err()
                {
                    return latencies;
                }
            }
            let sent = Instant::now();
            let answer = self.send(&mut connection, script.next()).await;
            let mut body = answer.into_body();
            if script.wants_answer() {
                script.answered(&body.collect().await.expect("a body").to_bytes());
            } else {
                while let Some(frame) = body.frame().await {
                    frame.expect("a body");
                }
            }
            let now = Instant::now();
            match until {
                Until::Count(_) => latencies.push(now - sent),
                Until::Time { warm, window } => {
                    if now > began + *warm + *window {
                        return latencies;
                    }
                    if now > began + *warm {
                        latencies.push(now - sent);
                    }
                }
            }
        }
    }
}

//! What a connection may do to the server, as raw bytes over TLS.

use model::config::{AuthorizationMode, User};
use server::{Identity, Options, Running, Server};
use std::sync::Arc;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    },
};

const NAMESPACE: &str = r#"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"a"}}"#;

async fn start(options: Options) -> Running {
    Server::start(options).await.unwrap()
}

async fn connect(running: &Running, identity: Option<&Identity>) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_slice(running.authority.as_bytes()).unwrap();
    roots.add(authority).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let chain = CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap();
            let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![chain], key).unwrap()
        }
    };
    let stream = TcpStream::connect(running.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(name, stream).await.unwrap()
}

/// Writes and reads until the server closes.
async fn exchange(running: &Running, identity: Option<&Identity>, request: &[u8]) -> String {
    let mut stream = connect(running, identity).await;
    // The server may answer and close before it has read everything.
    let _ = stream.write_all(request).await;
    rest(&mut stream).await
}

async fn rest(stream: &mut TlsStream<TcpStream>) -> String {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

async fn get(running: &Running, identity: Option<&Identity>, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    exchange(running, identity, request.as_bytes()).await
}

/// The head of a request that creates the namespace, and how long its body will be.
fn post() -> String {
    format!(
        "POST /api/v1/namespaces HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        NAMESPACE.len()
    )
}

/// Waits until `/metrics` has this line.
async fn counted(running: &Running, line: &str) {
    while !get(running, Some(&running.admin), "/metrics")
        .await
        .contains(line)
    {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn bad_requests_are_answered_and_the_server_lives_on() {
    let running = start(Options::default()).await;
    let long = format!(
        "GET / HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n",
        "a".repeat(2 << 20)
    );
    let many = format!(
        "GET / HTTP/1.1\r\nHost: x\r\n{}\r\n",
        "A: a\r\n".repeat(200)
    );
    for (request, code) in [
        (b"\xff\x00 nonsense\r\n\r\n".as_slice(), "400"),
        (
            b"GET / HTTP/1.1\r\nHost: x\r\nA: \xff\xfe\r\nConnection: close\r\n\r\n",
            "400",
        ),
        (
            b"GET /\xff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            "400",
        ),
        (long.as_bytes(), "431"),
        (many.as_bytes(), "431"),
    ] {
        let answer = exchange(&running, None, request).await;
        let begin = format!("HTTP/1.1 {code} ");
        assert!(
            answer.starts_with(&begin),
            "{answer:?} to {:?}",
            &request[..request.len().min(60)]
        );
    }
    let answer = get(&running, Some(&running.admin), "/healthz").await;
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("ok"),
        "{answer}"
    );
    running.stop().await;
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_unauthorized() {
    let (running, other) = (
        start(Options::default()).await,
        start(Options::default()).await,
    );
    let answer = get(&running, Some(&running.admin), "/api/v1/namespaces").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    for path in ["/api/v1/namespaces", "/healthz"] {
        let answer = get(&running, Some(&other.admin), path).await;
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
        assert!(answer.contains(r#""reason":"Unauthorized""#), "{answer}");
    }
    other.stop().await;
    running.stop().await;
}

#[tokio::test]
async fn too_many_requests_are_turned_away_but_not_those_of_superusers() {
    let running = start(Options {
        max_mutating_requests_in_flight: 1,
        tokens: [("t".to_owned(), User::default())].into(),
        authorization: vec![AuthorizationMode::AlwaysAllow],
        ..Options::default()
    })
    .await;
    let ordinary = post().replace("Content-Type:", "Authorization: Bearer t\r\nContent-Type:");
    let mut slow = connect(&running, None).await;
    slow.write_all(ordinary.as_bytes()).await.unwrap();
    counted(
        &running,
        "apiserver_current_inflight_requests{request_kind=\"mutating\"} 1",
    )
    .await;
    let refused = exchange(&running, None, (ordinary + NAMESPACE).as_bytes()).await;
    assert!(refused.starts_with("HTTP/1.1 429 "), "{refused}");
    assert!(refused.contains("\r\nretry-after: 1\r\n"), "{refused}");
    assert!(
        refused.ends_with("Too many requests, please try again later.\n"),
        "{refused}"
    );
    let request = post() + NAMESPACE;
    let answer = exchange(&running, Some(&running.admin), request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    slow.write_all(NAMESPACE.as_bytes()).await.unwrap();
    let answer = rest(&mut slow).await;
    assert!(answer.starts_with("HTTP/1.1 409 "), "{answer}");
    running.stop().await;
}

#[tokio::test]
async fn a_drain_answers_what_has_begun_and_ends_watches_cleanly() {
    let running = start(Options::default()).await;
    let (address, admin) = (running.address, running.admin.clone());
    let mut watch = connect(&running, Some(&admin)).await;
    let request = "GET /api/v1/namespaces?watch=1 HTTP/1.1\r\nHost: x\r\n\r\n";
    watch.write_all(request.as_bytes()).await.unwrap();
    let mut write = connect(&running, Some(&admin)).await;
    write.write_all(post().as_bytes()).await.unwrap();
    counted(
        &running,
        "apiserver_current_inflight_requests{request_kind=\"mutating\"} 1",
    )
    .await;
    let watching =
        "apiserver_registered_watchers{group=\"\",resource=\"namespaces\",version=\"v1\"} 1";
    counted(&running, watching).await;
    let stopping = tokio::spawn(running.stop());
    let seen = rest(&mut watch).await;
    assert!(
        seen.starts_with("HTTP/1.1 200 ") && seen.ends_with("0\r\n\r\n"),
        "{seen}"
    );
    assert!(!stopping.is_finished());
    write.write_all(NAMESPACE.as_bytes()).await.unwrap();
    let answer = rest(&mut write).await;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    stopping.await.unwrap();
    assert!(
        TcpStream::connect(address).await.is_err(),
        "nobody listens any more"
    );
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_ended() {
    let running = start(Options::default()).await;
    let mut slow = connect(&running, Some(&running.admin)).await;
    let request = post().replace("/api/v1/namespaces", "/api/v1/namespaces?timeout=10ms");
    slow.write_all(request.as_bytes()).await.unwrap();
    let answer = rest(&mut slow).await;
    assert!(answer.starts_with("HTTP/1.1 504 "), "{answer}");
    running.stop().await;
}

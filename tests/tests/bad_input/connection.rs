//! A client that sends any bytes.

use serde_json::Value;
use std::{io, sync::Arc};
use tests::live::{Live, PATIENCE};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt, split},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    },
};

pub(crate) const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";

/// What came back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) body: String,
}

impl Answer {
    /// The body as a document; null when it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// Asserts that it is a failure `Status` with that code and reason.
    pub(crate) fn is_status(&self, code: u16, reason: &str, what: &str) {
        let status = self.json();
        assert_eq!(self.code, code, "{what}: {}", self.body);
        let fields = ["kind", "apiVersion", "status", "reason"].map(|field| &status[field]);
        assert_eq!(
            fields,
            ["Status", "v1", "Failure", reason],
            "{what}: {}",
            self.body
        );
        assert_eq!(status["code"], code, "{what}");
        assert!(!status["message"].as_str().unwrap().is_empty(), "{what}");
    }
}

/// Opens a TLS connection as the administrator.
pub(crate) async fn open(live: &Live, protocols: &[&str]) -> TlsStream<TcpStream> {
    let file = |name: &str| live.certificates().join(name);
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(file("ca.crt")).unwrap())
        .unwrap();
    let certificate = CertificateDer::from_pem_file(file("admin.crt")).unwrap();
    let key = PrivateKeyDer::from_pem_file(file("admin.key")).unwrap();
    let mut config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![certificate], key)
        .unwrap();
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    let tcp = TcpStream::connect(live.address()).await.unwrap();
    let name = ServerName::from(live.address().ip());
    TlsConnector::from(Arc::new(config))
        .connect(name, tcp)
        .await
        .unwrap()
}

/// Sends bytes on a connection of their own and reads what comes back; `None` when the server ends
/// the connection without a word. The request should ask for the connection to be closed.
pub(crate) async fn send(live: &Live, bytes: &[u8]) -> Option<Answer> {
    parse(&exchange(open(live, &[]).await, bytes).await)
}

/// Sends a request whose head is well-formed, with a body of that type.
pub(crate) async fn ask(
    live: &Live,
    method: &str,
    target: &str,
    content_type: &str,
    body: &[u8],
) -> Answer {
    let length = body.len();
    let mut bytes = format!(
        "{method} {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\naccept: application/json\r\n\
         content-type: {content_type}\r\ncontent-length: {length}\r\n\r\n"
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    let answer = send(live, &bytes).await;
    answer.unwrap_or_else(|| panic!("{method} {target}: no answer"))
}

/// GET without a body, with more headers (each with its line end).
pub(crate) async fn get(live: &Live, target: &str, headers: &str) -> Option<Answer> {
    let head = format!("GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n");
    send(live, head.as_bytes()).await
}

/// Asserts that the server still does what it is for.
pub(crate) async fn still_serves(live: &Live) {
    let ready = get(live, "/readyz", "").await.unwrap();
    assert_eq!((ready.code, ready.body.as_str()), (200, "ok"));
    let body = br#"{"metadata":{"generateName":"alive-"}}"#;
    let created = ask(live, "POST", CONFIG_MAPS, "application/json", body).await;
    assert_eq!(created.code, 201, "{}", created.body);
}

/// Writes and reads at the same time: a server that refuses a long body need not read it.
pub(crate) async fn exchange<S>(stream: S, bytes: &[u8]) -> Vec<u8>
where
    S: AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let (mut reader, mut writer) = split(stream);
    let write = async {
        // The server may close before it has read all.
        let _ = writer.write_all(bytes).await;
        let _ = writer.flush().await;
    };
    let mut received = Vec::new();
    let read = async {
        match reader.read_to_end(&mut received).await {
            Ok(_) => {}
            Err(why) if is_cut(&why) => {}
            Err(why) => panic!("{why}"),
        }
    };
    let both = async { tokio::join!(write, read) };
    assert!(
        timeout(PATIENCE, both).await.is_ok(),
        "the server neither answers nor closes"
    );
    received
}

fn is_cut(why: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    // Also what rustls says of an alert.
    matches!(
        why.kind(),
        BrokenPipe
            | ConnectionAborted
            | ConnectionReset
            | UnexpectedEof
            | io::ErrorKind::InvalidData
    )
}

/// Reads an HTTP answer of a connection that was then closed.
pub(crate) fn parse(bytes: &[u8]) -> Option<Answer> {
    if bytes.is_empty() {
        return None;
    }
    let end = bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .expect("a whole head");
    let head = std::str::from_utf8(&bytes[..end])
        .expect("a head of text")
        .to_lowercase();
    let code = head
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .expect("a code");
    let mut body = &bytes[end + 4..];
    let mut whole = Vec::new();
    if head.contains("transfer-encoding: chunked") {
        while let Some(line) = body.windows(2).position(|window| window == b"\r\n") {
            let size = std::str::from_utf8(&body[..line]).expect("a size of a chunk");
            let size = usize::from_str_radix(size, 16).expect("a size of a chunk");
            whole.extend_from_slice(&body[line + 2..line + 2 + size]);
            body = &body[line + 2 + size + 2..];
        }
    } else {
        whole.extend_from_slice(body);
    }
    Some(Answer {
        code,
        body: String::from_utf8(whole).expect("a body of text"),
    })
}

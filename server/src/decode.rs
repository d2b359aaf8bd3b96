//! HTTP to the core's own form.

use crate::{
    limits::{BODY, DISCARD_BYTES},
    yaml,
};
use http_body_util::BodyExt;
use hyper::{
    body::{Body, Bytes},
    http::request::Parts,
};
use model::{
    frozen::Frozen,
    wire::{BodyError, Certificate, Head},
};
use std::net::SocketAddr;

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    pub(crate) certificate: Shown,
}

/// The client certificate of a connection.
#[derive(Clone, Debug)]
pub(crate) enum Shown {
    /// None was shown.
    Nothing,
    /// One that a known authority has signed.
    Verified(Certificate),
    /// Another. As in the real server the handshake succeeds and the request is 401, unless it has
    /// a bearer token too.
    Bad,
}

/// The head of a request; `None` when a header is not UTF-8.
pub(crate) fn head(parts: &Parts, peer: &Peer) -> Option<Head> {
    let mut headers = Vec::with_capacity(parts.headers.len());
    for (name, value) in &parts.headers {
        let value = std::str::from_utf8(value.as_bytes()).ok()?;
        headers.push((name.as_str().to_owned(), value.to_owned()));
    }
    let certificate = match &peer.certificate {
        Shown::Verified(certificate) => Some(certificate.clone()),
        Shown::Nothing | Shown::Bad => None,
    };
    Some(Head {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers,
        certificate,
        source: peer.address.ip().to_string(),
        verified: None,
    })
}

/// Reads a body; YAML becomes JSON.
pub(crate) async fn body<B>(body: B, limit: usize, content_type: &str) -> Result<Frozen, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
{
    let reading = tokio::time::timeout(BODY, read(body, limit));
    let bytes = reading.await.map_err(|_| BodyError::Cut)??;
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let is_yaml = media_type.eq_ignore_ascii_case("application/yaml")
        || media_type.eq_ignore_ascii_case("application/apply-patch+yaml");
    if !is_yaml || serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).is_ok() {
        return Ok(Frozen::from(bytes));
    }
    yaml::to_json(&bytes)
        .map(Frozen::from)
        .map_err(BodyError::Malformed)
}

/// What is beyond the limit is read and thrown away as far as [`DISCARD_BYTES`]: a client that
/// still writes when the connection is closed would not see the answer.
async fn read<B>(mut body: B, limit: usize) -> Result<Vec<u8>, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
{
    let announced = body.size_hint().lower();
    let mut bytes = Vec::with_capacity(usize::try_from(announced).unwrap_or(limit).min(limit));
    let mut discarded = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| BodyError::Cut)?.into_data() else {
            continue;
        };
        if discarded == 0 && bytes.len() + data.len() <= limit {
            bytes.extend_from_slice(&data);
            continue;
        }
        bytes = Vec::new();
        discarded += data.len();
        if discarded > DISCARD_BYTES {
            break;
        }
    }
    if discarded > 0 {
        Err(BodyError::TooLarge)
    } else {
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::body;
    use http_body_util::Full;
    use hyper::body::Bytes;
    use model::{frozen::Frozen, wire::BodyError};

    async fn read(content: &str, limit: usize, content_type: &str) -> Result<Frozen, BodyError> {
        body(
            Full::new(Bytes::from(content.to_owned())),
            limit,
            content_type,
        )
        .await
    }

    #[tokio::test]
    async fn bodies_are_read_up_to_their_limit_and_yaml_becomes_json() {
        let json = Frozen::from("{\"a\":1}");
        assert_eq!(
            read("{\"a\":1}", 7, "application/json").await,
            Ok(json.clone())
        );
        assert_eq!(
            read("{\"a\":1}", 6, "application/json").await,
            Err(BodyError::TooLarge)
        );
        assert_eq!(
            read("a: 1", 99, "Application/YAML; charset=utf-8").await,
            Ok(json.clone())
        );
        assert_eq!(
            read("a: 1", 99, "application/apply-patch+yaml").await,
            Ok(json)
        );
        assert_eq!(
            read("a: 1", 99, "application/json").await,
            Ok(Frozen::from("a: 1"))
        );
        let wrong = read("a: [", 99, "application/yaml").await;
        assert!(matches!(wrong, Err(BodyError::Malformed(_))), "{wrong:?}");
    }
}

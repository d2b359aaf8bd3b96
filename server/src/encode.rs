//! The core's answers to HTTP.

use crate::{limits::COMPRESS_BYTES, yaml};
use flate2::{Compression, write::GzEncoder};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::{
    Response,
    body::Bytes,
    header::{
        CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, VARY,
    },
};
use model::{
    status::Status,
    wire::{self, Encoding},
};
use std::{convert::Infallible, io::Write};

/// What hyper writes behind the head.
pub(crate) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// An answer whose body is ready.
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) content_type: String,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    /// A `Status`, as JSON.
    pub(crate) fn status(status: &Status) -> Answer {
        Answer {
            code: status.code,
            headers: Vec::new(),
            content_type: "application/json".into(),
            bytes: model::object::encode(&status.json()),
        }
    }

    /// Text, as Go's `http.Error` writes it.
    pub(crate) fn text(code: u16, text: &str) -> Answer {
        Answer {
            code,
            headers: vec![("x-content-type-options", "nosniff".into())],
            content_type: "text/plain; charset=utf-8".into(),
            bytes: format!("{text}\n").into_bytes(),
        }
    }

    /// `Too many requests, please try again later.`
    pub(crate) fn too_many() -> Answer {
        let mut answer = Answer::text(429, "Too many requests, please try again later.");
        answer.headers.push((RETRY_AFTER_NAME, "1".into()));
        answer
    }

    /// The HTTP answer; compressed when it is long and the client takes that.
    pub(crate) fn into_http(self, accept_encoding: &str) -> Response<Body> {
        let mut bytes = self.bytes;
        let mut compressed = false;
        if bytes.len() >= COMPRESS_BYTES && accepts_gzip(accept_encoding) {
            // Writing to memory does not fail; if it did, the plain bytes are as good.
            if let Ok(smaller) = gzip(&bytes) {
                bytes = smaller;
                compressed = true;
            }
        }
        let body = Full::new(Bytes::from(bytes)).boxed_unsync();
        let mut response = head(self.code, &self.headers, &self.content_type, body);
        if compressed {
            let headers = response.headers_mut();
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        }
        response
    }
}

const RETRY_AFTER_NAME: &str = "retry-after";

/// A response with the headers that every answer has (`WithCacheControl`), but for what the core
/// has said.
pub(crate) fn head(
    code: u16,
    headers: &[(&'static str, String)],
    content_type: &str,
    body: Body,
) -> Response<Body> {
    debug_assert_eq!(RETRY_AFTER.as_str(), RETRY_AFTER_NAME);
    let mut response = Response::new(body);
    // The core's codes are from one table, all of them valid.
    *response.status_mut() = code.try_into().unwrap_or_default();
    let map = response.headers_mut();
    map.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    if let Ok(value) = HeaderValue::from_str(content_type) {
        map.insert(CONTENT_TYPE, value);
    }
    for (name, value) in headers {
        // What cannot stand in a header is left out: a client's text must not split the head.
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            map.append(HeaderName::from_static(name), value);
        }
    }
    response
}

/// The bytes and content type of a body that is no stream.
pub(crate) fn body(body: &wire::Body) -> Option<(String, Vec<u8>)> {
    Some(match body {
        wire::Body::Bytes {
            content_type,
            bytes,
        } => (content_type.clone(), bytes.bytes().to_vec()),
        wire::Body::Document {
            encoding,
            content_type,
            bytes,
        } => match encoding {
            Encoding::Json => (content_type.clone(), bytes.bytes().to_vec()),
            Encoding::Yaml => (YAML.into(), yaml::from_json(bytes.bytes())),
        },
        wire::Body::Object(encoding, object) => {
            let mut bytes = Vec::with_capacity(object.frozen().bytes().len() + 64);
            object.write(&mut bytes);
            encoded(*encoding, bytes)
        }
        wire::Body::List(encoding, list) => encoded(*encoding, list.encode()),
        wire::Body::Watch(_)
        | wire::Body::Metrics
        | wire::Body::Debug(_)
        | wire::Body::OpenApi(_) => return None,
    })
}

const YAML: &str = "application/yaml";

fn encoded(encoding: Encoding, json: Vec<u8>) -> (String, Vec<u8>) {
    match encoding {
        Encoding::Json => ("application/json".into(), json),
        Encoding::Yaml => (YAML.into(), yaml::from_json(&json)),
    }
}

fn accepts_gzip(accept_encoding: &str) -> bool {
    accept_encoding.split(',').any(|coding| {
        let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
        name.trim().eq_ignore_ascii_case("gzip") && !matches!(parameters.trim(), "q=0" | "q=0.0")
    })
}

/// Level 1, as kube-apiserver's `defaultGzipContentEncodingLevel`.
fn gzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::new(1));
    encoder.write_all(bytes)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::Answer;
    use flate2::read::GzDecoder;
    use http_body_util::BodyExt;
    use std::io::Read;

    #[tokio::test]
    async fn long_answers_are_compressed_for_who_takes_it() {
        let long = || Answer::text(200, &"x".repeat(super::COMPRESS_BYTES));
        let plain = long().into_http("br, gzip;q=0");
        assert!(plain.headers().get("content-encoding").is_none());
        let small = long().into_http("br, gzip");
        assert_eq!(small.headers()["content-encoding"], "gzip");
        let bytes = small.into_body().collect().await.unwrap().to_bytes();
        let mut text = String::new();
        GzDecoder::new(&bytes[..])
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text.len(), super::COMPRESS_BYTES + 1);
        assert!(
            Answer::text(200, "x")
                .into_http("gzip")
                .headers()
                .get("content-encoding")
                .is_none()
        );
    }

    #[test]
    fn a_header_that_would_split_the_head_is_left_out() {
        let mut answer = Answer::text(200, "x");
        answer
            .headers
            .push(("warning", "299 - \"a\r\nx: y\"".into()));
        answer.headers.push(("warning", "299 - \"é\"".into()));
        let response = answer.into_http("");
        assert_eq!(response.headers().get_all("warning").iter().count(), 1);
        assert_eq!(response.headers()["cache-control"], "no-cache, private");
    }
}

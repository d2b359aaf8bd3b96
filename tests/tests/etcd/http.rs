//! One request and its JSON answer.

use model::wire::Head;
use serde_json::Value;
use std::io;
use tests::client::Client;

pub(crate) const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";

/// Sends a request, with a body unless it is null; answers the code and the document.
pub(crate) fn ask(client: &Client, method: &str, path: &str, body: &Value) -> (u16, Value) {
    try_ask(client, method, path, body).unwrap()
}

/// The same, where the connection may be cut.
pub(crate) fn try_ask(
    client: &Client,
    method: &str,
    path: &str,
    body: &Value,
) -> io::Result<(u16, Value)> {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let head = Head {
        method: method.into(),
        path: path.into(),
        query: query.into(),
        headers: vec![("content-type".into(), "application/json".into())],
        ..Head::default()
    };
    let body = match body {
        Value::Null => Vec::new(),
        body => body.to_string().into_bytes(),
    };
    let answer = client.connect()?.send(&head, &body)?;
    let document = serde_json::from_slice(&answer.bytes);
    let text = || String::from_utf8_lossy(&answer.bytes).into_owned();
    Ok((answer.code, document.unwrap_or_else(|_| text().into())))
}

/// Sends a request that must succeed.
pub(crate) fn ok(client: &Client, method: &str, path: &str, body: &Value) -> Value {
    let (code, document) = ask(client, method, path, body);
    assert!(
        (200..300).contains(&code),
        "{method} {path}: {code} {document}"
    );
    document
}

/// The names in a list.
pub(crate) fn names(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["metadata"]["name"].as_str().unwrap())
        .collect()
}

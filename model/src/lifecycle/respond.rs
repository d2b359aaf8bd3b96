//! The only place where answers are made.

use super::{context::Scene, document, negotiate::Accepted};
use crate::{
    frozen::Frozen,
    object::{self, Object},
    status::Status,
    table::{self, Form},
    wire::{Body, Encoding, List, Response},
};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde_json::{Value, json};

/// A refusal as an answer.
#[must_use]
pub fn refusal(accepted: &Accepted, status: &Status) -> Response {
    let mut headers = Vec::new();
    let retry = status
        .details
        .as_ref()
        .map_or(0, |details| details.retry_after_seconds);
    if retry > 0 {
        headers.push(("retry-after", retry.to_string()));
    }
    let body = document_body(accepted.encoding, &status.json());
    Response {
        code: status.code,
        headers,
        body,
    }
}

/// Plain text.
#[must_use]
pub fn text(code: u16, content_type: &str, text: &str) -> Response {
    let body = Body::Bytes {
        content_type: content_type.into(),
        bytes: Frozen::from(text),
    };
    Response {
        code,
        headers: Vec::new(),
        body,
    }
}

/// `404 page not found`, as Go's `http.NotFound` writes it.
#[must_use]
pub fn page_not_found() -> Response {
    let mut answer = text(404, "text/plain; charset=utf-8", "404 page not found\n");
    answer
        .headers
        .push(("x-content-type-options", "nosniff".into()));
    answer
}

/// A document that has no other form.
#[must_use]
pub fn plain(accepted: &Accepted, code: u16, value: &Value) -> Response {
    let body = document_body(accepted.encoding, value);
    Response {
        code,
        headers: Vec::new(),
        body,
    }
}

/// A stored object in the form that was asked for.
#[must_use]
pub fn object(scene: &Scene<'_>, code: u16, object: &Object, warnings: &[String]) -> Response {
    let accepted = &scene.context.accepted;
    let resource = &scene.endpoint.resource;
    let as_stored = resource.storage_version == resource.api_version();
    if accepted.form == Form::Object && as_stored && scene.subresource().is_none_or(is_same_kind) {
        let body = Body::Object(accepted.encoding, object.clone());
        return Response {
            code,
            headers: warning_headers(warnings),
            body,
        };
    }
    document(scene, code, &document::served(scene, object), warnings)
}

/// A document of the endpoint's resource in the form that was asked for.
#[must_use]
pub fn document(scene: &Scene<'_>, code: u16, value: &Value, warnings: &[String]) -> Response {
    let accepted = &scene.context.accepted;
    let is_status = value["kind"] == "Status" && value["apiVersion"] == "v1";
    let body = match accepted.form {
        Form::Table if !is_status => {
            let table = rows(scene, core::slice::from_ref(value), &value["metadata"]);
            document_body(accepted.encoding, &table)
        }
        Form::PartialObjectMetadata if !is_status => {
            document_body(accepted.encoding, &partial(accepted, value))
        }
        _ => document_body(accepted.encoding, value),
    };
    Response {
        code,
        headers: warning_headers(warnings),
        body,
    }
}

/// A `Status` that says that it worked.
#[must_use]
pub fn success(code: u16) -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": code,
    })
}

/// The success `Status` of a delete.
#[must_use]
pub fn deleted(scene: &Scene<'_>, name: &str, uid: &str) -> Value {
    let resource = &scene.endpoint.resource;
    let mut details = json!({"name": name, "kind": resource.plural, "uid": uid});
    if !resource.group.is_empty() {
        details["group"] = resource.group.clone().into();
    }
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
        "details": details,
    })
}

/// A list in the form that was asked for. `metadata` has the list's resourceVersion, `continue`
/// and `remainingItemCount`.
#[must_use]
pub fn list(scene: &Scene<'_>, metadata: &Value, items: Vec<Object>) -> Response {
    let accepted = &scene.context.accepted;
    let resource = &scene.endpoint.resource;
    let as_stored = resource.storage_version == resource.api_version();
    let body = match accepted.form {
        Form::Object if as_stored => Body::List(
            accepted.encoding,
            List {
                kind: format!("{}List", resource.kind),
                api_version: resource.api_version(),
                metadata: metadata.to_string(),
                items,
            },
        ),
        Form::Object => {
            let items: Vec<Value> = items
                .iter()
                .map(|item| untyped(document::served(scene, item)))
                .collect();
            let value = json!({
                "kind": format!("{}List", resource.kind), "apiVersion": resource.api_version(),
                "metadata": metadata, "items": items,
            });
            document_body(accepted.encoding, &value)
        }
        Form::Table => {
            let objects: Vec<Value> = items
                .iter()
                .map(|item| document::served(scene, item))
                .collect();
            document_body(accepted.encoding, &rows(scene, &objects, metadata))
        }
        Form::PartialObjectMetadata => {
            let objects: Vec<Value> = items
                .iter()
                .map(|item| document::served(scene, item))
                .collect();
            let mut list = table::partial_list(&objects, metadata);
            table::set_version(&mut list, accepted.meta_version);
            document_body(accepted.encoding, &list)
        }
    };
    Response {
        code: 200,
        headers: Vec::new(),
        body,
    }
}

/// `Warning` headers (RFC 7234, section 5.5: code 299, no agent).
#[must_use]
pub fn warning_headers(warnings: &[String]) -> Vec<(&'static str, String)> {
    let mut seen: Vec<&String> = Vec::new();
    for warning in warnings {
        if !seen.contains(&warning) {
            seen.push(warning);
        }
    }
    seen.iter()
        .map(|text| {
            let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
            let quoted: String = quoted
                .chars()
                .filter(|letter| !letter.is_control())
                .collect();
            ("warning", format!("299 - \"{quoted}\""))
        })
        .collect()
}

fn rows(scene: &Scene<'_>, objects: &[Value], metadata: &Value) -> Value {
    let (resource, now) = (&scene.endpoint.resource, scene.ambient.now);
    let accepted = &scene.context.accepted;
    let mut table = table::table(resource, objects, metadata, accepted.include, now);
    table::set_version(&mut table, accepted.meta_version);
    table
}

fn partial(accepted: &Accepted, value: &Value) -> Value {
    let mut partial = table::partial(value);
    table::set_version(&mut partial, accepted.meta_version);
    partial
}

/// Items of built-in lists carry neither kind nor version: the list says it.
fn untyped(mut item: Value) -> Value {
    if let Some(members) = item.as_object_mut() {
        members.remove("kind");
        members.remove("apiVersion");
    }
    item
}

fn document_body(encoding: Encoding, value: &Value) -> Body {
    let bytes = Frozen::from(object::encode(value));
    Body::Document {
        encoding,
        content_type: "application/json".into(),
        bytes,
    }
}

/// Subresources whose answer is the object itself.
fn is_same_kind(subresource: &str) -> bool {
    !matches!(subresource, "scale" | "binding" | "eviction" | "token")
}

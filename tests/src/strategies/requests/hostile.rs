//! Requests that no client sends, but for one that wants to break something.

use super::{Ask, Content};
use crate::strategies::objects::{any_json, word};
use proptest::{collection::vec, prelude::*};

/// Odd methods, paths, queries, headers and bodies. All of it can stand in an HTTP/1.1 request.
pub fn hostile() -> BoxedStrategy<Ask> {
    (method(), path(), options(), headers(), content())
        .prop_map(|(method, path, options, headers, content)| Ask {
            options,
            headers,
            content,
            ..Ask::plain(method, path)
        })
        .boxed()
}

fn method() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        4 => Just("GET"), 4 => Just("POST"), 4 => Just("PUT"), 3 => Just("PATCH"),
        3 => Just("DELETE"), 1 => Just("OPTIONS"), 1 => Just("TRACE"), 1 => Just("BREW"),
    ]
}

fn path() -> BoxedStrategy<String> {
    let known = word(&[
        "/",
        "/api",
        "/api/v1",
        "/apis",
        "/apis/apps",
        "/apis/apps/v1",
        "/apis/none/v1/things",
        "/api/v1/namespaces/d/configmaps",
        "/api/v1/namespaces/d/configmaps/a",
        "/api/v1/namespaces/d/configmaps/a/nonsense",
        "/api/v1/namespaces/d/pods/a/log",
        "/api/v1/namespaces/d/pods/a/exec",
        "/api/v1/namespaces/d/pods/a/eviction",
        "/api/v1/namespaces/d/configmaps/%2e%2e",
        "/api/v1/namespaces/d/configmaps/a%2Fb",
        "/api/v1/namespaces/d/configmaps/%ff",
        "/api/v1/namespaces/d/configmaps/%",
        "/api/v1/namespaces//configmaps",
        "/api/v1/namespaces/d/../configmaps",
        "/api/v1/nodes/n/proxy",
        "/api/v1/watch/namespaces",
        "/api/v2/pods",
        "/healthz",
        "/version",
        "/apis/authentication.k8s.io/v1/selfsubjectreviews",
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        "/readyz",
        "/livez/ping",
        "/openapi/v9",
    ]);
    let pieces = word(&[
        "api",
        "apis",
        "v1",
        "namespaces",
        "d",
        "pods",
        "a",
        "status",
        "..",
        "%00",
        "%2F",
        "watch",
        "",
        "~",
    ]);
    let made = vec(pieces, 0..7).prop_map(|pieces| format!("/{}", pieces.join("/")));
    prop_oneof![3 => known, 2 => made].boxed()
}

fn options() -> BoxedStrategy<Vec<(&'static str, String)>> {
    let name = prop_oneof![
        Just("limit"),
        Just("continue"),
        Just("labelSelector"),
        Just("fieldSelector"),
        Just("resourceVersion"),
        Just("resourceVersionMatch"),
        Just("dryRun"),
        Just("fieldManager"),
        Just("fieldValidation"),
        Just("force"),
        Just("pretty"),
        Just("gracePeriodSeconds"),
        Just("propagationPolicy"),
        Just("unknown"),
    ];
    let value = prop_oneof![
        3 => word(&["", "0", "-1", "true", "x", "18446744073709551616", "\u{e9}", "a=b,c!=d", "((", "\u{0}"]),
        1 => any::<String>(),
        1 => (1_usize..3000).prop_map(|length| "a,".repeat(length)),
    ];
    vec((name, value), 0..3).boxed()
}

fn headers() -> BoxedStrategy<Vec<(&'static str, String)>> {
    let header = prop_oneof![
        word(&[
            "application/json;as=Table;g=meta.k8s.io;v=v9",
            "application/*",
            ";;;",
            ",",
            "*/*;q=x",
            "application/json;as=Table",
            "text/plain;q=0",
        ])
        .prop_map(|it| ("accept", it)),
        word(&[
            "application/json",
            "application/json; charset=\"",
            "text/plain",
            "",
            "application/vnd.kubernetes.protobuf",
            "application/apply-patch+yaml",
            "application/merge-patch+json",
            "application/yaml",
        ])
        .prop_map(|it| ("content-type", it)),
        word(&["Bearer nobody", "Basic YTpi", "Bearer", "x"]).prop_map(|it| ("authorization", it)),
        word(&["root", "system:serviceaccount:d:x"]).prop_map(|it| ("impersonate-user", it)),
        word(&["kubectl/v1.36", ""]).prop_map(|it| ("user-agent", it)),
    ];
    vec(header, 0..3)
        .prop_map(|mut headers| {
            headers.sort();
            headers.dedup_by_key(|header| header.0);
            headers
        })
        .boxed()
}

fn content() -> BoxedStrategy<Content> {
    let bytes = |text: &str| Content::Bytes(text.as_bytes().to_vec());
    prop_oneof![
        2 => Just(Content::Nothing),
        2 => any_json().prop_map(|document| Content::Document(document, None)),
        1 => vec(any::<u8>(), 0..40).prop_map(Content::Bytes),
        1 => word(&[
            "{", "null", "[]", "\"\"", "{\"kind\":1}", "{\"a\":1,\"a\":2}", "{}{}", "\u{feff}{}",
            "{\"metadata\":null}", "{\"metadata\":[]}", "{\"kind\":\"Pod\",\"apiVersion\":\"v9\"}",
            "1e999", "--- {}", "- a\n- b\n", "a: &x [*x]\n", "{\"metadata\":{\"name\":\"\\ud800\"}}",
        ])
        .prop_map(move |text| bytes(&text)),
        1 => (100_usize..3000).prop_map(move |depth| bytes(&"[".repeat(depth))),
        1 => (100_usize..3000).prop_map(move |depth| bytes(&"{\"a\":".repeat(depth))),
    ]
    .boxed()
}

//! Bodies that are no objects, or too long.

use crate::connection::{CONFIG_MAPS, ask, send, still_serves};
use model::limits::REQUEST_BODY_BYTES;
use tests::live::Live;

const JSON: &str = "application/json";

#[test]
fn bodies_that_are_no_objects() {
    let live = Live::start();
    live.run(async {
        let config_map = |rest: &str| {
            format!(r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"a"}}{rest}"#)
        };
        let deep = "[".repeat(100_000);
        for (body, code, reason) in [
            (config_map(""), 400, "BadRequest"),
            (config_map("} trailing"), 400, "BadRequest"),
            (config_map(r#","data":{"k":5}}"#), 400, "BadRequest"),
            (config_map(r#","data":["k"]}"#), 400, "BadRequest"),
            (config_map(r#","data":{"k":1e999}}"#), 400, "BadRequest"),
            (config_map(&format!(r#","data":{deep}"#)), 400, "BadRequest"),
            (
                config_map(&format!(r#","extra":{deep}"#)),
                400,
                "BadRequest",
            ),
            (
                r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":"a"}"#.into(),
                400,
                "BadRequest",
            ),
            (
                r#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a"}}"#.into(),
                400,
                "BadRequest",
            ),
            (
                r#"{"apiVersion":"v1","kind":"Nonsense"}"#.into(),
                400,
                "BadRequest",
            ),
            (r#"{"apiVersion":5,"kind":[]}"#.into(), 400, "BadRequest"),
            ("[]".into(), 400, "BadRequest"),
            (r#""text""#.into(), 400, "BadRequest"),
            ("5".into(), 400, "BadRequest"),
            ("".into(), 400, "BadRequest"),
            ("\0\0\0".into(), 400, "BadRequest"),
            ("null".into(), 422, "Invalid"),
            ("{}".into(), 422, "Invalid"),
        ] {
            let answer = ask(&live, "POST", CONFIG_MAPS, JSON, body.as_bytes()).await;
            answer.is_status(code, reason, &body.chars().take(80).collect::<String>());
        }
        let list = ask(&live, "GET", CONFIG_MAPS, JSON, b"").await;
        assert_eq!(
            list.json()["items"],
            serde_json::json!([]),
            "something was created"
        );
        still_serves(&live).await;
    });
}

#[test]
fn text_that_is_not_utf_8_is_refused_or_repaired() {
    let live = Live::start();
    live.run(async {
        for broken in [
            &b"\xff"[..],
            b"\xc3",
            b"\xed\xa0\x80",
            b"\xf8\x88\x80\x80\x80",
        ] {
            let mut body = br#"{"metadata":{"generateName":"a"},"data":{"k":""#.to_vec();
            body.extend_from_slice(broken);
            body.extend_from_slice(br#""}}"#);
            let answer = ask(&live, "POST", CONFIG_MAPS, JSON, &body).await;
            match answer.code {
                // Go's decoder puts U+FFFD in their place.
                201 => assert!(answer.body.contains('\u{fffd}'), "{}", answer.body),
                _ => answer.is_status(400, "BadRequest", &format!("{broken:?}")),
            }
        }
        still_serves(&live).await;
    });
}

#[test]
fn yaml_that_is_none_or_grows() {
    let live = Live::start();
    live.run(async {
        let levels = (1..40).map(|level| format!("a{level}: &a{level} [*a{0},*a{0}]\n", level - 1));
        let bomb = format!("a0: &a0 [x]\n{}", levels.collect::<String>());
        let deep = format!("data: {}", "[".repeat(100_000));
        for body in [
            ": : :",
            "a: b: c",
            "\t- x",
            "--- !!binary [",
            "{",
            "a: *b",
            &bomb,
            &deep,
        ] {
            let answer = ask(
                &live,
                "POST",
                CONFIG_MAPS,
                "application/yaml",
                body.as_bytes(),
            )
            .await;
            answer.is_status(400, "BadRequest", body.get(..40).unwrap_or(body));
        }
        still_serves(&live).await;
    });
}

#[test]
fn patches_that_are_none() {
    let live = Live::start();
    live.run(async {
        let body = br#"{"metadata":{"name":"a"},"data":{"k":"1"}}"#;
        assert_eq!(ask(&live, "POST", CONFIG_MAPS, JSON, body).await.code, 201);
        let path = format!("{CONFIG_MAPS}/a");
        let (merge, json) = (
            "application/merge-patch+json",
            "application/json-patch+json",
        );
        let strategic = "application/strategic-merge-patch+json";
        for (content_type, patch, code, reason) in [
            (merge, "{data", 400, "BadRequest"),
            (merge, "[]", 400, "BadRequest"),
            (merge, "", 400, "BadRequest"),
            (merge, r#"{"data":{"k":5}}"#, 422, "Invalid"),
            (strategic, "{data", 400, "BadRequest"),
            (json, "{}", 400, "BadRequest"),
            (
                json,
                r#"[{"op":"nonsense","path":"/data/k"}]"#,
                422,
                "Invalid",
            ),
            (
                json,
                r#"[{"op":"test","path":"/data/k","value":"2"}]"#,
                422,
                "Invalid",
            ),
            ("application/json", "{}", 415, "UnsupportedMediaType"),
            ("text/plain", "{}", 415, "UnsupportedMediaType"),
        ] {
            let answer = ask(&live, "PATCH", &path, content_type, patch.as_bytes()).await;
            answer.is_status(code, reason, &format!("{content_type}: {patch}"));
        }
        let nested = format!(r#"{{"data":{}"#, r#"{"k":"#.repeat(50_000));
        for content_type in [merge, strategic, json] {
            let answer = ask(&live, "PATCH", &path, content_type, nested.as_bytes()).await;
            assert!(
                (400..500).contains(&answer.code),
                "{content_type}: {}",
                answer.body
            );
        }
        let after = ask(&live, "GET", &path, JSON, b"").await;
        assert_eq!(after.json()["data"], serde_json::json!({"k": "1"}));
        still_serves(&live).await;
    });
}

#[test]
fn bodies_that_are_too_long() {
    const MIB: usize = 1024 * 1024;
    let live = Live::start();
    live.run(async {
        let existing = br#"{"metadata":{"name":"a"}}"#;
        assert_eq!(
            ask(&live, "POST", CONFIG_MAPS, JSON, existing).await.code,
            201
        );
        let object = |bytes: usize| {
            let text = "x".repeat(bytes);
            format!(r#"{{"metadata":{{"name":"a"}},"data":{{"k":"{text}"}}}}"#).into_bytes()
        };
        let one = format!("{CONFIG_MAPS}/a");
        for (method, path, content_type) in [
            ("POST", CONFIG_MAPS, JSON),
            ("PUT", one.as_str(), JSON),
            ("PATCH", one.as_str(), "application/merge-patch+json"),
        ] {
            for size in [REQUEST_BODY_BYTES, 4 * MIB] {
                let answer = ask(&live, method, path, content_type, &object(size)).await;
                answer.is_status(413, "RequestEntityTooLarge", method);
                assert_eq!(
                    answer.json()["message"],
                    "Request entity too large: limit is 3145728"
                );
            }
        }
        // A length that is not announced is found out.
        let mut chunked = format!(
            "POST {CONFIG_MAPS} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
             content-type: {JSON}\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        .into_bytes();
        for _ in 0..5 {
            chunked.extend_from_slice(format!("{MIB:x}\r\n{}\r\n", " ".repeat(MIB)).as_bytes());
        }
        chunked.extend_from_slice(b"0\r\n\r\n");
        let answer = send(&live, &chunked).await.unwrap();
        answer.is_status(413, "RequestEntityTooLarge", "chunked");

        let answer = ask(&live, "POST", CONFIG_MAPS, JSON, &object(2 * MIB)).await;
        answer.is_status(422, "Invalid", "a ConfigMap of 2 MiB");
        still_serves(&live).await;
    });
}

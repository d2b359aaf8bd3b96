//! Paths, queries and headers that no client means.

use crate::connection::{CONFIG_MAPS, ask, get, send, still_serves};
use tests::live::Live;

#[test]
fn paths() {
    let live = Live::start();
    live.run(async {
        let long = format!("/{}", "x".repeat(60_000));
        for path in [
            "/nonsense",
            "/apis/none.example.com/v1",
            "//",
            "/.",
            long.as_str(),
        ] {
            let answer = get(&live, path, "").await.unwrap();
            let short = path.get(..40).unwrap_or(path);
            assert_eq!(
                (answer.code, answer.body.as_str()),
                (404, "404 page not found\n"),
                "{short}"
            );
        }
        for path in [
            "/api/v9",
            "/api/v1/nonsenses",
            "/api/v1/namespaces/default/configmap",
            "/apis/apps/v9/deployments",
            "/api/v1/namespaces/default/configmaps/a/nonsense",
        ] {
            let answer = get(&live, path, "").await.unwrap();
            answer.is_status(404, "NotFound", path);
            assert_eq!(
                answer.json()["message"],
                "the server could not find the requested resource"
            );
        }
        let longer = "x".repeat(5_000);
        for name in [
            "%ff",
            "%F0%9F%98%80",
            "a%00b",
            "..%2f..%2f",
            "%E2%80%AE",
            "-",
            &longer,
        ] {
            let answer = get(&live, &format!("{CONFIG_MAPS}/{name}"), "")
                .await
                .unwrap();
            assert_eq!(answer.code, 404, "{name}: {}", answer.body);
        }
        for broken in ["%zz", "%", "%f", "a%0"] {
            let answer = get(&live, &format!("{CONFIG_MAPS}/{broken}"), "")
                .await
                .unwrap();
            assert_eq!(answer.code, 400, "{broken}: {}", answer.body);
        }
        still_serves(&live).await;
    });
}

#[test]
fn queries() {
    let live = Live::start();
    live.run(async {
        for name in ["a", "b"] {
            let body = format!(r#"{{"metadata":{{"name":"{name}"}}}}"#);
            ask(
                &live,
                "POST",
                CONFIG_MAPS,
                "application/json",
                body.as_bytes(),
            )
            .await;
        }
        let list = async |query: &str| {
            get(&live, &format!("{CONFIG_MAPS}?{query}"), "")
                .await
                .unwrap()
        };
        for (query, items) in [
            ("limit=-1", 2),
            ("limit=1&limit=2", 1),
            ("nonsense=1&&&=&=x&limit=1", 1),
            ("%zz=1", 2),
        ] {
            let answer = list(query).await;
            assert_eq!(answer.code, 200, "{query}: {}", answer.body);
            assert_eq!(
                answer.json()["items"].as_array().unwrap().len(),
                items,
                "{query}"
            );
        }
        for query in [
            "limit=",
            "limit=abc",
            "limit=99999999999999999999",
            "timeoutSeconds=1.5",
            "resourceVersion=abc",
            "resourceVersion=-1",
            "labelSelector=a+in+(b",
            "labelSelector=%21%21",
            "labelSelector=%ff",
            "fieldSelector=metadata.name",
            "fieldSelector=data.k%3D1",
            "continue=nonsense",
            "watch=1&labelSelector=%28",
        ] {
            list(query).await.is_status(400, "BadRequest", query);
        }
        let selector = format!("labelSelector={}", "a,".repeat(20_000));
        list(&selector)
            .await
            .is_status(400, "BadRequest", "a long selector");
        still_serves(&live).await;
    });
}

#[test]
fn headers() {
    let live = Live::start();
    live.run(async {
        let many: String = (0..90).map(|number| format!("x-{number}: y\r\n")).collect();
        let long = format!("x-long: {}\r\n", "y".repeat(64 * 1024));
        for headers in [
            many.as_str(),
            &long,
            "accept: */*;q=,;;,\r\n",
            "accept-encoding: ,;q=x\r\n",
        ] {
            let answer = get(&live, CONFIG_MAPS, headers).await.unwrap();
            let short = headers.get(..30).unwrap_or(headers);
            assert!(matches!(answer.code, 200 | 406), "{short}: {}", answer.body);
        }
        get(&live, CONFIG_MAPS, "accept: application/xml\r\n")
            .await
            .unwrap()
            .is_status(406, "NotAcceptable", "application/xml");
        let body = br#"{"metadata":{"name":"a"}}"#;
        for content_type in [
            "text/plain",
            "application/x-nonsense",
            "a/b/c",
            "application/jso n",
        ] {
            ask(&live, "POST", CONFIG_MAPS, content_type, body)
                .await
                .is_status(415, "UnsupportedMediaType", content_type);
        }
        for (method, path) in [
            ("FOO", CONFIG_MAPS),
            ("PUT", CONFIG_MAPS),
            ("PATCH", CONFIG_MAPS),
        ] {
            ask(&live, method, path, "application/merge-patch+json", b"{}")
                .await
                .is_status(405, "MethodNotAllowed", method);
        }
        still_serves(&live).await;
    });
}

/// These never reach the API: they are refused by the HTTP layer, as they are in the real server.
#[test]
fn heads_that_are_no_http() {
    let live = Live::start();
    live.run(async {
        let huge = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(3 << 20));
        let path = format!("GET /{} HTTP/1.1\r\n\r\n", "y".repeat(3 << 20));
        for request in [
            "garbage\r\n\r\n",
            "GET\r\n\r\n",
            "GET / HTTP/9.9\r\n\r\n",
            "GET / HTTP/1.1\r\nno colon\r\n\r\n",
            "GET / HTTP/1.1\r\n: empty\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\n b: folded\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx",
            "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: nonsense\r\n\r\n",
            "\0\0\0\0\r\n\r\n",
            &huge,
            &path,
        ] {
            let short = request.get(..60).unwrap_or(request);
            if let Some(answer) = send(&live, request.as_bytes()).await {
                assert!((400..=505).contains(&answer.code), "{short}: {answer:?}");
            }
        }
        let mut bytes =
            format!("GET {CONFIG_MAPS} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx: ")
                .into_bytes();
        bytes.extend_from_slice(b"\xff\xfe\r\n\r\n");
        let answer = send(&live, &bytes).await.unwrap();
        assert!(matches!(answer.code, 200 | 400), "{answer:?}");
        still_serves(&live).await;
    });
}

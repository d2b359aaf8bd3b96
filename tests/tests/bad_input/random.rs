//! Random bytes, and valid requests with some of their bytes changed.

use crate::connection::{CONFIG_MAPS, exchange, open, parse, still_serves};
use proptest::{collection::vec, prelude::*, sample::Index};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tests::live::Live;
use tokio::io::AsyncWriteExt;

/// How many requests each property sends.
const CASES: u32 = 192;

/// One change of a request's bytes.
#[derive(Clone, Debug)]
enum Change {
    Replace(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, u8),
    Repeat(Index, u8, u8),
    Truncate(Index),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Replace(at, byte)),
        2 => (any::<Index>(), vec(any::<u8>(), 1..8)).prop_map(|(at, new)| Change::Insert(at, new)),
        2 => (any::<Index>(), 1..40_u8).prop_map(|(at, count)| Change::Remove(at, count)),
        1 => (any::<Index>(), 1..40_u8, 1..40_u8)
            .prop_map(|(at, count, times)| Change::Repeat(at, count, times)),
        1 => any::<Index>().prop_map(Change::Truncate),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    if bytes.is_empty() {
        return;
    }
    let range = |at: &Index, count: u8| {
        let start = at.index(bytes.len());
        start..(start + usize::from(count)).min(bytes.len())
    };
    match change {
        Change::Replace(at, byte) => {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        Change::Insert(at, new) => {
            let at = at.index(bytes.len());
            bytes.splice(at..at, new.iter().copied());
        }
        Change::Remove(at, count) => {
            bytes.drain(range(at, *count));
        }
        Change::Repeat(at, count, times) => {
            let range = range(at, *count);
            let part = bytes[range.clone()].repeat(usize::from(*times));
            bytes.splice(range, part);
        }
        Change::Truncate(at) => bytes.truncate(at.index(bytes.len())),
    }
}

fn request() -> impl Strategy<Value = Vec<u8>> {
    let object =
        r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"k":"v"}}"#;
    let pod = r#"{"metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"i","ports":[{"containerPort":80}]}]}}"#;
    let yaml = "metadata:\n  name: y\n  labels: {a: b}\ndata:\n  k: |\n    v\n";
    let one = format!("{CONFIG_MAPS}/a");
    let list = format!(
        "{CONFIG_MAPS}?limit=1&labelSelector=a%20in%20(b,c),!d&fieldSelector=metadata.name%3Da&continue="
    );
    let json = "application/json";
    let requests = [
        ("GET", "/readyz?verbose&exclude=etcd", json, ""),
        ("GET", list.as_str(), json, ""),
        ("POST", CONFIG_MAPS, json, object),
        ("POST", "/api/v1/namespaces/default/pods?fieldValidation=Strict&dryRun=All", json, pod),
        ("POST", CONFIG_MAPS, "application/yaml", yaml),
        ("PUT", one.as_str(), json, object),
        ("PATCH", one.as_str(), "application/merge-patch+json", r#"{"data":{"k":null,"l":"m"}}"#),
        ("PATCH", one.as_str(), "application/json-patch+json", r#"[{"op":"copy","from":"/data/k","path":"/data/n"}]"#),
        ("PATCH", one.as_str(), "application/strategic-merge-patch+json", r#"{"metadata":{"finalizers":["a/b"],"$setElementOrder/finalizers":["a/b"]}}"#),
        ("DELETE", one.as_str(), json, r#"{"propagationPolicy":"Orphan","preconditions":{"uid":"x"}}"#),
    ]
    .map(|(method, target, content_type, body)| {
        let length = body.len();
        format!(
            "{method} {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\naccept: application/json;as=Table;v=v1;g=meta.k8s.io,application/json\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    });
    proptest::sample::select(requests.to_vec())
}

/// Sends bytes, then says that there are no more; what comes back is HTTP or nothing.
fn survives(live: &Live, bytes: &[u8], protocols: &[&str]) {
    live.run(async {
        let mut stream = open(live, protocols).await;
        // The server may close before it has read all.
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        let answer = exchange(stream, b"").await;
        if protocols.is_empty() && !answer.is_empty() {
            assert!(
                answer.starts_with(b"HTTP/1."),
                "{:?}",
                String::from_utf8_lossy(&answer)
            );
            // Several answers can follow each other when the bytes are several requests.
            let code = answer
                .get(9..12)
                .map(String::from_utf8_lossy)
                .unwrap_or_default();
            assert_ne!(code, "500", "{}", String::from_utf8_lossy(&answer));
        }
    });
}

/// Runs a property against one server, and asserts that it stays whole and that nothing in this
/// process panicked, not even in a task that nobody waits for.
fn hold<S: Strategy>(strategy: S, check: impl Fn(&Live, S::Value)) {
    let live = Live::start();
    let panicked = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&panicked);
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |why| {
        seen.store(true, Ordering::Relaxed);
        before(why);
    }));
    proptest!(ProptestConfig::with_cases(CASES), |(value in strategy)| {
        check(&live, value);
        prop_assert!(!panicked.load(Ordering::Relaxed), "something panicked");
    });
    live.run(still_serves(&live));
}

#[test]
fn changed_requests() {
    hold(
        (request(), vec(change(), 1..6)),
        |live, (mut bytes, changes)| {
            for change in &changes {
                apply(&mut bytes, change);
            }
            survives(live, &bytes, &[]);
        },
    );
}

#[test]
fn random_bytes_over_http_1() {
    hold(vec(any::<u8>(), 0..600), |live, bytes| {
        survives(live, &bytes, &[])
    });
}

#[test]
fn random_frames_over_http_2() {
    let frame = (
        any::<u8>(),
        0..12_u8,
        any::<u8>(),
        0..4_u8,
        vec(any::<u8>(), 0..60),
    );
    hold(vec(frame, 1..8), |live, frames| {
        let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        for (lie, kind, flags, stream, payload) in frames {
            // Most lengths are right.
            let length = if lie < 16 {
                lie
            } else {
                u8::try_from(payload.len()).unwrap()
            };
            bytes.extend_from_slice(&[0, 0, length, kind, flags, 0, 0, 0, stream]);
            bytes.extend_from_slice(&payload);
        }
        survives(live, &bytes, &["h2"]);
    });
}

#[test]
fn answers_are_read_as_they_are_written() {
    let chunked =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n";
    assert_eq!(parse(chunked).unwrap().body, "abcd");
    assert_eq!(
        parse(b"HTTP/1.1 404 Not Found\r\n\r\nno").unwrap().code,
        404
    );
    assert_eq!(parse(b""), None);
}

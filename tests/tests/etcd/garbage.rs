//! What somebody has written past the API server harms nothing but itself.

use crate::{
    http::{CONFIG_MAPS, ask, names, ok},
    watching::{Watching, told},
};
use serde_json::{Value, json};
use tests::{client::Client, etcd::Etcd, live::Live};

const KEY: &str = "/registry/configmaps/default/bad";

fn put(etcd: &Etcd, key: &str, value: &str) {
    assert_eq!(etcd.ctl(&["put", key, value]).trim(), "OK");
}

#[test]
fn an_object_that_cannot_be_decoded_is_an_error_for_itself_alone() {
    let etcd = Etcd::start();
    let live = Live::on(&etcd);
    let client = Client::new(&live);
    let create = |name: &str| {
        let document = json!({"metadata": {"name": name}});
        ok(&client, "POST", CONFIG_MAPS, &document)
    };
    create("a");
    let mut before = Watching::new(&client);
    assert_eq!(before.next(), Some(told("ADDED", "a")));
    assert_eq!(before.next(), Some(told("BOOKMARK", "")));
    for (key, value) in [
        (KEY, "no object"),
        (KEY, "{\"kind\":\"ConfigMap\"}"),
        ("/registry/configmaps/default/", "{}"),
        ("/registry/stray", "x"),
        ("/registry//", "x"),
        ("/registryconfigmaps/default/c", "x"),
    ] {
        put(&etcd, key, value);
    }
    create("b");
    // The object alone is an error, and says why.
    let bad = format!("{CONFIG_MAPS}/bad");
    let changed = json!({"metadata": {"name": "bad"}, "data": {"k": "v"}});
    for (method, query, body) in [
        ("GET", "", &Value::Null),
        ("GET", "?resourceVersion=0", &Value::Null),
        ("PUT", "", &changed),
        ("DELETE", "", &Value::Null),
    ] {
        let (code, status) = ask(&client, method, &format!("{bad}{query}"), body);
        assert_eq!(code, 500, "{method} {query}: {status}");
        let message = status["message"].as_str().unwrap();
        assert!(!message.is_empty(), "{status}");
    }
    let (code, status) = ask(&client, "POST", CONFIG_MAPS, &changed);
    assert!(code == 409 || code == 500, "{code} {status}");
    // Everything else is served: from the store, from the cache, and by watches.
    for query in ["", "?resourceVersion=0", "?limit=1"] {
        let list = ok(
            &client,
            "GET",
            &format!("{CONFIG_MAPS}{query}"),
            &Value::Null,
        );
        let expected: &[&str] = if query == "?limit=1" {
            &["a"]
        } else {
            &["a", "b"]
        };
        assert_eq!(names(&list), expected, "{query}");
    }
    assert_eq!(before.next(), Some(told("ADDED", "b")));
    let mut after = Watching::new(&client);
    assert_eq!(after.next(), Some(told("ADDED", "a")));
    assert_eq!(after.next(), Some(told("ADDED", "b")));
    // A server that starts later gets on with it too.
    let second = Live::on(&etcd);
    let list = ok(&Client::new(&second), "GET", CONFIG_MAPS, &Value::Null);
    assert_eq!(names(&list), ["a", "b"]);
    // Once it is repaired it is an object like any other.
    let repaired = json!({"kind": "ConfigMap", "apiVersion": "v1",
        "metadata": {"name": "bad", "namespace": "default", "uid": "u"}});
    put(&etcd, KEY, &repaired.to_string());
    assert_eq!(before.next(), Some(told("ADDED", "bad")));
    ok(&client, "DELETE", &bad, &Value::Null);
    assert_eq!(before.next(), Some(told("DELETED", "bad")));
}

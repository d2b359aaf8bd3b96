//! Events are kept for a while: they go with a lease, in etcd and in the embedded store.

use crate::http::{CONFIG_MAPS, ask, ok};
use serde_json::{Value, json};
use server::Options;
use std::time::{Duration, Instant};
use tests::{
    client::Client,
    etcd::Etcd,
    live::{Live, PATIENCE},
};

const EVENTS: &str = "/api/v1/namespaces/default/events";
/// The shortest that etcd grants.
const SHORT: Duration = Duration::from_secs(2);

fn event(name: &str) -> Value {
    json!({
        "metadata": {"name": name},
        "involvedObject": {"kind": "Namespace", "name": "default", "namespace": "default"},
        "reason": "Tested", "message": "m", "type": "Normal",
    })
}

/// What etcd has at a key, as `etcdctl` tells it.
fn lease_of(etcd: &Etcd, key: &str) -> Value {
    let found = etcd.ctl(&["get", key, "-w", "json"]);
    let found: Value = serde_json::from_str(&found).unwrap();
    found["kvs"][0]["lease"].clone()
}

#[test]
fn events_share_a_lease_and_nothing_else_has_one() {
    let etcd = Etcd::start();
    let live = Live::on(&etcd);
    let client = Client::new(&live);
    for name in ["a", "b"] {
        ok(&client, "POST", EVENTS, &event(name));
    }
    ok(
        &client,
        "POST",
        CONFIG_MAPS,
        &json!({"metadata": {"name": "c"}}),
    );
    let lease = lease_of(&etcd, "/registry/events/default/a");
    assert!(lease.is_number(), "{lease}");
    assert_eq!(lease_of(&etcd, "/registry/events/default/b"), lease);
    assert_eq!(
        lease_of(&etcd, "/registry/configmaps/default/c"),
        Value::Null
    );
    // A change keeps it, or gives it another.
    let mut changed = ok(&client, "GET", &format!("{EVENTS}/a"), &Value::Null);
    changed["count"] = 2.into();
    ok(&client, "PUT", &format!("{EVENTS}/a"), &changed);
    assert!(lease_of(&etcd, "/registry/events/default/a").is_number());
}

/// An event goes by itself, not before its time, and a watch tells so.
fn goes_by_itself(options: Options) {
    let live = Live::start_with(Options {
        event_ttl: SHORT,
        ..options
    });
    let client = Client::new(&live);
    let began = Instant::now();
    ok(&client, "POST", EVENTS, &event("a"));
    ok(
        &client,
        "POST",
        CONFIG_MAPS,
        &json!({"metadata": {"name": "stays"}}),
    );
    let path = format!("{EVENTS}/a");
    loop {
        let (code, document) = ask(&client, "GET", &path, &Value::Null);
        if code == 404 {
            break;
        }
        assert_eq!(code, 200, "{document}");
        assert!(began.elapsed() < PATIENCE, "it stays");
    }
    assert!(began.elapsed() >= SHORT, "it went too early");
    let list = ok(&client, "GET", EVENTS, &Value::Null);
    assert_eq!(list["items"], json!([]));
    ok(
        &client,
        "GET",
        &format!("{CONFIG_MAPS}/stays"),
        &Value::Null,
    );
}

#[test]
fn an_event_goes_by_itself_in_etcd() {
    let etcd = Etcd::start();
    goes_by_itself(Options {
        etcd: Some(etcd.servers()),
        ..Options::default()
    });
}

#[test]
fn an_event_goes_by_itself_in_the_embedded_store() {
    goes_by_itself(Options::default());
}

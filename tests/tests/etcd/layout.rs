//! What the server has stored, as `etcdctl` shows it.

use crate::http::{CONFIG_MAPS, names, ok};
use serde_json::{Value, json};
use server::{Options, etcd::Servers};
use std::collections::BTreeSet;
use tests::{client::Client, etcd::Etcd, live::Live};

#[test]
fn keys_lie_where_the_real_server_puts_them_and_values_are_json() {
    let etcd = Etcd::start();
    let live = Live::on(&etcd);
    let client = Client::new(&live);
    let configmap = json!({"metadata": {"name": "a"}, "data": {"k": "v"}});
    ok(&client, "POST", CONFIG_MAPS, &configmap);
    let class = json!({"metadata": {"name": "n"}, "spec": {"controller": "example.com/n"}});
    let classes = "/apis/networking.k8s.io/v1/ingressclasses";
    ok(&client, "POST", classes, &class);
    let keys = etcd.ctl(&["get", "--prefix", "/registry", "--keys-only"]);
    let keys: BTreeSet<&str> = keys.lines().filter(|line| !line.is_empty()).collect();
    for expected in [
        "/registry/configmaps/default/a",
        "/registry/ingressclasses/n",
        "/registry/namespaces/default",
        "/registry/namespaces/kube-system",
        "/registry/priorityclasses/system-node-critical",
        "/registry/services/specs/default/kubernetes",
    ] {
        assert!(keys.contains(expected), "{expected} in {keys:?}");
    }
    for key in &keys {
        let value = etcd.ctl(&["get", "--print-value-only", key]);
        let value: Value = serde_json::from_str(&value).unwrap();
        assert!(value["kind"].is_string() && value["apiVersion"].is_string());
        assert!(value["metadata"].get("resourceVersion").is_none(), "{key}");
    }
    let key = "/registry/configmaps/default/a";
    let value = etcd.ctl(&["get", "--print-value-only", key]);
    let first = r#"{"kind":"ConfigMap","apiVersion":"v1","metadata":{"#;
    assert!(value.starts_with(first), "{value}");
}

#[test]
fn two_prefixes_are_two_clusters() {
    let etcd = Etcd::start();
    let other = Servers {
        prefix: "/other/place".into(),
        ..etcd.servers()
    };
    let first = Live::on(&etcd);
    let second = Live::start_with(Options {
        etcd: Some(other),
        ..Options::default()
    });
    let configmap = json!({"metadata": {"name": "here"}});
    let client = Client::new(&second);
    ok(&client, "POST", CONFIG_MAPS, &configmap);
    let keys = etcd.ctl(&["get", "--prefix", "/", "--keys-only"]);
    assert!(keys.contains("/other/place/configmaps/default/here"));
    assert!(!keys.contains("/registry/configmaps/default/here"));
    let there = ok(&client, "GET", CONFIG_MAPS, &Value::Null);
    assert_eq!(names(&there), ["here"]);
    let here = ok(&Client::new(&first), "GET", CONFIG_MAPS, &Value::Null);
    assert!(names(&here).is_empty());
}

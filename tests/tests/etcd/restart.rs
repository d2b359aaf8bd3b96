//! An etcd that goes away and comes back: the server and its watchers stay in step.

use crate::{
    gate::Gate,
    http::{CONFIG_MAPS, ask, names, ok},
    watching::{Watching, told},
};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, ResourceExt,
    runtime::{WatchStreamExt, reflector, watcher},
};
use serde_json::{Value, json};
use server::{Options, etcd::Servers};
use std::time::Instant;
use tests::{
    client::Client,
    etcd::Etcd,
    live::{Live, PATIENCE, eventually},
};

/// Sends it until it is answered so.
fn until(client: &Client, wanted: u16, method: &str, path: &str, body: &Value) -> Value {
    let end = Instant::now() + PATIENCE;
    loop {
        let (code, document) = ask(client, method, path, body);
        if code == wanted {
            return document;
        }
        assert!(Instant::now() < end, "{method} {path}: {code} {document}");
    }
}

fn config_map(name: &str) -> Value {
    json!({"metadata": {"name": name}})
}

#[test]
fn etcd_is_killed_and_started_again_while_clients_watch() {
    let mut etcd = Etcd::start();
    let live = Live::on(&etcd);
    let client = Client::new(&live);
    ok(&client, "POST", CONFIG_MAPS, &config_map("before"));
    let store = live.run(async {
        let config = crate::connect::config(live.kubeconfig().as_path()).await;
        let api: Api<ConfigMap> = Api::default_namespaced(kube::Client::try_from(config).unwrap());
        let (store, writer) = reflector::store();
        let stream = reflector::reflector(writer, watcher(api, watcher::Config::default()));
        tokio::spawn(futures::StreamExt::for_each(
            stream.backoff(crate::connect::Soon),
            |_| async {},
        ));
        store
    });
    let mut watching = Watching::new(&client);
    assert_eq!(watching.next(), Some(told("ADDED", "before")));
    assert_eq!(watching.next(), Some(told("BOOKMARK", "")));

    etcd.kill();
    let (code, status) = ask(&client, "POST", CONFIG_MAPS, &config_map("lost"));
    assert_eq!(code, 500, "{status}");
    assert_eq!(status["kind"], "Status");
    let message = status["message"].as_str().unwrap();
    assert!(message.starts_with("rpc error: code = "), "{message}");
    let (code, status) = ask(&client, "GET", CONFIG_MAPS, &Value::Null);
    assert_eq!(code, 500, "{status}");
    until(&client, 500, "GET", "/readyz", &Value::Null);
    let checks = until(&client, 500, "GET", "/livez", &Value::Null);
    let checks = checks.as_str().unwrap();
    assert!(checks.contains("[-]etcd failed"), "{checks}");
    // What the server has seen it goes on to serve.
    let any = ok(
        &client,
        "GET",
        &format!("{CONFIG_MAPS}?resourceVersion=0"),
        &Value::Null,
    );
    assert_eq!(names(&any), ["before"]);

    etcd.restart();
    until(&client, 201, "POST", CONFIG_MAPS, &config_map("after"));
    // The same watch goes on: nothing was lost, so nothing begins anew.
    assert_eq!(watching.next(), Some(told("ADDED", "after")));
    until(&client, 200, "GET", "/readyz", &Value::Null);
    ok(
        &client,
        "DELETE",
        &format!("{CONFIG_MAPS}/before"),
        &Value::Null,
    );
    assert_eq!(watching.next(), Some(told("DELETED", "before")));
    let list = ok(&client, "GET", CONFIG_MAPS, &Value::Null);
    assert_eq!(names(&list), ["after"]);
    live.run(eventually("the reflector equals the list", || async {
        let names: Vec<String> = store.state().iter().map(|it| it.name_any()).collect();
        (names == ["after"]).then_some(())
    }));
}

#[test]
fn what_was_compacted_meanwhile_ends_watches_and_is_listed_anew() {
    let etcd = Etcd::start();
    let gate = Gate::new(etcd.port());
    let live = Live::start_with(Options {
        etcd: Some(Servers {
            urls: vec![gate.url()],
            ..etcd.servers()
        }),
        ..Options::default()
    });
    let client = Client::new(&live);
    ok(&client, "POST", CONFIG_MAPS, &config_map("a"));
    let mut watching = Watching::new(&client);
    assert_eq!(watching.next(), Some(told("ADDED", "a")));
    assert_eq!(watching.next(), Some(told("BOOKMARK", "")));
    gate.shut(true);
    // Written by another server on the same etcd, whose history is then forgotten.
    let other = Live::on(&etcd);
    let written = ok(&Client::new(&other), "POST", CONFIG_MAPS, &config_map("b"));
    let last = ok(&Client::new(&other), "POST", CONFIG_MAPS, &config_map("c"));
    let version = |object: &Value| {
        object["metadata"]["resourceVersion"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let _ = etcd.ctl(&["compact", &version(&last)]);
    assert!(version(&written) < version(&last));
    gate.shut(false);
    assert_eq!(watching.next(), None, "what it has missed is gone");
    let list = ok(&client, "GET", CONFIG_MAPS, &Value::Null);
    assert_eq!(names(&list), ["a", "b", "c"]);
    let mut again = Watching::new(&client);
    for name in ["a", "b", "c"] {
        assert_eq!(again.next(), Some(told("ADDED", name)));
    }
    // A continue token from before is of a history that is gone.
    let old = format!("{CONFIG_MAPS}?resourceVersion=2&resourceVersionMatch=Exact&limit=1");
    let (code, status) = ask(&client, "GET", &old, &Value::Null);
    assert_eq!((code, status["reason"].as_str()), (410, Some("Expired")));
}

/// Revisions that others use are no reason to wait: the newest is not of a key below the prefix.
#[test]
fn a_consistent_list_does_not_wait_for_what_others_write() {
    let etcd = Etcd::start();
    let live = Live::on(&etcd);
    let client = Client::new(&live);
    for _ in 0..3 {
        assert_eq!(etcd.ctl(&["put", "compact_rev_key", "1"]).trim(), "OK");
        let list = ok(&client, "GET", CONFIG_MAPS, &Value::Null);
        assert!(names(&list).is_empty());
        // This one needs the cache at that revision.
        let mut watching = Watching::new(&client);
        assert_eq!(watching.next(), Some(told("BOOKMARK", "")));
    }
}

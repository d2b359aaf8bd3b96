//! What has lost its owners.

use super::{cluster, namespace};
use model::{
    ambient::Ambient,
    controllers::{
        Answer, Api, Controller, Todo, Worker, apis, garbage_collector::GarbageCollector,
    },
    resource::Resources,
    wire,
};
use serde_json::{Value, json};
use tests::cluster::Cluster;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const SECRETS: &str = "/api/v1/namespaces/default/secrets";

fn running() -> Cluster {
    let mut cluster = cluster();
    cluster.add(GarbageCollector::new(
        Api::deletable(&Resources::built_in()),
    ));
    cluster.settle();
    cluster
}

fn make(cluster: &mut Cluster, path: &str, name: &str, owners: &[Value]) -> Value {
    let object = json!({"metadata": {"name": name, "ownerReferences": owners}});
    cluster.send("POST", path, &object)
}

/// A reference to a ConfigMap.
fn owner(map: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap", "name": map["metadata"]["name"],
        "uid": map["metadata"]["uid"], "blockOwnerDeletion": true,
    })
}

fn delete(cluster: &mut Cluster, path: &str, policy: &str) {
    cluster.send("DELETE", path, &json!({"propagationPolicy": policy}));
}

fn names(cluster: &mut Cluster, path: &str) -> Vec<String> {
    let all = cluster.list(path);
    let name = |object: &Value| object["metadata"]["name"].as_str().map(ToString::to_string);
    all.iter().filter_map(name).collect()
}

/// `a` owns `b`, which owns `c`; `a` owns a Secret too.
fn family(cluster: &mut Cluster) {
    let a = make(cluster, MAPS, "a", &[]);
    let b = make(cluster, MAPS, "b", &[owner(&a)]);
    make(cluster, MAPS, "c", &[owner(&b)]);
    make(cluster, SECRETS, "s", &[owner(&a)]);
    make(cluster, MAPS, "free", &[]);
    cluster.settle();
    assert_eq!(names(cluster, MAPS), ["a", "b", "c", "free"]);
}

#[test]
fn dependents_go_behind_their_owner() {
    let mut cluster = running();
    family(&mut cluster);
    delete(&mut cluster, &format!("{MAPS}/a"), "Background");
    cluster.settle();
    assert_eq!(names(&mut cluster, MAPS), ["free"]);
    assert!(names(&mut cluster, SECRETS).is_empty());
}

#[test]
fn orphans_stay_without_owner() {
    let mut cluster = running();
    family(&mut cluster);
    delete(&mut cluster, &format!("{MAPS}/a"), "Orphan");
    cluster.settle();
    assert_eq!(names(&mut cluster, MAPS), ["b", "c", "free"]);
    let b = cluster.get(&format!("{MAPS}/b"));
    assert_eq!(b["metadata"]["ownerReferences"], Value::Null);
    assert_eq!(names(&mut cluster, SECRETS), ["s"]);
}

#[test]
fn an_owner_waits_for_what_blocks_it() {
    let mut cluster = running();
    family(&mut cluster);
    let hold = json!({"metadata": {"finalizers": ["example.com/hold"]}});
    cluster.send("PATCH", &format!("{MAPS}/c"), &hold);
    delete(&mut cluster, &format!("{MAPS}/a"), "Foreground");
    cluster.settle();
    assert_eq!(names(&mut cluster, MAPS), ["a", "b", "c", "free"]);
    assert!(names(&mut cluster, SECRETS).is_empty());
    let c = cluster.get(&format!("{MAPS}/c"));
    assert!(!c["metadata"]["deletionTimestamp"].is_null(), "{c}");
    let release = json!({"metadata": {"finalizers": null}});
    cluster.send("PATCH", &format!("{MAPS}/c"), &release);
    cluster.settle();
    assert_eq!(names(&mut cluster, MAPS), ["free"]);
}

#[test]
fn what_does_not_block_its_owner_goes_behind_it() {
    let mut cluster = running();
    let a = make(&mut cluster, MAPS, "a", &[]);
    let mut reference = owner(&a);
    reference["blockOwnerDeletion"] = false.into();
    make(&mut cluster, MAPS, "b", &[reference]);
    let hold = json!({"metadata": {"finalizers": ["example.com/hold"]}});
    cluster.send("PATCH", &format!("{MAPS}/b"), &hold);
    delete(&mut cluster, &format!("{MAPS}/a"), "Foreground");
    cluster.settle();
    assert_eq!(names(&mut cluster, MAPS), ["b"]);
}

#[test]
fn two_that_own_each_other_do_not_wait_for_ever() {
    let mut cluster = running();
    let a = make(&mut cluster, MAPS, "a", &[]);
    let b = make(&mut cluster, MAPS, "b", &[owner(&a)]);
    let circle = json!({"metadata": {"ownerReferences": [owner(&b)]}});
    cluster.send("PATCH", &format!("{MAPS}/a"), &circle);
    cluster.settle();
    delete(&mut cluster, &format!("{MAPS}/a"), "Foreground");
    assert!(cluster.run_until(60_000_000, |cluster| names(cluster, MAPS).is_empty()));
}

#[test]
fn one_living_owner_is_enough_and_the_dead_are_forgotten() {
    let mut cluster = running();
    let a = make(&mut cluster, MAPS, "a", &[]);
    let b = make(&mut cluster, MAPS, "b", &[]);
    make(&mut cluster, SECRETS, "s", &[owner(&a), owner(&b)]);
    cluster.settle();
    delete(&mut cluster, &format!("{MAPS}/a"), "Background");
    cluster.settle();
    let secret = cluster.get(&format!("{SECRETS}/s"));
    assert_eq!(secret["metadata"]["ownerReferences"], json!([owner(&b)]));
}

#[test]
fn an_owner_is_what_its_coordinates_say() {
    let mut cluster = running();
    namespace(&mut cluster, "other");
    let elsewhere = "/api/v1/namespaces/other/configmaps";
    let away = make(&mut cluster, elsewhere, "away", &[]);
    make(&mut cluster, SECRETS, "other-namespace", &[owner(&away)]);
    let mut unknown = owner(&away);
    unknown["kind"] = "Unheard".into();
    unknown["apiVersion"] = "example.com/v1".into();
    make(&mut cluster, SECRETS, "unknown-kind", &[unknown]);
    let a = make(&mut cluster, MAPS, "a", &[]);
    let mut renamed = owner(&a);
    renamed["name"] = "b".into();
    make(&mut cluster, SECRETS, "other-name", &[renamed]);
    make(&mut cluster, SECRETS, "right", &[owner(&a)]);
    let mut later = owner(&a);
    later["uid"] = "00000000-0000-4000-8000-000000000000".into();
    make(&mut cluster, SECRETS, "other-uid", &[later]);
    cluster.settle();
    assert_eq!(names(&mut cluster, SECRETS), ["right", "unknown-kind"]);
    assert_eq!(names(&mut cluster, elsewhere), ["away"]);
}

#[test]
fn what_the_view_does_not_show_is_asked_for() {
    let mut cluster = cluster();
    let mut worker = Worker::new(GarbageCollector::new([apis::CONFIG_MAPS, apis::SECRETS]));
    let mut watches: Vec<(Api, wire::Watch)> = Vec::new();
    for watch in worker.controller().watches() {
        let stream = cluster.server.watch(&worker.watch(&watch));
        worker.begun(&watch.api);
        watches.push((watch.api, stream.expect("it is granted")));
    }
    let see = |cluster: &Cluster, worker: &mut Worker<_>, of: &mut (Api, wire::Watch)| {
        for event in cluster.server.poll(&mut of.1) {
            worker.event(&of.0, &event);
        }
    };
    for watch in &mut watches {
        see(&cluster, &mut worker, watch);
    }
    let map = make(&mut cluster, MAPS, "a", &[]);
    make(&mut cluster, SECRETS, "s", &[owner(&map)]);
    // The Secret is seen, and its owner is not.
    see(&cluster, &mut worker, &mut watches[1]);
    let ambient = Ambient::default();
    let Todo::Send(call) = worker.next(&ambient) else {
        panic!("it does not ask");
    };
    assert_eq!(
        (call.method, call.path.as_str()),
        ("GET", "/api/v1/namespaces/default/configmaps/a")
    );
    let answer = cluster.server.send(&worker.head(&call), &[]);
    worker.answered(&Answer::read(answer.code, &answer.bytes), &ambient);
    assert!(
        matches!(worker.next(&ambient), Todo::Wait(_)),
        "its owner lives"
    );
    see(&cluster, &mut worker, &mut watches[0]);
    assert_eq!(worker.next(&ambient), Todo::Wait(None));
}

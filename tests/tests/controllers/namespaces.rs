//! Namespaces that go.

use super::{cluster, namespace};
use model::{
    controllers::{Api, namespace::Namespaces, service_account::ServiceAccounts},
    resource::Resources,
};
use serde_json::{Value, json};
use tests::cluster::Cluster;

const GOING: &str = "/api/v1/namespaces/going";

fn running() -> Cluster {
    let mut cluster = cluster();
    cluster.add(Namespaces::new(Api::deletable(&Resources::built_in())));
    cluster.add(ServiceAccounts);
    namespace(&mut cluster, "going");
    cluster.settle();
    cluster
}

fn config_map(cluster: &mut Cluster, metadata: Value) {
    let map = json!({"metadata": metadata});
    cluster.send("POST", &format!("{GOING}/configmaps"), &map);
}

fn conditions(cluster: &mut Cluster) -> Vec<(String, String, String)> {
    let namespace = cluster.get(GOING);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    namespace["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| {
            (
                text(&one["type"]),
                text(&one["status"]),
                text(&one["message"]),
            )
        })
        .collect()
}

#[test]
fn a_namespace_goes_with_all_that_is_in_it() {
    let mut cluster = running();
    config_map(&mut cluster, json!({"name": "a"}));
    let deployment = json!({
        "metadata": {"name": "d"},
        "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {
            "metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]},
        }},
    });
    let path = "/apis/apps/v1/namespaces/going/deployments";
    cluster.send("POST", path, &deployment);
    cluster.send("DELETE", GOING, &Value::Null);
    cluster.settle();
    assert_eq!(cluster.get(GOING), Value::Null);
    let store = cluster.server.store();
    let range = model::etcd::Range::newest(model::etcd::KeyRange::prefix(b"/registry/"));
    let all = store.range(&range).expect("it can be read").kvs;
    let of_it = |key: &str| key.contains("/going/") || key.ends_with("/going");
    let left: Vec<_> = all
        .iter()
        .filter_map(|kv| kv.key.text())
        .filter(|key| of_it(key))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(
        !cluster
            .get("/api/v1/namespaces/default/serviceaccounts/default")
            .is_null()
    );
}

#[test]
fn a_namespace_waits_for_finalizers_and_says_so() {
    let mut cluster = running();
    config_map(
        &mut cluster,
        json!({"name": "a", "finalizers": ["example.com/wait"]}),
    );
    config_map(&mut cluster, json!({"name": "b"}));
    cluster.send("DELETE", GOING, &Value::Null);
    cluster.run_until(10_000_000, |_| false);
    let named = |kind: &str, status: &str, message: &str| {
        (kind.to_string(), status.to_string(), message.to_string())
    };
    assert_eq!(
        conditions(&mut cluster),
        [
            named(
                "NamespaceDeletionDiscoveryFailure",
                "False",
                "All resources successfully discovered"
            ),
            named(
                "NamespaceDeletionGroupVersionParsingFailure",
                "False",
                "All legacy kube types successfully parsed"
            ),
            named(
                "NamespaceDeletionContentFailure",
                "False",
                "All content successfully deleted, may be waiting on finalization"
            ),
            named(
                "NamespaceContentRemaining",
                "True",
                "Some resources are remaining: configmaps. has 1 resource instances"
            ),
            named(
                "NamespaceFinalizersRemaining",
                "True",
                "Some content in the namespace has finalizers remaining: \
                 example.com/wait in 1 resource instances"
            ),
        ]
    );
    let free = json!({"metadata": {"finalizers": null}});
    cluster.send("PATCH", &format!("{GOING}/configmaps/a"), &free);
    assert!(cluster.run_until(10_000_000, |cluster| cluster.get(GOING).is_null()));
}

#[test]
fn pods_go_before_what_protects_them() {
    let mut cluster = running();
    let pod = json!({
        "metadata": {"name": "p"},
        "spec": {"nodeName": "n", "containers": [{"name": "c", "image": "i"}]},
    });
    cluster.send("POST", &format!("{GOING}/pods"), &pod);
    let policies = "/apis/networking.k8s.io/v1/namespaces/going/networkpolicies";
    let policy = json!({"metadata": {"name": "deny"}, "spec": {"podSelector": {}}});
    cluster.send("POST", policies, &policy);
    cluster.send("DELETE", GOING, &Value::Null);
    cluster.run_until(10_000_000, |_| false);
    assert_eq!(cluster.list(policies).len(), 1);
    let pod = cluster.get(&format!("{GOING}/pods/p"));
    assert!(!pod["metadata"]["deletionTimestamp"].is_null());
    // What its kubelet does when the pod has stopped.
    let now = json!({"gracePeriodSeconds": 0});
    cluster.send("DELETE", &format!("{GOING}/pods/p"), &now);
    assert!(cluster.run_until(10_000_000, |cluster| cluster.get(GOING).is_null()));
}

#[test]
fn a_namespace_of_the_same_name_is_another() {
    let mut cluster = running();
    for _ in 0..3 {
        config_map(&mut cluster, json!({"name": "a"}));
        cluster.send("DELETE", GOING, &Value::Null);
        cluster.settle();
        assert!(cluster.get(GOING).is_null());
        namespace(&mut cluster, "going");
        cluster.settle();
    }
    config_map(&mut cluster, json!({"name": "a"}));
    cluster.run_until(60_000_000, |_| false);
    assert!(!cluster.get(&format!("{GOING}/configmaps/a")).is_null());
}

#[test]
fn nothing_is_created_behind_the_end_of_a_namespace() {
    let mut refused = 0;
    for steps in 0..6 {
        let mut cluster = running();
        let head = model::wire::Head {
            method: "POST".into(),
            path: format!("{GOING}/configmaps"),
            headers: vec![("content-type".into(), "application/json".into())],
            ..Default::default()
        };
        let body = json!({"metadata": {"name": "late"}}).to_string();
        // The namespace goes when the create is so far.
        let mut going = Err(cluster.server.begin(&head, body.as_bytes()));
        for _ in 0..steps {
            going = match going {
                Err(going) => cluster.server.advance(going, None),
                done => done,
            };
        }
        cluster.send("DELETE", GOING, &Value::Null);
        cluster.settle();
        let answer = loop {
            match going {
                Ok(answer) => break answer,
                Err(further) => going = cluster.server.advance(further, None),
            }
        };
        refused += usize::from(matches!(answer.code, 403 | 404));
        cluster.run_until(10_000_000, |_| false);
        assert_eq!(cluster.get(GOING), Value::Null);
        let maps = cluster.list("/api/v1/configmaps");
        let late = |map: &Value| map["metadata"]["name"] == "late";
        assert!(!maps.iter().any(late), "after {steps} steps");
    }
    assert!((1..6).contains(&refused), "{refused}");
}

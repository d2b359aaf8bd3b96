//! The same kubectl, with the server's objects in a real etcd.

use crate::tool::{Kubectl, cells, manifest, patience};
use tests::{etcd::Etcd, live::Live};

#[test]
fn a_shop_is_made_shown_changed_and_removed() {
    let etcd = Etcd::start();
    let kubectl = Kubectl::on(Live::on(&etcd));
    let created = kubectl.ok(&format!("create -f {}", manifest().display()));
    assert!(created.contains("deployment.apps/web created"), "{created}");
    let mut watch = kubectl.background("get cm -n shop --watch --output-watch-events -v=6");
    watch.watches();
    let changed = kubectl.ok("patch cm settings -n shop -p '{\"data\":{\"color\":\"red\"}}'");
    assert_eq!(changed, "configmap/settings patched\n");
    watch.prints(|line| cells(line).starts_with(&["MODIFIED", "settings"]));
    let color = kubectl.value("cm settings -n shop", "{.data.color}");
    assert_eq!(color, "red");
    let scaled = kubectl.ok("scale deploy web -n shop --replicas=5");
    assert_eq!(scaled, "deployment.apps/web scaled\n");
    assert_eq!(kubectl.value("deploy web -n shop", "{.spec.replicas}"), "5");
    let labelled = kubectl.ok("label cm settings -n shop tier=gold");
    assert_eq!(labelled, "configmap/settings labeled\n");
    let list = kubectl.ok("get cm -n shop -l tier=gold -o name");
    assert_eq!(list, "configmap/settings\n");
    let again = kubectl.fails("create cm settings -n shop");
    assert!(
        again.contains("configmaps \"settings\" already exists"),
        "{again}"
    );
    kubectl.ok(&format!(
        "delete cm settings -n shop --timeout={}",
        patience()
    ));
    watch.prints(|line| cells(line).starts_with(&["DELETED", "settings"]));
    let gone = kubectl.fails("get cm settings -n shop");
    assert!(gone.contains("configmaps \"settings\" not found"), "{gone}");
    let keys = etcd.ctl(&["get", "--prefix", "/registry/deployments", "--keys-only"]);
    assert_eq!(keys.trim(), "/registry/deployments/shop/web");
}

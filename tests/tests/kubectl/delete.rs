//! delete, with finalizers and cascades; wait.

use crate::tool::{Kubectl, patience};

#[test]
fn by_name_by_label_and_all() {
    let kubectl = Kubectl::new();
    for name in ["a", "b", "c", "d"] {
        kubectl.ok(&format!("create secret generic {name}"));
    }
    kubectl.ok("label secret b c group=x");
    let deleted = kubectl.ok("delete secret a");
    assert!(deleted.starts_with("secret \"a\" deleted"), "{deleted}");
    assert_eq!(
        kubectl.fails("delete secret a"),
        "Error from server (NotFound): secrets \"a\" not found\n"
    );
    assert_eq!(kubectl.ok("delete secret a --ignore-not-found"), "");
    assert_eq!(kubectl.ok("delete secret -l group=x").lines().count(), 2);
    assert_eq!(kubectl.ok("get secret -o name"), "secret/d\n");
    kubectl.ok("delete secret --all");
    assert_eq!(kubectl.ok("get secret -o name"), "");
}

#[test]
fn a_finalizer_holds_an_object_and_wait_sees_it_go() {
    let kubectl = Kubectl::new();
    kubectl.ok("create cm held");
    let finalizers = |list: &str| {
        format!(r#"patch cm held --type merge -p '{{"metadata":{{"finalizers":{list}}}}}'"#)
    };
    kubectl.ok(&finalizers(r#"["example.com/hold"]"#));
    let deleted = kubectl.ok("delete cm held --wait=false");
    assert!(deleted.starts_with("configmap \"held\" deleted"), "{deleted}");
    assert_ne!(kubectl.value("cm held", "{.metadata.deletionTimestamp}"), "");
    let refused = kubectl.fails(&finalizers(r#"["example.com/hold","example.com/more"]"#));
    assert!(
        refused.contains("no new finalizers can be added if the object is being deleted"),
        "{refused}"
    );

    let mut wait =
        kubectl.background(&format!("wait --for=delete cm/held -v=6 --timeout={}", patience()));
    wait.watches();
    kubectl.ok(&finalizers("null"));
    wait.succeeds();
    assert_eq!(
        kubectl.fails("get cm held"),
        "Error from server (NotFound): configmaps \"held\" not found\n"
    );
}

#[test]
fn wait_for_a_value_and_for_a_condition() {
    let kubectl = Kubectl::with_shop();
    let limit = format!("--timeout={}", patience());
    let mut color = kubectl.background(&format!(
        "wait -n shop cm/settings '--for=jsonpath={{.data.color}}=green' -v=6 {limit}"
    ));
    color.watches();
    kubectl.ok(r#"patch cm settings -n shop -p '{"data":{"color":"green"}}'"#);
    assert_eq!(color.prints(|_| true), "configmap/settings condition met");
    color.succeeds();

    let mut ready =
        kubectl.background(&format!("wait node/worker-1 --for=condition=Ready -v=6 {limit}"));
    ready.watches();
    let condition = r#"{"status":{"conditions":[{"type":"Ready","status":"True"}]}}"#;
    kubectl.ok(&format!("patch node worker-1 --subresource=status -p '{condition}'"));
    assert_eq!(ready.prints(|_| true), "node/worker-1 condition met");
    ready.succeeds();

    let late = kubectl.fails("wait -n shop cm/settings '--for=jsonpath={.data.color}=none' --timeout=1s");
    assert!(late.contains("timed out waiting for the condition"), "{late}");
}

#[test]
fn cascades_leave_the_work_to_the_garbage_collector() {
    let kubectl = Kubectl::with_shop();
    for (mode, finalizer) in [("foreground", "foregroundDeletion"), ("orphan", "orphan")] {
        kubectl.ok(&format!("create deploy {mode} --image=i"));
        kubectl.ok(&format!("delete deploy {mode} --cascade={mode} --wait=false"));
        let path = "{.metadata.finalizers}";
        assert_eq!(kubectl.value(&format!("deploy {mode}"), path), format!("[\"{finalizer}\"]"));
        let none = r#"{"metadata":{"finalizers":null}}"#;
        kubectl.ok(&format!("patch deploy {mode} --type merge -p '{none}'"));
        assert_eq!(
            kubectl.fails(&format!("get deploy {mode}")),
            format!("Error from server (NotFound): deployments.apps \"{mode}\" not found\n")
        );
    }
    kubectl.ok("delete deploy web -n shop --cascade=background");
    assert_eq!(kubectl.ok("get deploy -A -o name"), "");
}

#[test]
fn pods_go_at_once_when_no_kubelet_has_them_or_when_forced() {
    let kubectl = Kubectl::with_shop();
    kubectl.ok("delete pod single -n shop");
    assert_eq!(kubectl.ok("get pod -n shop -o name"), "");
    let pod = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},
        "spec":{"nodeName":"worker-1","containers":[{"name":"c","image":"i"}]}}"#;
    kubectl.ok_with_input("create -f -", pod);
    kubectl.ok("delete pod p --wait=false --grace-period=7");
    assert_eq!(kubectl.value("pod p", "{.metadata.deletionGracePeriodSeconds}"), "7");
    let row = kubectl.ok("get pod p --no-headers");
    assert!(row.contains(" Terminating "), "{row}");
    kubectl.ok("delete pod p --grace-period=0 --force");
    assert_eq!(kubectl.ok("get pod -o name"), "");
}

//! label, annotate, patch, edit, scale.

use crate::tool::{Kubectl, cells};

#[test]
fn labels_and_annotations() {
    let kubectl = Kubectl::with_shop();
    let label = |what: &str| kubectl.ok(&format!("label cm settings -n shop {what}"));
    assert_eq!(label("tier=gold"), "configmap/settings labeled\n");
    assert_eq!(label("tier=gold"), "configmap/settings not labeled\n");
    assert_eq!(
        kubectl.fails("label cm settings -n shop tier=tin"),
        "error: 'tier' already has a value (gold), and --overwrite is false\n"
    );
    assert_eq!(
        label("--overwrite tier=tin size=big"),
        "configmap/settings labeled\n"
    );
    let labels = || kubectl.value("cm settings -n shop", "{.metadata.labels}");
    assert_eq!(labels(), r#"{"size":"big","tier":"tin"}"#);
    assert_eq!(label("tier-"), "configmap/settings unlabeled\n");
    assert_eq!(labels(), r#"{"size":"big"}"#);
    let refused = kubectl.fails("label cm settings -n shop 'a=not valid'");
    assert!(
        refused.contains("invalid label value: \"a=not valid\""),
        "{refused}"
    );

    let annotate = "annotate deploy web -n shop 'note=hello, world'";
    assert_eq!(kubectl.ok(annotate), "deployment.apps/web annotated\n");
    assert_eq!(
        kubectl.value("deploy web -n shop", "{.metadata.annotations.note}"),
        "hello, world"
    );
    assert_eq!(
        kubectl.ok("annotate deploy web -n shop note-"),
        "deployment.apps/web annotated\n"
    );
    assert_eq!(
        kubectl.value("deploy web -n shop", "{.metadata.annotations}"),
        ""
    );
}

#[test]
fn patches_of_each_type() {
    let kubectl = Kubectl::with_shop();
    let settings = |patch: &str| kubectl.ok(&format!("patch cm settings -n shop {patch}"));
    let data = || kubectl.value("cm settings -n shop", "{.data}");
    assert_eq!(
        settings(r#"-p '{"data":{"color":"red"}}'"#),
        "configmap/settings patched\n"
    );
    assert_eq!(
        settings(r#"-p '{"data":{"color":"red"}}'"#),
        "configmap/settings patched (no change)\n"
    );
    assert_eq!(data(), r#"{"color":"red","size":"3"}"#);
    settings(
        r#"--type json -p '[{"op":"test","path":"/data/size","value":"3"},{"op":"replace","path":"/data/size","value":"4"},{"op":"remove","path":"/data/color"}]'"#,
    );
    assert_eq!(data(), r#"{"size":"4"}"#);
    settings(r#"--type merge -p '{"data":{"size":null,"shape":"round"}}'"#);
    assert_eq!(data(), r#"{"shape":"round"}"#);

    let images = || {
        kubectl.value(
            "deploy web -n shop",
            "{.spec.template.spec.containers[*].image}",
        )
    };
    let container = |name: &str, image: &str| {
        format!(
            r#"{{"spec":{{"template":{{"spec":{{"containers":[{{"name":"{name}","image":"{image}"}}]}}}}}}}}"#
        )
    };
    kubectl.ok(&format!(
        "patch deploy web -n shop -p '{}'",
        container("nginx", "nginx:1.28")
    ));
    assert_eq!(images(), "nginx:1.28");
    // A strategic merge patch merges containers by name, and puts a new one first.
    kubectl.ok(&format!(
        "patch deploy web -n shop -p '{}'",
        container("side", "side:1")
    ));
    assert_eq!(images(), "side:1 nginx:1.28");
    // A merge patch replaces the list.
    kubectl.ok(&format!(
        "patch deploy web -n shop --type merge -p '{}'",
        container("only", "only:1")
    ));
    assert_eq!(images(), "only:1");

    let ready = r#"{"status":{"conditions":[{"type":"Ready","status":"True"}]}}"#;
    kubectl.ok(&format!(
        "patch node worker-1 --subresource=status -p '{ready}'"
    ));
    let node = kubectl.ok("get node worker-1 --no-headers");
    assert!(node.contains(" Ready "), "{node}");
}

#[test]
fn patches_that_are_refused() {
    let kubectl = Kubectl::with_shop();
    let refused = |patch: &str| kubectl.fails(&format!("patch {patch}"));
    let test =
        r#"cm settings -n shop --type json -p '[{"op":"test","path":"/data/size","value":"9"}]'"#;
    let text = refused(test);
    assert!(
        text.starts_with(
            "The request is invalid: the server rejected our request due to an error in our request"
        ),
        "{text}"
    );
    let text = refused(r#"cm settings -n shop -p '{"data":{"size":5}}'"#);
    assert!(text.starts_with("The request is invalid: "), "{text}");
    let text =
        refused(r#"deploy web -n shop -p '{"spec":{"selector":{"matchLabels":{"app":"other"}}}}'"#);
    assert!(text.contains("The Deployment \"web\" is invalid"), "{text}");
    assert!(text.contains("field is immutable"), "{text}");
    let stale = r#"cm settings -n shop --type merge -p '{"metadata":{"resourceVersion":"1"}}'"#;
    let text = refused(stale);
    assert!(
        text.starts_with("Error from server (Conflict): Operation cannot be fulfilled on configmaps \"settings\": the object has been modified"),
        "{text}"
    );
    assert_eq!(
        refused("cm nothing -n shop -p '{}'"),
        "Error from server (NotFound): configmaps \"nothing\" not found\n"
    );
}

#[test]
fn edit_with_an_editor() {
    let kubectl = Kubectl::with_shop();
    kubectl.editor("s/color: .*/color: purple/");
    assert_eq!(
        kubectl.ok("edit cm settings -n shop"),
        "configmap/settings edited\n"
    );
    assert_eq!(
        kubectl.value("cm settings -n shop", "{.data.color}"),
        "purple"
    );
    let unchanged = kubectl.run("edit cm settings -n shop", "");
    assert_eq!(unchanged.stderr, "Edit cancelled, no changes made.\n");
    kubectl.editor("s/replicas: 3/replicas: 8/");
    assert_eq!(
        kubectl.ok("edit deploy web -n shop"),
        "deployment.apps/web edited\n"
    );
    assert_eq!(
        kubectl.value(
            "deploy web -n shop",
            "{.spec.replicas} {.metadata.generation}"
        ),
        "8 2"
    );
}

#[test]
fn scale_by_its_subresource() {
    let kubectl = Kubectl::with_shop();
    let scale = |what: &str| format!("scale deploy web -n shop {what}");
    assert_eq!(
        kubectl.ok(&scale("--replicas=7")),
        "deployment.apps/web scaled\n"
    );
    assert_eq!(
        kubectl.value(
            "deploy web -n shop",
            "{.spec.replicas} {.metadata.generation}"
        ),
        "7 2"
    );
    let refused = kubectl.fails(&scale("--current-replicas=2 --replicas=1"));
    assert_eq!(refused, "error: Expected replicas to be 2, was 7\n");
    kubectl.ok(&scale("--current-replicas=7 --replicas=0"));
    let table = kubectl.ok("get deploy web -n shop --subresource=scale --no-headers");
    assert_eq!(&cells(&table)[..3], ["web", "0", "0"], "{table}");
    let shape = kubectl.ok("get --raw /apis/apps/v1/namespaces/shop/deployments/web/scale");
    let shape: serde_json::Value = serde_json::from_str(&shape).unwrap();
    assert_eq!(
        (&shape["kind"], &shape["apiVersion"]),
        (&"Scale".into(), &"autoscaling/v1".into())
    );
    assert_eq!(shape["status"]["selector"], "app=web");
}

#[test]
fn nodes_are_cordoned_and_tainted() {
    let kubectl = Kubectl::with_shop();
    assert_eq!(kubectl.ok("cordon worker-1"), "node/worker-1 cordoned\n");
    let node = kubectl.ok("get node worker-1 --no-headers");
    assert!(node.contains(" Unknown,SchedulingDisabled "), "{node}");
    assert_eq!(
        kubectl.ok("uncordon worker-1"),
        "node/worker-1 uncordoned\n"
    );
    assert_eq!(
        kubectl.ok("taint node worker-1 a=b:NoSchedule"),
        "node/worker-1 tainted\n"
    );
    assert_eq!(
        kubectl.value("node worker-1", "{.spec.taints}"),
        r#"[{"effect":"NoSchedule","key":"a","value":"b"}]"#
    );
}

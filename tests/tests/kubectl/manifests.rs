//! create, apply, replace, delete and diff of files.

use crate::tool::{Kubectl, manifest};
use std::fs;

const OBJECTS: [&str; 7] = [
    "namespace/shop",
    "configmap/settings",
    "secret/login",
    "deployment.apps/web",
    "service/web",
    "pod/single",
    "node/worker-1",
];

/// The same objects, of which two are different.
fn changed(kubectl: &Kubectl) -> String {
    let text = fs::read_to_string(manifest()).unwrap();
    let other = text.replace("color: blue", "color: green").replace("replicas: 3", "replicas: 5");
    assert_ne!(text, other);
    kubectl.file("changed.yaml", &other).display().to_string()
}

fn said(answer: &str, expected: impl Fn(&str) -> &'static str) {
    let expected: Vec<String> =
        OBJECTS.iter().map(|object| format!("{object} {}", expected(object))).collect();
    let lines: Vec<&str> = answer.lines().collect();
    assert_eq!(lines, expected);
}

#[test]
fn namespaces() {
    let kubectl = Kubectl::new();
    assert_eq!(kubectl.ok("create ns green"), "namespace/green created\n");
    assert_eq!(
        kubectl.fails("create ns green"),
        "Error from server (AlreadyExists): namespaces \"green\" already exists\n"
    );
    assert_eq!(kubectl.value("ns green", "{.status.phase}"), "Active");
    assert_eq!(
        kubectl.fails("create configmap a -n nowhere"),
        "error: failed to create configmap: namespaces \"nowhere\" not found\n"
    );
}

#[test]
fn create_then_replace() {
    let kubectl = Kubectl::new();
    let file = manifest().display();
    said(&kubectl.ok(&format!("create -f {file}")), |_| "created");
    let again = kubectl.fails(&format!("create -f {file}"));
    assert!(
        again.contains("Error from server (AlreadyExists): error when creating"),
        "{again}"
    );
    assert!(again.contains("deployments.apps \"web\" already exists"), "{again}");

    let uid = kubectl.value("deploy web -n shop", "{.metadata.uid}");
    said(&kubectl.ok(&format!("replace -f {}", changed(&kubectl))), |_| "replaced");
    assert_eq!(kubectl.value("cm settings -n shop", "{.data.color}"), "green");
    let deployment = "{.spec.replicas} {.metadata.uid} {.metadata.generation}";
    assert_eq!(kubectl.value("deploy web -n shop", deployment), format!("5 {uid} 2"));
}

#[test]
fn apply_tells_what_it_changed() {
    let kubectl = Kubectl::new();
    let file = manifest().display();
    said(&kubectl.ok(&format!("apply -f {file}")), |_| "created");
    said(&kubectl.ok(&format!("apply -f {file}")), |_| "unchanged");
    let changed = changed(&kubectl);
    said(&kubectl.ok(&format!("apply -f {changed}")), |object| match object {
        "configmap/settings" | "deployment.apps/web" => "configured",
        _ => "unchanged",
    });
    assert_eq!(kubectl.value("cm settings -n shop", "{.data}"), r#"{"color":"green","size":"3"}"#);
    assert_eq!(kubectl.value("deploy web -n shop", "{.spec.replicas}"), "5");

    // What the file has no longer goes away; what others have added stays.
    kubectl.ok("label cm settings -n shop added=yes");
    let text = fs::read_to_string(&changed).unwrap().replace("  size: \"3\"\n", "");
    let shorter = kubectl.file("shorter.yaml", &text);
    kubectl.ok(&format!("apply -f {}", shorter.display()));
    assert_eq!(
        kubectl.value("cm settings -n shop", "{.data} {.metadata.labels}"),
        r#"{"color":"green"} {"added":"yes"}"#
    );
}

#[test]
fn diff_shows_what_apply_would_do() {
    let kubectl = Kubectl::new();
    kubectl.ok(&format!("apply -f {}", manifest().display()));
    assert_eq!(kubectl.ok(&format!("diff -f {}", manifest().display())), "");
    let before = kubectl.value("cm settings -n shop", "{.metadata.resourceVersion}");
    let ran = kubectl.run(&format!("diff -f {}", changed(&kubectl)), "");
    assert_eq!(ran.status.code(), Some(1), "{}", ran.stderr);
    for line in ["-  color: blue", "+  color: green", "-  replicas: 3", "+  replicas: 5"] {
        assert!(ran.stdout.lines().any(|one| one == line), "{line}: {}", ran.stdout);
    }
    let after = kubectl.value("cm settings -n shop", "{.metadata.resourceVersion}");
    assert_eq!(before, after);
}

#[test]
fn delete_all_that_a_file_names() {
    let kubectl = Kubectl::with_shop();
    let answer = kubectl.ok(&format!("delete --wait=false -f {}", manifest().display()));
    for (object, line) in OBJECTS.iter().zip(answer.lines()) {
        let (kind, name) = object.split_once('/').unwrap();
        assert!(line.starts_with(&format!("{kind} \"{name}\" deleted")), "{line}");
    }
    assert_eq!(kubectl.ok("get cm,secret,deploy,svc,pod -n shop -o name"), "");
    assert_eq!(
        kubectl.fails("get node worker-1"),
        "Error from server (NotFound): nodes \"worker-1\" not found\n"
    );
    // No controller empties the namespace here, so it stays, and takes no more.
    assert_eq!(kubectl.value("ns shop", "{.status.phase}"), "Terminating");
    let refused = kubectl.fails("create configmap late -n shop");
    assert!(
        refused.contains("because it is being terminated"),
        "{refused}"
    );
    let finalized = kubectl.ok("get ns shop -o json").replace("\"kubernetes\"", "");
    let path = "/api/v1/namespaces/shop/finalize";
    kubectl.ok_with_input(&format!("replace --raw {path} -f -"), &finalized);
    assert_eq!(
        kubectl.fails("get ns shop"),
        "Error from server (NotFound): namespaces \"shop\" not found\n"
    );
}

#[test]
fn unknown_and_doubled_fields_are_refused() {
    let kubectl = Kubectl::new();
    let unknown = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ncolour: blue\n";
    let file = kubectl.file("unknown.yaml", unknown);
    let refused = kubectl.fails(&format!("create -f {}", file.display()));
    assert!(refused.contains("strict decoding error: unknown field \"colour\""), "{refused}");
    let answer = kubectl.ok(&format!("create --validate=ignore -f {}", file.display()));
    assert_eq!(answer, "configmap/a created\n");
    assert_eq!(kubectl.value("cm a", "{.colour}"), "");
}

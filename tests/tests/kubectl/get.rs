//! get in all its forms, and describe.

use crate::tool::{Kubectl, cells};
use serde_json::Value;

/// The cells of a table's rows; ages are checked to be some seconds and left out.
fn rows(table: &str) -> Vec<Vec<String>> {
    let header = cells(table.lines().next().unwrap_or_default());
    let age = header.iter().position(|name| *name == "AGE");
    table
        .lines()
        .map(|line| {
            let mut row: Vec<String> = cells(line).into_iter().map(str::to_owned).collect();
            if let Some(age) = age {
                let cell = row.remove(age);
                let seconds = cell
                    .strip_suffix('s')
                    .and_then(|number| number.parse::<u32>().ok());
                assert!(cell == "AGE" || seconds.is_some(), "{table}");
            }
            row
        })
        .collect()
}

#[test]
fn tables() {
    let kubectl = Kubectl::with_shop();
    for (command, expected) in [
        ("get cm settings", vec!["NAME DATA", "settings 2"]),
        ("get secret", vec!["NAME TYPE DATA", "login Opaque 1"]),
        (
            "get deploy",
            vec!["NAME READY UP-TO-DATE AVAILABLE", "web 0/3 0 0"],
        ),
        (
            "get deploy -o wide",
            vec![
                "NAME READY UP-TO-DATE AVAILABLE CONTAINERS IMAGES SELECTOR",
                "web 0/3 0 0 nginx nginx:1.27 app=web",
            ],
        ),
        (
            "get pods",
            vec!["NAME READY STATUS RESTARTS", "single 0/1 Pending 0"],
        ),
        ("get ns shop", vec!["NAME STATUS", "shop Active"]),
        (
            "get node",
            vec!["NAME STATUS ROLES VERSION", "worker-1 Unknown worker"],
        ),
        ("get cm --no-headers", vec!["settings 2"]),
        (
            "get ns shop --show-labels",
            vec![
                "NAME STATUS LABELS",
                "shop Active kubernetes.io/metadata.name=shop,team=red",
            ],
        ),
        (
            "get ns shop -L team",
            vec!["NAME STATUS TEAM", "shop Active red"],
        ),
        (
            "get pod,deploy -o name",
            vec!["pod/single", "deployment.apps/web"],
        ),
    ] {
        // Without a header the age can't be told from the rest.
        let table = kubectl.ok(&format!("{command} -n shop"));
        let mut shown = rows(&table);
        if command.contains("--no-headers") {
            shown[0].pop();
        }
        let shown: Vec<String> = shown.iter().map(|row| row.join(" ")).collect();
        assert_eq!(shown, expected, "{command}");
    }
    let service = rows(&kubectl.ok("get svc web -n shop -o wide"));
    assert_eq!(
        service[0].join(" "),
        "NAME TYPE CLUSTER-IP EXTERNAL-IP PORT(S) SELECTOR"
    );
    let [name, kind, _, external, ports, selector] = &service[1][..] else {
        panic!("{service:?}");
    };
    assert_eq!(
        [name, kind, external, ports, selector],
        ["web", "ClusterIP", "<none>", "80/TCP", "app=web"]
    );
}

#[test]
fn documents_names_and_paths() {
    let kubectl = Kubectl::with_shop();
    let object: Value =
        serde_json::from_str(&kubectl.ok("get cm settings -n shop -o json")).unwrap();
    assert_eq!(
        (&object["kind"], &object["apiVersion"]),
        (&"ConfigMap".into(), &"v1".into())
    );
    assert_eq!(
        object["data"],
        serde_json::json!({"color": "blue", "size": "3"})
    );
    let yaml = kubectl.ok("get cm settings -n shop -o yaml");
    assert!(
        yaml.starts_with("apiVersion: v1\ndata:\n  color: blue\n  size: \"3\"\nkind: ConfigMap\n"),
        "{yaml}"
    );
    let list: Value = serde_json::from_str(&kubectl.ok("get cm -n shop -o json")).unwrap();
    assert_eq!(
        (&list["kind"], &list["items"][0]["kind"]),
        (&"List".into(), &"ConfigMap".into())
    );
    assert_eq!(kubectl.ok("get cm -n shop -o name"), "configmap/settings\n");
    assert_eq!(
        kubectl
            .ok("get deploy web -n shop -o 'jsonpath={.spec.template.spec.containers[*].image}'"),
        "nginx:1.27"
    );
    assert_eq!(
        kubectl.ok(
            "get deploy -n shop --no-headers -o custom-columns=N:.metadata.name,R:.spec.replicas"
        ),
        "web   3\n"
    );
    assert_eq!(
        kubectl.fails("get cm nothing -n shop"),
        "Error from server (NotFound): configmaps \"nothing\" not found\n"
    );
    assert_eq!(
        kubectl.fails("get nonsense"),
        "error: the server doesn't have a resource type \"nonsense\"\n"
    );
    let empty = kubectl.run("get secret -n default", "");
    assert_eq!(
        (empty.stdout.as_str(), empty.stderr.as_str()),
        ("", "No resources found in default namespace.\n")
    );
}

#[test]
fn selectors() {
    let kubectl = Kubectl::new();
    for (name, labels) in [
        ("a", "tier=front,env=dev"),
        ("b", "tier=back,env=dev"),
        ("c", "tier=back"),
    ] {
        kubectl.ok(&format!("create cm {name}"));
        kubectl.ok(&format!("label cm {name} {}", labels.replace(',', " ")));
    }
    for (selector, expected) in [
        ("-l tier=back", "configmap/b\nconfigmap/c\n"),
        ("-l tier!=back,env", "configmap/a\n"),
        ("-l 'tier in (front,back),!env'", "configmap/c\n"),
        ("--field-selector metadata.name=b", "configmap/b\n"),
        ("--field-selector metadata.name!=b -l env", "configmap/a\n"),
        ("-l tier=none", ""),
    ] {
        assert_eq!(
            kubectl.ok(&format!("get cm -o name {selector}")),
            expected,
            "{selector}"
        );
    }
    let pod = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},
        "spec":{"nodeName":"n","containers":[{"name":"c","image":"i"}]}}"#;
    kubectl.ok_with_input("create -f -", pod);
    for (selector, expected) in [
        ("spec.nodeName=n", "pod/p\n"),
        ("spec.nodeName=m", ""),
        ("status.phase=Pending,spec.restartPolicy=Always", "pod/p\n"),
    ] {
        assert_eq!(
            kubectl.ok(&format!("get pod -o name --field-selector {selector}")),
            expected
        );
    }
    let refused = kubectl.fails("get pod --field-selector spec.nonsense=x");
    assert!(
        refused.contains("field label not supported: spec.nonsense"),
        "{refused}"
    );
    let refused = kubectl.fails("get pod -l 'a in (b'");
    assert!(refused.contains("unable to parse requirement"), "{refused}");
}

#[test]
fn all_namespaces_and_chunks() {
    let kubectl = Kubectl::new();
    let item = |index: usize| {
        let namespace = if index.is_multiple_of(2) {
            "default"
        } else {
            "odd"
        };
        format!(
            r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"c{index:02}","namespace":"{namespace}"}}}}"#
        )
    };
    let items: Vec<String> = (0..25).map(item).collect();
    kubectl.ok("create ns odd");
    kubectl.ok_with_input("create -f -", &items.join("\n"));

    let ran = kubectl.run("get cm -A --chunk-size=10 --no-headers -v=6", "");
    let found: Vec<(&str, &str)> = ran
        .stdout
        .lines()
        .map(|line| (cells(line)[0], cells(line)[1]))
        .filter(|(_, name)| name.starts_with('c'))
        .collect();
    let name = |index: usize| format!("c{index:02}");
    let even = (0..25).step_by(2).map(|index| ("default", name(index)));
    let odd = (1..25).step_by(2).map(|index| ("odd", name(index)));
    let expected: Vec<(&str, String)> = even.chain(odd).collect();
    let expected: Vec<(&str, &str)> = expected
        .iter()
        .map(|(namespace, name)| (*namespace, name.as_str()))
        .collect();
    assert_eq!(found, expected);
    let pages = ran
        .stderr
        .lines()
        .filter(|line| line.contains("limit=10"))
        .count();
    let continued = ran
        .stderr
        .lines()
        .filter(|line| line.contains("continue="))
        .count();
    assert!(pages >= 3 && continued == pages - 1, "{}", ran.stderr);
    assert_eq!(
        kubectl
            .ok("get cm -n odd -o name --chunk-size=5")
            .lines()
            .count(),
        12
    );
}

#[test]
fn describe() {
    let kubectl = Kubectl::with_shop();
    for (what, lines) in [
        ("cm settings", vec!["Name: settings", "color:", "blue"]),
        ("secret login", vec!["Type: Opaque", "password: 6 bytes"]),
        ("deploy web", vec!["Selector: app=web", "Image: nginx:1.27"]),
        ("svc web", vec!["Selector: app=web", "Endpoints: <none>"]),
        ("pod single", vec!["Status: Pending", "Image: busybox:1.36"]),
        (
            "node worker-1",
            vec!["Roles: worker", "Unschedulable: false"],
        ),
        (
            "ns shop",
            vec!["Labels: kubernetes.io/metadata.name=shop", "Status: Active"],
        ),
    ] {
        let text = kubectl.ok(&format!("describe {what} -n shop"));
        for expected in lines {
            let found = text.lines().any(|line| cells(line).join(" ") == expected);
            assert!(found, "{expected:?} in: {text}");
        }
    }
    let event = r#"{"apiVersion":"v1","kind":"Event","metadata":{"name":"e","namespace":"shop"},
        "involvedObject":{"kind":"Pod","name":"single","namespace":"shop","uid":"UID"},
        "type":"Warning","reason":"FailedScheduling","message":"no room","count":2,
        "firstTimestamp":"2026-01-01T00:00:00Z","lastTimestamp":"2026-01-01T00:00:00Z"}"#;
    let uid = kubectl.value("pod single -n shop", "{.metadata.uid}");
    kubectl.ok_with_input("create -f -", &event.replace("UID", &uid));
    let text = kubectl.ok("describe pod single -n shop");
    let line = text.lines().last().unwrap();
    assert!(
        line.contains("FailedScheduling") && line.ends_with("no room"),
        "{text}"
    );
}

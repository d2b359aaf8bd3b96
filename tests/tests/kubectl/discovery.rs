//! What the server says of itself.

use crate::tool::{Kubectl, cells};
use model::resource::Resources;
use serde_json::Value;
use std::collections::BTreeSet;

#[test]
fn version() {
    let kubectl = Kubectl::new();
    let version: Value = serde_json::from_str(&kubectl.ok("version -o json")).unwrap();
    let server = &version["serverVersion"];
    assert_eq!((&server["major"], &server["minor"]), (&"1".into(), &"36".into()));
    assert!(server["gitVersion"].as_str().unwrap().starts_with("v1.36."), "{server}");
}

#[test]
fn api_resources_are_those_of_the_table() {
    let kubectl = Kubectl::new();
    let listed = kubectl.ok("api-resources -o name");
    let listed: BTreeSet<&str> = listed.lines().collect();
    let known: BTreeSet<String> = Resources::built_in()
        .iter()
        .map(|resource| match resource.group.as_str() {
            "" => resource.plural.clone(),
            group => format!("{}.{group}", resource.plural),
        })
        .collect();
    let known: BTreeSet<&str> = known.iter().map(String::as_str).collect();
    assert_eq!(listed, known);

    let wide = kubectl.ok("api-resources --api-group=apps -o wide");
    let deployments = wide.lines().find(|line| line.starts_with("deployments")).unwrap();
    assert_eq!(
        cells(deployments),
        [
            "deployments",
            "deploy",
            "apps/v1",
            "true",
            "Deployment",
            "create,delete,deletecollection,get,list,patch,update,watch",
            "all"
        ]
    );
    let versions = kubectl.ok("api-versions");
    assert!(versions.lines().any(|line| line == "apps/v1"), "{versions}");
    assert!(versions.lines().any(|line| line == "v1"), "{versions}");
}

#[test]
fn raw_paths() {
    let kubectl = Kubectl::new();
    for path in ["/healthz", "/livez", "/readyz", "/livez/ping"] {
        assert_eq!(kubectl.ok(&format!("get --raw {path}")), "ok", "{path}");
    }
    let verbose = kubectl.ok("get --raw /readyz?verbose");
    assert!(verbose.contains("[+]ping ok\n"), "{verbose}");
    assert!(verbose.ends_with("readyz check passed\n"), "{verbose}");
    let default: Value =
        serde_json::from_str(&kubectl.ok("get --raw /api/v1/namespaces/default")).unwrap();
    assert_eq!((&default["kind"], &default["apiVersion"]), (&"Namespace".into(), &"v1".into()));
    let metrics = kubectl.ok("get --raw /metrics");
    assert!(metrics.contains("\napiserver_request_total{"), "{metrics}");
    let missing = kubectl.fails("get --raw /nonsense");
    assert_eq!(missing, "Error from server (NotFound): the server could not find the requested resource\n");
}

#[test]
fn whoami() {
    let kubectl = Kubectl::new();
    let answer = kubectl.ok("auth whoami");
    let rows: Vec<Vec<&str>> = answer.lines().map(cells).collect();
    assert_eq!(rows[0], ["ATTRIBUTE", "VALUE"]);
    assert_eq!(rows[1], ["Username", "kubernetes-admin"]);
    assert_eq!(rows[2], ["Groups", "[system:masters", "system:authenticated]"]);
}

#[test]
fn explain_shows_fields_and_types() {
    let kubectl = Kubectl::new();
    let top = kubectl.ok("explain deployments");
    assert!(top.starts_with("GROUP:      apps\nKIND:       Deployment\nVERSION:    v1\n"), "{top}");
    for field in ["apiVersion\t<string>", "metadata\t<ObjectMeta>", "spec\t<DeploymentSpec>"] {
        assert!(top.contains(&format!("\n  {field}\n")), "{field}: {top}");
    }
    let spec = kubectl.ok("explain deployments.spec");
    assert!(spec.contains("\nFIELD: spec <DeploymentSpec>\n"), "{spec}");
    assert!(spec.contains("\n  replicas\t<integer>\n"), "{spec}");
    assert!(spec.contains("\n  selector\t<LabelSelector> -required-\n"), "{spec}");
    let data = kubectl.ok("explain configmap.data");
    assert!(data.contains("\nFIELD: data <map[string]string>\n"), "{data}");
    let limits = kubectl.ok("explain pod.spec.containers.resources.limits");
    assert!(limits.contains("FIELD: limits <map[string]Quantity>"), "{limits}");
    let all = kubectl.ok("explain pod --recursive");
    for line in ["  spec\t<PodSpec>", "    containers\t<[]Container> -required-", "      image\t<string>"] {
        assert!(all.lines().any(|one| one == line), "{line:?}: {all}");
    }
    let missing = kubectl.fails("explain pod.spec.nonsense");
    assert_eq!(missing, "error: field \"nonsense\" does not exist\n");
}

//! `kubectl auth`, `create token`, `--as`: who am I, and what may I?

use crate::tool::{Kubectl, cells};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::Value;

#[test]
fn who_am_i() {
    let kubectl = Kubectl::new();
    let told = kubectl.ok("auth whoami");
    let row = |name: &str| {
        let mut rows = told.lines().map(cells);
        rows.find(|row| row.first() == Some(&name)).unwrap()[1].to_owned()
    };
    assert_eq!(row("Username"), "kubernetes-admin");
    let told = kubectl.ok("auth whoami --as=jane --as-group=dev -o json");
    let told: Value = serde_json::from_str(&told).unwrap();
    let user = &told["status"]["userInfo"];
    assert_eq!(user["username"], "jane");
    assert_eq!(user["groups"][0], "dev");
}

#[test]
fn what_may_i() {
    let kubectl = Kubectl::new();
    assert_eq!(kubectl.ok("auth can-i create pods").trim(), "yes");
    let jane = |line: &str| {
        let ran = kubectl.run(&format!("{line} --as=jane"), "");
        (ran.status.success(), ran.stdout.trim().to_owned())
    };
    assert_eq!(jane("auth can-i list configmaps"), (false, "no".into()));
    kubectl.ok("create role reads --verb=get,list --resource=configmaps");
    kubectl.ok("create rolebinding jane-reads --role=reads --user=jane");
    assert_eq!(jane("auth can-i list configmaps"), (true, "yes".into()));
    assert_eq!(jane("auth can-i list configmaps -n kube-system").1, "no");
    assert_eq!(jane("auth can-i get configmaps/a").1, "yes");
    assert_eq!(jane("auth can-i get /healthz").1, "yes");
    assert_eq!(jane("auth can-i get /metrics").1, "no");
    let (_, list) = jane("auth can-i --list");
    let rows: Vec<Vec<&str>> = list.lines().map(cells).collect();
    let named = |name: &str| rows.iter().find(|row| row[0] == name);
    assert_eq!(
        named("configmaps").unwrap()[1..],
        ["[]", "[]", "[get", "list]"]
    );
    assert!(
        named("selfsubjectaccessreviews.authorization.k8s.io").is_some(),
        "{list}"
    );

    let refused = kubectl.fails("get secrets --as=jane");
    assert_eq!(
        refused.trim(),
        "Error from server (Forbidden): secrets is forbidden: User \"jane\" cannot list resource \
         \"secrets\" in API group \"\" in the namespace \"default\""
    );
    kubectl.ok("get configmaps --as=jane");
}

#[test]
fn nobody_gives_what_they_do_not_have() {
    let kubectl = Kubectl::new();
    kubectl.ok("create clusterrole writes --verb=create,get,patch --resource=roles,rolebindings");
    kubectl.ok("create rolebinding jane-writes --clusterrole=writes --user=jane");
    let refused = kubectl.fails("create role all --verb=* --resource=secrets --as=jane");
    assert!(
        refused.contains(
            "is attempting to grant RBAC permissions not currently held:\n{APIGroups:[\"\"], \
             Resources:[\"secrets\"], Verbs:[\"*\"]}"
        ),
        "{refused}"
    );
    let bind = "create rolebinding mine --clusterrole=cluster-admin --user=jane --as=jane";
    let refused = kubectl.fails(bind);
    assert!(refused.contains("not currently held"), "{refused}");
    // The verb `bind` on that role stands for all that it permits.
    kubectl
        .ok("create role binds --verb=bind --resource=clusterroles --resource-name=cluster-admin");
    kubectl.ok("create rolebinding jane-binds --role=binds --user=jane");
    kubectl.ok(bind);
    kubectl.ok("get secrets --as=jane");
}

#[test]
fn tokens_of_service_accounts() {
    let kubectl = Kubectl::new();
    kubectl.ok("create serviceaccount robot");
    kubectl.ok("create rolebinding robot --clusterrole=view --serviceaccount=default:robot");
    let token = kubectl.ok("create token robot --duration=20m");
    let token = token.trim();
    let body = token.split('.').nth(1).unwrap();
    let claims: Value =
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(body).unwrap()).unwrap();
    assert_eq!(claims["sub"], "system:serviceaccount:default:robot");
    let seconds = |name: &str| claims[name].as_i64().unwrap();
    assert_eq!(seconds("exp") - seconds("iat"), 20 * 60);

    let robot = kubectl.robot(token);
    let told = kubectl.ok(&format!(
        "{robot} auth whoami -o 'jsonpath={{.status.userInfo.username}}'"
    ));
    assert_eq!(told, "system:serviceaccount:default:robot");
    kubectl.ok(&format!("{robot} get pods"));
    let refused = kubectl.fails(&format!("{robot} get secrets"));
    assert!(refused.contains("Forbidden"), "{refused}");

    let refused = kubectl.fails("create token robot --duration=1m");
    assert!(
        refused.contains("may not specify a duration less than 10 minutes"),
        "{refused}"
    );
    // It goes with the account, and does not come back with its name.
    kubectl.ok("delete serviceaccount robot");
    kubectl.ok("create serviceaccount robot");
    let refused = kubectl.fails(&format!("{robot} get pods"));
    assert!(refused.contains("Unauthorized"), "{refused}");
}

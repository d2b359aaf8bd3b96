//! What every namespace gets.

use super::{cluster, namespace};
use model::controllers::{root_ca::RootCertificates, service_account::ServiceAccounts};
use serde_json::{Value, json};

#[test]
fn every_namespace_has_its_account_and_the_root_certificate() {
    let mut cluster = cluster();
    cluster.add(ServiceAccounts);
    cluster.add(RootCertificates::new("PEM".into()));
    namespace(&mut cluster, "late");
    cluster.settle();
    for namespace in ["default", "late"] {
        let path = format!("/api/v1/namespaces/{namespace}");
        let account = cluster.get(&format!("{path}/serviceaccounts/default"));
        assert!(!account["metadata"]["uid"].is_null(), "{account}");
        let map = cluster.get(&format!("{path}/configmaps/kube-root-ca.crt"));
        assert_eq!(map["data"], json!({"ca.crt": "PEM"}));
    }
}

#[test]
fn what_somebody_takes_away_or_changes_is_put_right() {
    let mut cluster = cluster();
    cluster.add(ServiceAccounts);
    cluster.add(RootCertificates::new("PEM".into()));
    cluster.settle();
    let path = "/api/v1/namespaces/default";
    let account = format!("{path}/serviceaccounts/default");
    cluster.send("DELETE", &account, &Value::Null);
    let map = format!("{path}/configmaps/kube-root-ca.crt");
    cluster.send("PATCH", &map, &json!({"data": {"ca.crt": "other"}}));
    cluster.settle();
    assert!(!cluster.get(&account).is_null());
    assert_eq!(cluster.get(&map)["data"]["ca.crt"], "PEM");
}

#[test]
fn a_namespace_that_goes_gets_nothing() {
    let mut cluster = cluster();
    cluster.add(ServiceAccounts);
    cluster.add(RootCertificates::new("PEM".into()));
    namespace(&mut cluster, "going");
    cluster.send("DELETE", "/api/v1/namespaces/going", &Value::Null);
    cluster.settle();
    let accounts = cluster.list("/api/v1/namespaces/going/serviceaccounts");
    assert!(accounts.is_empty(), "{accounts:?}");
    let maps = cluster.list("/api/v1/namespaces/going/configmaps");
    assert!(maps.is_empty(), "{maps:?}");
}

use super::{Finalizers, NameRule, ensure_name, ensure_namespace, object_meta, object_meta_update};
use alloc::{string::ToString, vec::Vec};
use serde_json::{Value, json};

const KEY: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

/// A ConfigMap's metadata on create, with the members of `extra`.
fn create(extra: Value, expected: &[&str]) {
    let mut metadata = json!({"name": "a", "namespace": "d"});
    merge(&mut metadata, extra);
    let (rule, finalizers) = (NameRule::DnsSubdomain, Finalizers::Standard);
    let found = object_meta(&metadata, true, rule, finalizers);
    let found: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert_eq!(found, expected);
}

/// The same on update; `new` over the members of `old`.
fn update(old: Value, new: Value, expected: &[&str]) {
    let mut before = json!({"name": "a", "namespace": "d", "uid": "u", "resourceVersion": "1",
        "creationTimestamp": "2026-01-01T00:00:00Z"});
    merge(&mut before, old);
    let mut after = before.clone();
    merge(&mut after, new);
    let found = object_meta_update(&after, &before, Finalizers::Standard);
    let found: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert_eq!(found, expected);
}

fn merge(metadata: &mut Value, extra: Value) {
    for (name, value) in extra.as_object().cloned().unwrap_or_default() {
        metadata[name] = value;
    }
}

#[test]
fn names_are_checked_on_create() {
    create(json!({}), &[]);
    let wrong = alloc::format!("metadata.name: Invalid value: \"Upper\": {SUBDOMAIN}");
    create(json!({"name": "Upper"}), &[&wrong]);
    let required = "metadata.name: Required value: name or generateName is required";
    create(json!({"name": ""}), &[required]);
    let prefix = alloc::format!("metadata.generateName: Invalid value: \"Bad_\": {SUBDOMAIN}");
    let name = alloc::format!("metadata.name: Invalid value: \"Bad_x7x7x\": {SUBDOMAIN}");
    let bad = json!({"generateName": "Bad_", "name": "Bad_x7x7x"});
    create(bad, &[&prefix, &name]);
    create(
        json!({"namespace": ""}),
        &["metadata.namespace: Required value"],
    );
    let dots = "metadata.namespace: Invalid value: \"a.b\": must not contain dots";
    create(json!({"namespace": "a.b"}), &[dots]);
    let negative = "metadata.generation: Invalid value: -1: must be greater than or equal to 0";
    create(json!({"generation": -1}), &[negative]);
    let metadata = json!({"name": "a", "namespace": "d"});
    let found = object_meta(&metadata, false, NameRule::DnsLabel, Finalizers::Standard);
    let expected = "metadata.namespace: Forbidden: not allowed on this type";
    assert_eq!(found[0].to_string(), expected);
}

#[test]
fn labels_and_annotations_are_checked() {
    let key = alloc::format!("metadata.labels: Invalid value: \"bad key\": name part {KEY}");
    create(json!({"labels": {"bad key": "x"}}), &[&key]);
    let value = "metadata.labels: Invalid value: \"-x\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
    create(json!({"labels": {"a": "-x"}}), &[value]);
    update(json!({}), json!({"labels": {"a": "-x"}}), &[value]);
    create(json!({"annotations": {"Example.com/A": "any \n ü"}}), &[]);
    let key = alloc::format!("metadata.annotations: Invalid value: \"bad Key\": name part {KEY}");
    create(json!({"annotations": {"bad Key": ""}}), &[&key]);
    let most = "x".repeat(256 * 1024 - 1);
    create(json!({"annotations": {"a": most}}), &[]);
    let long = "metadata.annotations: Too long: may not be more than 262144 bytes";
    create(json!({"annotations": {"a": most, "b": ""}}), &[long]);
}

#[test]
fn finalizers_are_checked() {
    create(json!({"finalizers": ["example.com/x", "orphan"]}), &[]);
    create(
        json!({"finalizers": ["example.com/x", "example.com/x"]}),
        &[],
    );
    let wrong = "metadata.finalizers[0]: Invalid value: \"noslash\": name is neither a standard finalizer name nor is it fully qualified";
    create(json!({"finalizers": ["noslash"]}), &[wrong]);
    update(json!({}), json!({"finalizers": ["noslash"]}), &[wrong]);
    let prefix = alloc::format!(
        "metadata.finalizers: Invalid value: \"bad name/x\": prefix part {SUBDOMAIN}"
    );
    create(json!({"finalizers": ["bad name/x"]}), &[&prefix]);
    let both = "metadata.finalizers: Invalid value: [\"orphan\",\"foregroundDeletion\"]: finalizer orphan and foregroundDeletion cannot be both set";
    create(
        json!({"finalizers": ["orphan", "foregroundDeletion"]}),
        &[both],
    );
    let metadata = json!({"name": "a", "namespace": "d", "finalizers": ["noslash"]});
    let custom = object_meta(
        &metadata,
        true,
        NameRule::PathSegment,
        Finalizers::Qualified,
    );
    assert_eq!(custom, []);
}

#[test]
fn owner_references_are_complete_and_have_one_controller() {
    let owner = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "o", "uid": "u",
        "controller": true, "blockOwnerDeletion": true});
    create(json!({"ownerReferences": [owner]}), &[]);
    let missing = [
        "metadata.ownerReferences.apiVersion: Invalid value: \"\": version must not be empty",
        "metadata.ownerReferences.kind: Invalid value: \"\": must not be empty",
        "metadata.ownerReferences.name: Invalid value: \"\": must not be empty",
    ];
    create(json!({"ownerReferences": [{"uid": "u"}]}), &missing);
    update(
        json!({}),
        json!({"ownerReferences": [{"uid": "u"}]}),
        &missing,
    );
    let malformed =
        "metadata.ownerReferences.apiVersion: Invalid value: \"a/b/c\": version must not be empty";
    let reference = json!({"apiVersion": "a/b/c", "kind": "K", "name": "o", "uid": "u"});
    create(json!({"ownerReferences": [reference]}), &[malformed]);
    let reference = json!({"apiVersion": "v1", "kind": "Event", "name": "o", "uid": "u"});
    let event = "metadata.ownerReferences: Invalid value: {\"apiVersion\":\"v1\",\"kind\":\"Event\",\"name\":\"o\",\"uid\":\"u\"}: /v1, Kind=Event is disallowed from being an owner";
    create(json!({"ownerReferences": [reference]}), &[event]);
    let other = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "o2", "uid": "v", "controller": true});
    let two = "metadata.ownerReferences: Invalid value: [{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"name\":\"o\",\"uid\":\"u\",\"controller\":true,\"blockOwnerDeletion\":true},{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"name\":\"o2\",\"uid\":\"v\",\"controller\":true}]: Only one reference can have Controller set to true. Found \"true\" in references for ConfigMap/o and ConfigMap/o2";
    create(json!({"ownerReferences": [owner, other]}), &[two]);
}

#[test]
fn what_the_system_sets_is_immutable() {
    update(json!({}), json!({"labels": {"a": "b"}}), &[]);
    update(
        json!({}),
        json!({"creationTimestamp": "2026-01-01T01:00:00+01:00"}),
        &[],
    );
    let times = [
        "metadata.deletionTimestamp: Invalid value: \"2001-01-01T00:00:00Z\": field is immutable",
        "metadata.deletionGracePeriodSeconds: Invalid value: 0: field is immutable",
    ];
    let deleted =
        json!({"deletionTimestamp": "2001-01-01T00:00:00Z", "deletionGracePeriodSeconds": 0});
    update(json!({}), deleted.clone(), &times);
    let cleared = json!({"deletionTimestamp": null, "deletionGracePeriodSeconds": 0});
    let null = "metadata.deletionTimestamp: Invalid value: null: field is immutable";
    update(deleted, cleared, &[null]);
    let uid = "metadata.uid: Invalid value: \"v\": field is immutable";
    update(json!({}), json!({"uid": "v"}), &[uid]);
    let name = "metadata.name: Invalid value: \"b\": field is immutable";
    let version = "metadata.resourceVersion: Invalid value: \"\": must be specified for an update";
    update(
        json!({}),
        json!({"name": "b", "resourceVersion": ""}),
        &[version, name],
    );
    let generation = "metadata.generation: Invalid value: 1: must not be decremented";
    update(
        json!({"generation": 2}),
        json!({"generation": 1}),
        &[generation],
    );
}

#[test]
fn no_finalizer_is_added_while_terminating() {
    let old = json!({"deletionTimestamp": "2026-01-01T00:00:00Z",
        "finalizers": ["example.com/one", "example.com/two"]});
    update(
        old.clone(),
        json!({"finalizers": ["example.com/two", "example.com/one"]}),
        &[],
    );
    update(old.clone(), json!({"finalizers": []}), &[]);
    let added = "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{\"example.com/a\", \"example.com/b\"}";
    update(
        old,
        json!({"finalizers": ["example.com/b", "example.com/a"]}),
        &[added],
    );
    update(json!({}), json!({"finalizers": ["example.com/three"]}), &[]);
}

#[test]
fn an_object_is_the_one_that_the_path_names() {
    let check = |named: Value, expected: &str, left: Result<Value, &str>| {
        let mut metadata = named.as_object().cloned().unwrap_or_default();
        let found = ensure_namespace(&mut metadata, expected);
        let found = found.map(|()| Value::Object(metadata));
        let found = found.map_err(|refusal| (refusal.code, refusal.message));
        assert_eq!(found, left.map_err(|text| (400, text.into())));
    };
    check(json!({}), "d", Ok(json!({"namespace": "d"})));
    check(
        json!({"namespace": "d"}),
        "d",
        Ok(json!({"namespace": "d"})),
    );
    check(json!({"namespace": "d"}), "", Ok(json!({})));
    check(json!({"namespace": ""}), "", Ok(json!({})));
    let mismatch =
        "the namespace of the provided object does not match the namespace sent on the request";
    check(json!({"namespace": "e"}), "d", Err(mismatch));
    assert!(ensure_name(&json!({"name": "a"}), "a").is_ok());
    let refused = ensure_name(&json!({"name": "b"}), "a").unwrap_err();
    let expected = "the name of the object (b) does not match the name on the URL (a)";
    assert_eq!(refused.message, expected);
}

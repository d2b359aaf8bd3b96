use super::{Error, STRATEGIC, apply};
use crate::schema::Types;
use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use serde_json::{Value, json};

const POD_SPEC: &str = "io.k8s.api.core.v1.PodSpec";
const SERVICE_SPEC: &str = "io.k8s.api.core.v1.ServiceSpec";
const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

fn check(types: &Types, type_name: &str, object: Value, patch: Value, expected: Value) {
    let found = apply(types, STRATEGIC, &object, &patch.to_string(), type_name);
    assert_eq!(found, Ok(expected), "{patch}");
}

fn refused(types: &Types, type_name: &str, object: Value, patch: Value, expected: Error) {
    let found = apply(types, STRATEGIC, &object, &patch.to_string(), type_name);
    assert_eq!(found, Err(expected), "{patch}");
}

/// Containers of these names.
fn named(names: &str) -> Vec<Value> {
    let names = names.chars().map(String::from);
    names
        .map(|name| json!({"name": name, "image": "1"}))
        .collect()
}

fn containers(names: &str) -> Value {
    json!({"containers": named(names)})
}

#[test]
fn lists_are_merged_by_key() {
    let types = Types::built_in();
    let two = || {
        json!({"containers": [{"name": "a", "image": "1", "workingDir": "/a"},
        {"name": "b", "image": "1"}]})
    };
    check(
        &types,
        POD_SPEC,
        two(),
        json!({"containers": [{"name": "a", "image": "2", "workingDir": null}]}),
        json!({"containers": [{"name": "a", "image": "2"}, {"name": "b", "image": "1"}]}),
    );
    // What is added comes first.
    check(
        &types,
        POD_SPEC,
        containers("ab"),
        json!({"containers": named("c")}),
        containers("cab"),
    );
    check(
        &types,
        POD_SPEC,
        containers("abc"),
        json!({"containers": [{"name": "b", "$patch": "delete"}]}),
        containers("ac"),
    );
    check(
        &types,
        POD_SPEC,
        containers("ab"),
        json!({"containers": [{"name": "none", "$patch": "delete"}]}),
        containers("ab"),
    );
    check(
        &types,
        POD_SPEC,
        containers("ab"),
        json!({"containers": [{"$patch": "replace"}, {"name": "c", "image": "1"}]}),
        containers("c"),
    );
    let port = |port: u16, target: u16| json!({"port": port, "targetPort": target});
    check(
        &types,
        SERVICE_SPEC,
        json!({"ports": [port(80, 80)]}),
        json!({"ports": [port(443, 8443), {"port": 80, "targetPort": 81}]}),
        json!({"ports": [port(443, 8443), port(80, 81)]}),
    );
    // Without a merge key the list is replaced.
    check(
        &types,
        POD_SPEC,
        json!({"tolerations": [{"key": "a"}]}),
        json!({"tolerations": [{"key": "b"}]}),
        json!({"tolerations": [{"key": "b"}]}),
    );
}

#[test]
fn objects_have_directives() {
    let types = Types::built_in();
    let object =
        || json!({"nodeSelector": {"x": "1", "y": "2"}, "securityContext": {"fsGroup": 2}});
    let rest =
        |selector: Value| json!({"nodeSelector": selector, "securityContext": {"fsGroup": 2}});
    check(
        &types,
        POD_SPEC,
        object(),
        json!({"nodeSelector": {"$patch": "replace", "z": "3"}}),
        rest(json!({"z": "3"})),
    );
    check(
        &types,
        POD_SPEC,
        object(),
        json!({"nodeSelector": {"$patch": "delete"}}),
        rest(json!({})),
    );
    check(
        &types,
        POD_SPEC,
        object(),
        json!({"nodeSelector": {"x": null, "z": "3"}}),
        rest(json!({"y": "2", "z": "3"})),
    );
    check(
        &types,
        POD_SPEC,
        object(),
        json!({"nodeSelector": null, "securityContext": {"$patch": "delete"}}),
        json!({"securityContext": {}}),
    );
    // What is new loses nulls and whatever has a directive.
    check(
        &types,
        POD_SPEC,
        json!({}),
        json!({"nodeSelector": {"$patch": "replace"}, "hostname": null,
            "containers": [{"name": "a", "image": null}, {"name": "b", "$patch": "delete"}]}),
        json!({"containers": [{"name": "a"}]}),
    );
    // `volumes` retain what the patch names.
    check(
        &types,
        POD_SPEC,
        json!({"volumes": [{"name": "v", "emptyDir": {}}]}),
        json!({"volumes": [{"name": "v", "$retainKeys": ["name", "hostPath"],
            "hostPath": {"path": "/"}}]}),
        json!({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}),
    );
}

#[test]
fn the_patch_can_give_an_order() {
    let types = Types::built_in();
    let order = |names: &str| -> Vec<Value> {
        names
            .chars()
            .map(|name| json!({"name": String::from(name)}))
            .collect()
    };
    let ordered = |current: &str, names: &str, patch: Vec<Value>, expected: &str| {
        let mut change = json!({"$setElementOrder/containers": order(names)});
        if !patch.is_empty() {
            change["containers"] = patch.into();
        }
        check(
            &types,
            POD_SPEC,
            containers(current),
            change,
            containers(expected),
        );
    };
    let gone = |name: &str| json!({"name": name, "$patch": "delete"});
    ordered("abc", "cba", named("b"), "cba");
    ordered("cba", "dcba", named("d"), "dcba");
    ordered("dcba", "ad", Vec::new(), "cbad");
    ordered("abc", "cb", alloc::vec![gone("a")], "cb");
    // The server knows an item that the patch does not: it keeps its place among the others …
    ordered("axb", "bac", named("c"), "xbac");
    // … and what is added takes the place in memory that was freed.
    ordered(
        "ax",
        "d",
        [named("d"), alloc::vec![gone("a")]].concat(),
        "xd",
    );
    ordered(
        "xa",
        "d",
        [named("d"), alloc::vec![gone("a")]].concat(),
        "xd",
    );
    ordered("ax", "d", named("d"), "dax");
    check(
        &types,
        POD_SPEC,
        json!({}),
        json!({"$setElementOrder/containers": order("ba"), "containers": named("ba")}),
        containers("ba"),
    );
    check(
        &types,
        POD_SPEC,
        json!({}),
        json!({"$setElementOrder/containers": order("ba")}),
        json!({}),
    );
}

#[test]
fn lists_of_values_are_merged_by_value() {
    let types = Types::built_in();
    let finalizers = |all: &str| -> Value {
        let all = all
            .chars()
            .map(|one| Value::from(alloc::format!("e.com/{one}")));
        all.collect()
    };
    let object = |all: &str| json!({"finalizers": finalizers(all)});
    check(&types, META, object("a"), object("ba"), object("ba"));
    check(&types, META, object("ab"), object("c"), object("cab"));
    let patch =
        json!({"$setElementOrder/finalizers": finalizers("bac"), "finalizers": finalizers("bc")});
    check(&types, META, object("a"), patch, object("bac"));
    let patch = json!({"$setElementOrder/finalizers": finalizers("cb"),
        "$deleteFromPrimitiveList/finalizers": finalizers("a")});
    check(&types, META, object("bac"), patch, object("cb"));
    let patch = json!({"$deleteFromPrimitiveList/finalizers": finalizers("ax")});
    check(&types, META, object("abc"), patch.clone(), object("bc"));
    check(&types, META, json!({}), patch, json!({}));
}

#[test]
fn what_is_no_strategic_patch_is_refused() {
    let types = Types::built_in();
    let unfit = |text: &str| Error::Unfit(text.into());
    let malformed = |text: &str| Error::Malformed(text.into());
    refused(
        &types,
        POD_SPEC,
        containers("a"),
        json!({"containers": [{"image": "2"}]}),
        unfit("map: map[image:2] does not contain declared merge key: name"),
    );
    refused(
        &types,
        POD_SPEC,
        containers("a"),
        json!({"containers": [{"$patch": "delete"}]}),
        unfit("map: map[$patch:delete] does not contain declared merge key: name"),
    );
    refused(
        &types,
        POD_SPEC,
        containers("a"),
        json!({"containers": [{"name": "a", "$patch": "sideways"}]}),
        unfit("unknown patch type: sideways in map: map[$patch:sideways name:a]"),
    );
    refused(
        &types,
        POD_SPEC,
        containers("a"),
        json!({"containers": [{"name": "a", "$patch": "merge"}]}),
        unfit("merging lists cannot yet be specified in the patch"),
    );
    refused(
        &types,
        POD_SPEC,
        containers("a"),
        json!({"containers": ["a"]}),
        unfit("list element types are not identical: [[map[image:1 name:a]] [a]]"),
    );
    refused(
        &types,
        POD_SPEC,
        json!({"containers": []}),
        json!({"containers": [[]]}),
        Error::Unprocessable("lists of lists are not supported".into()),
    );
    refused(
        &types,
        POD_SPEC,
        json!({}),
        json!({"$patch": "merge"}),
        unfit("unknown patch type: merge in map: map[$patch:merge]"),
    );
    refused(
        &types,
        POD_SPEC,
        containers("a"),
        json!({"$retainKeys": ["hostname"], "nodeName": "n"}),
        malformed("invalid patch format of retainKeys"),
    );
    refused(
        &types,
        POD_SPEC,
        containers("a"),
        json!({"$deleteFromPrimitiveList": []}),
        malformed("invalid patch format of primitive list"),
    );
    refused(
        &types,
        POD_SPEC,
        containers("a"),
        json!({"$setElementOrder": []}),
        malformed("invalid patch format of setElementOrder list"),
    );
    refused(
        &types,
        POD_SPEC,
        containers("a"),
        json!({"$setElementOrder/containers": "a"}),
        unfit("expected a []interface {}, but received a string"),
    );
    refused(
        &types,
        POD_SPEC,
        containers("ab"),
        json!({"$setElementOrder/containers": [{"name": "a"}, {"name": "b"}],
            "containers": [{"name": "b"}, {"name": "a"}]}),
        unfit(
            "The order in patch list:\n[map[name:b] map[name:a]]\n doesn't match $setElementOrder list:\n[map[name:a] map[name:b]]\n",
        ),
    );
    refused(
        &types,
        POD_SPEC,
        json!({}),
        json!({"$setElementOrder/nonsense": []}),
        unfit("unable to find api field in struct PodSpec for the json field \"nonsense\""),
    );
}

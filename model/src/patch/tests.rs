use super::{Error, Format, Patch};
use crate::schema::{FieldValidation, Types};
use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use serde_json::{Value, json};

mod strategic;

const JSON: Format = Format::Json;
const MERGE: Format = Format::Merge;
const STRATEGIC: Format = Format::Strategic;
const CONFIG_MAP: &str = "io.k8s.api.core.v1.ConfigMap";

fn apply(
    types: &Types,
    format: Format,
    object: &Value,
    patch: &str,
    type_name: &str,
) -> Result<Value, Error> {
    let patch = Patch::parse(format, patch.as_bytes(), FieldValidation::Ignore)?;
    patch.apply(object, types, type_name)
}

fn operations(types: &Types, object: Value, patch: Value, expected: Option<Value>) {
    let found = apply(types, JSON, &object, &patch.to_string(), CONFIG_MAP);
    if let Err(error) = &found {
        assert!(matches!(error, Error::Unprocessable(_)), "{error:?}");
    }
    assert_eq!(found.ok(), expected, "{patch}");
}

fn merge(types: &Types, object: Value, patch: Value, expected: Value) {
    let found = apply(types, MERGE, &object, &patch.to_string(), CONFIG_MAP);
    assert_eq!(found, Ok(expected), "{patch}");
}

#[test]
fn operations_do_what_was_recorded() {
    let types = Types::built_in();
    let object = || json!({"data": {"x": "1", "y": "2"}});
    operations(
        &types,
        object(),
        json!([{"op": "add", "path": "/data/z", "value": "3"},
            {"op": "add", "path": "/data/x", "value": "10"}]),
        Some(json!({"data": {"x": "10", "y": "2", "z": "3"}})),
    );
    operations(
        &types,
        object(),
        json!([{"op": "test", "path": "/data/y", "value": "2"},
            {"op": "replace", "path": "/data/y", "value": "20"},
            {"op": "remove", "path": "/data/x"}]),
        Some(json!({"data": {"y": "20"}})),
    );
    operations(
        &types,
        object(),
        json!([{"op": "move", "from": "/data/y", "path": "/data/w"},
            {"op": "copy", "from": "/data/w", "path": "/data/v"}]),
        Some(json!({"data": {"v": "2", "w": "2", "x": "1"}})),
    );
    operations(
        &types,
        object(),
        json!([{"op": "add", "path": "/data/example.com~1a~01", "value": "w"}]),
        Some(json!({"data": {"x": "1", "y": "2", "example.com/a~1": "w"}})),
    );
    let failing = json!([{"op": "test", "path": "/data/y", "value": "3"}]);
    operations(&types, object(), failing, None);
}

#[test]
fn operations_take_the_liberties_of_the_real_server() {
    let types = Types::built_in();
    let list = || json!({"a": [1, 2, 3], "o": {"n": null}});
    let check = |operation: Value, expected: Option<Value>| {
        operations(&types, list(), json!([operation]), expected);
    };
    let with = |items: Value| Some(json!({"a": items, "o": {"n": null}}));
    // A missing member.
    let replaced = json!({"a": [1, 2, 3], "o": {"n": null, "x": 1}});
    check(
        json!({"op": "replace", "path": "/o/x", "value": 1}),
        Some(replaced),
    );
    let copied = json!({"a": [1, 2, 3], "o": {"n": null, "x": null}});
    check(
        json!({"op": "copy", "from": "/o/y", "path": "/o/x"}),
        Some(copied.clone()),
    );
    check(json!({"op": "add", "path": "/o/x"}), Some(copied));
    check(json!({"op": "remove", "path": "/o/x"}), None);
    check(json!({"op": "move", "from": "/o/x", "path": "/o/y"}), None);
    check(
        json!({"op": "test", "path": "/o/x", "value": null}),
        Some(list()),
    );
    check(json!({"op": "test", "path": "/o/n"}), Some(list()));
    check(json!({"op": "add", "path": "/x/y", "value": 1}), None);
    check(json!({"op": "add", "path": "/o/n/y", "value": 1}), None);
    check(json!({"op": "add", "path": "/a/0/y", "value": 1}), None);
    // Indices.
    let item = |op: &str, path: &str| json!({"op": op, "path": path, "value": 9});
    check(item("add", "/a/0"), with(json!([9, 1, 2, 3])));
    check(item("add", "/a/3"), with(json!([1, 2, 3, 9])));
    check(item("add", "/a/-"), with(json!([1, 2, 3, 9])));
    check(item("add", "/a/-1"), with(json!([1, 2, 3, 9])));
    check(item("add", "/a/-4"), with(json!([9, 1, 2, 3])));
    check(item("add", "/a/-5"), None);
    check(item("add", "/a/4"), None);
    check(item("add", "/a/x"), None);
    check(item("replace", "/a/-1"), with(json!([1, 2, 9])));
    check(item("replace", "/a/3"), None);
    check(item("replace", "/a/-"), None);
    check(item("remove", "/a/-3"), with(json!([2, 3])));
    check(item("remove", "/a/99999999999999999999"), None);
    // Roots and pointers.
    check(item("add", ""), None);
    check(item("replace", ""), None);
    check(
        json!({"op": "replace", "path": "", "value": {"b": 1}}),
        Some(json!({"b": 1})),
    );
    check(
        json!({"op": "test", "path": "", "value": list()}),
        Some(list()),
    );
    check(item("remove", "garbage/a/0"), with(json!([2, 3])));
    // Not operations.
    check(json!({"op": "nonsense", "path": "/a"}), None);
    check(json!({"path": "/a"}), None);
    check(json!({"op": "add", "value": 1}), None);
    check(Value::Null, None);
    operations(&types, list(), Value::Null, Some(list()));
}

#[test]
fn operations_are_bounded() {
    let types = Types::built_in();
    let grow = json!({"op": "copy", "from": "/a", "path": "/a/-"});
    let patch = Value::from(alloc::vec![grow; 60]);
    operations(&types, json!({"a": ["xxxxxxxxxxxxxxxx"]}), patch, None);
    let deepen = json!({"op": "copy", "from": "/a", "path": "/a/b"});
    let nested = |times: usize| Value::from(alloc::vec![deepen.clone(); times]);
    let deep = apply(
        &types,
        JSON,
        &json!({"a": {}}),
        &nested(118).to_string(),
        CONFIG_MAP,
    );
    assert!(deep.is_ok());
    operations(&types, json!({"a": {}}), nested(119), None);
    let operation = json!({"op": "test", "path": "/x"});
    let many = Value::from(alloc::vec![operation; 10_001]).to_string();
    let refused = Patch::parse(JSON, many.as_bytes(), FieldValidation::Warn).unwrap_err();
    assert_eq!(refused, Error::TooManyOperations(10_001));
    let status = refused.refusal();
    let expected = "Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001";
    assert_eq!((status.code, status.message.as_str()), (413, expected));
}

#[test]
fn merge_patches_do_what_was_recorded() {
    let types = Types::built_in();
    let object = || json!({"m": {"l1": "1", "l2": "2"}, "d": {"x": "1"}});
    merge(
        &types,
        object(),
        json!({"d": {"x": null, "z": "3"}, "m": {"l1": null}}),
        json!({"m": {"l2": "2"}, "d": {"z": "3"}}),
    );
    merge(&types, object(), json!({"d": {"none": null}}), object());
    merge(&types, object(), json!({"d": null, "m": null}), json!({}));
    merge(&types, object(), json!({}), object());
    let nulls = || json!([{"a": null, "b": [null]}, null]);
    merge(
        &types,
        json!({}),
        json!({"l": nulls()}),
        json!({"l": [{"b": [null]}, null]}),
    );
    merge(
        &types,
        json!({"l": [1]}),
        json!({"l": nulls()}),
        json!({"l": [{"b": [null]}, null]}),
    );
    merge(
        &types,
        json!({"l": {}}),
        json!({"l": nulls()}),
        json!({"l": nulls()}),
    );
    merge(
        &types,
        json!({"l": 1}),
        json!({"l": {"a": null, "b": 2}}),
        json!({"l": {"b": 2}}),
    );
    merge(
        &types,
        json!({"l": null}),
        json!({"l": {"a": null}}),
        json!({"l": {}}),
    );
}

#[test]
fn unreadable_patches_are_refused() {
    let check = |format: Format, validation, body: &str, expected: &str| {
        let refused = Patch::parse(format, body.as_bytes(), validation).unwrap_err();
        let status = refused.refusal();
        assert_eq!(
            (status.code, status.message.as_str()),
            (400, expected),
            "{body}"
        );
    };
    let (warn, ignore) = (FieldValidation::Warn, FieldValidation::Ignore);
    check(
        MERGE,
        warn,
        "",
        "error decoding patch: unexpected end of JSON input",
    );
    check(
        MERGE,
        warn,
        "{data",
        "error decoding patch: invalid character 'd' looking for beginning of object key string",
    );
    check(
        MERGE,
        warn,
        "[]",
        "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}",
    );
    check(MERGE, ignore, "\"hello\"", "Invalid JSON Patch");
    check(MERGE, warn, "null", "Invalid JSON Patch");
    check(MERGE, ignore, "{", "Invalid JSON Patch");
    check(
        JSON,
        warn,
        "{}",
        "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp",
    );
    check(
        JSON,
        warn,
        "[{\"op\": 1}]",
        "error decoding patch: json: cannot unmarshal number into Go struct field jsonPatchOp.op of type string",
    );
    check(
        JSON,
        ignore,
        "[1]",
        "json: cannot unmarshal number into Go value of type jsonpatch.Operation",
    );
    check(
        STRATEGIC,
        warn,
        "[]",
        "json: cannot unmarshal array into Go value of type map[string]interface {}",
    );
}

#[test]
fn what_does_not_fit_is_422_without_a_word() {
    let status = Error::Unprocessable("test failed".into()).refusal();
    let expected = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "the server rejected our request due to an error in our request",
        "reason": "Invalid", "details": {}, "code": 422});
    assert_eq!(status.json(), expected);
    let status = Error::Unfit("why".into()).refusal();
    assert_eq!((status.code, status.reason.word()), (500, String::new()));
}

/// The problems of a patch to a ConfigMap, or its refusal's message.
fn patched(
    types: &Types,
    format: Format,
    patch: &str,
    validation: FieldValidation,
) -> Result<Vec<String>, String> {
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"},
        "data": {"x": "1"}});
    let patch = Patch::parse(format, patch.as_bytes(), validation).unwrap();
    let decoded = patch.patched(&object, types, CONFIG_MAP, validation);
    decoded
        .map(|decoded| decoded.problems)
        .map_err(|status| status.message.clone())
}

#[test]
fn the_result_is_decoded() {
    let types = Types::built_in();
    let refused = |format: Format, patch: &str, expected: &str| {
        let found = patched(&types, format, patch, FieldValidation::Strict);
        assert_eq!(found, Err(expected.to_string()));
    };
    refused(
        MERGE,
        r#"{"extra":1}"#,
        r#" "" is invalid: patch: Invalid value: "{\"apiVersion\":\"v1\",\"data\":{\"x\":\"1\"},\"extra\":1,\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"}}": strict decoding error: unknown field "extra""#,
    );
    refused(
        STRATEGIC,
        r#"{"metadata":{"extra":"1"}}"#,
        r#" "" is invalid: patch: Invalid value: "map[metadata:map[extra:1]]": strict decoding error: unknown field "metadata.extra""#,
    );
    refused(
        MERGE,
        r#"{"data":{"x":"6","x":"7"}}"#,
        r#" "" is invalid: patch: Invalid value: "{\"apiVersion\":\"v1\",\"data\":{\"x\":\"7\"},\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"}}": strict decoding error: duplicate field "data.x""#,
    );
    let none = patched(&types, MERGE, r#"{"extra":1}"#, FieldValidation::Ignore);
    assert_eq!(none, Ok(Vec::new()));
    let extra = r#"[{"op":"add","path":"/metadata/extra","value":"1","note":2}]"#;
    let warned = patched(&types, JSON, extra, FieldValidation::Warn).unwrap();
    let expected = [
        "json patch unknown field \"[0].note\"",
        "unknown field \"metadata.extra\"",
    ];
    assert_eq!(warned, expected);
    for (patch, part) in [
        (r#"{"data":{"x":{"deep":"er"}}}"#, "cannot unmarshal object"),
        (
            r#"{"kind":"Gizmo"}"#,
            "no kind \"Gizmo\" is registered for version \"v1\"",
        ),
        (
            r#"{"apiVersion":"v2"}"#,
            "no kind \"ConfigMap\" is registered for version \"v2\"",
        ),
        (r#"{"kind":"Secret"}"#, "unknown conversion"),
    ] {
        let message = patched(&types, MERGE, patch, FieldValidation::Warn).unwrap_err();
        assert!(message.starts_with(" \"\" is invalid: patch: Invalid value: "));
        assert!(message.contains(part), "{message}");
    }
    for patch in [r#"{"kind":"Gizmo"}"#, "null", "{}"] {
        assert_eq!(
            patched(&types, STRATEGIC, patch, FieldValidation::Strict),
            Ok(Vec::new())
        );
    }
    let headless = r#"{"kind":null,"apiVersion":null}"#;
    assert_eq!(
        patched(&types, MERGE, headless, FieldValidation::Strict),
        Ok(Vec::new())
    );
}

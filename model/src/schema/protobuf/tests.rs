use crate::schema::{Document, FieldValidation, Head, Malformed, Types, decode};
use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};
use serde_json::{Value, json};

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap());
    bytes
}

/// A boolean or an integer.
fn number(field: u64, value: i64) -> Vec<u8> {
    [varint(field << 3), varint(value.cast_unsigned())].concat()
}

/// A string, bytes or a message.
fn bytes(field: u64, value: impl AsRef<[u8]>) -> Vec<u8> {
    let value = value.as_ref();
    let length = u64::try_from(value.len()).unwrap();
    [varint(field << 3 | 2), varint(length), value.to_vec()].concat()
}

/// A message of fields.
fn message(field: u64, fields: &[Vec<u8>]) -> Vec<u8> {
    bytes(field, fields.concat())
}

/// An entry of a map from strings to strings or bytes.
fn entry(field: u64, key: &str, value: impl AsRef<[u8]>) -> Vec<u8> {
    message(field, &[bytes(1, key), bytes(2, value)])
}

/// A body, with a media type that the envelope may name.
fn body(api_version: &str, kind: &str, fields: &[Vec<u8>]) -> Vec<u8> {
    let envelope = [
        message(1, &[bytes(1, api_version), bytes(2, kind)]),
        message(2, fields),
        bytes(3, ""),
        bytes(4, ""),
    ];
    [b"k8s\0".to_vec(), envelope.concat()].concat()
}

fn read(body: &[u8]) -> Result<Value, Malformed> {
    let expected = Head {
        api_version: "v1".to_owned(),
        kind: "Pod".to_owned(),
    };
    let document = Document::from_protobuf(&Types::built_in(), &expected, body);
    document.map(Document::into_value)
}

fn check(body: &[u8], expected: &Value) {
    assert_eq!(read(body).as_ref(), Ok(expected));
}

/// `told` is whether the error comes with what the body said it is.
fn check_error(body: &[u8], told: bool, expected: &str) {
    let error = read(body).unwrap_err();
    assert_eq!((error.head.is_some(), error.why.as_str()), (told, expected));
}

/// The bodies that kubectl 1.32 sent, each with the command and the document that the same command
/// printed (`--dry-run=client --output=json`).
fn recorded() -> impl Iterator<Item = (&'static str, &'static str, Vec<u8>)> {
    let rows = include_str!("recorded.tsv").lines().skip(1);
    rows.map(|row| {
        let mut columns = row.split('\t');
        let (command, json) = (columns.next().unwrap(), columns.next().unwrap());
        let body = columns.next().unwrap().as_bytes().chunks(2);
        let byte = |hex: &[u8]| u8::from_str_radix(core::str::from_utf8(hex).unwrap(), 16).unwrap();
        (command, json, body.map(byte).collect())
    })
}

#[test]
fn what_kubectl_sends_is_what_it_prints() {
    let types = Types::built_in();
    let mut count = 0;
    for (command, json, body) in recorded() {
        let document = Document::from_protobuf(&types, &Head::default(), &body).unwrap();
        let head = document.head().unwrap();
        let (group, version) = crate::resource::split_api_version(&head.api_version);
        let name = types.of_kind(group, version, &head.kind).unwrap();
        let found = document.decode(&types, name, FieldValidation::Strict);
        let expected = decode(&types, name, json.as_bytes(), FieldValidation::Strict);
        let found = found.unwrap();
        assert_eq!(
            (&found.value, found.problems.len()),
            (&expected.unwrap().value, 0),
            "{command}"
        );
        count += 1;
    }
    assert!(count > 10, "{count}");
}

#[test]
fn a_deployment_with_a_pod_template() {
    let metadata = message(1, &[bytes(1, "d"), bytes(8, ""), entry(11, "app", "d")]);
    let volumes = [
        // Embedded structs: the source in the volume, the reference in the source.
        message(
            1,
            &[
                bytes(1, "config"),
                message(
                    2,
                    &[message(
                        19,
                        &[message(1, &[bytes(1, "c")]), number(3, 0o644)],
                    )],
                ),
            ],
        ),
        message(1, &[bytes(1, "empty"), message(2, &[message(2, &[])])]),
    ];
    let probe = message(
        10,
        &[
            message(
                1,
                &[message(
                    2,
                    &[
                        bytes(1, "/healthz"),
                        message(2, &[number(1, 1), number(2, 0), bytes(3, "http")]),
                        bytes(4, ""),
                    ],
                )],
            ),
            number(2, 5),
        ],
    );
    let secret = message(
        4,
        &[message(1, &[bytes(1, "s")]), bytes(2, "k"), number(3, 0)],
    );
    let container = message(
        2,
        &[
            bytes(1, "web"),
            bytes(3, "a"),
            bytes(3, "b"),
            message(6, &[bytes(1, "http"), number(2, 0), number(3, 80)]),
            message(7, &[bytes(1, "K"), bytes(2, ""), message(3, &[secret])]),
            message(
                8,
                &[message(
                    1,
                    &[bytes(1, "cpu"), message(2, &[bytes(1, "100m")])],
                )],
            ),
            probe,
        ],
    );
    let groups = [varint(7), varint(8)].concat();
    let security = message(
        14,
        &[number(3, 1), number(4, 6), bytes(4, groups), number(4, 9)],
    );
    let pod = [volumes.concat(), container, number(4, 30), security].concat();
    let spec = message(
        2,
        &[
            number(1, 0),
            message(2, &[entry(1, "app", "d")]),
            message(3, &[metadata.clone(), bytes(2, pod)]),
        ],
    );
    let expected = json!({"apiVersion": "apps/v1", "kind": "Deployment",
    "metadata": {"name": "d", "creationTimestamp": null, "labels": {"app": "d"}},
    "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "d"}}, "template": {
        "metadata": {"name": "d", "creationTimestamp": null, "labels": {"app": "d"}},
        "spec": {
            "volumes": [
                {"name": "config", "configMap": {"name": "c", "defaultMode": 420}},
                {"name": "empty", "emptyDir": {}}],
            "containers": [{"name": "web", "command": ["a", "b"],
                "ports": [{"name": "http", "hostPort": 0, "containerPort": 80}],
                "env": [{"name": "K", "value": "", "valueFrom": {
                    "secretKeyRef": {"name": "s", "key": "k", "optional": false}}}],
                "resources": {"limits": {"cpu": "100m"}},
                "livenessProbe": {"initialDelaySeconds": 5,
                    "httpGet": {"path": "/healthz", "port": "http", "scheme": ""}}}],
            "terminationGracePeriodSeconds": 30,
            "securityContext": {"runAsNonRoot": true, "supplementalGroups": [6, 7, 8, 9]},
        }}}});
    check(&body("apps/v1", "Deployment", &[metadata, spec]), &expected);
}

#[test]
fn times_numbers_and_texts_of_their_own_kind() {
    let time =
        |field, seconds, nanoseconds| message(field, &[number(1, seconds), number(2, nanoseconds)]);
    let lease = message(
        2,
        &[
            bytes(1, ""),
            number(2, 15),
            bytes(3, ""),
            time(4, 1_700_000_000, 123_456_789),
        ],
    );
    check(
        &body("coordination.k8s.io/v1", "Lease", &[lease]),
        &json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "spec": {
            "holderIdentity": "", "leaseDurationSeconds": 15, "acquireTime": null,
            "renewTime": "2023-11-14T22:13:20.123456Z"}}),
    );
    let involved = message(2, &[bytes(1, "Pod"), bytes(3, "p"), bytes(5, "v1")]);
    let event = [
        involved,
        bytes(3, "Failed"),
        time(6, 1_700_000_000, 5),
        number(8, -1),
    ];
    check(
        &body("v1", "Event", &event),
        &json!({"apiVersion": "v1", "kind": "Event", "reason": "Failed", "count": -1,
            "involvedObject": {"kind": "Pod", "name": "p", "apiVersion": "v1"},
            "firstTimestamp": "2023-11-14T22:13:20Z"}),
    );
    let data = [
        entry(2, "a", "b"),
        entry(3, "blob", [0, 255]),
        message(2, &[]),
        number(4, 1),
    ];
    check(
        &body("v1", "ConfigMap", &data),
        &json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"": "", "a": "b"},
            "binaryData": {"blob": "AP8="}, "immutable": true}),
    );
}

#[test]
fn an_int_or_string_is_one_of_both() {
    let pod = |port: &[Vec<u8>]| {
        let hook = message(2, &[message(3, &[message(1, port)])]);
        let container = message(2, &[message(12, &[hook])]);
        body("v1", "Pod", &[message(2, &[container])])
    };
    let expected = |port: Value| {
        json!({"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [
            {"lifecycle": {"preStop": {"tcpSocket": {"port": port}}}}]}})
    };
    let both = |kind| [number(1, kind), number(2, 8080), bytes(3, "http")];
    check(&pod(&both(0)), &expected(8080.into()));
    check(&pod(&both(1)), &expected("http".into()));
    check(&pod(&[number(2, -1)]), &expected((-1).into()));
    check(&pod(&[]), &expected(0.into()));
    check_error(&pod(&both(2)), true, "impossible IntOrString.Type");
}

#[test]
fn bodies_that_are_not_stored() {
    let options = [
        number(1, 0),
        message(2, &[bytes(1, "u"), bytes(2, "7")]),
        bytes(4, "Background"),
        bytes(5, "All"),
    ];
    for version in ["v1", "meta.k8s.io/v1", "apps/v1"] {
        check(
            &body(version, "DeleteOptions", &options),
            &json!({"apiVersion": version, "kind": "DeleteOptions", "gracePeriodSeconds": 0,
                "preconditions": {"uid": "u", "resourceVersion": "7"},
                "propagationPolicy": "Background", "dryRun": ["All"]}),
        );
    }
    let values = |list: &[&str]| {
        let items = list.iter().map(|item| bytes(1, item));
        items.collect::<Vec<_>>().concat()
    };
    let user = [
        bytes(1, "jane"),
        bytes(3, "a"),
        bytes(3, "b"),
        entry(4, "scopes", values(&["x", "y"])),
        entry(4, "none", ""),
    ];
    check(
        &body(
            "authentication.k8s.io/v1",
            "SelfSubjectReview",
            &[
                message(1, &[bytes(8, "")]),
                message(2, &[message(1, &user)]),
            ],
        ),
        &json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview",
            "metadata": {"creationTimestamp": null},
            "status": {"userInfo": {"username": "jane", "groups": ["a", "b"],
                "extra": {"scopes": ["x", "y"], "none": []}}}}),
    );
}

#[test]
fn json_inside_protobuf() {
    let managed = |json: &str| {
        message(
            1,
            &[message(17, &[bytes(1, "m"), message(7, &[bytes(1, json)])])],
        )
    };
    check(
        &body(
            "apps/v1",
            "ControllerRevision",
            &[
                managed("{\"f:spec\":{}}"),
                message(2, &[bytes(1, "[1, {\"a\": null}]")]),
                number(3, 1 << 40),
            ],
        ),
        &json!({"apiVersion": "apps/v1", "kind": "ControllerRevision",
            "metadata": {"managedFields": [{"manager": "m", "fieldsV1": {"f:spec": {}}}]},
            "data": [1, {"a": null}], "revision": 1_099_511_627_776_u64}),
    );
    check(
        &body("apps/v1", "ControllerRevision", &[message(2, &[])]),
        &json!({"apiVersion": "apps/v1", "kind": "ControllerRevision", "data": null}),
    );
    let wrong = body("apps/v1", "ControllerRevision", &[managed("{")]);
    check_error(&wrong, true, "unexpected end of JSON input");
}

/// A definition whose one version has that schema.
fn definition(schema: &[Vec<u8>]) -> Vec<u8> {
    let version = message(7, &[bytes(1, "v1"), message(4, &[message(1, schema)])]);
    body(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        &[message(2, &[version])],
    )
}

#[test]
fn schemas_have_forms_of_their_own() {
    let string = message(1, &[bytes(5, "string")]);
    let double = [vec![9 << 3 | 1], 1.5_f64.to_le_bytes().to_vec()].concat();
    let schema = [
        bytes(2, "http://json-schema.org/schema#"),
        message(8, &[bytes(1, "{\"a\":1}")]),
        double,
        message(24, core::slice::from_ref(&string)),
        message(
            29,
            &[bytes(1, "p"), message(2, &[message(30, &[number(1, 1)])])],
        ),
        message(30, &[number(1, 1), message(2, &[bytes(5, "object")])]),
        message(
            32,
            &[bytes(1, "d"), message(2, &[bytes(2, "x"), bytes(2, "y")])],
        ),
        message(33, &[number(1, 0)]),
    ];
    let expected = json!({"$schema": "http://json-schema.org/schema#", "default": {"a": 1},
        "maximum": 1.5, "items": {"type": "string"},
        "properties": {"p": {"additionalProperties": true}},
        "additionalProperties": {"type": "object"}, "dependencies": {"d": ["x", "y"]},
        "additionalItems": false});
    check(
        &definition(&schema),
        &json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "spec": {"versions": [{"name": "v1", "schema": {"openAPIV3Schema": expected}}]}}),
    );
    let mut infinite = vec![9 << 3 | 1];
    infinite.extend(f64::INFINITY.to_le_bytes());
    check_error(
        &definition(&[infinite]),
        true,
        "json: unsupported value: inf",
    );
}

#[test]
fn what_is_not_told_is_what_is_expected() {
    check(
        &body("", "", &[]),
        &json!({"apiVersion": "v1", "kind": "Pod"}),
    );
    check(
        &body("a/b/c", "", &[]),
        &json!({"apiVersion": "v1", "kind": "Pod"}),
    );
    check(
        &body("v9", "Odd", &[number(1, 1)]),
        &json!({"apiVersion": "v9", "kind": "Odd"}),
    );
}

#[test]
fn pieces_of_a_message_are_one_and_unknown_fields_are_skipped() {
    let pieces = [
        message(1, &[bytes(1, "a"), bytes(3, "n")]),
        number(99, 1),
        message(1, &[bytes(1, "b"), entry(11, "k", "v"), message(98, &[])]),
    ];
    check(
        &body("v1", "Pod", &pieces),
        &json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "b", "namespace": "n", "labels": {"k": "v"}}}),
    );
}

#[test]
fn what_is_no_such_body_is_refused_with_the_words_of_go() {
    check_error(b"", false, "empty data");
    let prefix =
        "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]";
    check_error(b"{}", false, prefix);
    check_error(b"k8s", false, prefix);
    check_error(b"k8s\0", false, "empty body");
    check_error(
        b"k8s\0\x08\x01",
        false,
        "proto: wrong wireType = 0 for field TypeMeta",
    );
    check_error(
        b"k8s\0\x00",
        false,
        "proto: Unknown: illegal tag 0 (wire type 0)",
    );
    let pod = |field: Vec<u8>| body("v1", "Pod", &[field]);
    check_error(
        &pod(number(1, 1)),
        true,
        "proto: wrong wireType = 0 for field ObjectMeta",
    );
    check_error(
        &pod(message(1, &[number(1, 1)])),
        true,
        "proto: wrong wireType = 0 for field Name",
    );
    check_error(
        &pod(message(1, &[bytes(1, [0xff])])),
        true,
        "proto: string field contains invalid UTF-8",
    );
    check_error(&pod(vec![0x0a, 0x05]), true, "unexpected EOF");
    check_error(&pod(vec![0x0a, 0x02, 0x0a, 0x01]), true, "unexpected EOF");
    check_error(
        &pod(vec![0x0c]),
        true,
        "proto: Pod: wiretype end group for non-group",
    );
}

#[test]
fn nesting_has_a_bound() {
    // Each level of `not` is one more object.
    let nested = |levels: usize| {
        let innermost = bytes(5, "string");
        (0..levels).fold(innermost, |inner, _| message(28, &[inner]))
    };
    // The schema of a version is the sixth object or list.
    let most = crate::limits::JSON_DEPTH - 6;
    let deepest = read(&definition(&[nested(most)])).unwrap();
    assert!(crate::schema::json::Json::parse(deepest.to_string().as_bytes()).is_ok());
    for levels in [most + 1, 5_000] {
        check_error(
            &definition(&[nested(levels)]),
            true,
            "proto: exceeded max depth",
        );
    }
    let revision = |levels: usize| {
        let json = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        read(&body(
            "apps/v1",
            "ControllerRevision",
            &[message(2, &[bytes(1, json)])],
        ))
    };
    assert!(revision(crate::limits::JSON_DEPTH - 1).is_ok());
    assert!(revision(crate::limits::JSON_DEPTH).is_err());
}

#[test]
fn broken_bodies_are_answered() {
    let types = Types::built_in();
    let (mut refused, mut taken) = (0, 0);
    let mut attempt = |body: &[u8]| match Document::from_protobuf(&types, &Head::default(), body) {
        Ok(_) => taken += 1,
        Err(malformed) => {
            assert_ne!(malformed.why, String::new());
            refused += 1;
        }
    };
    for (_, _, body) in recorded() {
        for end in 0..body.len() {
            attempt(&body[..end]);
        }
        for bit in 0..body.len() * 8 {
            let mut flipped = body.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            attempt(&flipped);
        }
    }
    assert!(refused > 1_000 && taken > 1_000, "{refused} {taken}");
}

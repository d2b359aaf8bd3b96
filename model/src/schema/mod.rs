//! The built-in API's types, and how a document becomes an object of one of them.
//!
//! kube-apiserver decodes a request's body into Go structs and writes the structs out again; here
//! a document is checked against the same types as data, and left as those structs would be
//! written. Defaults of a kind are not set here.

mod canonical;
mod decode;
pub(crate) mod json;
mod moment;
mod protobuf;
pub mod quantity;
mod types;

pub use canonical::canonical;
pub use protobuf::Malformed;
pub use types::{Field, ListType, Omit, PatchStrategy, Shape, Special, Type, TypeId, Types};

use alloc::{borrow::ToOwned, format, string::String, vec::Vec};
use json::Json;
use serde_json::Value;

const SCHEMA: &str = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps";

/// What becomes of unknown and duplicate fields (the `fieldValidation` parameter).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum FieldValidation {
    /// They are dropped silently.
    Ignore,
    /// They are dropped, each with a warning.
    #[default]
    Warn,
    /// The request is refused.
    Strict,
}

/// A document as an object of its type.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decoded {
    /// The object, canonical: as kube-apiserver would write it, defaults not set.
    pub value: Value,
    /// `unknown field "spec.x"` and `duplicate field "data.k"`, in the order of the document; none
    /// under [`FieldValidation::Ignore`]. They are the warnings of [`FieldValidation::Warn`];
    /// under [`FieldValidation::Strict`] any of them refuses the request with [`strict_error`].
    pub problems: Vec<String>,
}

/// Parsed text that no type has been put to yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document(Json);

/// What a document says it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Head {
    /// `apiVersion`, empty when there is none.
    pub api_version: String,
    /// `kind`, empty when there is none.
    pub kind: String,
}

impl Document {
    /// Parses a request's body.
    ///
    /// # Errors
    /// `couldn't get version/kind; json parse error: unexpected end of JSON input`, as the real
    /// decoder has it, which looks for the kind first (`serializer/json/meta.go`).
    pub fn parse(bytes: &[u8]) -> Result<Document, String> {
        Json::parse(bytes)
            .map(Document)
            .map_err(|why| headless(&why))
    }

    /// Reads a request's body in Kubernetes' protobuf (`application/vnd.kubernetes.protobuf`), as
    /// the document that stands for the same object. What the body doesn't say it is, it is taken
    /// to be what was `expected`.
    ///
    /// # Errors
    /// In the words of `serializer/protobuf/protobuf.go` and of the generated decoders.
    pub fn from_protobuf(
        types: &Types,
        expected: &Head,
        bytes: &[u8],
    ) -> Result<Document, Malformed> {
        protobuf::document(types, expected, bytes).map(Document::from)
    }

    /// What it says it is.
    ///
    /// # Errors
    /// It is no object, or its kind or version is no string: text as of [`Document::parse`]; or
    /// `unexpected GroupVersion string: a/b/c`.
    pub fn head(&self) -> Result<Head, String> {
        let members = match &self.0 {
            Json::Object(members) => members.as_slice(),
            Json::Null => &[],
            other => {
                let noun = other.noun();
                return Err(headless(&format!(
                    "json: cannot unmarshal {noun} into Go value of type struct {{ APIVersion \
                     string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \
                     \"json:\\\"kind,omitempty\\\"\" }}"
                )));
            }
        };
        let mut head = Head::default();
        for (name, value) in members {
            // This first look does not mind the case of the names.
            let (field, text) = if name.eq_ignore_ascii_case("apiVersion") {
                ("apiVersion", &mut head.api_version)
            } else if name.eq_ignore_ascii_case("kind") {
                ("kind", &mut head.kind)
            } else {
                continue;
            };
            match value {
                Json::String(value) => *text = value.clone(),
                Json::Null => {}
                other => {
                    let noun = other.noun();
                    return Err(headless(&format!(
                        "json: cannot unmarshal {noun} into Go struct field .{field} of type string"
                    )));
                }
            }
        }
        if head.api_version.matches('/').count() > 1 {
            let version = head.api_version;
            return Err(format!("unexpected GroupVersion string: {version}"));
        }
        Ok(head)
    }

    /// Decodes it as a type; null is an object without members.
    ///
    /// # Errors
    /// The first value that does not fit, in the words of Go's decoder: `json: cannot unmarshal
    /// number into Go struct field ConfigMap.data of type string`; or there is no such type.
    pub fn decode(
        self,
        types: &Types,
        type_name: &str,
        validation: FieldValidation,
    ) -> Result<Decoded, String> {
        let root = types.get(type_name);
        let root = root.ok_or_else(|| format!("no type is registered for {type_name}"))?;
        let strict = validation != FieldValidation::Ignore;
        let (members, problems) = decode::typed(types, root, self.0, strict)?;
        let value = Value::Object(canonical(types, root, members));
        Ok(Decoded { value, problems })
    }

    /// The document as it stands; of members that come twice the last counts.
    #[must_use]
    pub fn into_value(self) -> Value {
        self.0.into_value()
    }
}

impl From<Value> for Document {
    fn from(value: Value) -> Document {
        Document(Json::from(value))
    }
}

/// Decodes JSON text as a type.
///
/// # Errors
/// As [`Document::parse`] and [`Document::decode`].
pub fn decode(
    types: &Types,
    type_name: &str,
    bytes: &[u8],
    validation: FieldValidation,
) -> Result<Decoded, String> {
    Document::parse(bytes)?.decode(types, type_name, validation)
}

/// Decodes a document that was parsed before, as patched objects are.
///
/// # Errors
/// As [`Document::decode`].
pub fn decode_value(
    types: &Types,
    type_name: &str,
    value: Value,
    validation: FieldValidation,
) -> Result<Decoded, String> {
    Document::from(value).decode(types, type_name, validation)
}

/// `strict decoding error: unknown field "a", duplicate field "b"`
#[must_use]
pub fn strict_error(problems: &[String]) -> String {
    format!("strict decoding error: {}", problems.join(", "))
}

/// The message of the 400 for a body that cannot be decoded (`transformDecodeError` in
/// `pkg/endpoints/handlers/rest.go`). `head` is what the body said it is, with what the request
/// implies put in for what it left out; none when that could not be read.
#[must_use]
pub fn refusal(expected_kind: &str, head: Option<&Head>, body: &[u8], error: &str) -> String {
    if let Some(head) = head.filter(|head| !head.kind.is_empty()) {
        let (_, version) = crate::resource::split_api_version(&head.api_version);
        let kind = &head.kind;
        return format!(
            "{kind} in version \"{version}\" cannot be handled as a {expected_kind}: {error}"
        );
    }
    let summary = summary(body);
    format!(
        "the object provided is unrecognized (must be of type {expected_kind}): {error} ({summary})"
    )
}

fn headless(why: &str) -> String {
    format!("couldn't get version/kind; json parse error: {why}")
}

/// The first thirty bytes, for people.
fn summary(body: &[u8]) -> String {
    const SHOWN: usize = 30;
    let shown = body.get(..SHOWN).unwrap_or(body);
    let rest = if body.len() > SHOWN { " ..." } else { "" };
    match body.first() {
        None => "<empty>".to_owned(),
        Some(b'{') => format!("{}{rest}", String::from_utf8_lossy(shown)),
        Some(_) => {
            let hex: Vec<String> = shown.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{}{rest}", hex.concat())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Document, FieldValidation, Head, Types, decode, decode_value, refusal, strict_error,
    };
    use alloc::{
        format,
        string::{String, ToString},
        vec::Vec,
    };
    use serde_json::{Value, json};

    fn kind(text: &str) -> &'static str {
        let head = Document::parse(text.as_bytes()).unwrap().head().unwrap();
        let (group, version) = crate::resource::split_api_version(&head.api_version);
        Types::built_in()
            .of_kind(group, version, &head.kind)
            .unwrap()
    }

    /// A document, what is left of it, and what is reported.
    fn check(document: &Value, expected: &Value, problems: &[&str]) {
        let text = document.to_string();
        let types = Types::built_in();
        let decoded = decode(&types, kind(&text), text.as_bytes(), FieldValidation::Warn).unwrap();
        assert_eq!(&decoded.value, expected);
        assert_eq!(decoded.problems, problems);
        let again = decode_value(&types, kind(&text), decoded.value, FieldValidation::Warn);
        let again = again.unwrap();
        assert_eq!((&again.value, again.problems.len()), (expected, 0));
    }

    fn check_error(text: &str, expected: &str) {
        let decoded = decode(
            &Types::built_in(),
            "io.k8s.api.core.v1.Pod",
            text.as_bytes(),
            FieldValidation::Strict,
        );
        assert_eq!(decoded.unwrap_err(), expected, "{text}");
    }

    #[test]
    fn what_is_empty_is_left_out_as_go_leaves_it_out() {
        check(
            &json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "labels": {}},
                "spec": {"containers": [{"name": "c", "env": null, "args": [], "tty": false,
                    "resources": {"limits": {"cpu": 1, "memory": "1024Mi"}}}],
                    "terminationGracePeriodSeconds": 0, "volumes": [{"emptyDir": {}}]}}),
            &json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"},
                "spec": {"containers": [{"name": "c",
                    "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}}],
                    "terminationGracePeriodSeconds": 0,
                    "volumes": [{"emptyDir": {}, "name": ""}]},
                "status": {}}),
            &[],
        );
        check(
            &json!({"apiVersion": "v1", "kind": "Service", "spec": {"ports": [{"port": 80}]}}),
            &json!({"apiVersion": "v1", "kind": "Service", "metadata": {},
                "spec": {"ports": [{"port": 80, "targetPort": 0}]},
                "status": {"loadBalancer": {}}}),
            &[],
        );
        check(
            &json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "rules": []}),
            &json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
                "metadata": {}, "rules": null}),
            &[],
        );
        check(
            &json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicas": 0,
                "template": {"metadata": {"creationTimestamp": null}}}}),
            &json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {},
                "spec": {"replicas": 0, "selector": null, "strategy": {},
                    "template": {"metadata": {}, "spec": {"containers": null}}}, "status": {}}),
            &[],
        );
    }

    #[test]
    fn unknown_fields_are_dropped_and_reported_in_order() {
        check(
            &json!({"apiVersion": "v1", "kind": "ConfigMap", "nonsense": 1,
                "metadata": {"name": "a", "foo": "bar", "Labels": {}}}),
            &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}),
            &[
                r#"unknown field "metadata.Labels""#,
                r#"unknown field "metadata.foo""#,
                r#"unknown field "nonsense""#,
            ],
        );
        let text = br#"{"kind":"Deployment","spec":{"template":{"spec":{"containers":[
            {"name":"c","imagePullpolicy":"Always"}]}},"replica":3}}"#;
        let types = Types::built_in();
        let name = types.of_kind("apps", "v1", "Deployment").unwrap();
        let decoded = decode(&types, name, text, FieldValidation::Strict).unwrap();
        assert_eq!(
            strict_error(&decoded.problems),
            "strict decoding error: \
             unknown field \"spec.template.spec.containers[0].imagePullpolicy\", \
             unknown field \"spec.replica\""
        );
        let ignored = decode(&types, name, text, FieldValidation::Ignore).unwrap();
        assert_eq!((ignored.value, ignored.problems.len()), (decoded.value, 0));
    }

    #[test]
    fn the_last_of_two_members_wins_and_structs_are_merged() {
        let types = Types::built_in();
        let name = "io.k8s.api.core.v1.ConfigMap";
        let text = br#"{"data":{"k":"1","k":"2"},"metadata":{"name":"a","labels":{"x":"1"}},
            "metadata":{"namespace":"n","labels":{"y":"2"}}}"#;
        let decoded = decode(&types, name, text, FieldValidation::Warn).unwrap();
        assert_eq!(
            decoded.problems,
            [
                r#"duplicate field "data.k""#,
                r#"duplicate field "metadata""#
            ]
        );
        assert_eq!(
            decoded.value,
            json!({"data": {"k": "2"}, "metadata": {"name": "a", "namespace": "n",
                "labels": {"x": "1", "y": "2"}}})
        );
    }

    #[test]
    fn values_of_the_wrong_type_are_refused_in_the_words_of_go() {
        for (text, what) in [
            (
                r#"{"metadata":"a"}"#,
                "string into Go struct field Pod.metadata of type v1.ObjectMeta",
            ),
            (
                r#"{"metadata":{"labels":{"a":5}}}"#,
                "number into Go struct field ObjectMeta.metadata.labels of type string",
            ),
            (
                r#"{"metadata":{"labels":["a"]}}"#,
                "array into Go struct field ObjectMeta.metadata.labels of type map[string]string",
            ),
            (
                r#"{"spec":{"containers":{}}}"#,
                "object into Go struct field PodSpec.spec.containers of type []v1.Container",
            ),
            (
                r#"{"spec":{"containers":[{"ports":[{"containerPort":1.5}]}]}}"#,
                "number 1.5 into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32",
            ),
            (
                r#"{"spec":{"containers":[{"ports":[{"protocol":6}]}]}}"#,
                "number into Go struct field ContainerPort.spec.containers.ports.protocol of type v1.Protocol",
            ),
            (
                r#"{"spec":{"priority":3000000000}}"#,
                "number 3000000000 into Go struct field PodSpec.spec.priority of type int32",
            ),
            (
                r#"{"spec":{"hostNetwork":"yes"}}"#,
                "string into Go struct field PodSpec.spec.hostNetwork of type bool",
            ),
            (
                r#"{"metadata":{"creationTimestamp":5}}"#,
                "number into Go struct field ObjectMeta.metadata.creationTimestamp of type string",
            ),
            ("[]", "array into Go value of type v1.Pod"),
        ] {
            check_error(text, &format!("json: cannot unmarshal {what}"));
        }
        check_error(
            r#"{"spec":{"hostPID":1,"containers":[{"resources":{"limits":{"cpu":"x"}}}]}}"#,
            "quantities must match the regular expression \
             '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        );
        let secret = r#"{"data":{"k":"a?"}}"#.as_bytes();
        let name = "io.k8s.api.core.v1.Secret";
        let decoded = decode(&Types::built_in(), name, secret, FieldValidation::Warn);
        assert_eq!(decoded.unwrap_err(), "illegal base64 data at input byte 1");
    }

    #[test]
    fn the_head_is_read_first_and_named_in_refusals() {
        let cut = br#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}"#;
        let error = Document::parse(cut).unwrap_err();
        assert_eq!(
            refusal("ConfigMap", None, cut, &error),
            "the object provided is unrecognized (must be of type ConfigMap): couldn't get \
             version/kind; json parse error: unexpected end of JSON input \
             ({\"apiVersion\":\"v1\",\"kind\":\"Con ...)"
        );
        let head = Document::parse(br#"{"kind":"Secret","apiVersion":"v1"}"#)
            .unwrap()
            .head();
        let head = head.unwrap();
        assert_eq!(
            refusal("ConfigMap", Some(&head), b"", "x"),
            "Secret in version \"v1\" cannot be handled as a ConfigMap: x"
        );
        assert_eq!(
            Document::parse(b"null").unwrap().head(),
            Ok(Head::default())
        );
        for refused in [
            &b"[]"[..],
            b"\"text\"",
            br#"{"kind":5}"#,
            br#"{"apiVersion":"a/b/c"}"#,
        ] {
            assert!(Document::parse(refused).unwrap().head().is_err());
        }
    }

    #[test]
    fn schemas_of_custom_resources_keep_what_their_decoders_keep() {
        let schema = json!({"type": "object", "properties": {"a": {
            "items": {"type": "string", "bogus": 1}, "additionalProperties": true,
            "enum": [1, "x", null], "default": {"b": [1.5]}, "minimum": 0}}});
        let types = Types::built_in();
        let name = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps";
        let decoded = decode_value(&types, name, schema.clone(), FieldValidation::Warn).unwrap();
        let mut expected = schema;
        expected["properties"]["a"]["items"] = json!({"type": "string"});
        assert_eq!((decoded.value, decoded.problems.len()), (expected, 0));
        let wrong = json!({"properties": {"a": {"items": {"type": 5}}}});
        let error = decode_value(&types, name, wrong, FieldValidation::Warn).unwrap_err();
        assert_eq!(
            error,
            "json: cannot unmarshal number into Go struct field \
             JSONSchemaProps.properties.items of type string"
        );
    }

    /// Every prefix and every single-byte damage of a document is answered, and what is accepted
    /// is stable.
    #[test]
    fn hostile_documents_never_panic_and_results_are_stable() {
        let types = Types::built_in();
        let seed = r#"{"metadata":{"creationTimestamp":"2024-01-01T00:00:00Z","name":"\u00e9"},
            "spec":{"containers":[{"name":"c","resources":{"limits":{"cpu":"1.5"}},
            "livenessProbe":{"httpGet":{"port":"http"}}}],"priority":-1}}"#;
        let name = "io.k8s.api.core.v1.Pod";
        let bytes = seed.as_bytes();
        let mut hostile: Vec<Vec<u8>> = (0..bytes.len()).map(|at| bytes[..at].to_vec()).collect();
        for at in 0..bytes.len() {
            for byte in [b'"', b'{', b']', b'9', b',', 0, 0xff, b'-'] {
                let mut damaged = bytes.to_vec();
                damaged[at] = byte;
                hostile.push(damaged);
            }
        }
        let mut accepted = 0;
        for text in hostile {
            if let Ok(decoded) = decode(&types, name, &text, FieldValidation::Warn) {
                let again =
                    decode_value(&types, name, decoded.value.clone(), FieldValidation::Warn);
                assert_eq!(
                    again.unwrap().value,
                    decoded.value,
                    "{}",
                    String::from_utf8_lossy(&text)
                );
                accepted += 1;
            }
        }
        assert!(accepted > 100, "{accepted}");
    }

    /// The zero value of every type is written, and read back as itself.
    #[test]
    fn the_zero_of_every_kind_is_stable() {
        let types = Types::built_in();
        for (_, _, kind, name) in types.kinds() {
            let zero = decode(&types, name, b"null", FieldValidation::Strict)
                .unwrap()
                .value;
            let again = decode(
                &types,
                name,
                zero.to_string().as_bytes(),
                FieldValidation::Strict,
            );
            assert_eq!(again.unwrap().value, zero, "{kind}");
        }
    }
}

//! ConfigMaps and Secrets: keys, sizes, immutability.
//!
//! Origin: `ValidateConfigMap`, `ValidateSecret` in `pkg/apis/core/validation/validation.go`.

use super::{
    document::{at, fill, flag, member, members, remove, same, text},
    formats::config_map_key,
};
use crate::{
    limits::CONFIGURATION_BYTES,
    resource::Resource,
    status::{FieldError, FieldErrorKind},
};
use alloc::{format, string::String, vec::Vec};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

/// A Secret has a type, and what is in `stringData` is in `data`.
pub(super) fn default(resource: &Resource, object: &mut Value) {
    if resource.plural != "secrets" {
        return;
    }
    fill(object, "type", "Opaque");
    let plain: Vec<(String, String)> = members(object, &["stringData"])
        .map(|(key, text)| {
            (
                key.into(),
                STANDARD.encode(text.as_str().unwrap_or_default()),
            )
        })
        .collect();
    if !plain.is_empty() {
        let data = super::document::object(object, "data");
        for (key, encoded) in plain {
            *member(data, &key) = json!(encoded);
        }
    }
    remove(object, "stringData");
}

pub(super) fn validate(resource: &Resource, object: &Value) -> Vec<FieldError> {
    if resource.plural == "secrets" {
        validate_secret(object)
    } else {
        validate_config_map(object)
    }
}

fn validate_config_map(object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut size = 0;
    for (key, text) in members(object, &["data"]) {
        errors.extend(wrong_key("data", key));
        if !at(object, &["binaryData", key]).is_null() {
            let why = "duplicate of key present in data";
            errors.push(FieldError::invalid(
                format!("data[{key}]"),
                &json!(key),
                why,
            ));
        }
        size += text.as_str().map_or(0, str::len);
    }
    for (key, encoded) in members(object, &["binaryData"]) {
        errors.extend(wrong_key("binaryData", key));
        size += decoded_length(encoded);
    }
    errors.extend((size > CONFIGURATION_BYTES).then(|| too_long("[]")));
    errors
}

fn validate_secret(object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut size = 0;
    for (key, encoded) in members(object, &["data"]) {
        errors.extend(wrong_key("data", key));
        size += decoded_length(encoded);
    }
    errors.extend((size > CONFIGURATION_BYTES).then(|| too_long("data")));
    let required: &[&str] = match text(object, &["type"]) {
        "kubernetes.io/dockercfg" => &[".dockercfg"],
        "kubernetes.io/dockerconfigjson" => &[".dockerconfigjson"],
        "kubernetes.io/ssh-auth" => &["ssh-privatekey"],
        "kubernetes.io/tls" => &["tls.crt", "tls.key"],
        "kubernetes.io/service-account-token" => {
            let annotation = "kubernetes.io/service-account.name";
            if text(object, &["metadata", "annotations", annotation]).is_empty() {
                let field = format!("metadata.annotations[{annotation}]");
                errors.push(FieldError::required(field, ""));
            }
            &[]
        }
        "kubernetes.io/basic-auth" => {
            let data = at(object, &["data"]);
            if at(data, &["username"]).is_null() && at(data, &["password"]).is_null() {
                errors.push(FieldError::required("data[username]", ""));
                errors.push(FieldError::required("data[password]", ""));
            }
            &[]
        }
        _ => &[],
    };
    for key in required {
        let value = at(object, &["data", key]);
        if value.is_null() {
            errors.push(FieldError::required(format!("data[{key}]"), ""));
        } else if key.starts_with(".docker") && !is_json(value) {
            // The value is secret: it is not repeated.
            let mut error = FieldError::invalid(
                format!("data[{key}]"),
                &json!("<secret contents redacted>"),
                "invalid character: not a JSON document",
            );
            error.kind = FieldErrorKind::Invalid;
            errors.push(error);
        }
    }
    errors
}

fn is_json(encoded: &Value) -> bool {
    let decoded = STANDARD.decode(encoded.as_str().unwrap_or_default());
    decoded.is_ok_and(|bytes| serde_json::from_slice::<Value>(&bytes).is_ok())
}

fn wrong_key(map: &str, key: &str) -> impl Iterator<Item = FieldError> {
    let field = format!("{map}[{key}]");
    let value = json!(key);
    config_map_key(key)
        .into_iter()
        .map(move |why| FieldError::invalid(field.clone(), &value, why))
}

fn decoded_length(encoded: &Value) -> usize {
    let text = encoded.as_str().unwrap_or_default();
    let padding = text.bytes().rev().take_while(|byte| *byte == b'=').count();
    (text.len() / 4 * 3).saturating_sub(padding)
}

fn too_long(field: &str) -> FieldError {
    let why = format!("may not be more than {CONFIGURATION_BYTES} bytes");
    FieldError::without_value(FieldErrorKind::TooLong, field, why)
}

pub(super) fn validate_update(resource: &Resource, new: &Value, old: &Value) -> Vec<FieldError> {
    const WHY: &str = "field is immutable when `immutable` is set";
    let mut errors = Vec::new();
    if resource.plural == "secrets" && text(new, &["type"]) != text(old, &["type"]) {
        errors.push(FieldError::invalid(
            "type",
            at(new, &["type"]),
            "field is immutable",
        ));
    }
    if flag(old, &["immutable"]) {
        if !flag(new, &["immutable"]) {
            errors.push(FieldError::forbidden("immutable", WHY));
        }
        let maps: &[&str] = match resource.plural.as_str() {
            "secrets" => &["data"],
            _ => &["data", "binaryData"],
        };
        for map in maps {
            if !same_map(at(new, &[map]), at(old, &[map])) {
                errors.push(FieldError::forbidden(*map, WHY));
            }
        }
    }
    errors.extend(validate(resource, new));
    errors
}

/// Equal, where no map and an empty map are the same.
fn same_map(new: &Value, old: &Value) -> bool {
    let count = |map: &Value| members(map, &[]).count();
    (count(new) == 0 && count(old) == 0) || same(new, old)
}

#[cfg(test)]
mod tests {
    use super::{default, validate, validate_update};
    use crate::resource::{Resource, Resources};
    use alloc::{string::ToString, vec::Vec};
    use serde_json::{Value, json};

    fn resource(plural: &str) -> Resource {
        Resource::clone(Resources::built_in().find("", "v1", plural).unwrap())
    }

    fn check_update(plural: &str, old: &Value, new: &Value, expected: &[&str]) {
        let errors = validate_update(&resource(plural), new, old);
        let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(texts, expected);
    }

    #[test]
    fn string_data_is_encoded_over_data() {
        let mut secret = json!({"stringData": {"a": "b"}, "data": {"a": "eA==", "c": "eA=="}});
        default(&resource("secrets"), &mut secret);
        assert_eq!(
            secret,
            json!({"type": "Opaque", "data": {"a": "Yg==", "c": "eA=="}})
        );
    }

    #[test]
    fn keys_and_sizes_have_their_limits() {
        let errors = validate(&resource("configmaps"), &json!({"data": {"bad key": "x"}}));
        assert_eq!(errors[0].field, "data[bad key]");
        let full = "x".repeat(1024 * 1024);
        assert!(validate(&resource("configmaps"), &json!({"data": {"a": full}})).is_empty());
        let over = json!({"data": {"a": full, "b": "x"}});
        assert_eq!(
            validate(&resource("configmaps"), &over)[0].to_string(),
            "[]: Too long: may not be more than 1048576 bytes"
        );
        let tls = json!({"type": "kubernetes.io/tls", "data": {"tls.crt": "eA=="}});
        let errors = validate(&resource("secrets"), &tls);
        assert_eq!(errors[0].to_string(), "data[tls.key]: Required value");
    }

    #[test]
    fn what_is_immutable_stays() {
        let old = json!({"type": "Opaque", "immutable": true, "data": {"a": "Yg=="}});
        check_update(
            "secrets",
            &old,
            &json!({"type": "t", "immutable": true, "data": {"a": "Yg=="}}),
            &["type: Invalid value: \"t\": field is immutable"],
        );
        check_update(
            "secrets",
            &old,
            &json!({"type": "Opaque", "data": {"a": "YQ=="}}),
            &[
                "immutable: Forbidden: field is immutable when `immutable` is set",
                "data: Forbidden: field is immutable when `immutable` is set",
            ],
        );
        check_update(
            "configmaps",
            &json!({"immutable": true, "data": {}}),
            &json!({"immutable": true}),
            &[],
        );
    }
}

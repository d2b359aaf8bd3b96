//! Selectors, patches, continue tokens and metadata under random input: what is printed can be
//! read back, patches keep their laws, and nothing panics.

use model::{
    etcd::Revision,
    pagination::Position,
    patch::{Format, Patch},
    schema::{FieldValidation, Types},
    selector::{FieldSelector, LabelSelector, Operator, Requirement},
    validation::{Finalizers, NameRule, object_meta, object_meta_update},
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, sync::LazyLock};
use tests::strategies::selectors as strategies;

const POD_SPEC: &str = "io.k8s.api.core.v1.PodSpec";

static TYPES: LazyLock<Types> = LazyLock::new(Types::built_in);

fn apply(format: Format, object: &Value, patch: &Value) -> Option<Value> {
    let patch = patch.to_string();
    let patch = Patch::parse(format, patch.as_bytes(), FieldValidation::Warn).ok()?;
    patch.apply(object, &TYPES, POD_SPEC).ok()
}

/// How deep a document nests.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// RFC 7396, word by word.
fn merge_patch(target: Value, patch: &Value) -> Value {
    let Value::Object(patch) = patch else {
        return patch.clone();
    };
    let mut members = match target {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    for (name, value) in patch {
        if value.is_null() {
            members.remove(name);
        } else {
            let old = members.remove(name).unwrap_or(Value::Null);
            members.insert(name.clone(), merge_patch(old, value));
        }
    }
    Value::Object(members)
}

/// The merge patch that turns one object into the other; neither has a null member.
fn difference(old: &Value, new: &Value) -> Value {
    let (Value::Object(old), Value::Object(new)) = (old, new) else {
        return new.clone();
    };
    let mut patch = Map::new();
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        patch.insert(name.clone(), Value::Null);
    }
    for (name, value) in new {
        match old.get(name) {
            Some(same) if same == value => {}
            Some(before) => {
                patch.insert(name.clone(), difference(before, value));
            }
            None => {
                patch.insert(name.clone(), value.clone());
            }
        }
    }
    Value::Object(patch)
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Null => json!(0),
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, member)| (name, without_nulls(member)))
            .collect(),
        other => other,
    }
}

proptest! {
    #![proptest_config(tests::strategies::config())]

    #[test]
    fn a_label_selector_is_read_back(
        selector in strategies::label_selector(),
        labels in strategies::labels(),
    ) {
        let text = selector.to_string();
        prop_assert_eq!(LabelSelector::parse(&text), Ok(selector.clone()));
        let all = selector.requirements().unwrap_or_default();
        let expected = all.iter().all(|one| one.matches(&labels));
        prop_assert_eq!(selector.matches(&labels), expected);
    }

    #[test]
    fn opposite_operators_select_opposite_objects(
        requirement in strategies::requirement(),
        labels in strategies::labels(),
    ) {
        let opposite = match requirement.operator {
            Operator::Exists => Operator::DoesNotExist,
            Operator::DoesNotExist => Operator::Exists,
            Operator::Equals | Operator::DoubleEquals => Operator::NotEquals,
            Operator::NotEquals => Operator::Equals,
            Operator::In => Operator::NotIn,
            Operator::NotIn => Operator::In,
            Operator::GreaterThan | Operator::LessThan => return Ok(()),
        };
        let values = requirement.values.clone();
        let other = Requirement::new(&requirement.key, opposite, values).unwrap();
        prop_assert_ne!(requirement.matches(&labels), other.matches(&labels));
    }

    #[test]
    fn whatever_is_a_label_selector_is_one_when_printed(
        text in prop_oneof![strategies::selector_words(), any::<String>()],
    ) {
        if let Ok(selector) = LabelSelector::parse(&text) {
            prop_assert_eq!(LabelSelector::parse(&selector.to_string()), Ok(selector));
        }
    }

    #[test]
    fn whatever_is_a_field_selector_is_one_when_printed(
        text in prop_oneof![
            strategies::field_selector_text(),
            strategies::selector_words(),
            any::<String>(),
        ],
    ) {
        if let Ok(selector) = FieldSelector::parse(&text) {
            prop_assert_eq!(FieldSelector::parse(&selector.to_string()), Ok(selector));
        }
    }

    #[test]
    fn any_document_is_a_label_selector_or_refused(
        document in strategies::document(),
        key in strategies::label_key(),
        operator in proptest::sample::select(vec!["In", "NotIn", "Exists", "Gt"]),
    ) {
        let _ = LabelSelector::from_json(&document);
        let expression = json!({"key": key, "operator": operator, "values": document});
        let selector = json!({"matchLabels": document, "matchExpressions": [expression]});
        if let Ok(selector) = LabelSelector::from_json(&selector) {
            prop_assert_eq!(LabelSelector::parse(&selector.to_string()), Ok(selector));
        }
    }

    #[test]
    fn a_continue_token_is_read_back(
        start in "[a-z\u{0}ü<-]{1,8}(/[a-z\u{0}-]{1,8})?",
        revision in 1..u64::try_from(i64::MAX).unwrap(),
    ) {
        let prefix = "/registry/pods/";
        let position = Position {
            from: format!("{prefix}{start}"),
            revision: Some(Revision(revision)),
        };
        let token = position.encode(prefix).unwrap();
        prop_assert_eq!(Position::decode(&token, prefix).ok(), Some(position));
    }

    #[test]
    fn no_token_leads_out_of_its_prefix(
        start in "(/|\\.|\\.\\.|a|\u{0}){0,6}",
        garbage in "[A-Za-z0-9_=+/ -]{0,40}|.{0,40}",
    ) {
        let prefix = "/registry/pods/";
        // Without a prefix any start can be encoded, as an attacker would.
        let (from, revision) = (start, Some(Revision(1)));
        let forged = Position { from, revision }.encode("").unwrap();
        for token in [forged, garbage] {
            if let Ok(position) = Position::decode(&token, prefix) {
                let inside = position.from.strip_prefix(prefix).unwrap();
                prop_assert!(inside.split('/').all(|part| part != ".."));
            }
        }
    }

    #[test]
    fn merge_patches_follow_their_rfc(
        object in strategies::object(),
        patch in strategies::object(),
    ) {
        // Upstream takes nulls out of lists' objects in some places; without them it is the RFC's.
        let patch = without_nulls_in_lists(patch);
        let expected = merge_patch(object.clone(), &patch);
        let found = apply(Format::Merge, &object, &patch).unwrap();
        prop_assert_eq!(&found, &expected);
        let again = apply(Format::Merge, &found, &patch);
        prop_assert_eq!(again, Some(expected));
    }

    #[test]
    fn the_difference_leads_from_one_object_to_the_other(
        old in strategies::object().prop_map(without_nulls),
        new in strategies::object().prop_map(without_nulls),
    ) {
        let patch = difference(&old, &new);
        prop_assert_eq!(apply(Format::Merge, &old, &patch), Some(new));
    }

    #[test]
    fn operations_keep_their_laws(
        object in strategies::object(),
        pointer in strategies::pointer(),
        value in strategies::document(),
    ) {
        let added = json!([{"op": "add", "path": pointer, "value": value},
            {"op": "test", "path": pointer, "value": value}]);
        let result = apply(Format::Json, &object, &added);
        let last = pointer.rsplit('/').next().unwrap_or_default();
        // What is appended, and what pushes others away, does not stand where it was put.
        let stays = !last.starts_with('-');
        let fits = apply(Format::Json, &object, &json!([added[0]]));
        if stays {
            prop_assert_eq!(result.is_some(), fits.is_some());
        }
        let is_new = object.pointer(&pointer).is_none() || last.parse::<usize>().is_ok();
        if fits.is_some() && stays && is_new {
            let undone = json!([added[0], {"op": "remove", "path": pointer}]);
            let undone = apply(Format::Json, &object, &undone);
            let replaced = object.pointer(&pointer).is_some()
                && object.pointer(pointer.rsplit_once('/').map_or("", |(above, _)| above))
                    .is_some_and(Value::is_object);
            if !replaced {
                prop_assert_eq!(undone, Some(object));
            }
        }
    }

    #[test]
    fn any_operations_are_done_or_refused(
        object in strategies::object(),
        operations in proptest::collection::vec(strategies::operation(), 0..6),
    ) {
        let _ = apply(Format::Json, &object, &operations.into());
    }

    #[test]
    fn operations_stay_within_their_bounds(value in strategies::document(), rounds in 1..160usize) {
        let deepen = json!({"op": "copy", "from": "/a", "path": "/a/b"});
        let add = json!({"op": "add", "path": "/a/c", "value": value});
        let operations = std::iter::repeat_n([add, deepen], rounds).flatten().collect();
        let found = apply(Format::Json, &json!({"a": {}}), &operations);
        let expected = 2 + rounds + depth(&value);
        prop_assert_eq!(found.is_some(), expected <= model::limits::JSON_DEPTH);
        prop_assert_eq!(found.as_ref().map(depth), found.as_ref().map(|_| expected));
    }

    #[test]
    fn strategic_patches_do_not_panic(
        object in strategies::pod_spec_patch(),
        patch in strategies::pod_spec_patch(),
    ) {
        let _ = apply(Format::Strategic, &object, &patch);
    }

    #[test]
    fn a_strategic_patch_sets_each_item_once_and_in_its_order(
        old in containers(),
        new in containers(),
    ) {
        let object = json!({"containers": list(&old)});
        let order: Vec<Value> = new.keys().rev().map(|name| json!({"name": name})).collect();
        let items: Vec<Value> = list(&new).into_iter().rev().collect();
        let patch = json!({"$setElementOrder/containers": order, "containers": items});
        let patched = apply(Format::Strategic, &object, &patch);
        if old.is_empty() && new.is_empty() {
            return Ok(());
        }
        let patched = patched.unwrap();
        let found = patched["containers"].as_array().unwrap();
        let mut expected = old.clone();
        expected.extend(new.clone());
        let by_name: BTreeMap<String, String> = found
            .iter()
            .map(|item| (text(item, "name"), text(item, "image")))
            .collect();
        prop_assert_eq!(found.len(), expected.len());
        prop_assert_eq!(&by_name, &expected);
        let of_patch: Vec<String> = found
            .iter()
            .map(|item| text(item, "name"))
            .filter(|name| new.contains_key(name))
            .collect();
        prop_assert!(of_patch.iter().rev().eq(new.keys()));
        prop_assert_eq!(apply(Format::Strategic, &patched, &patch), Some(patched.clone()));
    }

    #[test]
    fn any_bytes_are_a_patch_or_refused(
        bytes in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..64),
            strategies::document().prop_map(|document| document.to_string().into_bytes()),
            "[\\[{\"a:,\\]}\\\\u0-9eE.+-]{0,24}".prop_map(String::into_bytes),
        ],
    ) {
        for format in [Format::Json, Format::Merge, Format::Strategic] {
            for validation in [FieldValidation::Strict, FieldValidation::Ignore] {
                if let Ok(patch) = Patch::parse(format, &bytes, validation) {
                    let object = json!({"containers": [{"name": "a"}], "a": [{"b": null}]});
                    let _ = patch.patched(&object, &TYPES, POD_SPEC, validation);
                }
            }
        }
    }

    #[test]
    fn any_metadata_is_judged(
        members in proptest::collection::btree_map(
            proptest::sample::select(METADATA.to_vec()),
            prop_oneof![strategies::document(), strategies::labels().prop_map(|all| json!(all))],
            0..6,
        ),
    ) {
        let metadata = json!(members);
        for rule in [
            NameRule::DnsSubdomain,
            NameRule::DnsLabel,
            NameRule::Dns1035Label,
            NameRule::PathSegment,
        ] {
            let _ = object_meta(&metadata, true, rule, Finalizers::Standard);
        }
        let same = object_meta_update(&metadata, &metadata, Finalizers::Qualified);
        prop_assert!(same.iter().all(|error| !error.detail.contains("immutable")));
    }
}

const METADATA: [&str; 12] = [
    "name",
    "generateName",
    "namespace",
    "labels",
    "annotations",
    "finalizers",
    "ownerReferences",
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
];

/// Containers: name and image.
fn containers() -> impl Strategy<Value = BTreeMap<String, String>> {
    proptest::collection::btree_map("[a-f]", "[12]", 0..5)
}

fn list(containers: &BTreeMap<String, String>) -> Vec<Value> {
    let item = |(name, image): (&String, &String)| json!({"name": name, "image": image});
    containers.iter().map(item).collect()
}

fn text(item: &Value, name: &str) -> String {
    item[name].as_str().unwrap_or_default().to_string()
}

fn without_nulls_in_lists(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, member)| (name, without_nulls_in_lists(member)))
            .collect(),
        other => other,
    }
}

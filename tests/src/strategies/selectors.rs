//! Random selectors, labels, documents and patches: few names, so that they often meet.

use model::selector::{LabelSelector, Operator, Requirement};
use proptest::{
    collection::{btree_map, vec},
    prelude::*,
    sample::select,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A valid label key, sometimes with a domain, sometimes a word of the selectors' syntax.
pub fn label_key() -> BoxedStrategy<String> {
    prop_oneof![
        select(vec!["a", "b", "in", "notin", "example.com/a"]).prop_map(String::from),
        "([a-z0-9]{1,5}\\.){0,2}[a-z]{1,3}/[A-Za-z0-9]([A-Za-z0-9._-]{0,8}[A-Za-z0-9])?",
    ]
    .boxed()
}

/// A valid label value, sometimes a number.
pub fn label_value() -> BoxedStrategy<String> {
    prop_oneof![
        select(vec!["", "a", "b", "in", "1", "2"]).prop_map(String::from),
        "([A-Za-z0-9]([A-Za-z0-9._-]{0,8}[A-Za-z0-9])?)?",
    ]
    .boxed()
}

/// Labels of an object.
pub fn labels() -> BoxedStrategy<BTreeMap<String, String>> {
    btree_map(label_key(), label_value(), 0..5).boxed()
}

/// A requirement that can be met.
pub fn requirement() -> BoxedStrategy<Requirement> {
    let operator = select(vec![
        Operator::Exists,
        Operator::DoesNotExist,
        Operator::Equals,
        Operator::DoubleEquals,
        Operator::NotEquals,
        Operator::In,
        Operator::NotIn,
        Operator::GreaterThan,
        Operator::LessThan,
    ]);
    let parts = (label_key(), operator, vec(label_value(), 1..4), 0..30u64);
    parts
        .prop_map(|(key, operator, mut values, number)| {
            match operator {
                Operator::Exists | Operator::DoesNotExist => values.clear(),
                Operator::In | Operator::NotIn => {}
                Operator::GreaterThan | Operator::LessThan => values = vec![number.to_string()],
                _ => values.truncate(1),
            }
            Requirement::new(&key, operator, values).expect("a valid requirement was made")
        })
        .boxed()
}

/// A label selector.
pub fn label_selector() -> BoxedStrategy<LabelSelector> {
    vec(requirement(), 0..5)
        .prop_map(|all| all.into_iter().collect())
        .boxed()
}

/// The text of a field selector: valid for the most part.
pub fn field_selector_text() -> BoxedStrategy<String> {
    let field = select(vec!["metadata.name", "spec.nodeName", "type", ""]);
    let operator = select(vec!["=", "==", "!="]);
    let term = (field, operator, "([a-c]|\\\\[,=\\\\]|ü){0,4}")
        .prop_map(|(field, operator, value)| format!("{field}{operator}{value}"));
    vec(term, 0..4).prop_map(|terms| terms.join(",")).boxed()
}

/// Text that is made of the selectors' own words, and so gets further than any text does.
pub fn selector_words() -> BoxedStrategy<String> {
    let word = select(vec![
        "a", "b", "in", "notin", "(", ")", ",", "=", "==", "!=", "!", ">", "<", " ", "1", "\\",
        "\0", "ü", "/",
    ]);
    vec(word, 0..12).prop_map(|words| words.concat()).boxed()
}

/// A member's name.
pub fn member_name() -> BoxedStrategy<String> {
    select(vec!["a", "b", "c", "d/e", "f~g", ""])
        .prop_map(String::from)
        .boxed()
}

/// A value that is neither object nor list.
pub fn scalar() -> BoxedStrategy<Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2..3i64).prop_map(Value::from),
        "[ab]{0,2}".prop_map(Value::from),
    ]
    .boxed()
}

/// Any document of a few levels.
pub fn document() -> BoxedStrategy<Value> {
    scalar()
        .prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..4).prop_map(Value::from),
                btree_map(member_name(), inner, 0..4)
                    .prop_map(|members| members.into_iter().collect()),
            ]
        })
        .boxed()
}

/// An object of a few levels.
pub fn object() -> BoxedStrategy<Value> {
    btree_map(member_name(), document(), 0..5)
        .prop_map(|members| members.into_iter().collect())
        .boxed()
}

/// A JSON pointer of a few parts, mostly into documents of this module.
pub fn pointer() -> BoxedStrategy<String> {
    let part = select(vec![
        "a", "b", "c", "d~1e", "f~0g", "", "0", "1", "-", "-1", "9",
    ]);
    vec(part, 0..4)
        .prop_map(|parts| parts.iter().map(|part| format!("/{part}")).collect())
        .boxed()
}

/// An operation of a JSON patch; some have a part too few or too many.
pub fn operation() -> BoxedStrategy<Value> {
    let kind = select(vec![
        "add", "remove", "replace", "move", "copy", "test", "nonsense",
    ]);
    (kind, pointer(), pointer(), document(), 0..12u8)
        .prop_map(|(kind, path, from, value, missing)| {
            let mut operation = json!({"op": kind, "path": path, "from": from, "value": value});
            let missing = ["op", "path", "from", "value"].get(usize::from(missing));
            if let (Some(name), Some(members)) = (missing, operation.as_object_mut()) {
                members.remove(*name);
            }
            operation
        })
        .boxed()
}

/// A strategic merge patch of a `PodSpec`: items, directives and orders, not always right.
pub fn pod_spec_patch() -> BoxedStrategy<Value> {
    let name = || select(vec!["a", "b", "c", "d", "e"]);
    let directive = select(vec!["", "", "", "", "delete", "replace", "merge"]);
    let item = (name(), document(), directive).prop_map(|(name, image, directive)| {
        let mut item = json!({"name": name, "image": image});
        if !directive.is_empty() {
            item["$patch"] = directive.into();
        }
        item
    });
    let key = select(vec![
        "containers",
        "$setElementOrder/containers",
        "$deleteFromPrimitiveList/containers",
        "$retainKeys",
        "$setElementOrder/tolerations",
        "tolerations",
        "volumes",
        "nodeSelector",
        "$patch",
    ]);
    let value = prop_oneof![
        8 => vec(item, 0..5).prop_map(Value::from),
        1 => document(),
        1 => Just(json!("replace")),
    ];
    btree_map(key, value, 0..4)
        .prop_map(|members| {
            let named = members.into_iter().map(|(key, value)| (key.into(), value));
            Value::Object(named.collect())
        })
        .boxed()
}

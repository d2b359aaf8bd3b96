//! Objects that are broken: something in them is taken away, put in, or of another type.

use super::{text, word};
use proptest::{
    collection::{btree_map, vec},
    prelude::*,
    sample::Index,
};
use serde_json::{Number, Value, json};

/// What is done to one place of a document.
#[derive(Clone, Debug)]
enum Damage {
    Replace(Value),
    Remove,
    Insert(String, Value),
}

/// Objects of `valid` with one to three places changed. Some are still valid.
pub fn broken(valid: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    let damage = prop_oneof![
        4 => odd().prop_map(Damage::Replace),
        2 => Just(Damage::Remove),
        2 => (name(), odd()).prop_map(|(name, value)| Damage::Insert(name, value)),
    ];
    (valid, vec((any::<Index>(), damage), 1..=3))
        .prop_map(|(mut object, damages)| {
            for (place, damage) in damages {
                damage_one(&mut object, place, damage);
            }
            object
        })
        .boxed()
}

/// Any document.
pub fn any_json() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|it| Number::from_f64(it).map_or(Value::Null, Value::Number)),
        text().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(name(), inner, 0..4).prop_map(|members| json!(members)),
        ]
    })
    .boxed()
}

/// Values that fields are often not made for.
fn odd() -> BoxedStrategy<Value> {
    prop_oneof![
        word(&[
            "",
            "-",
            "A b",
            "../x",
            "x.",
            "99999999999999999999",
            "1e3",
            "\u{0}"
        ])
        .prop_map(Value::from),
        (1_usize..400).prop_map(|length| Value::from("a".repeat(length))),
        prop_oneof![
            Just(0),
            Just(-1),
            Just(i64::MAX),
            Just(i64::MIN),
            Just(70_000)
        ]
        .prop_map(Value::from),
        Just(json!(1.5)),
        Just(json!(true)),
        Just(Value::Null),
        Just(json!([])),
        Just(json!({})),
        Just(json!([null])),
        Just(json!([{"name": "a"}, {"name": "a"}])),
        Just(json!({"a": {"b": 1}})),
    ]
    .boxed()
}

/// Names of fields, known ones and others.
fn name() -> impl Strategy<Value = String> + Clone {
    word(&[
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "generation",
        "deletionTimestamp",
        "finalizers",
        "labels",
        "spec",
        "status",
        "data",
        "replicas",
        "selector",
        "containers",
        "ports",
        "unknown",
        "",
        "a/b",
        "a.b",
        "$patch",
        "$retainKeys",
        "kind",
        "apiVersion",
        "metadata",
        "managedFields",
        "generateName",
    ])
}

fn damage_one(object: &mut Value, place: Index, damage: Damage) {
    let count = places(object);
    let Some(at) = nth(object, &mut place.index(count)) else {
        return;
    };
    match damage {
        Damage::Replace(value) => *at = value,
        Damage::Remove => remove_one(at, place),
        Damage::Insert(name, value) => match at {
            Value::Object(members) => {
                members.insert(name, value);
            }
            Value::Array(items) => items.push(value),
            _ => {}
        },
    }
}

fn remove_one(at: &mut Value, place: Index) {
    match at {
        Value::Object(members) if !members.is_empty() => {
            let name = members.keys().nth(place.index(members.len())).cloned();
            name.map(|name| members.remove(&name));
        }
        Value::Array(items) if !items.is_empty() => {
            items.remove(place.index(items.len()));
        }
        _ => {}
    }
}

/// How many values there are in a document, itself included.
fn places(value: &Value) -> usize {
    1 + match value {
        Value::Object(members) => members.values().map(places).sum(),
        Value::Array(items) => items.iter().map(places).sum(),
        _ => 0,
    }
}

/// The value so many places after the first, in the order of the document.
fn nth<'a>(value: &'a mut Value, left: &mut usize) -> Option<&'a mut Value> {
    if *left == 0 {
        return Some(value);
    }
    *left -= 1;
    match value {
        Value::Object(members) => members.values_mut().find_map(|member| nth(member, left)),
        Value::Array(items) => items.iter_mut().find_map(|item| nth(item, left)),
        _ => None,
    }
}

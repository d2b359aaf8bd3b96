//! Pods made from templates, and templates that are told apart.

use super::Owner;
use crate::{
    ambient::Ambient,
    kinds::document::{at, put, remove, same},
};
use alloc::{
    format,
    string::{String, ToString},
};
use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_64;

/// The label that tells the pods of a Deployment's ReplicaSets apart.
const POD_TEMPLATE_HASH: &str = "pod-template-hash";
/// What `generateName` is cut to before the suffix is appended (`names.generateName`).
const LONGEST_BASE: usize = 58;

/// A name for what is made from a template: its digits are written in the letters that make no
/// words, as `rand.SafeEncodeString` does. Which hash it is, is nobody's business but ours.
pub(in crate::controllers) fn hash(template: &Value, collisions: i64) -> String {
    const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut text = template.to_string();
    if collisions > 0 {
        text.push_str(&collisions.to_string());
    }
    let digits = (xxh3_64(text.as_bytes()) & 0xffff_ffff).to_string();
    let letter = |digit: u8| char::from(ALPHABET[usize::from(digit) % ALPHABET.len()]);
    digits.bytes().map(letter).collect()
}

/// The beginning of a name, so many bytes at most.
pub(in crate::controllers) fn cut(name: &str, longest: usize) -> &str {
    name.get(..longest).unwrap_or(name)
}

/// The same pods come from both (`EqualIgnoreHash`).
pub(in crate::controllers) fn same_template(one: &Value, other: &Value) -> bool {
    let plain = |template: &Value| {
        let mut template = template.clone();
        if let Some(labels) = template.pointer_mut("/metadata/labels") {
            remove(labels, POD_TEMPLATE_HASH);
        }
        template
    };
    same(&plain(one), &plain(other))
}

/// A pod of that owner from a template (`GetPodFromTemplate`), with the name that the server would
/// generate from `base`, so that it can be told to people.
pub(in crate::controllers) fn pod_from(
    template: &Value,
    (owner, base): (Owner<'_>, &str),
    (ambient, attempt): (&Ambient, u32),
) -> Value {
    let mut metadata = json!({
        "name": format!("{}{}", cut(base, LONGEST_BASE), ambient.suffix(attempt)),
        "generateName": base,
        "namespace": owner.object.meta().namespace,
        "ownerReferences": [owner.reference()],
    });
    for field in ["labels", "annotations", "finalizers"] {
        put(
            &mut metadata,
            field,
            at(template, &["metadata", field]).clone(),
        );
    }
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": at(template, &["spec"]),
    })
}

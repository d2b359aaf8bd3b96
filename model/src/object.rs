//! A stored object: the bytes that etcd holds, its metadata decoded once, its resourceVersion.

use crate::{
    etcd::{KeyValue, Revision},
    frozen::Frozen,
    policy::Policy,
    registry,
    selector::Selectable,
};
use alloc::{
    boxed::Box,
    collections::BTreeMap,
    format,
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};
use core::hash;
use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value};

/// An object as etcd has it. A clone is two counters; hash and equality are those of the stored
/// bytes and the revision.
///
/// The resourceVersion is the store's mod revision and never part of the stored bytes (rule 2 of
/// kube-apiserver's storage contract, `api_object_versioner.go`).
#[derive(Clone)]
pub struct Object {
    revision: Revision,
    frozen: Frozen,
    meta: Arc<Meta>,
}

/// The part of an object's metadata that lists, watches, selectors and deletes look at.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Meta {
    /// `metadata.name`
    pub name: String,
    /// `metadata.namespace`; empty for cluster-scoped objects.
    pub namespace: String,
    /// `metadata.uid`
    pub uid: String,
    /// `metadata.labels`
    pub labels: BTreeMap<String, String>,
    /// `metadata.finalizers`
    pub finalizers: Vec<String>,
    /// `metadata.deletionTimestamp`
    pub deletion_timestamp: Option<String>,
    /// `metadata.ownerReferences`
    pub owner_references: Vec<OwnerReference>,
    /// Where in the stored bytes the resourceVersion is put in.
    #[serde(skip)]
    splice: usize,
    /// What field selectors can ask for besides name and namespace: path → text.
    #[serde(skip)]
    pub fields: BTreeMap<&'static str, String>,
    /// What a role or binding says; nothing for other kinds.
    #[serde(skip)]
    pub policy: Option<Box<Policy>>,
}

/// One of `metadata.ownerReferences`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OwnerReference {
    /// The owner's `apiVersion`.
    pub api_version: String,
    /// The owner's kind.
    pub kind: String,
    /// The owner's name, in the namespace of the object or cluster-scoped.
    pub name: String,
    /// The owner's uid.
    pub uid: String,
    /// It is the one that manages the object.
    pub controller: bool,
    /// It cannot go in the foreground before the object is gone.
    pub block_owner_deletion: bool,
}

impl Meta {
    /// The owner that manages the object (`metav1.GetControllerOf`).
    #[must_use]
    pub fn controller(&self) -> Option<&OwnerReference> {
        self.owner_references.iter().find(|owner| owner.controller)
    }
}

/// Why stored bytes are not an object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DecodeError(
    /// For people.
    pub String,
);

impl Object {
    /// Decodes what etcd holds at a key. `selectable` tells what field selectors of this resource
    /// can ask for besides name and namespace: with nothing, the body is not parsed.
    ///
    /// # Errors
    /// When the value is not a JSON object with metadata: somebody wrote past the API server.
    pub fn decode(kv: &KeyValue, selectable: &'static Selectable) -> Result<Object, DecodeError> {
        #[derive(Deserialize)]
        struct Head {
            metadata: Meta,
        }
        let wrong = |why: serde_json::Error| DecodeError(format!("{:?}: {why}", kv.key));
        let mut frozen = kv.value.clone();
        let mut splice = splice_point(frozen.bytes());
        if splice.is_none() {
            let value: Value = serde_json::from_slice(frozen.bytes()).map_err(wrong)?;
            frozen = freeze(&value);
            splice = splice_point(frozen.bytes());
        }
        let splice = splice.ok_or_else(|| DecodeError(format!("{:?}: not an object", kv.key)))?;
        let mut meta = if selectable.fields().is_empty() {
            serde_json::from_slice::<Head>(frozen.bytes())
                .map_err(wrong)?
                .metadata
        } else {
            let value: Value = serde_json::from_slice(frozen.bytes()).map_err(wrong)?;
            let mut meta = Meta::deserialize(&value["metadata"]).map_err(wrong)?;
            meta.fields = selectable
                .fields()
                .iter()
                .map(|field| (field.name, field.value(&value)))
                .collect();
            meta
        };
        meta.splice = splice;
        let prefix = registry::prefix_of(&kv.key).unwrap_or_default();
        meta.policy = Policy::decode(prefix, frozen.bytes()).map_err(wrong)?;
        Ok(Object {
            revision: kv.mod_revision,
            frozen,
            meta: Arc::new(meta),
        })
    }

    /// The metadata.
    #[must_use]
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// The store's mod revision, which clients see as resourceVersion.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// The stored bytes, without a resourceVersion.
    #[must_use]
    pub fn frozen(&self) -> &Frozen {
        &self.frozen
    }

    /// The same content at another revision: what a DELETED event shows.
    #[must_use]
    pub fn at(&self, revision: Revision) -> Object {
        Object {
            revision,
            ..self.clone()
        }
    }

    /// The document, with its resourceVersion.
    #[must_use]
    pub fn json(&self) -> Value {
        // The bytes were parsed when this object was decoded.
        let mut value: Value = serde_json::from_slice(self.frozen.bytes()).unwrap_or_default();
        value["metadata"]["resourceVersion"] = Value::String(self.revision.to_string());
        value
    }

    /// Appends the encoded document, with its resourceVersion, without parsing it.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.write_from(0, out);
    }

    /// As [`Object::write`], without `kind` and `apiVersion`: the form of an item in a list of a
    /// built-in kind, whose own kind says it.
    pub fn write_untyped(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        self.write_from(self.meta.splice - METADATA.len(), out);
    }

    fn write_from(&self, start: usize, out: &mut Vec<u8>) {
        let (before, after) = self.frozen.bytes().split_at(self.meta.splice);
        out.extend_from_slice(&before[start..]);
        out.extend_from_slice(b"\"resourceVersion\":\"");
        out.extend_from_slice(self.revision.to_string().as_bytes());
        out.extend_from_slice(if after.starts_with(b"}") {
            b"\""
        } else {
            b"\","
        });
        out.extend_from_slice(after);
    }
}

/// What stands right before the place of the resourceVersion.
const METADATA: &[u8] = b"\"metadata\":{";

/// Encodes a document for the store: `kind`, `apiVersion` and `metadata` first, as the real server
/// writes them, and no resourceVersion.
#[must_use]
pub fn freeze(value: &Value) -> Frozen {
    Frozen::from(write(value, true))
}

/// Encodes a document with `kind`, `apiVersion` and `metadata` first.
#[must_use]
pub fn encode(value: &Value) -> Vec<u8> {
    write(value, false)
}

fn write(value: &Value, for_store: bool) -> Vec<u8> {
    // JSON values have text keys, so encoding them cannot fail.
    serde_json::to_vec(&Ordered { value, for_store }).unwrap_or_default()
}

/// A document as [`encode`] and [`freeze`] write it, without a copy of it.
struct Ordered<'a> {
    value: &'a Value,
    for_store: bool,
}

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const FIRST: [&str; 3] = ["kind", "apiVersion", "metadata"];
        let Value::Object(members) = self.value else {
            return self.value.serialize(serializer);
        };
        let first = FIRST.iter().filter_map(|name| members.get_key_value(*name));
        let rest = members
            .iter()
            .filter(|(name, _)| !FIRST.contains(&name.as_str()));
        let mut map = serializer.serialize_map(None)?;
        for (name, member) in first.chain(rest) {
            match member {
                Value::Object(metadata) if self.for_store && name == "metadata" => {
                    map.serialize_entry(name, &Versionless(metadata))?;
                }
                _ => map.serialize_entry(name, member)?,
            }
        }
        map.end()
    }
}

/// Metadata without a resourceVersion.
struct Versionless<'a>(&'a Map<String, Value>);

impl Serialize for Versionless<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let members = self.0.iter();
        serializer.collect_map(members.filter(|(name, _)| *name != "resourceVersion"))
    }
}

/// Where the resourceVersion goes in bytes that [`encode`] wrote: behind `"metadata":{`, which only
/// the short `kind` and `apiVersion` precede. `None` for bytes that others wrote.
fn splice_point(bytes: &[u8]) -> Option<usize> {
    let rest = bytes.strip_prefix(b"{\"kind\":\"")?;
    let rest = skip_plain_text(rest)?.strip_prefix(b",\"apiVersion\":\"")?;
    let rest = skip_plain_text(rest)?.strip_prefix(b",\"metadata\":{")?;
    Some(bytes.len() - rest.len())
}

fn skip_plain_text(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
    (bytes[end] == b'"').then(|| &bytes[end + 1..])
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.revision == other.revision && self.frozen == other.frozen
    }
}

impl Eq for Object {}

impl hash::Hash for Object {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.revision.hash(state);
        self.frozen.hash(state);
    }
}

impl core::fmt::Debug for Object {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:?}@{}", self.frozen, self.revision)
    }
}

#[cfg(test)]
mod tests {
    use super::{Object, freeze};
    use crate::etcd::{Key, KeyValue, LeaseId, Revision};
    use crate::{frozen::Frozen, selector::selectable};
    use alloc::{string::String, vec::Vec};
    use serde_json::json;

    fn stored(value: Frozen) -> KeyValue {
        KeyValue {
            key: Key::from("/registry/pods/d/a"),
            create_revision: Revision(2),
            mod_revision: Revision(7),
            version: 1,
            lease: LeaseId(0),
            value,
        }
    }

    #[test]
    fn the_resource_version_is_spliced_in_and_never_stored() {
        let document = json!({"apiVersion": "v1", "kind": "Pod", "spec": {"nodeName": "n"},
            "metadata": {"name": "a", "resourceVersion": "3"}});
        let frozen = freeze(&document);
        let object = Object::decode(&stored(frozen), selectable("", "pods")).unwrap();
        let mut out = Vec::new();
        object.write(&mut out);
        let expected = r#"{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"7","name":"a"},"spec":{"nodeName":"n"}}"#;
        assert_eq!(String::from_utf8(out).unwrap(), expected);
        let mut item = Vec::new();
        object.write_untyped(&mut item);
        let expected = r#"{"metadata":{"resourceVersion":"7","name":"a"},"spec":{"nodeName":"n"}}"#;
        assert_eq!(String::from_utf8(item).unwrap(), expected);
        assert_eq!(object.json()["metadata"]["resourceVersion"], "7");
        assert_eq!(object.meta().fields["spec.nodeName"], "n");
    }

    #[test]
    fn what_others_wrote_is_put_in_order_or_refused() {
        let foreign = Frozen::from(r#" {"metadata": {}, "apiVersion": "v1", "kind": "A"}"#);
        let mut out = Vec::new();
        Object::decode(&stored(foreign), selectable("", "configmaps"))
            .unwrap()
            .write(&mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"{"kind":"A","apiVersion":"v1","metadata":{"resourceVersion":"7"}}"#
        );
        for garbage in [
            "",
            "{}",
            "[]",
            "null",
            r#"{"kind":"A","apiVersion":"v1","metadata":{"#,
        ] {
            assert!(
                Object::decode(&stored(Frozen::from(garbage)), selectable("", "configmaps"))
                    .is_err(),
                "{garbage}"
            );
        }
    }
}

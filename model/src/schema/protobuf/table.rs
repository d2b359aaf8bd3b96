//! The messages of the built-in API, as data: `data/protobuf.tsv` (the numbers of the fields, read
//! off the `generated.proto` files and the Go declarations of Kubernetes 1.36).

use alloc::{borrow::Cow, collections::BTreeMap, string::String, vec::Vec};

/// All messages.
#[derive(Clone, Debug)]
pub(in crate::schema) struct Messages {
    messages: Vec<Message>,
    names: BTreeMap<&'static str, MessageId>,
}

/// Where a message stands in its [`Messages`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MessageId(usize);

/// One message.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// `io.k8s.api.core.v1.Container`
    name: &'static str,
    /// What it becomes in JSON.
    pub(super) form: Form,
    /// Sorted by number.
    pub(super) fields: Vec<Field>,
}

/// A field of a message.
#[derive(Clone, Debug)]
pub(super) struct Field {
    number: u32,
    /// Its name in JSON; [`INLINE`] when the members of its message are members of the owner.
    pub(super) name: &'static str,
    pub(super) occurs: Occurs,
    /// What one value, element or map value is.
    pub(super) kind: Kind,
    go_name: &'static str,
}

/// How often a field occurs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occurs {
    /// At most once.
    Once,
    /// `repeated`
    List,
    /// A message of a string key (1) and a value (2) for each entry.
    Map,
}

/// A type of protobuf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    String,
    Bytes,
    Boolean,
    Int32,
    Int64,
    Double,
    Message(MessageId),
}

/// What a message becomes in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// An object.
    Object,
    /// The list that it holds: protobuf has no maps of lists.
    List,
    Time,
    MicroTime,
    Quantity,
    IntOrString,
    /// The JSON text that it holds.
    Json,
    SchemaOrArray,
    SchemaOrBool,
    SchemaOrStrings,
}

/// The name of fields that are embedded structs in Go.
pub(super) const INLINE: &str = "-";
/// The name of the field of a [`Form::List`].
pub(super) const ITEMS: &str = "[]";

impl Messages {
    /// The messages of kube-apiserver 1.36.
    pub(in crate::schema) fn built_in() -> Messages {
        let mut messages = Messages {
            messages: Vec::new(),
            names: BTreeMap::new(),
        };
        for row in include_str!("../../../data/protobuf.tsv").lines().skip(1) {
            let [owner, name, number, proto, go_name] = super::super::types::columns(row);
            let (occurs, proto) =
                match (proto.strip_prefix("[]"), proto.strip_prefix("map[string]")) {
                    (Some(element), _) => (Occurs::List, element),
                    (None, Some(value)) => (Occurs::Map, value),
                    (None, None) => (Occurs::Once, proto),
                };
            let kind = messages.kind(proto);
            let owner = messages.declare(owner);
            if let (Some(message), Ok(number)) =
                (messages.messages.get_mut(owner.0), number.parse())
            {
                message.fields.push(Field {
                    number,
                    name,
                    occurs,
                    kind,
                    go_name,
                });
            }
        }
        messages
    }

    /// The message of a type.
    pub(super) fn get(&self, type_name: &str) -> Option<&Message> {
        self.names.get(type_name).map(|id| self.at(*id))
    }

    /// The message that a field refers to.
    pub(super) fn at(&self, id: MessageId) -> &Message {
        // Ids are made by `declare` alone, and messages are never removed.
        &self.messages[id.0]
    }

    fn kind(&mut self, proto: &'static str) -> Kind {
        match proto {
            "string" => Kind::String,
            "bytes" => Kind::Bytes,
            "bool" => Kind::Boolean,
            "int32" => Kind::Int32,
            "int64" => Kind::Int64,
            "double" => Kind::Double,
            name => Kind::Message(self.declare(name)),
        }
    }

    fn declare(&mut self, name: &'static str) -> MessageId {
        let next = MessageId(self.messages.len());
        let id = *self.names.entry(name).or_insert(next);
        if id == next {
            self.messages.push(Message {
                name,
                form: form(name),
                fields: Vec::new(),
            });
        }
        id
    }
}

impl Message {
    /// `Container`
    pub(super) fn short_name(&self) -> &'static str {
        short(self.name)
    }

    pub(super) fn field(&self, number: u32) -> Option<&Field> {
        let at = self.fields.binary_search_by_key(&number, |it| it.number);
        at.ok().and_then(|at| self.fields.get(at))
    }
}

impl Field {
    /// What errors call it: usually its JSON name with a capital.
    pub(super) fn go_name(&self) -> Cow<'static, str> {
        if !self.go_name.is_empty() {
            return self.go_name.into();
        }
        let mut letters = self.name.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        let name: String = first.into_iter().chain(letters).collect();
        name.into()
    }
}

fn form(name: &'static str) -> Form {
    match short(name) {
        "ExtraValue" | "Verbs" => Form::List,
        "Time" => Form::Time,
        "MicroTime" => Form::MicroTime,
        "Quantity" => Form::Quantity,
        "IntOrString" => Form::IntOrString,
        "RawExtension" | "FieldsV1" | "JSON" => Form::Json,
        "JSONSchemaPropsOrArray" => Form::SchemaOrArray,
        "JSONSchemaPropsOrBool" => Form::SchemaOrBool,
        "JSONSchemaPropsOrStringArray" => Form::SchemaOrStrings,
        _ => Form::Object,
    }
}

fn short(name: &'static str) -> &'static str {
    name.rsplit_once('.').map_or(name, |(_, short)| short)
}

#[cfg(test)]
mod tests {
    use super::{Form, INLINE, ITEMS, Kind, Message, Messages, Occurs};
    use crate::schema::{Shape, Special, Types};
    use alloc::{
        collections::BTreeMap,
        format,
        string::{String, ToString},
        vec::Vec,
    };

    /// JSON name and shape of the fields, embedded ones included.
    fn members(messages: &Messages, message: &Message, into: &mut BTreeMap<&str, String>) {
        for field in &message.fields {
            let (kind, list) = match field.kind {
                Kind::String => ("string", false),
                Kind::Bytes => ("bytes", false),
                Kind::Boolean => ("boolean", false),
                Kind::Int32 => ("int32", false),
                Kind::Int64 => ("int64", false),
                Kind::Double => ("double", false),
                Kind::Message(id) if field.name == INLINE => {
                    members(messages, messages.at(id), into);
                    continue;
                }
                Kind::Message(id) => match messages.at(id).form {
                    Form::List => ("string", true),
                    _ => (messages.at(id).name, false),
                },
            };
            let outer = match field.occurs {
                Occurs::Once => "",
                Occurs::List => "[]",
                Occurs::Map => "map[string]",
            };
            let inner = if list { "[]" } else { "" };
            let before = into.insert(field.name, format!("{outer}{inner}{kind}"));
            assert_eq!(before, None, "{} has {} twice", message.name, field.name);
        }
    }

    fn shape(types: &Types, shape: &Shape) -> String {
        match shape {
            Shape::String => "string".to_string(),
            Shape::Bytes => "bytes".to_string(),
            Shape::Boolean => "boolean".to_string(),
            Shape::Int32 => "int32".to_string(),
            Shape::Int64 => "int64".to_string(),
            Shape::Double => "double".to_string(),
            Shape::List(element) => format!("[]{}", self::shape(types, element)),
            Shape::Map(value) => format!("map[string]{}", self::shape(types, value)),
            Shape::Struct(id) | Shape::Special(_, id) => types.at(*id).name.to_string(),
        }
    }

    #[test]
    fn every_field_of_every_type_has_a_number() {
        let (types, messages) = (Types::built_in(), Messages::built_in());
        let kinds: Vec<&str> = types.kinds().map(|(_, _, _, name)| name).collect();
        let mut checked = 0;
        for owner in types.iter() {
            let Some(message) = messages.get(owner.name) else {
                // What is empty and nowhere referred to needs no message.
                assert_eq!(owner.special, Some(Special::Empty), "{}", owner.name);
                continue;
            };
            if owner.special.is_some() {
                assert!(
                    message.form != Form::Object || message.fields.is_empty(),
                    "{}",
                    owner.name
                );
                continue;
            }
            let mut found = BTreeMap::new();
            members(&messages, message, &mut found);
            let mut expected: BTreeMap<&str, String> = BTreeMap::new();
            for field in &owner.fields {
                expected.insert(field.name, shape(&types, &field.shape));
            }
            // Both are in the envelope, and in no message.
            for field in ["apiVersion", "kind"] {
                if found.contains_key(field) {
                    continue;
                }
                assert!(
                    !expected.contains_key(field)
                        || kinds.contains(&owner.name)
                        || WITH_TYPE_META.contains(&owner.short_name()),
                    "{}.{field}",
                    owner.name
                );
                expected.remove(field);
            }
            assert_eq!(found, expected, "{}", owner.name);
            checked += found.len();
        }
        assert!(checked > 2000, "{checked}");
    }

    /// Types with `kind` and `apiVersion` that aren't among the kinds that are served.
    const WITH_TYPE_META: [&str; 7] = [
        "APIGroup",
        "APIGroupList",
        "APIResourceList",
        "APIVersions",
        "DeleteOptions",
        "PodTemplate",
        "Status",
    ];

    #[test]
    fn numbers_are_sorted_and_lists_have_their_field() {
        for message in &Messages::built_in().messages {
            assert!(
                message.fields.is_sorted_by(|a, b| a.number < b.number),
                "{}",
                message.name
            );
            let items = message.fields.iter().any(|field| field.name == ITEMS);
            assert_eq!(items, message.form == Form::List, "{}", message.name);
        }
    }
}

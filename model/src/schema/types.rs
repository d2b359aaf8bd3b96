//! The types of the built-in API, as data: `data/types.tsv` and `data/kinds.tsv` (read off the
//! OpenAPI documents of kube-apiserver 1.36) and `data/encoding.tsv` (what OpenAPI does not say).

use super::protobuf::Messages;
use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};

/// The types of an API, by name and by kind.
#[derive(Clone, Debug)]
pub struct Types {
    types: Vec<Type>,
    names: BTreeMap<&'static str, TypeId>,
    kinds: BTreeMap<(&'static str, &'static str, &'static str), &'static str>,
    /// How they are written in protobuf.
    pub(super) messages: Messages,
}

/// Where a type stands in its [`Types`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeId(u32);

/// A struct of the API, or a type with an encoding of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Type {
    /// `io.k8s.api.core.v1.Container`
    pub name: &'static str,
    /// The fields of a struct, sorted by name, embedded ones included.
    pub fields: Vec<Field>,
    /// For a type that is no struct of fields (`Quantity`, `Time`): how it looks in JSON.
    pub special: Option<Special>,
    /// Server-side apply treats it as one value (`x-kubernetes-map-type: atomic`).
    pub atomic: bool,
    /// Objects that contain it are kept as protobuf by kube-apiserver, which does not tell an
    /// empty list from an absent one.
    pub(super) forgets_empty: bool,
}

/// A field of a struct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name in JSON.
    pub name: &'static str,
    /// What it holds.
    pub shape: Shape,
    /// OpenAPI lists it under `required`.
    pub required: bool,
    /// OpenAPI's default, as JSON text.
    pub default: Option<&'static str>,
    /// How server-side apply merges a list.
    pub list_type: Option<ListType>,
    /// What identifies an element of a [`ListType::Map`].
    pub list_map_keys: Vec<&'static str>,
    /// How a strategic merge patch treats it.
    pub patch: PatchStrategy,
    /// What identifies an element to a strategic merge patch.
    pub patch_merge_key: Option<&'static str>,
    /// `atomic` or `granular` when this field says so, whatever its type says.
    pub map_type: Option<&'static str>,
    /// The values that it can have, when they are listed.
    pub values: Vec<&'static str>,
    /// When it is left out of JSON.
    pub omit: Omit,
    /// The name of its type in messages, when that is not the one of its shape.
    pub(super) go_type: &'static str,
}

/// What a field, an element or a map's value holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A string.
    String,
    /// Bytes, in base64.
    Bytes,
    /// True or false.
    Boolean,
    /// A 32-bit integer.
    Int32,
    /// A 64-bit integer.
    Int64,
    /// A floating point number.
    Double,
    /// A list.
    List(alloc::boxed::Box<Shape>),
    /// A map from strings.
    Map(alloc::boxed::Box<Shape>),
    /// A struct.
    Struct(TypeId),
    /// A type with an encoding of its own.
    Special(Special, TypeId),
}

/// A type with an encoding of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// `resource.Quantity`: `"100m"`.
    Quantity,
    /// `metav1.Time`: RFC 3339 in seconds.
    Time,
    /// `metav1.MicroTime`: RFC 3339 in microseconds.
    MicroTime,
    /// `intstr.IntOrString`
    IntOrString,
    /// `runtime.RawExtension`: any JSON.
    RawExtension,
    /// `metav1.FieldsV1`: any JSON.
    FieldsV1,
    /// Any JSON, of a custom resource definition's defaults and enumerations.
    Json,
    /// A JSON schema or a list of them.
    SchemaOrArray,
    /// A JSON schema or a boolean.
    SchemaOrBool,
    /// A JSON schema or a list of strings.
    SchemaOrStrings,
    /// An object without fields.
    Empty,
}

/// `x-kubernetes-list-type`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListType {
    /// Replaced as a whole.
    Atomic,
    /// Each value at most once.
    Set,
    /// Elements are identified by keys.
    Map,
}

/// `x-kubernetes-patch-strategy`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PatchStrategy {
    /// Lists are merged instead of replaced.
    pub merge: bool,
    /// Replaced even though it could be merged.
    pub replace: bool,
    /// Keys that the patch does not name are cleared.
    pub retain_keys: bool,
}

/// When a field is left out of JSON, as Go's `json` tags have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Omit {
    /// When it is null: a zero that was set stays (a pointer with `omitempty`).
    Null,
    /// When it is a zero, an empty string, list or map; structs are never empty (`omitempty`).
    Empty,
    /// When it is zero, structs included (`omitzero`).
    Zero,
    /// Never: a zero is written.
    Never,
    /// Never: null is written (a pointer without `omitempty`).
    NeverNull,
}

impl Types {
    /// The types of kube-apiserver 1.36.
    #[must_use]
    pub fn built_in() -> Types {
        let table = include_str!("../../data/types.tsv");
        let mut types = Types {
            types: Vec::new(),
            names: BTreeMap::new(),
            kinds: BTreeMap::new(),
            messages: Messages::built_in(),
        };
        for row in table.lines().skip(1) {
            types.declare(row);
        }
        let encoding = include_str!("../../data/encoding.tsv").lines();
        let encoding = encoding.skip_while(|line| line.starts_with('#')).skip(1);
        let mut encoding = encoding.map(columns::<4>).peekable();
        for row in table.lines().skip(1).map(columns::<11>) {
            let exception =
                encoding.next_if(|exception| exception[0] == row[0] && exception[1] == row[1]);
            if row[1] != "-" {
                types.add_field(&row, exception);
            }
        }
        for row in include_str!("../../data/kinds.tsv").lines().skip(1) {
            let [group, version, kind, name] = columns(row);
            let group = if group == "core" { "" } else { group };
            types.kinds.insert((group, version, kind), name);
        }
        types
    }

    /// The name of a kind's type.
    #[must_use]
    pub fn of_kind(&self, group: &str, version: &str, kind: &str) -> Option<&'static str> {
        self.kinds.get(&(group, version, kind)).copied()
    }

    /// All kinds: group, version, kind and the name of the type; sorted.
    pub fn kinds(&self) -> impl Iterator<Item = (&str, &str, &str, &'static str)> {
        let kinds = self.kinds.iter();
        kinds.map(|((group, version, kind), name)| (*group, *version, *kind, *name))
    }

    /// The type of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Type> {
        self.names.get(name).map(|id| self.at(*id))
    }

    /// The type that a shape refers to.
    #[must_use]
    pub fn at(&self, id: TypeId) -> &Type {
        &self.types[id.0 as usize]
    }

    /// All types, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = &Type> {
        self.types.iter()
    }

    /// Where the type of that name stands.
    #[must_use]
    pub fn id(&self, name: &str) -> Option<TypeId> {
        self.names.get(name).copied()
    }

    fn declare(&mut self, row: &'static str) {
        let [name, field, json] = columns(row);
        if self.types.last().is_some_and(|last| last.name == name) {
            return;
        }
        let id = TypeId(u32::try_from(self.types.len()).unwrap_or(u32::MAX));
        self.types.push(Type {
            name,
            fields: Vec::new(),
            special: if field == "-" {
                special(name, json)
            } else {
                None
            },
            atomic: true,
            forgets_empty: !KEPT_AS_JSON.iter().any(|prefix| name.starts_with(prefix)),
        });
        self.names.insert(name, id);
    }

    fn add_field(&mut self, row: &[&'static str; 11], exception: Option<[&'static str; 4]>) {
        let [
            owner,
            name,
            json,
            required,
            default,
            list_type,
            keys,
            strategy,
            key,
            map_type,
            values,
        ] = *row;
        let Some(owner) = self.id(owner) else { return };
        let mut field = Field {
            name,
            shape: self.shape(json),
            required: required == "required",
            default: Some(default).filter(|text| !text.is_empty()),
            list_type: match list_type {
                "atomic" => Some(ListType::Atomic),
                "set" => Some(ListType::Set),
                "map" => Some(ListType::Map),
                _ => None,
            },
            list_map_keys: words(keys),
            patch: PatchStrategy {
                merge: strategy.contains("merge"),
                replace: strategy.contains("replace"),
                retain_keys: strategy.contains("retainKeys"),
            },
            patch_merge_key: Some(key).filter(|key| !key.is_empty()),
            map_type: Some(map_type).filter(|text| !text.is_empty()),
            values: words(values),
            omit: Omit::Never,
            go_type: exception.map_or("", |exception| exception[3]),
        };
        field.omit = match exception.map_or("", |exception| exception[2]) {
            "pointer" => Omit::Null,
            "empty" => Omit::Empty,
            "never" => Omit::Never,
            "null" => Omit::NeverNull,
            "zero" => Omit::Zero,
            _ => usual_omission(&field),
        };
        let owner = &mut self.types[owner.0 as usize];
        // The table repeats a type's own map type in every row.
        owner.atomic &= map_type == "atomic";
        owner.forgets_empty &= !json.ends_with(".ListMeta");
        owner.fields.push(field);
    }

    fn shape(&self, json: &str) -> Shape {
        match json {
            "string" => Shape::String,
            "string:byte" => Shape::Bytes,
            "boolean" => Shape::Boolean,
            "integer:int32" => Shape::Int32,
            "integer:int64" => Shape::Int64,
            "number:double" => Shape::Double,
            _ => {
                if let Some(element) = json.strip_prefix("[]") {
                    return Shape::List(self.shape(element).into());
                }
                if let Some(value) = json.strip_prefix("map[string]") {
                    return Shape::Map(self.shape(value).into());
                }
                // The test below holds the table to it: whatever is left names a type.
                let id = self.id(json).unwrap_or(TypeId(0));
                match self.at(id).special {
                    Some(special) => Shape::Special(special, id),
                    None => Shape::Struct(id),
                }
            }
        }
    }
}

impl Type {
    /// The field of that name, to the letter.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        let at = self.fields.binary_search_by(|field| field.name.cmp(name));
        at.ok().and_then(|at| self.fields.get(at))
    }

    /// `Container`
    #[must_use]
    pub fn short_name(&self) -> &'static str {
        self.name
            .rsplit_once('.')
            .map_or(self.name, |(_, short)| short)
    }

    /// `v1.Container`, as messages have it.
    #[must_use]
    pub fn go_name(&self) -> &'static str {
        let package = self.name.rsplit_once('.').map_or("", |(path, _)| path);
        let at = package.rfind('.').map_or(0, |dot| dot + 1);
        self.name.get(at..).unwrap_or(self.name)
    }
}

impl Shape {
    /// The Go type of that shape, as messages have it.
    pub(super) fn go_type(&self, types: &Types) -> String {
        match self {
            Shape::String => "string".to_string(),
            Shape::Bytes => "[]uint8".to_string(),
            Shape::Boolean => "bool".to_string(),
            Shape::Int32 => "int32".to_string(),
            Shape::Int64 => "int64".to_string(),
            Shape::Double => "float64".to_string(),
            Shape::List(element) => format!("[]{}", element.go_type(types)),
            Shape::Map(value) => format!("map[string]{}", value.go_type(types)),
            Shape::Struct(id) | Shape::Special(_, id) => types.at(*id).go_name().to_string(),
        }
    }
}

/// Kinds of these packages are kept as JSON, or not at all.
const KEPT_AS_JSON: [&str; 4] = [
    "io.k8s.apiextensions-apiserver.",
    "io.k8s.kube-aggregator.",
    "io.k8s.api.authentication.",
    "io.k8s.api.authorization.",
];

/// How most fields are: only the others are in `data/encoding.tsv`.
fn usual_omission(field: &Field) -> Omit {
    match (&field.shape, field.default) {
        _ if field.required => Omit::Never,
        (Shape::List(_) | Shape::Map(_) | Shape::String | Shape::Bytes, _) => Omit::Empty,
        (Shape::Struct(_) | Shape::Special(..), Some("{}")) => Omit::Empty,
        (Shape::Struct(_) | Shape::Special(..), _) | (_, None) => Omit::Null,
        _ => Omit::Empty,
    }
}

fn special(name: &str, json: &str) -> Option<Special> {
    Some(
        match name.rsplit_once('.').map_or(name, |(_, short)| short) {
            "Quantity" => Special::Quantity,
            "Time" => Special::Time,
            "MicroTime" => Special::MicroTime,
            "IntOrString" => Special::IntOrString,
            "RawExtension" => Special::RawExtension,
            "FieldsV1" => Special::FieldsV1,
            "JSONSchemaPropsOrArray" => Special::SchemaOrArray,
            "JSONSchemaPropsOrBool" => Special::SchemaOrBool,
            "JSONSchemaPropsOrStringArray" => Special::SchemaOrStrings,
            _ if json == "any" => Special::Json,
            _ => Special::Empty,
        },
    )
}

pub(super) fn columns<const N: usize>(row: &'static str) -> [&'static str; N] {
    let mut columns = row.split('\t');
    core::array::from_fn(|_| columns.next().unwrap_or_default())
}

fn words(list: &'static str) -> Vec<&'static str> {
    list.split(',').filter(|word| !word.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::{ListType, Omit, Shape, Types};

    #[test]
    fn every_type_that_is_referred_to_exists() {
        let types = Types::built_in();
        for row in include_str!("../../data/types.tsv").lines().skip(1) {
            let mut json = row.split('\t').nth(2).unwrap();
            while let Some(inner) = json
                .strip_prefix("[]")
                .or_else(|| json.strip_prefix("map[string]"))
            {
                json = inner;
            }
            assert!(
                types.get(json).is_some()
                    || matches!(
                        json.split(':').next(),
                        Some("string" | "boolean" | "integer" | "number" | "any" | "object")
                            | Some("int-or-string")
                    ),
                "{json}"
            );
        }
        for (_, _, kind, name) in types.kinds() {
            assert!(types.get(name).is_some(), "{kind}");
        }
    }

    #[test]
    fn every_exception_of_the_encoding_is_used() {
        let types = Types::built_in();
        let table = include_str!("../../data/encoding.tsv");
        for row in table
            .lines()
            .skip_while(|line| line.starts_with('#'))
            .skip(1)
        {
            let [owner, name, omit, go_type] = super::columns(row);
            let field = types.get(owner).unwrap().field(name).expect(row);
            assert_eq!(field.go_type, go_type);
            let omission = match omit {
                "pointer" => Omit::Null,
                "empty" => Omit::Empty,
                "never" => Omit::Never,
                "null" => Omit::NeverNull,
                "zero" => Omit::Zero,
                _ => continue,
            };
            assert_eq!(field.omit, omission, "{row}");
        }
    }

    #[test]
    fn a_field_says_how_it_is_merged() {
        let types = Types::built_in();
        let name = types.of_kind("", "v1", "Pod").unwrap();
        assert_eq!(name, "io.k8s.api.core.v1.Pod");
        let spec = types.get("io.k8s.api.core.v1.PodSpec").unwrap();
        let containers = spec.field("containers").unwrap();
        assert!(containers.patch.merge && containers.required);
        assert_eq!(containers.list_type, Some(ListType::Map));
        assert_eq!(containers.patch_merge_key, Some("name"));
        let Shape::List(element) = &containers.shape else {
            panic!("{containers:?}")
        };
        assert_eq!(element.go_type(&types), "v1.Container");
        assert!(!spec.atomic);
        let selector = "io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector";
        assert!(types.get(selector).unwrap().atomic);
    }
}

//! Where in a type a patch is at work: the rules for a member's merging are read off the fields
//! (`third_party/forked/golang/json/fields.go`, `strategicpatch/meta.go`).

use super::Error;
use crate::schema::{PatchStrategy, Shape, Type, Types};
use alloc::format;

/// What the value at hand is made of.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    types: &'a Types,
    of: Of<'a>,
}

#[derive(Clone, Copy)]
enum Of<'a> {
    Struct(&'a Type),
    Shape(&'a Shape),
}

/// How a member is merged.
pub(super) struct Rules<'a> {
    /// What the member, or an item of the list, is made of.
    pub(super) place: Place<'a>,
    pub(super) strategy: PatchStrategy,
    pub(super) merge_key: &'a str,
}

impl<'a> Place<'a> {
    /// An object of that type.
    pub(super) fn root(types: &'a Types, type_name: &str) -> Result<Place<'a>, Error> {
        let root = types.get(type_name);
        let root = root.ok_or_else(|| {
            // Custom resources have no types, and are refused with 415 before.
            Error::Malformed("strategic merge patch format is not supported".into())
        })?;
        Ok(Place {
            types,
            of: Of::Struct(root),
        })
    }

    /// The rules for a member that is an object.
    pub(super) fn field(self, name: &str) -> Result<Rules<'a>, Error> {
        let Of::Struct(owner) = self.of else {
            let kind = self.kind();
            return Err(Error::Unfit(format!(
                "merging an object in json but data type is not struct, instead is: {kind}"
            )));
        };
        let field = owner.field(name).ok_or_else(|| {
            let owner = owner.short_name();
            Error::Unfit(format!(
                "unable to find api field in struct {owner} for the json field \"{name}\""
            ))
        })?;
        Ok(Rules {
            place: self.at(&field.shape),
            strategy: field.patch,
            merge_key: field.patch_merge_key.unwrap_or_default(),
        })
    }

    /// The rules for a member that is a list.
    pub(super) fn list(self, name: &str) -> Result<Rules<'a>, Error> {
        let rules = self.field(name)?;
        let Of::Shape(Shape::List(item)) = rules.place.of else {
            let kind = self.kind();
            return Err(Error::Unfit(format!(
                "expected slice or array type, but got: {kind}"
            )));
        };
        if matches!(**item, Shape::List(_)) {
            return Err(Error::Unfit("unexpected slice of slice".into()));
        }
        Ok(Rules {
            place: self.at(item),
            ..rules
        })
    }

    /// `reflect.Kind` in words.
    pub(super) fn kind(self) -> &'static str {
        match self.of {
            Of::Struct(_) | Of::Shape(Shape::Struct(_) | Shape::Special(..)) => "struct",
            Of::Shape(Shape::Map(_)) => "map",
            Of::Shape(Shape::List(_) | Shape::Bytes) => "slice",
            Of::Shape(Shape::String) => "string",
            Of::Shape(Shape::Boolean) => "bool",
            Of::Shape(Shape::Int32) => "int32",
            Of::Shape(Shape::Int64) => "int64",
            Of::Shape(Shape::Double) => "float64",
        }
    }

    fn at(self, shape: &'a Shape) -> Place<'a> {
        let of = match shape {
            Shape::Struct(id) | Shape::Special(_, id) => Of::Struct(self.types.at(*id)),
            other => Of::Shape(other),
        };
        Place { of, ..self }
    }
}

//! Strategic merge patch: `k8s.io/apimachinery/pkg/util/strategicpatch/patch.go`, as the API
//! server uses it (`MergeParallelList` and `IgnoreUnmatchedNulls` are on).

mod list;
mod place;

use super::Error;
use crate::{golang, schema::Types};
use alloc::{format, string::String, vec::Vec};
use list::Lists;
use place::Place;
use serde_json::{Map, Value};

type Members = Map<String, Value>;

const DIRECTIVE: &str = "$patch";
const DELETE_FROM_LIST: &str = "$deleteFromPrimitiveList";
const SET_ELEMENT_ORDER: &str = "$setElementOrder";
const RETAIN_KEYS: &str = "$retainKeys";

/// The patched document. Both nest no deeper than [`crate::limits::JSON_DEPTH`].
pub(super) fn apply(
    document: Value,
    patch: Value,
    types: &Types,
    type_name: &str,
) -> Result<Value, Error> {
    let place = Place::root(types, type_name)?;
    let (Value::Object(members), Value::Object(patch)) = (document, patch) else {
        // A null patch changes nothing, and objects are objects.
        return Err(Error::Malformed("invalid JSON document".into()));
    };
    merge_objects(members, patch, place).map(Value::Object)
}

/// `mergeMap`
fn merge_objects(
    mut members: Members,
    mut patch: Members,
    place: Place<'_>,
) -> Result<Members, Error> {
    if let Some(directive) = patch.get(DIRECTIVE) {
        match directive.as_str() {
            Some("replace") => {
                patch.remove(DIRECTIVE);
                return Ok(patch);
            }
            Some("delete") => return Ok(Members::new()),
            _ => return Err(unknown_directive(directive, &patch)),
        }
    }
    retain_keys(&mut members, &mut patch)?;
    set_element_orders(&mut members, &mut patch, place)?;
    for (key, change) in patch {
        match key.strip_prefix(DELETE_FROM_LIST) {
            Some(rest) => {
                let name = rest.strip_prefix('/').ok_or_else(|| {
                    Error::Malformed("invalid patch format of primitive list".into())
                })?;
                merge_member(&mut members, name, change, true, place)?;
            }
            None => merge_member(&mut members, &key, change, false, place)?,
        }
    }
    Ok(members)
}

/// One member of a patch; `deletion` tells a list of what is to go.
fn merge_member(
    members: &mut Members,
    name: &str,
    change: Value,
    deletion: bool,
    place: Place<'_>,
) -> Result<(), Error> {
    if change.is_null() {
        members.remove(name);
        return Ok(());
    }
    let Some(member) = members.get_mut(name) else {
        if !deletion {
            set(members, name, change);
        }
        return Ok(());
    };
    if go_type(member) != go_type(&change) {
        if !deletion {
            set(members, name, change);
        }
        return Ok(());
    }
    match (core::mem::take(member), change) {
        (Value::Object(inner), Value::Object(change)) => {
            let field = place.field(name)?;
            let merged = if field.strategy.replace {
                change
            } else {
                merge_objects(inner, change, field.place)?
            };
            *member = Value::Object(merged);
        }
        (Value::Array(items), Value::Array(change)) => {
            let field = place.list(name)?;
            let merged = if field.strategy.merge || deletion {
                let lists = Lists::new(field.place, field.merge_key);
                lists.merge(items, change, deletion)?.0
            } else {
                change
            };
            *member = Value::Array(merged);
        }
        (_, change) => *member = change,
    }
    Ok(())
}

/// Puts a member in as it is but for nulls and what is marked with a directive.
fn set(members: &mut Members, name: &str, mut change: Value) {
    discard_nulls(&mut change);
    match without_directives(change) {
        Some(value) => {
            members.insert(name.into(), value);
        }
        None => {
            members.remove(name);
        }
    }
}

/// `applyRetainKeysDirective`: members that the patch does not list go, and it may not have others.
fn retain_keys(members: &mut Members, patch: &mut Members) -> Result<(), Error> {
    let Some(listed) = patch.remove(RETAIN_KEYS) else {
        return Ok(());
    };
    let wrong = || Error::Malformed("invalid patch format of retainKeys".into());
    let listed = listed.as_array().ok_or_else(wrong)?;
    let keys: alloc::collections::BTreeSet<&str> =
        listed.iter().filter_map(Value::as_str).collect();
    for (key, value) in &*patch {
        let parallel = key.starts_with(DELETE_FROM_LIST) || key.starts_with(SET_ELEMENT_ORDER);
        if !value.is_null() && !parallel && !keys.contains(key.as_str()) {
            return Err(wrong());
        }
    }
    members.retain(|key, _| keys.contains(key.as_str()));
    Ok(())
}

/// `mergePatchIntoOriginal`: merges the lists whose order the patch gives, and orders them.
fn set_element_orders(
    members: &mut Members,
    patch: &mut Members,
    place: Place<'_>,
) -> Result<(), Error> {
    let directives: Vec<String> = patch
        .keys()
        .filter(|key| key.starts_with(SET_ELEMENT_ORDER))
        .cloned()
        .collect();
    for directive in directives {
        let order = match patch.remove(&directive) {
            Some(Value::Array(order)) => order,
            Some(other) => return Err(wrong_type("[]interface {}", &other)),
            None => continue,
        };
        let name = directive
            .strip_prefix(SET_ELEMENT_ORDER)
            .and_then(|rest| rest.strip_prefix('/'))
            .ok_or_else(|| {
                Error::Malformed("invalid patch format of setElementOrder list".into())
            })?;
        let current = list_of(members.get(name))?;
        let change = list_of(patch.get(name))?;
        let field = place.list(name)?;
        let lists = Lists::new(field.place, field.merge_key);
        lists.check_order(change.unwrap_or_default(), &order)?;
        let Some(ordered) = (match (current, change) {
            (None, None) => None,
            (current, change) => Some(lists.merge_in_order(
                current.map(<[Value]>::to_vec),
                change.map(<[Value]>::to_vec),
                &order,
                field.strategy.merge,
            )?),
        }) else {
            continue;
        };
        patch.remove(name);
        members.insert(name.into(), Value::Array(ordered));
    }
    Ok(())
}

fn list_of(member: Option<&Value>) -> Result<Option<&[Value]>, Error> {
    match member {
        None => Ok(None),
        Some(Value::Array(items)) => Ok(Some(items)),
        Some(other) => Err(wrong_type("[]interface {}", other)),
    }
}

/// `removeDirectives`: `None` for an object with a directive.
fn without_directives(value: Value) -> Option<Value> {
    match value {
        Value::Object(members) if members.contains_key(DIRECTIVE) => None,
        Value::Object(members) => {
            let kept = members
                .into_iter()
                .filter_map(|(name, member)| Some((name, without_directives(member)?)));
            Some(Value::Object(kept.collect()))
        }
        Value::Array(items) => Some(Value::Array(
            items.into_iter().filter_map(without_directives).collect(),
        )),
        other => Some(other),
    }
}

/// `discardNullValuesFromPatch`
fn discard_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(discard_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(discard_nulls),
        _ => {}
    }
}

/// What Go's decoder makes of a value, as `reflect` prints it.
fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "%!s(<nil>)",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_i64() => "int64",
        Value::Number(_) => "float64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

/// `ErrBadArgType`
fn wrong_type(expected: &str, value: &Value) -> Error {
    let found = go_type(value);
    Error::Unfit(format!("expected a {expected}, but received a {found}"))
}

/// `ErrBadPatchType`
fn unknown_directive(directive: &Value, members: &Members) -> Error {
    let directive = golang::print(directive);
    let map = golang::print(&Value::Object(members.clone()));
    Error::Unfit(format!("unknown patch type: {directive} in map: {map}"))
}

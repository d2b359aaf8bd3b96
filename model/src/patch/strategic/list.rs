//! Lists: merged by key or by value, and put in order.

use super::{
    DIRECTIVE, Error, Place, go_type, merge_objects, unknown_directive, without_directives,
    wrong_type,
};
use crate::golang;
use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::mem;
use serde_json::Value;

/// The rules for one list.
#[derive(Clone, Copy)]
pub(super) struct Lists<'a> {
    item: Place<'a>,
    /// Empty when the list's items are their own keys.
    key: &'a str,
}

/// Where each key stands in a list.
type Positions = BTreeMap<String, usize>;

impl<'a> Lists<'a> {
    pub(super) fn new(item: Place<'a>, key: &'a str) -> Lists<'a> {
        Lists { item, key }
    }

    /// `mergeSlice`. Besides the merged list it gives what stands in the memory of the list
    /// that was: upstream deletes and appends in place, and later takes that memory for the
    /// order of the items on the server.
    pub(super) fn merge(
        self,
        current: Vec<Value>,
        patch: Vec<Value>,
        deletion: bool,
    ) -> Result<(Vec<Value>, Vec<Value>), Error> {
        if current.is_empty() && patch.is_empty() {
            return Ok((current, Vec::new()));
        }
        let objects = item_type(&[&current, &patch])? == "map[string]interface {}";
        if !objects {
            let memory = current.clone();
            if deletion {
                let gone = identities(&patch);
                let kept = current
                    .into_iter()
                    .filter(|item| !gone.contains(&item.to_string()));
                return Ok((kept.collect(), memory));
            }
            let mut seen = BTreeSet::new();
            let both = current.iter().chain(&patch);
            let merged = both.filter(|item| seen.insert(item.to_string())).cloned();
            let merged: Vec<Value> = merged.collect();
            return Ok((self.ordered(merged, &patch, &current, false)?, memory));
        }
        if self.key.is_empty() {
            let kind = self.item.kind();
            return Err(Error::Unfit(format!(
                "cannot merge lists without merge key for {kind}"
            )));
        }
        let mut memory = Memory::of(&current);
        let (current, patch) = self.directives(current, patch, &mut memory)?;
        let order = current.clone();
        let merged = self.merge_items(current, &patch, &mut memory)?;
        let merged = self.ordered(merged, &patch, &order, true)?;
        Ok((merged, memory.cells))
    }

    /// The part of `mergePatchIntoOriginal` that makes one list: merged, then in the order that
    /// the patch gives.
    pub(super) fn merge_in_order(
        self,
        current: Option<Vec<Value>>,
        patch: Option<Vec<Value>>,
        order: &[Value],
        merges: bool,
    ) -> Result<Vec<Value>, Error> {
        let before = current.clone().unwrap_or_default();
        let change = patch.clone().unwrap_or_default();
        let mut memory = before.clone();
        let merged = match (current, patch) {
            (Some(current), None) => current,
            (None, Some(patch)) => patch.into_iter().filter_map(without_directives).collect(),
            (Some(current), Some(patch)) if merges => {
                let (merged, left) = self.merge(current, patch, false)?;
                memory = left;
                merged
            }
            (_, patch) => patch.unwrap_or_default(),
        };
        let objects = match item_type(&[&before, &change])? {
            "" => {
                return Err(Error::Unfit(
                    "no elements in any of the given slices".into(),
                ));
            }
            kind => kind == "map[string]interface {}",
        };
        self.ordered(merged, order, &memory, objects)
    }

    /// `validatePatchWithSetOrderList`: what the patch adds or changes must be in its order.
    pub(super) fn check_order(self, patch: &[Value], order: &[Value]) -> Result<(), Error> {
        if patch.is_empty() || order.is_empty() {
            return Ok(());
        }
        let mut places = order.iter();
        for item in patch {
            let members = item.as_object();
            if !self.key.is_empty() && members.is_none() {
                return Err(wrong_type("map[string]interface {}", item));
            }
            if members.is_some_and(|members| members.contains_key(DIRECTIVE)) {
                continue;
            }
            loop {
                let Some(place) = places.next() else {
                    let patch = golang::print(&Value::from(patch.to_vec()));
                    let order = golang::print(&Value::from(order.to_vec()));
                    return Err(Error::Unfit(format!(
                        "The order in patch list:\n{patch}\n doesn't match $setElementOrder list:\n{order}\n"
                    )));
                };
                if self.key_of(item)? == self.key_of(place)? {
                    break;
                }
            }
        }
        Ok(())
    }

    /// `mergeSliceWithSpecialElements`: does what the directives in the patch say, and takes them
    /// out of it.
    fn directives(
        self,
        mut current: Vec<Value>,
        patch: Vec<Value>,
        memory: &mut Memory,
    ) -> Result<(Vec<Value>, Vec<Value>), Error> {
        let mut rest = Vec::new();
        let mut replaced = false;
        let mut deleted = BTreeSet::new();
        for item in patch {
            let Some(members) = item.as_object().filter(|it| it.contains_key(DIRECTIVE)) else {
                rest.push(item);
                continue;
            };
            match members[DIRECTIVE].as_str() {
                Some("delete") => {
                    deleted.insert(self.key_of(&item)?.to_string());
                }
                Some("replace") => replaced = true,
                Some("merge") => {
                    let why = "merging lists cannot yet be specified in the patch";
                    return Err(Error::Unfit(why.into()));
                }
                _ => return Err(unknown_directive(&members[DIRECTIVE], members)),
            }
        }
        if !deleted.is_empty() {
            current.retain(|item| {
                let key = item.get(self.key);
                key.is_none_or(|key| !deleted.contains(&key.to_string()))
            });
            memory.shift(&current);
        }
        // A list that is replaced is that of the patch; nothing is left to be merged into it.
        if replaced {
            return Ok((rest, Vec::new()));
        }
        Ok((current, rest))
    }

    /// `mergeSliceWithoutSpecialElements`
    fn merge_items(
        self,
        mut current: Vec<Value>,
        patch: &[Value],
        memory: &mut Memory,
    ) -> Result<Vec<Value>, Error> {
        let mut places: Positions = Positions::new();
        for (index, item) in current.iter().enumerate() {
            if let Some(key) = item.get(self.key) {
                places.entry(key.to_string()).or_insert(index);
            }
        }
        for item in patch {
            let key = self.key_of(item)?.to_string();
            match places.get(&key) {
                Some(index) => {
                    let old = mem::take(&mut current[*index]);
                    if let (Value::Object(old), Value::Object(change)) = (old, item.clone()) {
                        current[*index] = Value::Object(merge_objects(old, change, self.item)?);
                    }
                }
                None => {
                    memory.append(item);
                    places.insert(key, current.len());
                    current.push(item.clone());
                }
            }
        }
        Ok(current)
    }

    /// The items of a merged list in order (`normalizeElementOrder`): those that the patch speaks
    /// of in the patch's order, the others in the server's, and an item of the server before one
    /// of the patch only when it stood there before.
    fn ordered(
        self,
        merged: Vec<Value>,
        patch_order: &[Value],
        server_order: &[Value],
        objects: bool,
    ) -> Result<Vec<Value>, Error> {
        // The key of a list that has one is looked for even in items that are no objects.
        let keyed = objects || !self.key.is_empty();
        let positions = |order: &[Value]| {
            let mut places = Positions::new();
            for (index, item) in order.iter().enumerate() {
                let key = if keyed { self.key_of(item)? } else { item };
                places.entry(key.to_string()).or_insert(index);
            }
            Ok(places)
        };
        let (patch_order, server_order) = (positions(patch_order)?, positions(server_order)?);
        let mut of_patch = Vec::new();
        let mut of_server = Vec::new();
        for item in merged {
            let key = if keyed { self.key_of(&item)? } else { &item };
            let key = key.to_string();
            let entry = (server_order.get(&key).copied(), item);
            match patch_order.get(&key) {
                Some(place) => of_patch.push((*place, entry)),
                None => of_server.push(entry),
            }
        }
        of_patch.sort_by_key(|(place, _)| *place);
        of_server.sort_by_key(|(place, _)| *place);
        let mut of_patch = of_patch.into_iter().map(|(_, entry)| entry).peekable();
        let mut of_server = of_server.into_iter().peekable();
        let mut all = Vec::new();
        loop {
            let first = match (of_server.peek(), of_patch.peek()) {
                (Some((Some(server), _)), Some((Some(patch), _))) if server < patch => {
                    of_server.next()
                }
                (_, Some(_)) => of_patch.next(),
                (_, None) => of_server.next(),
            };
            match first {
                Some((_, item)) => all.push(item),
                None => return Ok(all),
            }
        }
    }

    /// What identifies an item.
    fn key_of(self, item: &'_ Value) -> Result<&'_ Value, Error> {
        if self.key.is_empty() {
            return Ok(item);
        }
        let Value::Object(members) = item else {
            return Err(wrong_type("map[string]interface {}", item));
        };
        members.get(self.key).ok_or_else(|| {
            let (map, key) = (golang::print(item), self.key);
            Error::Unfit(format!(
                "map: {map} does not contain declared merge key: {key}"
            ))
        })
    }
}

/// The memory of a Go slice that items are deleted from and appended to. What it shows afterwards
/// decides on the order of items, and so on what clients see.
struct Memory {
    cells: Vec<Value>,
    length: usize,
}

impl Memory {
    fn of(items: &[Value]) -> Memory {
        Memory {
            cells: items.to_vec(),
            length: items.len(),
        }
    }

    /// Items were deleted and the others moved up: the last cells keep what they had.
    fn shift(&mut self, left: &[Value]) {
        for (cell, item) in self.cells.iter_mut().zip(left) {
            cell.clone_from(item);
        }
        self.length = left.len();
    }

    fn append(&mut self, item: &Value) {
        if let Some(cell) = self.cells.get_mut(self.length) {
            cell.clone_from(item);
        }
        self.length += 1;
    }
}

fn identities(items: &[Value]) -> BTreeSet<String> {
    items.iter().map(ToString::to_string).collect()
}

/// `sliceElementType`: the Go type of all items; empty when there are none.
fn item_type(lists: &[&[Value]]) -> Result<&'static str, Error> {
    let mut all = lists.iter().flat_map(|list| list.iter());
    let Some(first) = all.next() else {
        return Ok("");
    };
    match first {
        Value::Array(_) => {
            let why = "lists of lists are not supported";
            return Err(Error::Unprocessable(why.into()));
        }
        // Upstream panics here, and its handler says so.
        Value::Null => {
            let why = "This request caused apiserver to panic. Look in the logs for details.";
            return Err(Error::Unfit(why.into()));
        }
        _ => {}
    }
    if all.any(|item| go_type(item) != go_type(first)) {
        let lists: Vec<String> = lists
            .iter()
            .map(|list| golang::print(&Value::from(list.to_vec())))
            .collect();
        let lists = lists.join(" ");
        return Err(Error::Unfit(format!(
            "list element types are not identical: [{lists}]"
        )));
    }
    Ok(go_type(first))
}

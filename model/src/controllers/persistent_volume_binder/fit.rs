//! Whether a volume does for a claim.

use crate::{
    kinds::{
        document::{at, list, text},
        quantity::Quantity,
    },
    selector::LabelSelector,
};
use alloc::{borrow::ToOwned, collections::BTreeMap, string::String};
use serde_json::Value;

/// The volume's size when it does: access modes, volume mode, size, selector; the class has been
/// compared already.
pub(super) fn fits(volume: &Value, claim: &Value) -> Option<Quantity> {
    let modes = list(volume, &["spec", "accessModes"]);
    let asked = list(claim, &["spec", "accessModes"]);
    let mode = |document: &Value| match text(document, &["spec", "volumeMode"]) {
        "" => "Filesystem".to_owned(),
        mode => mode.to_owned(),
    };
    let size = Quantity::parse(at(volume, &["spec", "capacity", "storage"]))?;
    let wanted = at(claim, &["spec", "resources", "requests", "storage"]);
    let enough = Quantity::parse(wanted).is_none_or(|wanted| size >= wanted);
    let selector = at(claim, &["spec", "selector"]);
    let selected = selector.is_null()
        || LabelSelector::from_json(selector).is_ok_and(|it| it.matches(&labels(volume)));
    let modes_do = asked.iter().all(|mode| modes.contains(mode));
    (modes_do && mode(volume) == mode(claim) && enough && selected).then_some(size)
}

fn labels(volume: &Value) -> BTreeMap<String, String> {
    crate::kinds::document::strings(volume, &["metadata", "labels"])
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

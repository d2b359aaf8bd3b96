//! What is left in a namespace, and the conditions that tell people of it.

use crate::{
    ambient::Ambient,
    controllers::{Api, Call, View, apis},
    kinds::document::{at, list, text},
};
use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde_json::{Value, json};

/// What a view shows in a namespace.
#[derive(Default)]
pub(super) struct Remaining {
    resources: BTreeMap<Api, Count>,
    /// Finalizer → objects that have it.
    finalizers: BTreeMap<String, usize>,
}

#[derive(Default)]
struct Count {
    all: usize,
    /// Those that are not marked for deletion yet.
    unmarked: usize,
}

impl Remaining {
    pub(super) fn of(view: &View, resources: &[Api], namespace: &str) -> Remaining {
        let mut remaining = Remaining::default();
        for api in resources {
            let mut count = Count::default();
            for (_, object) in view.in_namespace(api, namespace) {
                let meta = object.meta();
                count.all += 1;
                count.unmarked += usize::from(meta.deletion_timestamp.is_none());
                for finalizer in &meta.finalizers {
                    *remaining.finalizers.entry(finalizer.clone()).or_default() += 1;
                }
            }
            if count.all > 0 {
                remaining.resources.insert(api.clone(), count);
            }
        }
        remaining
    }

    pub(super) fn is_empty(&self) -> bool {
        self.resources.is_empty()
    }

    /// The resources that are to be deleted now: pods alone while there are any.
    pub(super) fn to_delete(&self) -> impl Iterator<Item = &Api> {
        let pods = self.resources.contains_key(&apis::PODS);
        self.resources
            .iter()
            .filter(move |(api, count)| count.unmarked > 0 && (!pods || **api == apis::PODS))
            .map(|(api, _)| api)
    }

    fn resources(&self) -> String {
        let each = self.resources.iter().map(|(api, count)| {
            let Count { all, .. } = count;
            format!(
                "{}.{} has {all} resource instances",
                api.resource, api.group
            )
        });
        let mut each: Vec<String> = each.collect();
        each.sort();
        format!("Some resources are remaining: {}", each.join(", "))
    }

    fn finalizers(&self) -> String {
        let each = self.finalizers.iter();
        let each: Vec<String> = each
            .map(|(name, count)| format!("{name} in {count} resource instances"))
            .collect();
        let each = each.join(", ");
        format!("Some content in the namespace has finalizers remaining: {each}")
    }
}

/// The write that brings the conditions up to date; `None` when they are
/// (`status_condition_utils.go`).
pub(super) fn update(
    namespace: &Value,
    remaining: &Remaining,
    failures: &[(&Api, &str)],
    ambient: &Ambient,
) -> Option<Call> {
    let old = list(namespace, &["status", "conditions"]);
    let mut conditions = old.to_vec();
    let mut changed = false;
    for (kind, is_so, reason, message) in wanted(remaining, failures) {
        let status = if is_so { "True" } else { "False" };
        let place = conditions
            .iter()
            .position(|one| text(one, &["type"]) == kind);
        let before = place.map(|place| &conditions[place]);
        let same = |one: &Value| {
            text(one, &["status"]) == status
                && text(one, &["reason"]) == reason
                && text(one, &["message"]) == message
        };
        if before.is_some_and(same) {
            continue;
        }
        changed = true;
        let since = before
            .filter(|one| text(one, &["status"]) == status)
            .map(|one| at(one, &["lastTransitionTime"]).clone());
        let condition = json!({
            "type": kind, "status": status, "reason": reason, "message": message,
            "lastTransitionTime": since.unwrap_or_else(|| ambient.now.rfc3339().into()),
        });
        match place {
            Some(place) => conditions[place] = condition,
            None => conditions.push(condition),
        }
    }
    let mut document = namespace.clone();
    document["status"]["conditions"] = conditions.into();
    changed.then(|| Call::update_status(&apis::NAMESPACES, &document))
}

/// Type, whether it is so, reason, message: in upstream's order.
fn wanted(
    remaining: &Remaining,
    failures: &[(&Api, &str)],
) -> [(&'static str, bool, &'static str, String); 5] {
    let failed = failures.iter().map(|(_, why)| *why).collect::<Vec<_>>();
    let deletion = match failed.as_slice() {
        [] => (
            false,
            "ContentDeleted",
            "All content successfully deleted, may be waiting on finalization".to_string(),
        ),
        [one] => (true, "ContentDeletionFailed", failure(1, one)),
        several => {
            let all = format!("[{}]", several.join(", "));
            (true, "ContentDeletionFailed", failure(several.len(), &all))
        }
    };
    let content = match remaining.resources.is_empty() {
        true => (
            false,
            "ContentRemoved",
            "All content successfully removed".to_string(),
        ),
        false => (true, "SomeResourcesRemain", remaining.resources()),
    };
    let finalizers = match remaining.finalizers.is_empty() {
        true => (
            false,
            "ContentHasNoFinalizers",
            "All content-preserving finalizers finished".to_string(),
        ),
        false => (true, "SomeFinalizersRemain", remaining.finalizers()),
    };
    let fine = |reason, message: &str| (false, reason, message.to_string());
    let discovery = fine(
        "ResourcesDiscovered",
        "All resources successfully discovered",
    );
    let parsed = fine(
        "ParsedGroupVersions",
        "All legacy kube types successfully parsed",
    );
    let named = |kind, (is_so, reason, message)| (kind, is_so, reason, message);
    [
        named("NamespaceDeletionDiscoveryFailure", discovery),
        named("NamespaceDeletionGroupVersionParsingFailure", parsed),
        named("NamespaceDeletionContentFailure", deletion),
        named("NamespaceContentRemaining", content),
        named("NamespaceFinalizersRemaining", finalizers),
    ]
}

fn failure(number: usize, why: &str) -> String {
    format!("Failed to delete all resource types, {number} remaining: {why}")
}

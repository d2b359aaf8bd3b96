//! In which order groups and versions are shown.

use crate::resource::{Resources, api_version};
use alloc::{
    borrow::ToOwned,
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec::Vec,
};
use core::cmp::{Ordering, Reverse};
use serde_json::{Map, Value, json};

/// A group and its versions, the preferred one first.
pub(super) struct Group<'a> {
    /// Empty for the core group.
    pub(super) name: &'a str,
    pub(super) versions: Vec<&'a str>,
}

impl Group<'_> {
    /// What discovery shows of it, without its own kind.
    pub(super) fn document(&self) -> Map<String, Value> {
        let versions = self.versions.iter();
        let versions: Vec<Value> = versions
            .map(|version| {
                json!({"groupVersion": api_version(self.name, version), "version": version})
            })
            .collect();
        let mut document = Map::new();
        document.insert("name".to_owned(), self.name.into());
        let preferred = versions.first().cloned().unwrap_or_default();
        document.insert("preferredVersion".to_owned(), preferred);
        document.insert("versions".to_owned(), versions.into());
        document
    }
}

/// What a custom group's APIService gets (`crdregistration_controller.go`).
const CUSTOM_PRIORITY: (i32, i32) = (1000, 100);

/// The groups in the order of discovery: by priority, then by name.
pub(super) fn groups(resources: &Resources) -> Vec<Group<'_>> {
    let mut priorities = BTreeMap::new();
    let table = include_str!("../../data/priorities.tsv").lines();
    for row in table.skip_while(|line| line.starts_with('#')).skip(1) {
        let mut columns = row.split('\t');
        let mut column = || columns.next().unwrap_or_default();
        let (group, version) = (column(), column());
        let group = if group == "core" { "" } else { group };
        let number = |text: &str| text.parse().unwrap_or_default();
        priorities.insert((group, version), (number(column()), number(column())));
    }
    let priority = |group: &str, version: &str| -> (i32, i32) {
        let found = priorities.get(&(group, version));
        found.copied().unwrap_or(CUSTOM_PRIORITY)
    };
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for resource in resources.iter() {
        let versions = versions.entry(&resource.group).or_default();
        versions.insert(&resource.version);
    }
    let mut groups: Vec<Group<'_>> = versions
        .into_iter()
        .map(|(name, versions)| {
            let mut versions: Vec<&str> = versions.into_iter().collect();
            versions.sort_by(|left, right| {
                let by_priority = priority(name, right).1.cmp(&priority(name, left).1);
                by_priority.then_with(|| kube_aware(right, left))
            });
            Group { name, versions }
        })
        .collect();
    groups.sort_by_key(|group| {
        let highest = group.versions.iter();
        Reverse(highest.map(|version| priority(group.name, version).0).max())
    });
    groups
}

/// Compares versions by stability: `v2` > `v1` > `v1beta1` > `v1alpha1` > anything else
/// (`CompareKubeAwareVersionStrings`).
#[must_use]
pub fn kube_aware(left: &str, right: &str) -> Ordering {
    match (rank(left), rank(right)) {
        (None, None) => right.cmp(left),
        (left, right) => left.cmp(&right),
    }
}

/// Stability, major and minor number; none for what is no `v1`, `v1beta2` or `v1alpha3`.
fn rank(version: &str) -> Option<(u8, u32, u32)> {
    let version = version.strip_prefix('v')?;
    let digits = |text: &str| {
        let number = text.bytes().all(|byte| byte.is_ascii_digit());
        number.then(|| text.parse().ok()).flatten()
    };
    for (name, stability) in [("alpha", 0), ("beta", 1)] {
        if let Some((major, minor)) = version.split_once(name) {
            return Some((stability, digits(major)?, digits(minor)?));
        }
    }
    Some((2, digits(version)?, 0))
}

#[cfg(test)]
mod tests {
    use super::kube_aware;
    use core::cmp::Ordering;

    #[test]
    fn versions_are_compared_by_stability() {
        let order = [
            "x", "b1", "v1alpha1", "v1beta1", "v1beta2", "v2beta1", "v1", "v10",
        ];
        for pair in order.windows(2) {
            assert_eq!(kube_aware(pair[0], pair[1]), Ordering::Less, "{pair:?}");
        }
    }
}

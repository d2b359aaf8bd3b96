//! What tests of all kinds share.

use super::{IncludeObject, row};
use crate::{ambient::Time, resource::Resources};
use alloc::sync::Arc;
use serde_json::Value;

/// Asserts the cells of an object's row at ten past midnight, and that there are as many as the
/// resource has columns.
pub(super) fn check(group: &str, plural: &str, object: Value, expected: Value) {
    let resources = Resources::built_in();
    let resource = resources
        .iter()
        .find(|one| one.group == group && one.plural == plural)
        .map(Arc::clone)
        .unwrap();
    let now = Time::parse("2026-01-01T00:10:00Z").unwrap();
    let row = row(&resource, &object, IncludeObject::default(), now);
    assert_eq!(row["cells"], expected, "{plural}: {object}");
    let columns = super::columns(group, &resource.version, plural).len();
    // The age of an IP address has no column, in the real server too.
    let cells = columns + usize::from(plural == "ipaddresses");
    assert_eq!(expected.as_array().unwrap().len(), cells, "{plural}");
}

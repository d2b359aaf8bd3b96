//! Events, of both APIs: an object of `events.k8s.io` names the same fields differently.

use super::{age, read, text};
use crate::ambient::Time;
use alloc::{format, string::String, vec::Vec};
use serde_json::Value;

/// When last, type, reason, object; wide: part of it, source; message; wide: when first, how often,
/// name.
pub(super) fn event(object: &Value, now: Time) -> Vec<Value> {
    let either =
        |core: &str, other: &str| read::present(object, core).or(read::present(object, other));
    let string = |core: &str, other: &str| -> String {
        let value = either(core, other).and_then(Value::as_str);
        value.unwrap_or_default().into()
    };
    let micro = read::present(object, "/eventTime");
    let seen_first = either("/firstTimestamp", "/deprecatedFirstTimestamp").or(micro);
    let seen_last = either("/lastTimestamp", "/deprecatedLastTimestamp").or(seen_first);
    let series = read::present(object, "/series");
    let (seen_last, count) = match series {
        Some(series) => (
            read::present(series, "/lastObservedTime"),
            read::integer(series, "/count"),
        ),
        // An event that happened once has no count in the newer API.
        None => match either("/count", "/deprecatedCount").and_then(Value::as_i64) {
            None | Some(0) => (seen_last, 1),
            Some(count) => (seen_last, count),
        },
    };
    let since = |moment: Option<&Value>| text(age::since(moment.unwrap_or(&Value::Null), now));
    let kind = string("/involvedObject/kind", "/regarding/kind").to_lowercase();
    let target = match string("/involvedObject/name", "/regarding/name") {
        none if none.is_empty() => kind,
        name => format!("{kind}/{name}"),
    };
    [
        since(seen_last),
        text(string("/type", "/type")),
        text(string("/reason", "/reason")),
        text(target),
        text(string("/involvedObject/fieldPath", "/regarding/fieldPath")),
        text(source(object)),
        text(string("/message", "/note").trim()),
        since(seen_first),
        count.into(),
        read::name(object),
    ]
    .into()
}

/// The component and the host that report it, by whichever fields are set.
fn source(event: &Value) -> String {
    let first = |pointers: &[&str]| -> String {
        let mut values = pointers.iter().map(|pointer| read::string(event, pointer));
        let found = values.find(|value| !value.is_empty());
        found.unwrap_or_default().into()
    };
    let component = first(&[
        "/source/component",
        "/deprecatedSource/component",
        "/reportingComponent",
        "/reportingController",
    ]);
    let host = first(&[
        "/source/host",
        "/deprecatedSource/host",
        "/reportingInstance",
    ]);
    if host.is_empty() {
        component
    } else {
        format!("{component}, {host}")
    }
}

#[cfg(test)]
mod tests {
    use crate::table::check::check;
    use serde_json::json;

    #[test]
    fn an_event_of_the_core_api() {
        check(
            "",
            "events",
            json!({"metadata": {"name": "e"}, "type": "Normal", "reason": "Started",
                "involvedObject": {"kind": "Pod", "name": "p", "fieldPath": "spec.containers{c}"},
                "source": {"component": "kubelet", "host": "n"}, "message": " on its way\n",
                "firstTimestamp": "2026-01-01T00:00:00Z", "lastTimestamp": "2026-01-01T00:05:00Z",
                "count": 3, "eventTime": null}),
            json!([
                "5m",
                "Normal",
                "Started",
                "pod/p",
                "spec.containers{c}",
                "kubelet, n",
                "on its way",
                "10m",
                3,
                "e"
            ]),
        );
    }

    #[test]
    fn an_event_of_the_newer_api() {
        check(
            "events.k8s.io",
            "events",
            json!({"metadata": {"name": "e"}, "type": "Warning", "reason": "Failed",
                "regarding": {"kind": "Node"}, "reportingController": "c",
                "eventTime": "2026-01-01T00:00:00.000000Z", "note": "no"}),
            json!([
                "10m", "Warning", "Failed", "node", "", "c", "no", "10m", 1, "e"
            ]),
        );
        check(
            "events.k8s.io",
            "events",
            json!({"metadata": {"name": "e"}, "eventTime": "2026-01-01T00:00:00.000000Z",
                "series": {"count": 7, "lastObservedTime": "2026-01-01T00:09:00.000000Z"},
                "deprecatedCount": 2}),
            json!(["60s", "", "", "", "", "", "", "10m", 7, "e"]),
        );
    }
}

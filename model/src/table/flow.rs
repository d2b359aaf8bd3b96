//! Priority and fairness.

use super::{age, cells::Printer, read, text};
use crate::ambient::Time;
use alloc::{string::String, vec::Vec};
use serde_json::Value;

pub(super) fn printer(plural: &str) -> Option<Printer> {
    Some(match plural {
        "flowschemas" => flow_schema,
        "prioritylevelconfigurations" => priority_level,
        _ => return None,
    })
}

/// A list of flow schemas is shown in the order in which they match.
pub(super) fn order(schema: &Value) -> (i64, String) {
    (
        read::integer(schema, "/spec/matchingPrecedence"),
        read::string(schema, "/metadata/name").into(),
    )
}

fn flow_schema(object: &Value, now: Time) -> Vec<Value> {
    let dangling = read::condition(object, "Dangling");
    [
        read::name(object),
        text(read::string(
            object,
            "/spec/priorityLevelConfiguration/name",
        )),
        read::integer(object, "/spec/matchingPrecedence").into(),
        text(read::present_or(
            object,
            "/spec/distinguisherMethod/type",
            "<none>",
        )),
        age::age(object, now),
        text(dangling.map_or("?", |condition| read::string(condition, "/status"))),
    ]
    .into()
}

fn priority_level(object: &Value, now: Time) -> Vec<Value> {
    let limited = read::present(object, "/spec/limited");
    let queuing = limited.and_then(|limited| read::present(limited, "/limitResponse/queuing"));
    let number = |parent: Option<&Value>, pointer| match parent {
        None => text("<none>"),
        Some(parent) => read::integer(parent, pointer).into(),
    };
    [
        read::name(object),
        text(read::string(object, "/spec/type")),
        number(limited, "/nominalConcurrencyShares"),
        number(queuing, "/queues"),
        number(queuing, "/handSize"),
        number(queuing, "/queueLengthLimit"),
        age::age(object, now),
    ]
    .into()
}

#[cfg(test)]
mod tests {
    use crate::table::check::check;
    use serde_json::json;

    #[test]
    fn flow_schemas_and_priority_levels() {
        let group = "flowcontrol.apiserver.k8s.io";
        let object = |mut rest: serde_json::Value| {
            rest["metadata"] = json!({"name": "n", "creationTimestamp": "2026-01-01T00:00:00Z"});
            rest
        };
        check(
            group,
            "flowschemas",
            object(json!({"spec": {"priorityLevelConfiguration": {"name": "p"},
                "matchingPrecedence": 9}})),
            json!(["n", "p", 9, "<none>", "10m", "?"]),
        );
        check(
            group,
            "flowschemas",
            object(json!({"spec": {"distinguisherMethod": {"type": "ByUser"}},
                "status": {"conditions": [{"type": "Dangling", "status": "False"}]}})),
            json!(["n", "", 0, "ByUser", "10m", "False"]),
        );
        check(
            group,
            "prioritylevelconfigurations",
            object(json!({"spec": {"type": "Exempt"}})),
            json!(["n", "Exempt", "<none>", "<none>", "<none>", "<none>", "10m"]),
        );
        check(
            group,
            "prioritylevelconfigurations",
            object(
                json!({"spec": {"type": "Limited", "limited": {"nominalConcurrencyShares": 30,
                "limitResponse": {"type": "Queue",
                    "queuing": {"queues": 64, "handSize": 8, "queueLengthLimit": 50}}}}}),
            ),
            json!(["n", "Limited", 30, 64, 8, 50, "10m"]),
        );
    }
}

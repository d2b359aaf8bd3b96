//! What field selectors can ask for, resource by resource: the field label conversions of
//! `kubernetes/kubernetes` (`pkg/apis/*/v1/conversion.go`) and what each strategy fills in
//! (`ToSelectableFields` in `pkg/registry/**/strategy.go`).

use crate::golang;
use alloc::{
    format,
    string::{String, ToString},
};
use serde_json::Value;

/// What field selectors can ask for on one resource.
#[derive(Debug, PartialEq, Eq)]
pub struct Selectable {
    fields: &'static [Field],
    /// What clients may write. A name that neither is metadata nor one of `fields` is known and
    /// always empty.
    labels: &'static [&'static str],
    /// Other names that clients may write for a field.
    aliases: &'static [(&'static str, &'static str)],
    refusal: Refusal,
}

/// A field besides `metadata.name` and `metadata.namespace` that selectors can ask for.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name in selectors: `spec.nodeName`.
    pub name: &'static str,
    rule: Rule,
}

/// How a field's text is made.
#[derive(Debug, PartialEq, Eq)]
enum Rule {
    /// The text at the field's own path; empty when it is missing.
    Text,
    /// `true` or `false`; the latter when it is missing.
    Flag,
    /// A number in digits at this path; `0` when it is missing.
    Number(&'static str),
    /// The address that internal Pods have: the first of `status.podIPs`.
    FirstPodIp,
    /// The component, or else the reporting controller, of an Event.
    EventSource,
}

/// How a resource refuses a field that it does not know.
#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    /// Resources without a conversion of their own.
    Default,
    /// `field label not supported: x`
    Label,
    /// `field label "x" not supported for Job`
    Kind(&'static str),
    /// `field label not supported for group/version, Kind=Kind: x`
    Qualified(&'static str),
}

impl Selectable {
    /// What an object's fields are computed from when it is decoded.
    #[must_use]
    pub fn fields(&self) -> &'static [Field] {
        self.fields
    }

    /// What clients may write.
    #[must_use]
    pub fn labels(&self) -> &'static [&'static str] {
        self.labels
    }

    /// The field that a client means; `None` when the resource does not know it.
    #[must_use]
    pub fn path<'a>(&self, label: &'a str) -> Option<&'a str> {
        if let Some((_, path)) = self.aliases.iter().find(|(alias, _)| *alias == label) {
            return Some(path);
        }
        self.labels.contains(&label).then_some(label)
    }

    /// The text that refuses a field.
    #[must_use]
    pub fn refusal(&self, label: &str) -> String {
        match self.refusal {
            Refusal::Default => format!(
                "{} is not a known field selector: only \"metadata.name\", \"metadata.namespace\"",
                golang::quote(label)
            ),
            Refusal::Label => format!("field label not supported: {label}"),
            Refusal::Kind(kind) => {
                format!(
                    "field label {} not supported for {kind}",
                    golang::quote(label)
                )
            }
            Refusal::Qualified(kind) => format!("field label not supported for {kind}: {label}"),
        }
    }
}

impl Field {
    /// The field's text in a stored document.
    #[must_use]
    pub fn value(&self, object: &Value) -> String {
        match self.rule {
            Rule::Text => text(object, self.name).to_string(),
            Rule::Flag => (at(object, self.name) == Some(&Value::Bool(true))).to_string(),
            Rule::Number(path) => {
                let number = at(object, path).and_then(Value::as_i64);
                number.unwrap_or_default().to_string()
            }
            Rule::FirstPodIp => {
                let first = at(object, "status.podIPs").and_then(|all| all.get(0));
                match first.and_then(|address| address.get("ip")?.as_str()) {
                    Some(address) => address.to_string(),
                    None => text(object, "status.podIP").to_string(),
                }
            }
            Rule::EventSource => match text(object, "source.component") {
                "" => text(object, "reportingComponent").to_string(),
                component => component.to_string(),
            },
        }
    }
}

/// The text that a selector compares with `field` of a stored document of the resource; empty for
/// a field that the resource does not know.
#[must_use]
pub fn field_value(group: &str, plural: &str, field: &str, object: &Value) -> String {
    match field {
        "metadata.name" | "metadata.namespace" => text(object, field).to_string(),
        _ => {
            let mut fields = selectable(group, plural).fields.iter();
            let found = fields.find(|known| known.name == field);
            found.map_or_else(String::new, |known| known.value(object))
        }
    }
}

/// What field selectors can ask for on a built-in resource; on any other, name and namespace.
#[must_use]
pub fn selectable(group: &str, plural: &str) -> &'static Selectable {
    match (group, plural) {
        ("", "pods") => &PODS,
        ("", "nodes") => &NODES,
        ("", "replicationcontrollers") => &REPLICATION_CONTROLLERS,
        ("", "events") => &EVENTS,
        ("events.k8s.io", "events") => &NEW_EVENTS,
        ("", "namespaces") => &NAMESPACES,
        ("", "secrets") => &SECRETS,
        ("", "services") => &SERVICES,
        ("batch", "jobs") => &JOBS,
        ("certificates.k8s.io", "certificatesigningrequests") => &CERTIFICATE_SIGNING_REQUESTS,
        ("resource.k8s.io", "resourceslices") => &RESOURCE_SLICES,
        _ => &DEFAULT,
    }
}

/// The same for whatever is stored under a prefix of keys (`registry::prefix`).
#[must_use]
pub fn stored_under(prefix: &str) -> &'static Selectable {
    match prefix {
        "/registry/pods/" => &PODS,
        "/registry/minions/" => &NODES,
        "/registry/controllers/" => &REPLICATION_CONTROLLERS,
        "/registry/events/" => &EVENTS,
        "/registry/namespaces/" => &NAMESPACES,
        "/registry/secrets/" => &SECRETS,
        "/registry/services/specs/" => &SERVICES,
        "/registry/jobs/" => &JOBS,
        "/registry/certificatesigningrequests/" => &CERTIFICATE_SIGNING_REQUESTS,
        "/registry/resourceslices/" => &RESOURCE_SLICES,
        _ => &DEFAULT,
    }
}

fn at<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.')
        .try_fold(object, |value, name| value.get(name))
}

fn text<'a>(object: &'a Value, path: &str) -> &'a str {
    at(object, path).and_then(Value::as_str).unwrap_or_default()
}

const fn plain(name: &'static str) -> Field {
    Field {
        name,
        rule: Rule::Text,
    }
}

static DEFAULT: Selectable = Selectable {
    fields: &[],
    labels: &["metadata.name", "metadata.namespace"],
    aliases: &[],
    refusal: Refusal::Default,
};

static PODS: Selectable = Selectable {
    fields: &[
        plain("spec.nodeName"),
        plain("spec.restartPolicy"),
        plain("spec.schedulerName"),
        plain("spec.serviceAccountName"),
        Field {
            name: "spec.hostNetwork",
            rule: Rule::Flag,
        },
        plain("status.phase"),
        Field {
            name: "status.podIP",
            rule: Rule::FirstPodIp,
        },
        plain("status.nominatedNodeName"),
    ],
    labels: &[
        "metadata.name",
        "metadata.namespace",
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.podIPs",
        "status.nominatedNodeName",
    ],
    aliases: &[("spec.host", "spec.nodeName")],
    refusal: Refusal::Label,
};

static NODES: Selectable = Selectable {
    fields: &[Field {
        name: "spec.unschedulable",
        rule: Rule::Flag,
    }],
    labels: &["metadata.name", "spec.unschedulable"],
    aliases: &[],
    refusal: Refusal::Label,
};

static REPLICATION_CONTROLLERS: Selectable = Selectable {
    fields: &[Field {
        name: "status.replicas",
        rule: Rule::Number("status.replicas"),
    }],
    labels: &["metadata.name", "metadata.namespace", "status.replicas"],
    aliases: &[],
    refusal: Refusal::Label,
};

/// Events are stored in the form of the core group, whichever group they came through.
static EVENT_FIELDS: [Field; 11] = [
    plain("involvedObject.kind"),
    plain("involvedObject.namespace"),
    plain("involvedObject.name"),
    plain("involvedObject.uid"),
    plain("involvedObject.apiVersion"),
    plain("involvedObject.resourceVersion"),
    plain("involvedObject.fieldPath"),
    plain("reason"),
    plain("reportingComponent"),
    Field {
        name: "source",
        rule: Rule::EventSource,
    },
    plain("type"),
];

static EVENTS: Selectable = Selectable {
    fields: &EVENT_FIELDS,
    labels: &[
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
        "metadata.namespace",
        "metadata.name",
    ],
    aliases: &[],
    refusal: Refusal::Label,
};

static NEW_EVENTS: Selectable = Selectable {
    fields: &EVENT_FIELDS,
    labels: &["reason", "type", "metadata.namespace", "metadata.name"],
    aliases: &[
        ("regarding.kind", "involvedObject.kind"),
        ("regarding.namespace", "involvedObject.namespace"),
        ("regarding.name", "involvedObject.name"),
        ("regarding.uid", "involvedObject.uid"),
        ("regarding.apiVersion", "involvedObject.apiVersion"),
        (
            "regarding.resourceVersion",
            "involvedObject.resourceVersion",
        ),
        ("regarding.fieldPath", "involvedObject.fieldPath"),
        ("reportingController", "reportingComponent"),
    ],
    refusal: Refusal::Label,
};

static NAMESPACES: Selectable = Selectable {
    fields: &[plain("status.phase")],
    labels: &["status.phase", "metadata.name"],
    aliases: &[],
    refusal: Refusal::Label,
};

static SECRETS: Selectable = Selectable {
    fields: &[plain("type")],
    labels: &["type", "metadata.namespace", "metadata.name"],
    aliases: &[],
    refusal: Refusal::Label,
};

static SERVICES: Selectable = Selectable {
    fields: &[plain("spec.clusterIP"), plain("spec.type")],
    labels: &[
        "metadata.namespace",
        "metadata.name",
        "spec.clusterIP",
        "spec.type",
    ],
    aliases: &[],
    refusal: Refusal::Label,
};

static JOBS: Selectable = Selectable {
    fields: &[Field {
        name: "status.successful",
        rule: Rule::Number("status.succeeded"),
    }],
    labels: &["metadata.name", "metadata.namespace", "status.successful"],
    aliases: &[],
    refusal: Refusal::Kind("Job"),
};

static CERTIFICATE_SIGNING_REQUESTS: Selectable = Selectable {
    fields: &[plain("spec.signerName")],
    labels: &["metadata.name", "spec.signerName"],
    aliases: &[],
    refusal: Refusal::Label,
};

static RESOURCE_SLICES: Selectable = Selectable {
    fields: &[plain("spec.nodeName"), plain("spec.driver")],
    labels: &["metadata.name", "spec.nodeName", "spec.driver"],
    aliases: &[],
    refusal: Refusal::Qualified("resource.k8s.io/v1, Kind=ResourceSlice"),
};

#[cfg(test)]
mod tests {
    use super::{field_value, selectable, stored_under};
    use crate::resource::Resources;
    use serde_json::json;

    #[test]
    fn a_prefix_has_the_fields_of_its_resources() {
        let mut selective = 0;
        for resource in Resources::built_in().iter() {
            let fields = selectable(&resource.group, &resource.plural).fields();
            assert_eq!(stored_under(&resource.prefix).fields(), fields);
            selective += usize::from(!fields.is_empty());
        }
        assert_eq!(selective, 11);
    }

    #[test]
    fn values_are_those_of_the_strategies() {
        let check = |group: &str, plural: &str, field: &str, object, expected: &str| {
            let found = field_value(group, plural, field, &object);
            assert_eq!(found, expected, "{plural} {field}");
        };
        let none = || json!({});
        check("", "pods", "spec.hostNetwork", none(), "false");
        let pod = || {
            json!({"spec": {"hostNetwork": true, "nodeName": "n"}, "status": {
            "podIP": "1.1.1.1", "podIPs": [{"ip": "10.1.2.3"}, {"ip": "::1"}]}})
        };
        check("", "pods", "spec.hostNetwork", pod(), "true");
        check("", "pods", "spec.nodeName", pod(), "n");
        check("", "pods", "spec.nodeName", none(), "");
        check("", "pods", "status.podIP", pod(), "10.1.2.3");
        check("", "pods", "status.podIPs", pod(), "");
        check("", "nodes", "spec.unschedulable", none(), "false");
        let controller = "replicationcontrollers";
        check("", controller, "status.replicas", none(), "0");
        let object = json!({"status": {"replicas": 3}});
        check("", controller, "status.replicas", object, "3");
        let object = json!({"status": {"succeeded": 1}});
        check("batch", "jobs", "status.successful", object, "1");
        let object = json!({"source": {}, "reportingComponent": "kubelet"});
        check("", "events", "source", object, "kubelet");
        let object = json!({"metadata": {"name": "a"}, "data": {"k": "1"}});
        check("", "configmaps", "data.k", object.clone(), "");
        check("", "configmaps", "metadata.name", object, "a");
    }
}

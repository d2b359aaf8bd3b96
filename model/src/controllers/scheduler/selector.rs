//! Node affinity: terms over a node's labels and name
//! (`component-helpers/scheduling/corev1/nodeaffinity`).

use crate::kinds::document::{list, text, texts};
use alloc::{
    collections::BTreeMap,
    string::{String, ToString},
    vec::Vec,
};
use serde_json::Value;

/// Terms of which one must hold.
#[derive(Clone, Debug)]
pub(in crate::controllers) struct Terms(Vec<Term>);

#[derive(Clone, Debug)]
struct Term {
    labels: Vec<Requirement>,
    fields: Vec<Requirement>,
}

#[derive(Clone, Debug)]
struct Requirement {
    key: String,
    operator: String,
    values: Vec<String>,
}

impl Terms {
    pub(in crate::controllers) fn read(terms: &[Value]) -> Terms {
        let term = |it: &Value| Term {
            labels: requirements(list(it, &["matchExpressions"])),
            fields: requirements(list(it, &["matchFields"])),
        };
        Terms(terms.iter().map(term).collect())
    }

    pub(in crate::controllers) fn match_node(
        &self,
        name: &str,
        labels: &BTreeMap<String, String>,
    ) -> bool {
        self.0.iter().any(|term| {
            // An empty term matches nothing.
            let empty = term.labels.is_empty() && term.fields.is_empty();
            let label = |it: &Requirement| it.holds(labels.get(&it.key).map(String::as_str));
            let field = |it: &Requirement| it.holds((it.key == "metadata.name").then_some(name));
            !empty && term.labels.iter().all(label) && term.fields.iter().all(field)
        })
    }
}

fn requirements(expressions: &[Value]) -> Vec<Requirement> {
    let read = |it: &Value| Requirement {
        key: text(it, &["key"]).to_string(),
        operator: text(it, &["operator"]).to_string(),
        values: texts(it, &["values"])
            .into_iter()
            .map(String::from)
            .collect(),
    };
    expressions.iter().map(read).collect()
}

impl Requirement {
    fn holds(&self, value: Option<&str>) -> bool {
        let listed = |value: &str| self.values.iter().any(|it| it == value);
        let compared = |holds: fn(i64, i64) -> bool| {
            let value = value.and_then(|value| value.parse().ok());
            let bound = self.values.first().and_then(|bound| bound.parse().ok());
            value
                .zip(bound)
                .is_some_and(|(value, bound)| holds(value, bound))
        };
        match self.operator.as_str() {
            "In" => value.is_some_and(listed),
            "NotIn" => !value.is_some_and(listed),
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            "Gt" => compared(|value, bound| value > bound),
            "Lt" => compared(|value, bound| value < bound),
            _ => false,
        }
    }
}

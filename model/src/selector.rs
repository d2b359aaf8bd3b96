//! Label and field selectors: `k8s.io/apimachinery/pkg/labels` and `pkg/fields`.

mod field;
mod label;
mod lexer;
mod selectable;

pub use field::{FieldSelector, FieldTerm};
pub use label::{LabelSelector, Operator, Requirement};
pub use selectable::{Field, Selectable, field_value, selectable, stored_under};

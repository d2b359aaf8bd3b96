//! YAML as Kubernetes reads and writes it (`sigs.k8s.io/yaml`, which is go-yaml v2 and JSON):
//! the grammar is the parser crate's, what scalars mean is decided here, as YAML 1.1 has it.

mod read;
mod scalar;
mod write;

pub use read::to_json;
pub use write::from_json;

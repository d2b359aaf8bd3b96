//! What is refused in requests before anything is stored: names, metadata, options.
//!
//! The rules and texts are those of `k8s.io/apimachinery` (`pkg/api/validation`,
//! `pkg/util/validation`, `pkg/apis/meta/v1/validation`) as kube-apiserver 1.36 has them.

pub mod meta;
pub mod name;
pub mod options;

pub use meta::{Finalizers, object_meta, object_meta_update};
pub use name::NameRule;

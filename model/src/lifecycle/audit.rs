//! Audit events as values.

/// What happened, for the log (`audit.k8s.io/v1`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Event {}

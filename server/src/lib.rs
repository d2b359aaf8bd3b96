//! A Kubernetes API server around the checked core.

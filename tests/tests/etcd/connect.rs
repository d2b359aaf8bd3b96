//! The `kube` crate's client, and how soon it tries again.

use kube::{
    Config,
    config::{KubeConfigOptions, Kubeconfig},
    runtime::utils::Backoff,
};
use std::{path::Path, time::Duration};

/// Tries again soon, however often it has failed: the crate's default waits up to a minute after
/// so many failures as these tests cause, as long as a test waits for anything.
pub(crate) struct Soon;

impl Iterator for Soon {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(Duration::from_millis(100))
    }
}

impl Backoff for Soon {
    fn reset(&mut self) {}
}

/// What a kubeconfig says.
pub(crate) async fn config(kubeconfig: &Path) -> Config {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let options = KubeConfigOptions::default();
    Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .unwrap()
}

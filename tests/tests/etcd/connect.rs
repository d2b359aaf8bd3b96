//! The `kube` crate's client.

use kube::{
    Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use std::path::Path;

/// What a kubeconfig says.
pub(crate) async fn config(kubeconfig: &Path) -> Config {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let options = KubeConfigOptions::default();
    Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .unwrap()
}

//! A server of this process, on a free port, with its files in a directory of its own: what tests of
//! real clients talk to.

use crate::etcd::Etcd;
use server::{Options, Running, Server};
use std::{
    future::Future,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// How long anything may take that a test waits for: far more than it takes on a slow machine, so
/// that to run into it means that it will never happen.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How long [`Live::eventually`] lets the server work between two looks.
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// The name of the kubeconfig (kubeadm's).
const KUBECONFIG: &str = "admin.conf";

/// A running server. Dropping it stops the server and removes its files.
pub struct Live {
    server: Option<Running>,
    runtime: Runtime,
    directory: TempDir,
}

impl Live {
    /// Starts a server that keeps its objects in memory.
    ///
    /// # Panics
    /// When it does not start: a test can't go on.
    #[must_use]
    pub fn start() -> Live {
        Live::start_with(Options::default())
    }

    /// Starts a server that keeps its objects in an etcd.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn on(etcd: &Etcd) -> Live {
        Live::start_with(Options {
            etcd: Some(etcd.servers()),
            ..Options::default()
        })
    }

    /// Starts a server with these options, but for its certificates and kubeconfig.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start_with(options: Options) -> Live {
        let directory = TempDir::new().expect("a temporary directory");
        let runtime = Runtime::new().expect("a runtime");
        let options = Options {
            certificate_directory: Some(directory.path().to_owned()),
            kubeconfig: Some(directory.path().join(KUBECONFIG)),
            ..options
        };
        let server = runtime.block_on(Server::start(options)).expect("a server");
        Live {
            server: Some(server),
            runtime,
            directory,
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.running().address
    }

    /// `https://127.0.0.1:…`
    #[must_use]
    pub fn url(&self) -> String {
        self.running().url.clone()
    }

    /// The kubeconfig of its administrator.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.directory.path().join(KUBECONFIG)
    }

    /// The directory of `ca.crt`, `admin.crt` and `admin.key`.
    #[must_use]
    pub fn certificates(&self) -> &Path {
        self.directory.path()
    }

    /// Runs a future to its end, at most for [`PATIENCE`].
    ///
    /// # Panics
    /// When it takes longer.
    pub fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.run_within(PATIENCE, future)
    }

    /// Runs a future to its end, at most for so long.
    ///
    /// # Panics
    /// When it takes longer.
    pub fn run_within<T>(&self, limit: Duration, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(async {
            match tokio::time::timeout(limit, future).await {
                Ok(value) => value,
                Err(_) => panic!("not done within {limit:?}"),
            }
        })
    }

    fn running(&self) -> &Running {
        // Only `drop` takes it out.
        self.server.as_ref().expect("a running server")
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            self.runtime.block_on(server.stop());
        }
    }
}

/// Looks again and again until `look` finds what it looks for.
///
/// # Panics
/// When that has not happened within [`PATIENCE`].
pub async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut look: impl FnMut() -> F,
) -> T {
    let end = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(
            tokio::time::Instant::now() < end,
            "{what}: not within {PATIENCE:?}"
        );
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

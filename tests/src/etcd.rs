//! An etcd process of a test's own, on free ports and in a directory of its own.

use crate::{
    live::PATIENCE,
    process::{Child, free_ports, required},
};
use server::etcd::{Client, Servers};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Instant,
};
use tempfile::TempDir;

/// A running etcd. Dropping it kills the process and removes its files.
pub struct Etcd {
    directory: TempDir,
    ports: [u16; 2],
    process: Option<Child>,
    /// Where `ca.crt`, `apiserver.crt`, `admin.crt` and their keys are, when it speaks TLS.
    certificates: Option<PathBuf>,
}

impl Etcd {
    /// Starts one, empty.
    ///
    /// # Panics
    /// When it does not start: a test can't go on.
    #[must_use]
    pub fn start() -> Etcd {
        Etcd::start_as(None)
    }

    /// Starts one that speaks TLS alone and takes only clients with a certificate, all by the
    /// authority of a server whose certificates lie in a directory.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start_secure(certificates: &Path) -> Etcd {
        Etcd::start_as(Some(certificates.to_owned()))
    }

    fn start_as(certificates: Option<PathBuf>) -> Etcd {
        let mut etcd = Etcd {
            certificates,
            directory: TempDir::new().expect("a temporary directory"),
            ports: free_ports(),
            process: None,
        };
        // A port may be taken by another test between the look and the use.
        let end = Instant::now() + PATIENCE;
        while !etcd.begin() {
            assert!(Instant::now() < end, "etcd does not start");
            etcd.ports = free_ports();
        }
        etcd
    }

    /// Starts it again with what it has on disk.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&mut self) {
        let end = Instant::now() + PATIENCE;
        while !self.begin() {
            assert!(Instant::now() < end, "etcd does not start again");
        }
    }

    /// Kills it (`kill -9`).
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// `http://127.0.0.1:…`
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = self.certificates.as_ref().map_or("http", |_| "https");
        format!("{scheme}://127.0.0.1:{}", self.ports[0])
    }

    /// The port of its clients.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.ports[0]
    }

    /// What a server is told to use it.
    #[must_use]
    pub fn servers(&self) -> Servers {
        Servers {
            urls: vec![self.url()],
            prefix: "/registry".into(),
            authority: self.file("ca.crt"),
            identity: self.file("admin.crt").zip(self.file("admin.key")),
        }
    }

    /// A client, within a runtime.
    ///
    /// # Panics
    /// Never: the URL is one.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(&self.servers()).expect("a client")
    }

    /// Runs `etcdctl`, which must succeed; its standard output.
    ///
    /// # Panics
    /// When it fails.
    #[must_use]
    pub fn ctl(&self, arguments: &[&str]) -> String {
        let output = self.run_ctl(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "etcdctl {arguments:?}: {stderr}");
        String::from_utf8(output.stdout).expect("text")
    }

    fn file(&self, name: &str) -> Option<PathBuf> {
        Some(self.certificates.as_ref()?.join(name))
    }

    /// A flag with the name of one of the files; nothing without TLS.
    fn flag(&self, flag: &str, name: &str) -> Vec<OsString> {
        let file = self.file(name).map(PathBuf::into_os_string);
        file.map(|file| vec![flag.into(), file]).unwrap_or_default()
    }

    fn run_ctl(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("etcdctl");
        for (flag, name) in [
            ("--cacert", "ca.crt"),
            ("--cert", "admin.crt"),
            ("--key", "admin.key"),
        ] {
            command.args(self.flag(flag, name));
        }
        command
            .args(["--endpoints", &self.url()])
            .args(arguments)
            .env("ETCDCTL_API", "3")
            .output()
            .unwrap_or_else(|why| required("etcdctl", &why))
    }

    /// Starts the process and waits until it answers; false when it has ended instead.
    fn begin(&mut self) -> bool {
        let (client, peer) = (self.url(), format!("http://127.0.0.1:{}", self.ports[1]));
        let mut command = Command::new("etcd");
        for (flag, name) in [
            ("--trusted-ca-file", "ca.crt"),
            ("--cert-file", "apiserver.crt"),
            ("--key-file", "apiserver.key"),
        ] {
            command.args(self.flag(flag, name));
        }
        command.args(self.certificates.as_ref().map(|_| "--client-cert-auth"));
        let process = command
            .arg("--data-dir")
            .arg(self.directory.path().join("data"))
            .args(["--listen-client-urls", &client])
            .args(["--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer])
            .args(["--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &format!("default={peer}")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|why| required("etcd", &why));
        let mut process = Child::new(process);
        let end = Instant::now() + PATIENCE;
        while !self.run_ctl(&["endpoint", "health"]).status.success() {
            if process.has_ended() {
                return false;
            }
            assert!(Instant::now() < end, "etcd does not answer");
        }
        self.process = Some(process);
        true
    }
}

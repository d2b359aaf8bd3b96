//! The servers, each a process of its own.

use crate::load::{Client, Http};
use std::{
    error::Error,
    fs,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// The argument that makes this program the bare server.
pub(crate) const BARE: &str = "bare";
/// Whom the load generator is.
pub(crate) const TOKEN: &str = "benchmark";
/// Ticks a second of `/proc/<pid>/stat` (`USER_HZ`, the same on every Linux).
const TICKS: u64 = 100;

/// A directory on disk for everything that the servers write, removed at the end.
pub(crate) struct Place {
    directory: TempDir,
    /// The server to measure.
    binary: PathBuf,
}

impl Place {
    pub(crate) fn new(binary: &Path) -> Result<Place, Box<dyn Error>> {
        let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR"))?;
        let tokens = format!("{TOKEN},benchmark,1,\"system:masters\"\n");
        fs::write(directory.path().join("tokens.csv"), tokens)?;
        Ok(Place {
            directory,
            binary: binary.to_owned(),
        })
    }

    /// Where the certificates are that all servers share.
    pub(crate) fn pki(&self) -> PathBuf {
        self.directory.path().join("pki")
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

/// A server that is ready. Dropped it is killed.
pub(crate) struct Server {
    process: Child,
    pub(crate) address: SocketAddr,
    /// From before the process was made until it said that it is ready.
    pub(crate) started: Duration,
    began: Instant,
    pki: PathBuf,
}

impl Server {
    /// Ours, with its store in a directory or in memory.
    pub(crate) fn ours(place: &Place, data: Option<&str>) -> Server {
        Server::with_pki(place, data, &place.pki())
    }

    /// As [`Server::ours`], with certificates of its own.
    pub(crate) fn with_pki(place: &Place, data: Option<&str>, pki: &Path) -> Server {
        Server::with_flags(place, data, pki, &[])
    }

    /// Ours, with its store in an etcd.
    pub(crate) fn on_etcd(place: &Place, url: &str) -> Server {
        Server::with_flags(place, Some("none"), &place.pki(), &["--etcd-servers", url])
    }

    fn with_flags(place: &Place, data: Option<&str>, pki: &Path, flags: &[&str]) -> Server {
        let kubeconfig = place.join("kubeconfig");
        let mut command = Command::new(&place.binary);
        command.args(["--secure-port", "0"]);
        command.arg("--cert-dir").arg(pki);
        command.arg("--kubeconfig").arg(&kubeconfig);
        command
            .arg("--token-auth-file")
            .arg(place.join("tokens.csv"));
        command
            .arg("--data-dir")
            .arg(place.join(data.unwrap_or("none")));
        command.args(data.is_none().then_some("--in-memory"));
        command.args(flags);
        let mut server = Server::spawn(&mut command, pki);
        let text = fs::read_to_string(kubeconfig).expect("the server has written a kubeconfig");
        let url = text
            .lines()
            .find_map(|line| line.trim().strip_prefix("server: https://"));
        let address = url.and_then(|url| url.parse().ok());
        server.address = address.expect("the kubeconfig has the server's address");
        server
    }

    /// The bare one; ours must have made the certificates before.
    pub(crate) fn bare(place: &Place) -> Server {
        let own = std::env::current_exe().expect("the benchmark has a path");
        let mut command = Command::new(own);
        command.arg(BARE).arg(place.pki());
        Server::spawn(&mut command, &place.pki())
    }

    /// Runs a program until it says something, which may be its address.
    fn spawn(command: &mut Command, pki: &Path) -> Server {
        let began = Instant::now();
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server can be run");
        let stdout = process.stdout.take().expect("it is piped");
        let mut stderr = process.stderr.take().expect("it is piped");
        let mut line = String::new();
        let said = BufReader::new(stdout).read_line(&mut line);
        let started = began.elapsed();
        if !said.is_ok_and(|bytes| bytes > 0) {
            let mut why = String::new();
            let _ = stderr.read_to_string(&mut why);
            panic!("the server does not start: {why}");
        }
        // A full pipe would stop it.
        std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        let address = line.trim().parse();
        Server {
            process,
            address: address.unwrap_or_else(|_| SocketAddr::from(([127, 0, 0, 1], 0))),
            started,
            began,
            pki: pki.to_owned(),
        }
    }

    /// From before the process was made until now.
    pub(crate) fn age(&self) -> Duration {
        self.began.elapsed()
    }

    pub(crate) fn client(&self, http: Http) -> Client {
        let authority = fs::read(self.pki.join("ca.crt")).expect("the authority can be read");
        Client::new(self.address, &authority, http)
    }

    /// Processor time of the process, in user and system mode.
    pub(crate) fn processor_time(&self) -> Duration {
        processor_time(self.process.id())
    }

    /// `VmRSS`, in MiB.
    pub(crate) fn resident(&self) -> f64 {
        let status = fs::read_to_string(self.proc("status")).expect("the server lives");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes: Option<f64> = line
            .and_then(|line| line.split_whitespace().next())
            .and_then(|number| number.parse().ok());
        kibibytes.expect("a size") / 1024.0
    }

    fn proc(&self, name: &str) -> String {
        format!("/proc/{}/{name}", self.process.id())
    }
}

/// Processor time of a process, in user and system mode.
pub(crate) fn processor_time(process: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("it lives");
    // The name, in parentheses, is the only field with blanks; 12 and 13 fields behind it are
    // `utime` and `stime`.
    let behind = stat.rsplit_once(')').map_or("", |(_, behind)| behind);
    let fields: Vec<&str> = behind.split_whitespace().collect();
    let ticks = |index: usize| -> u64 { fields[index].parse().expect("a number of ticks") };
    Duration::from_millis((ticks(11) + ticks(12)) * 1000 / TICKS)
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have died before.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

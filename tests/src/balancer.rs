//! A TCP load balancer in front of several servers: haproxy.

use crate::{
    live::PATIENCE,
    process::{Child, free_ports, required},
};
use std::{
    fmt::Write,
    fs,
    net::{Ipv4Addr, TcpStream},
    process::{Command, Stdio},
    time::Instant,
};
use tempfile::TempDir;

/// A running haproxy. Dropping it kills the process.
pub struct Balancer {
    port: u16,
    _process: Child,
    _directory: TempDir,
}

impl Balancer {
    /// Starts one in front of the servers at these ports.
    ///
    /// # Panics
    /// When it does not start: a test can't go on.
    #[must_use]
    pub fn start(ports: &[u16]) -> Balancer {
        let end = Instant::now() + PATIENCE;
        loop {
            let [port] = free_ports();
            if let Some(balancer) = begin(port, ports) {
                return balancer;
            }
            // The port was taken between the look and the use.
            assert!(Instant::now() < end, "haproxy does not start");
        }
    }

    /// The port that it listens at.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

fn begin(port: u16, ports: &[u16]) -> Option<Balancer> {
    let directory = TempDir::new().expect("a temporary directory");
    let path = directory.path().join("haproxy.cfg");
    fs::write(&path, configuration(port, ports)).expect("a file");
    let process = Command::new("haproxy")
        .arg("-db")
        .arg("-f")
        .arg(&path)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|why| required("haproxy", &why));
    let mut process = Child::new(process);
    let end = Instant::now() + PATIENCE;
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        if process.has_ended() {
            return None;
        }
        assert!(Instant::now() < end, "haproxy does not listen");
        std::thread::yield_now();
    }
    Some(Balancer {
        port,
        _process: process,
        _directory: directory,
    })
}

/// Connections go round; to a server that does not take them, the next is tried.
fn configuration(port: u16, ports: &[u16]) -> String {
    let mut text = format!(
        "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 1h\n  timeout server 1h\n  \
         retries 3\n  option redispatch 1\n\
         listen servers\n  bind 127.0.0.1:{port}\n  balance roundrobin\n"
    );
    for (number, port) in ports.iter().enumerate() {
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "  server s{number} 127.0.0.1:{port} check inter 100ms fall 1 rise 1 \
             on-marked-down shutdown-sessions"
        );
    }
    text
}

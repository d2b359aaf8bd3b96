//! Processes that a test starts, and that end with it.

use crate::live::PATIENCE;
use clap::Parser;
use server::{Server, flags::Flags};
use std::{
    env,
    ffi::OsString,
    io::{BufRead, BufReader, Error, ErrorKind},
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
    time::{Duration, Instant},
};
use tokio::signal::unix::{SignalKind, signal};

/// The command line of the server in a child process, its words separated by a line feed.
const FLAGS: &str = "TRUEPLANE_TEST_FLAGS";
/// What the child says when it serves.
const READY: &str = "ready at ";
/// Between two looks whether a process has ended.
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// A process, killed when it is dropped.
pub struct Child(process::Child);

impl Child {
    /// Takes over a process.
    #[must_use]
    pub fn new(process: process::Child) -> Child {
        Child(process)
    }

    /// True when it has ended.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    ///
    /// # Panics
    /// When it does not end.
    pub fn terminate(mut self) {
        let number = self.0.id().to_string();
        // It may have ended already.
        let _ = Command::new("kill").args(["-TERM", &number]).status();
        let end = Instant::now() + PATIENCE;
        while !self.has_ended() {
            assert!(Instant::now() < end, "a process does not end");
            std::thread::sleep(BETWEEN_LOOKS);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Ports of the loopback address that nobody listens at now, each another.
///
/// # Panics
/// When there are none.
#[must_use]
pub fn free_ports<const COUNT: usize>() -> [u16; COUNT] {
    let listeners =
        [(); COUNT].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port"));
    let port = |listener: &TcpListener| listener.local_addr().expect("an address").port();
    listeners.each_ref().map(port)
}

/// Says what is missing.
pub(crate) fn required(program: &str, why: &Error) -> ! {
    if why.kind() == ErrorKind::NotFound {
        panic!(
            "`{program}` is not on the PATH. These tests run the real one: `.ci/setup` installs it"
        );
    }
    panic!("cannot run `{program}`: {why}");
}

/// A server in a process of its own: this test executable, called again for a test named `serve`
/// that calls [`serve`].
pub struct ServerProcess {
    process: Option<Child>,
    flags: Vec<OsString>,
    kubeconfig: PathBuf,
    port: u16,
}

impl ServerProcess {
    /// Starts one with its files in `directory` and these flags besides; it is ready when this
    /// returns.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(directory: &Path, port: u16, flags: &[&str]) -> ServerProcess {
        let kubeconfig = directory.join(format!("{port}.kubeconfig"));
        let mut all: Vec<OsString> = vec!["trueplane".into()];
        all.extend(["--data-dir".into(), directory.into()]);
        all.extend(["--kubeconfig".into(), kubeconfig.clone().into()]);
        all.extend(["--secure-port".into(), port.to_string().into()]);
        all.extend(flags.iter().map(Into::into));
        let mut server = ServerProcess {
            process: None,
            flags: all,
            kubeconfig,
            port,
        };
        server.begin();
        server
    }

    /// Starts it again.
    ///
    /// # Panics
    /// When it does not start.
    pub fn begin(&mut self) {
        let flags = self.flags.join("\n".as_ref());
        let mut process = Command::new(env::current_exe().expect("this executable"))
            .args(["--exact", "serve", "--nocapture"])
            .env(FLAGS, flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a child process");
        let output = process.stdout.take().expect("its output");
        self.process = Some(Child::new(process));
        let mut lines = BufReader::new(output).lines();
        let ready = lines.any(|line| line.is_ok_and(|line| line.starts_with(READY)));
        assert!(ready, "the server at port {} does not start", self.port);
        // What it says later has to go somewhere.
        std::thread::spawn(move || lines.count());
    }

    /// Stops it as an administrator does (SIGTERM), and waits for its end.
    pub fn stop(&mut self) {
        if let Some(process) = self.process.take() {
            process.terminate();
        }
    }

    /// Kills it (`kill -9`).
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// The kubeconfig of its administrator.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The port that it listens at.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// The child of a [`ServerProcess`]: a server until SIGTERM. In a test that was not started as one
/// it does nothing.
///
/// # Panics
/// When the server does not start.
pub async fn serve() {
    let Ok(flags) = env::var(FLAGS) else {
        return;
    };
    let flags = Flags::try_parse_from(flags.split('\n')).expect("flags");
    let mut terminate = signal(SignalKind::terminate()).expect("signals");
    let options = flags.options().expect("options");
    let running = Server::start(options).await.expect("a server");
    println!("\n{READY}{}", running.url);
    terminate.recv().await;
    running.stop().await;
}

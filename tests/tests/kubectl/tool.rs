//! kubectl as a user runs it: a process with a home directory and a kubeconfig of its own.

use server::{ControllerChoice, Options};
use std::{
    env, fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Instant,
};
use tempfile::TempDir;
use tests::live::{Live, PATIENCE};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStderr, ChildStdout, Command},
};

/// A server, and kubectl that talks to it.
pub(crate) struct Kubectl {
    pub(crate) live: Live,
    home: TempDir,
}

/// What a run of kubectl came to.
pub(crate) struct Ran {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Kubectl {
    /// Starts a server of its own.
    pub(crate) fn new() -> Kubectl {
        Kubectl::on(Live::start())
    }

    /// Talks to this server.
    pub(crate) fn on(live: Live) -> Kubectl {
        Kubectl {
            live,
            home: TempDir::new().unwrap(),
        }
    }

    /// Starts a server with all its controllers and three simulated nodes.
    pub(crate) fn with_cluster() -> Kubectl {
        let controllers = ControllerChoice::all(3);
        Kubectl {
            live: Live::start_with(Options {
                controllers,
                ..Options::default()
            }),
            home: TempDir::new().unwrap(),
        }
    }

    /// Also has the objects of `manifests/shop.yaml`.
    pub(crate) fn with_shop() -> Kubectl {
        let kubectl = Kubectl::new();
        kubectl.ok(&format!("create -f {}", manifest().display()));
        kubectl
    }

    /// Runs a command line that must succeed; its standard output.
    pub(crate) fn ok(&self, line: &str) -> String {
        self.ok_with_input(line, "")
    }

    /// Runs a command line that reads `input`, and must succeed; its standard output.
    pub(crate) fn ok_with_input(&self, line: &str, input: &str) -> String {
        let ran = self.run(line, input);
        let Ran {
            status,
            stdout,
            stderr,
        } = &ran;
        assert!(
            status.success(),
            "kubectl {line}\n{status}\n{stderr}\n{stdout}"
        );
        ran.stdout
    }

    /// Runs a command line that must fail; its standard error.
    pub(crate) fn fails(&self, line: &str) -> String {
        let ran = self.run(line, "");
        assert!(!ran.status.success(), "kubectl {line}\n{}", ran.stdout);
        ran.stderr
    }

    /// Runs a command line.
    pub(crate) fn run(&self, line: &str, input: &str) -> Ran {
        self.live.run(async {
            let mut child = self.start(line, Stdio::piped());
            let mut stdin = child.stdin.take().unwrap();
            let feed = async move {
                // kubectl may end without having read all of it.
                let _ = stdin.write_all(input.as_bytes()).await;
            };
            let (output, ()) = tokio::join!(child.wait_with_output(), feed);
            let output = output.unwrap();
            Ran {
                status: output.status,
                stdout: String::from_utf8(output.stdout).unwrap(),
                stderr: String::from_utf8(output.stderr).unwrap(),
            }
        })
    }

    /// Looks again and again until it finds what it looks for. A look runs kubectl, which takes long
    /// enough to let the server work.
    pub(crate) fn until(&self, what: &str, mut look: impl FnMut() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !look() {
            assert!(Instant::now() < end, "{what}: not within {PATIENCE:?}");
        }
    }

    /// Starts a command line that goes on until it is done or dropped.
    pub(crate) fn background(&self, line: &str) -> Background<'_> {
        let mut child = self.live.run(async { self.start(line, Stdio::null()) });
        Background {
            stdout: lines(child.stdout.take().unwrap()),
            stderr: lines(child.stderr.take().unwrap()),
            live: &self.live,
            line: line.to_owned(),
            child,
        }
    }

    /// The arguments that make kubectl show a token and nothing else: a kubeconfig has no other
    /// credentials then.
    pub(crate) fn robot(&self, token: &str) -> String {
        let authority = self.live.certificates().join("ca.crt");
        format!(
            "--kubeconfig=/dev/null --server={} --certificate-authority={} --token={token}",
            self.live.url(),
            authority.display()
        )
    }

    /// Writes a file for kubectl to read.
    pub(crate) fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.home.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// The value that a JSONPath finds in one object.
    pub(crate) fn value(&self, object: &str, path: &str) -> String {
        self.ok(&format!("get {object} -o 'jsonpath={path}'"))
    }

    /// An editor that changes a file with a sed expression.
    pub(crate) fn editor(&self, expression: &str) {
        use std::os::unix::fs::PermissionsExt;
        let script = format!("#!/bin/sh\nexec sed -i '{expression}' \"$1\"\n");
        let path = self.file("editor", &script);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn start(&self, line: &str, stdin: Stdio) -> Child {
        let program = env::var("KUBECTL").unwrap_or_else(|_| "kubectl".into());
        let home = self.home.path();
        let started = Command::new(&program)
            .args(words(line))
            .env_clear()
            .env("PATH", env::var("PATH").unwrap_or_default())
            .env("HOME", home)
            .env("KUBECONFIG", self.live.kubeconfig())
            .env("EDITOR", home.join("editor"))
            .current_dir(home)
            .kill_on_drop(true)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        match started {
            Ok(child) => child,
            Err(why) if why.kind() == ErrorKind::NotFound => panic!(
                "`{program}` is not on the PATH. These tests talk to the server with the real \
                 kubectl: install it (https://kubernetes.io/docs/tasks/tools/), or name it by \
                 the variable KUBECTL."
            ),
            Err(why) => panic!("cannot run `{program}`: {why}"),
        }
    }
}

/// A kubectl that runs beside the test: `get --watch`, `wait`.
pub(crate) struct Background<'a> {
    stdout: Lines<BufReader<ChildStdout>>,
    stderr: Lines<BufReader<ChildStderr>>,
    live: &'a Live,
    line: String,
    child: Child,
}

impl Background<'_> {
    /// Reads standard output up to a line that `wanted` accepts.
    pub(crate) fn prints(&mut self, wanted: impl Fn(&str) -> bool) -> String {
        let found = self.live.run(find(&mut self.stdout, wanted));
        found.unwrap_or_else(|| panic!("kubectl {} ended before it printed that", self.line))
    }

    /// Waits until it has an open watch (its log, at `-v=6` or more, says so).
    pub(crate) fn watches(&mut self) {
        let found = self
            .live
            .run(find(&mut self.stderr, |line| line.contains("watch=true")));
        assert!(
            found.is_some(),
            "kubectl {} ended without a watch",
            self.line
        );
    }

    /// Waits for its end, which must be a success.
    pub(crate) fn succeeds(mut self) {
        let status = self.live.run(async {
            // What it logs has to go somewhere.
            find(&mut self.stderr, |_| false).await;
            self.child.wait().await.unwrap()
        });
        assert!(status.success(), "kubectl {}: {status}", self.line);
    }
}

async fn find<R: AsyncRead + Unpin>(
    lines: &mut Lines<BufReader<R>>,
    wanted: impl Fn(&str) -> bool,
) -> Option<String> {
    while let Some(line) = lines.next_line().await.unwrap() {
        if wanted(&line) {
            return Some(line);
        }
    }
    None
}

fn lines<R: AsyncRead>(stream: R) -> Lines<BufReader<R>> {
    BufReader::new(stream).lines()
}

/// Splits a command line at spaces outside of single quotes, as a shell does.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    for letter in line.chars() {
        match letter {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            letter => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

/// A row of a table, without the spaces between its cells.
pub(crate) fn cells(row: &str) -> Vec<&str> {
    row.split_whitespace().collect()
}

/// The manifest with one object of each kind.
pub(crate) fn manifest() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/manifests/shop.yaml"))
}

/// How long kubectl itself may wait, as it takes it on the command line.
pub(crate) fn patience() -> String {
    format!("{}s", PATIENCE.as_secs())
}

//! Plain curl, as the README shows it.

use serde_json::{Value, json};
use std::{io::ErrorKind, process::Stdio};
use tests::live::{Live, PATIENCE};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

fn curl(live: &Live, arguments: &[&str], path: &str) -> Command {
    let file = |name: &str| live.certificates().join(name);
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--no-buffer"]);
    command.args(["--max-time", &PATIENCE.as_secs().to_string()]);
    command.arg("--cacert").arg(file("ca.crt"));
    command.arg("--cert").arg(file("admin.crt"));
    command.arg("--key").arg(file("admin.key"));
    command.args(arguments).arg(format!("{}{path}", live.url()));
    command.kill_on_drop(true);
    command
}

/// The body of an answer, and its HTTP code.
fn ask(live: &Live, arguments: &[&str], path: &str) -> (u16, String) {
    let mut command = curl(live, arguments, path);
    command.args(["--write-out", "\n%{http_code}"]);
    let output = match live.run(async { command.output().await }) {
        Ok(output) => output,
        Err(why) if why.kind() == ErrorKind::NotFound => {
            panic!("`curl` is not on the PATH; these tests talk to the server with it: install it")
        }
        Err(why) => panic!("cannot run `curl`: {why}"),
    };
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, code) = text.rsplit_once('\n').unwrap();
    (code.parse().unwrap(), body.to_owned())
}

fn ask_json(live: &Live, arguments: &[&str], path: &str) -> (u16, Value) {
    let (code, body) = ask(live, arguments, path);
    (
        code,
        serde_json::from_str(&body).unwrap_or_else(|why| panic!("{why}: {body}")),
    )
}

const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";

#[test]
fn health_and_version() {
    let live = Live::start();
    for path in ["/healthz", "/livez", "/readyz"] {
        assert_eq!(ask(&live, &[], path), (200, "ok".into()), "{path}");
    }
    let (code, version) = ask_json(&live, &[], "/version");
    assert_eq!((code, &version["minor"]), (200, &"36".into()));
    for http in ["--http1.1", "--http2"] {
        assert_eq!(
            ask(&live, &[http], "/healthz"),
            (200, "ok".into()),
            "{http}"
        );
    }
}

#[test]
fn a_config_map_is_created_listed_watched_and_deleted() {
    let live = Live::start();
    let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"},
        "data": {"k": "1"}});
    let post = [
        "--header",
        "Content-Type: application/json",
        "--data",
        &body.to_string(),
    ];
    let (code, created) = ask_json(&live, &post, CONFIG_MAPS);
    assert_eq!((code, &created["metadata"]["name"]), (201, &"a".into()));
    let version = created["metadata"]["resourceVersion"].as_str().unwrap();
    let (code, list) = ask_json(&live, &[], CONFIG_MAPS);
    assert_eq!((code, &list["kind"]), (200, &"ConfigMapList".into()));
    assert_eq!(list["items"][0]["data"], json!({"k": "1"}));

    let watch = format!("{CONFIG_MAPS}?watch=true&resourceVersion={version}");
    let mut watching = live
        .run(async { curl(&live, &[], &watch).stdout(Stdio::piped()).spawn() })
        .unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    let patch = [
        "--request",
        "PATCH",
        "--header",
        "Content-Type: application/merge-patch+json",
        "--data",
        r#"{"data":{"k":"2"}}"#,
    ];
    let path = format!("{CONFIG_MAPS}/a");
    assert_eq!(ask_json(&live, &patch, &path).1["data"], json!({"k": "2"}));
    let (code, deleted) = ask_json(&live, &["--request", "DELETE"], &path);
    assert_eq!((code, &deleted["status"]), (200, &"Success".into()));
    for kind in ["MODIFIED", "DELETED"] {
        let line = live.run(lines.next_line()).unwrap().unwrap();
        let event: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            (&event["type"], &event["object"]["data"]),
            (&kind.into(), &json!({"k": "2"}))
        );
    }
    let (code, status) = ask_json(&live, &[], &path);
    assert_eq!((code, &status["reason"]), (404, &"NotFound".into()));
}

#[test]
fn without_a_certificate_there_is_no_way_in() {
    let live = Live::start();
    let authority = live.certificates().join("ca.crt");
    let mut command = Command::new("curl");
    command.args(["--silent", "--cacert"]).arg(authority);
    command.arg(format!("{}{CONFIG_MAPS}", live.url()));
    let output = live.run(async { command.output().await }).unwrap();
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&status["code"], &status["reason"]),
        (&403.into(), &"Forbidden".into())
    );
    let message = status["message"].as_str().unwrap_or_default();
    assert!(message.contains("User \"system:anonymous\""), "{message}");
}

/// The commands of the README's console block that uses curl, with their continuation lines.
fn readme_commands() -> Vec<String> {
    const README: &str = include_str!("../../README.md");
    let block = README
        .split("```")
        .find(|block| block.starts_with("console\n") && block.contains("$ curl "))
        .expect("the README shows curl");
    let joined = block.replace("\\\n", " ");
    let commands = joined.lines().filter_map(|line| line.strip_prefix("$ "));
    commands.map(str::to_owned).collect()
}

#[test]
fn the_commands_of_the_readme() {
    let live = Live::start();
    let commands = readme_commands();
    let (setting, asking): (Vec<&String>, Vec<&String>) = commands
        .iter()
        .partition(|command| !command.starts_with("curl "));
    // The directory is another here; what else is set is kept.
    let settings: Vec<&str> = setting
        .into_iter()
        .map(String::as_str)
        .filter(|command| !command.starts_with("cd "))
        .collect();
    let mut answers = Vec::new();
    for command in asking {
        let command = command.replace("https://127.0.0.1:6443", &live.url());
        // Into a pipe curl writes in large pieces unless it is told not to.
        let command = command.replacen("curl ", "curl --no-buffer ", 1);
        let script = format!("{}\nexec {command}", settings.join("\n"));
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).current_dir(live.certificates());
        shell
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let mut child = live.run(async { shell.spawn() }).unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        // A watch goes on for ever: its first line is enough.
        let mut text = String::new();
        while let Some(line) = live.run(output.next_line()).unwrap() {
            text += &line;
            if command.contains("watch=1") {
                break;
            }
        }
        answers.push(text);
    }
    let [ready, created, event] = &answers[..] else {
        panic!("{answers:?}");
    };
    assert!(ready.ends_with("readyz check passed"), "{ready}");
    let created: Value = serde_json::from_str(created).unwrap();
    assert_eq!(
        (&created["kind"], &created["data"]["k"]),
        (&"ConfigMap".into(), &"v".into())
    );
    let event: Value = serde_json::from_str(event).unwrap();
    assert_eq!(
        (&event["type"], &event["object"]),
        (&"ADDED".into(), &created)
    );
}

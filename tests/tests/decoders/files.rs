//! What the server reads from its files: tokens, certificates, the store.

use proptest::{collection::vec, prelude::*, test_runner::TestCaseResult};
use serde_json::{Value, json};
use server::{Options, Server, read_tokens};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};
use tempfile::TempDir;
use tests::strategies::{
    config, config_of,
    faults::{Corruption, corruption},
};
use tokio::runtime::Runtime;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));
static CERTIFICATES: LazyLock<TempDir> = LazyLock::new(|| {
    let directory = TempDir::new().expect("a directory");
    let options = Options {
        certificate_directory: Some(directory.path().to_owned()),
        ..Options::default()
    };
    start(options).expect("a server").stop();
    directory
});

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_token_file_is_read_back(
        rows in vec(("[a-z]{1,8}", "[ -~]{0,8}", "[0-9]{0,3}", vec("[a-z:]{1,6}", 0..3)), 0..6),
    ) {
        let quote = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        let lines = rows.iter().map(|(token, name, uid, groups)| {
            let columns = [token.clone(), quote(name), quote(uid), quote(&groups.join(","))];
            columns.join(", ")
        });
        let tokens = read(lines.collect::<Vec<_>>().join("\n").as_bytes());
        let tokens = tokens.map_err(TestCaseError::fail)?;
        for (token, name, uid, groups) in rows.iter().rev() {
            // Of equal tokens the last one counts.
            let last = rows.iter().rfind(|row| row.0 == *token);
            if last != Some(&(token.clone(), name.clone(), uid.clone(), groups.clone())) {
                continue;
            }
            let user = &tokens[token];
            let mut groups = groups.clone();
            groups.sort();
            prop_assert_eq!((&user.name, &user.uid, &user.groups), (name, uid, &groups));
        }
    }

    #[test]
    fn any_bytes_are_a_token_file_or_refused(
        text in "([a-z,\" ]{0,30}\n){0,4}",
        corruptions in vec(corruption(), 0..4),
    ) {
        let mut bytes = text.into_bytes();
        corrupt(&mut bytes, &corruptions);
        if let Err(why) = read(&bytes) {
            prop_assert!(why.contains("tokens.csv"), "{}", why);
        }
    }
}

proptest! {
    #![proptest_config(config_of(24))]

    #[test]
    fn any_bytes_are_certificates_or_refused(
        which in 0_usize..3,
        corruptions in vec(corruption(), 1..4),
    ) {
        let directory = TempDir::new().expect("a directory");
        let at = |name: &str| directory.path().join(name);
        for name in ["ca.crt", "apiserver.crt", "apiserver.key"] {
            let from = CERTIFICATES.path().join(name);
            fs::copy(&from, at(name)).unwrap_or_else(|why| panic!("{}: {why}", from.display()));
        }
        let name = ["ca.crt", "apiserver.crt", "apiserver.key"][which];
        damage(&at(name), &corruptions);
        let options = Options {
            serving: Some((at("apiserver.crt"), at("apiserver.key"))),
            client_authorities: Some(at("ca.crt")),
            ..Options::default()
        };
        match start(options) {
            Ok(server) => server.stop(),
            Err(why) => prop_assert!(why.contains(directory.path().to_str().unwrap()), "{}", why),
        }
    }

    #[test]
    fn a_damaged_store_is_refused_or_is_what_it_was_once(
        writes in 1_usize..8,
        corruptions in vec(corruption(), 1..3),
        whole in any::<bool>(),
    ) {
        damaged_store(writes, &corruptions, whole)?;
    }
}

/// A server of this process, and what stops it.
struct Started(server::Running);

impl Started {
    fn stop(self) {
        RUNTIME.block_on(self.0.stop());
    }
}

fn start(options: Options) -> Result<Started, String> {
    let started = RUNTIME.block_on(Server::start(options));
    started.map(Started).map_err(|why| why.0)
}

fn read(bytes: &[u8]) -> Result<std::collections::BTreeMap<String, model::config::User>, String> {
    let directory = TempDir::new().expect("a directory");
    let path = directory.path().join("tokens.csv");
    fs::write(&path, bytes).expect("a file");
    read_tokens(&path).map_err(|why| why.0)
}

fn corrupt(bytes: &mut Vec<u8>, corruptions: &[Corruption]) {
    for corruption in corruptions {
        corruption.apply(bytes);
    }
}

fn damage(path: &Path, corruptions: &[Corruption]) {
    let mut bytes = fs::read(path).expect("a file");
    corrupt(&mut bytes, corruptions);
    fs::write(path, bytes).expect("a file");
}

/// A store of some writes whose files are damaged: it opens as it was after some of the writes, or
/// not at all.
fn damaged_store(writes: usize, corruptions: &[Corruption], restart: bool) -> TestCaseResult {
    let directory = TempDir::new().expect("a directory");
    let options = || Options {
        data_directory: Some(directory.path().to_owned()),
        ..Options::default()
    };
    let server = start(options()).expect("a server");
    let mut states = vec![list(&server)];
    for number in 0..writes {
        create(&server, &format!("n{number}"));
        states.push(list(&server));
    }
    server.stop();
    if restart {
        // A restart may write a snapshot.
        start(options()).expect("what was closed opens").stop();
    }
    let files = files(&directory.path().join("store"));
    prop_assert!(!files.is_empty());
    for path in &files {
        damage(path, corruptions);
    }
    match start(options()) {
        Ok(server) => {
            let found = list(&server);
            server.stop();
            prop_assert!(states.contains(&found), "{}", found);
        }
        Err(why) => prop_assert!(why.contains(directory.path().to_str().unwrap()), "{}", why),
    }
    Ok(())
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("the store's directory");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<PathBuf> = paths.filter(|path| path.is_file()).collect();
    paths.sort();
    paths
}

fn create(server: &Started, name: &str) {
    let document = json!({"metadata": {"name": name}});
    let code = exchange(server, "POST", document.to_string().as_bytes()).0;
    assert_eq!(code, 201);
}

fn list(server: &Started) -> Value {
    let (code, bytes) = exchange(server, "GET", &[]);
    assert_eq!(code, 200);
    let list: Value = serde_json::from_slice(&bytes).expect("a list");
    list["items"].clone()
}

fn exchange(server: &Started, method: &str, body: &[u8]) -> (u16, Vec<u8>) {
    let client = tests::client::Client::of(&server.0);
    let mut connection = client.connect().expect("a connection");
    let head = model::wire::Head {
        method: method.into(),
        path: "/api/v1/nodes".into(),
        ..Default::default()
    };
    let answer = connection.send(&head, body).expect("an answer");
    (answer.code, answer.bytes)
}

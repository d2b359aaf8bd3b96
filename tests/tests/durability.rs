//! A server that is killed loses nothing that it has acknowledged.
//!
//! The server runs in a child process: this test executable, called again for [`serve`] alone.

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::{
    Api, Client, Config,
    api::{ListParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// Names the data directory for the child.
const DIRECTORY: &str = "TRUEPLANE_DURABILITY_DIRECTORY";
/// Where the child's kubeconfig is, in the data directory.
const KUBECONFIG: &str = "admin.kubeconfig";
/// How often the server is killed.
const ROUNDS: usize = 8;
/// Clients that write at the same time.
const WRITERS: usize = 4;

/// The child: a server on a free port, until it is killed. Alone it does nothing.
#[tokio::test]
async fn serve() {
    let Some(directory) = std::env::var_os(DIRECTORY).map(PathBuf::from) else {
        return;
    };
    let running = server::Server::start(server::Options {
        kubeconfig: Some(directory.join(KUBECONFIG)),
        certificate_directory: Some(directory.join("pki")),
        data_directory: Some(directory),
        ..server::Options::default()
    })
    .await
    .unwrap();
    println!("\nready at {}", running.url);
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill_9() {
    let directory = Directory::new();
    let mut acknowledged: BTreeMap<String, String> = BTreeMap::new();
    let mut restored = 0;
    for round in 0..ROUNDS {
        let mut child = start(directory.path());
        let client = client(directory.path()).await;
        if round == 0 {
            make_namespace(&client).await;
        }
        check(&client, &acknowledged).await;
        restored = acknowledged.len();
        let writers = (0..WRITERS).map(|writer| {
            let client = client.clone();
            tokio::spawn(async move { write(client, round, writer).await })
        });
        let writers: Vec<_> = writers.collect();
        // Killed while the writers write: once there is something to lose, after more of it in
        // each round.
        wait_for_objects(&client, restored + 5 * (round + 1)).await;
        child.0.kill().unwrap();
        child.0.wait().unwrap();
        for writer in writers {
            acknowledged.extend(writer.await.unwrap());
        }
        assert!(
            acknowledged.len() > restored,
            "round {round} has written nothing"
        );
    }
    assert!(restored > 0);
    let _child = start(directory.path());
    check(&client(directory.path()).await, &acknowledged).await;
}

/// Creates objects until the server is gone; answers name and resourceVersion of those that were
/// acknowledged.
async fn write(client: Client, round: usize, writer: usize) -> Vec<(String, String)> {
    let configmaps: Api<ConfigMap> = Api::namespaced(client, "crash");
    let mut acknowledged = Vec::new();
    for number in 0.. {
        let mut object = ConfigMap::default();
        let name = format!("r{round}-w{writer}-{number}");
        object.metadata.name = Some(name.clone());
        object.data = Some([("name".to_owned(), name.clone())].into());
        match configmaps.create(&PostParams::default(), &object).await {
            Ok(created) => {
                acknowledged.push((name, created.metadata.resource_version.unwrap()));
            }
            Err(kube::Error::Api(why)) => panic!("the server refused a write: {why}"),
            Err(_) => break,
        }
    }
    acknowledged
}

/// Everything that was acknowledged is there, as it was; what else is there is whole.
async fn check(client: &Client, acknowledged: &BTreeMap<String, String>) {
    let configmaps: Api<ConfigMap> = Api::namespaced(client.clone(), "crash");
    let list = configmaps.list(&ListParams::default()).await.unwrap();
    let mut found = BTreeMap::new();
    for object in list.items {
        let name = object.metadata.name.unwrap();
        assert_eq!(object.data.unwrap()["name"], name);
        found.insert(name, object.metadata.resource_version.unwrap());
    }
    for (name, version) in acknowledged {
        assert_eq!(found.get(name), Some(version), "{name} was acknowledged");
    }
    let unacknowledged = found.len() - acknowledged.len();
    // Each writer can have had one write on its way when the server was killed.
    assert!(
        unacknowledged <= ROUNDS * WRITERS,
        "{unacknowledged} objects came from nowhere"
    );
}

async fn make_namespace(client: &Client) {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let mut namespace = Namespace::default();
    namespace.metadata.name = Some("crash".into());
    namespaces
        .create(&PostParams::default(), &namespace)
        .await
        .unwrap();
}

async fn wait_for_objects(client: &Client, count: usize) {
    let configmaps: Api<ConfigMap> = Api::namespaced(client.clone(), "crash");
    while configmaps
        .list(&ListParams::default())
        .await
        .unwrap()
        .items
        .len()
        < count
    {}
}

/// A server process, killed when dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the child and waits until it says that it is ready.
fn start(directory: &Path) -> Server {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["serve", "--exact", "--nocapture"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let server = Server(child);
    let ready = lines
        .map_while(Result::ok)
        .any(|line| line.starts_with("ready at "));
    assert!(ready, "the server did not start");
    server
}

async fn client(directory: &Path) -> Client {
    let text = fs::read_to_string(directory.join(KUBECONFIG)).unwrap();
    let kubeconfig = Kubeconfig::from_yaml(&text).unwrap();
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .unwrap();
    Client::try_from(config).unwrap()
}

/// A directory that goes with the test.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Directory {
        let path = std::env::temp_dir().join(format!("trueplane-crash-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Directory(path)
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

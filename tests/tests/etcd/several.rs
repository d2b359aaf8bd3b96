//! Three servers on one etcd behind a load balancer: clients go on while servers are stopped,
//! killed and started, and what they see is what etcd's history says.

use crate::{
    connect::{Soon, config},
    history::History,
    http::{CONFIG_MAPS, ask, ok},
    seen::{Seen, follow, look, write},
};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, ResourceExt,
    runtime::{WatchStreamExt, reflector, watcher},
};
use serde_json::{Value, json};
use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::{Command, Output},
    sync::{Arc, atomic::Ordering},
    thread,
    time::Instant,
};
use tempfile::TempDir;
use tests::{
    balancer::Balancer,
    client::Client,
    etcd::Etcd,
    live::{PATIENCE, eventually},
    process::{ServerProcess, free_ports},
    reflector::{Reflector, Way},
};
use tokio::runtime::Runtime;

/// Acknowledged writes between two disturbances.
const BETWEEN: usize = 40;

/// Three servers on one etcd, and a balancer in front of them.
struct Cluster {
    etcd: Etcd,
    servers: Vec<ServerProcess>,
    balancer: Balancer,
    directory: TempDir,
}

impl Cluster {
    /// All at once on an empty etcd and with an empty directory of certificates: each makes what a
    /// cluster has from its first moment, and one makes the authority of all.
    fn start() -> Cluster {
        let etcd = Etcd::start();
        let directory = TempDir::new().unwrap();
        let certificates = directory.path().join("pki");
        let (path, url) = (directory.path(), etcd.url());
        let flags = ["--etcd-servers", &url, "--cert-dir"];
        let servers = thread::scope(|scope| {
            let start = |port| {
                let (flags, certificates) = (flags, &certificates);
                scope.spawn(move || {
                    let certificates = certificates.to_str().unwrap();
                    let flags = [&flags[..], &[certificates]].concat();
                    ServerProcess::start(path, port, &flags)
                })
            };
            let starting: Vec<_> = free_ports::<3>().into_iter().map(start).collect();
            let join = |it: thread::ScopedJoinHandle<'_, _>| it.join().unwrap();
            starting.into_iter().map(join).collect::<Vec<_>>()
        });
        let ports: Vec<u16> = servers.iter().map(ServerProcess::port).collect();
        let cluster = Cluster {
            balancer: Balancer::start(&ports),
            etcd,
            servers,
            directory,
        };
        cluster.write_kubeconfig();
        cluster
    }

    /// The administrator's kubeconfig, by way of the balancer.
    fn write_kubeconfig(&self) {
        let text = fs::read_to_string(self.servers[0].kubeconfig()).unwrap();
        let own = |port: u16| format!("127.0.0.1:{port}");
        let (from, to) = (own(self.servers[0].port()), own(self.balancer.port()));
        assert!(text.contains(&from));
        fs::write(self.kubeconfig(), text.replace(&from, &to)).unwrap();
    }

    fn kubeconfig(&self) -> std::path::PathBuf {
        self.directory.path().join("balanced.kubeconfig")
    }

    /// The administrator's client, to one server or to the balancer.
    fn client(&self, port: u16) -> Client {
        let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port);
        Client::from_directory(&self.directory.path().join("pki"), address)
    }

    fn balanced(&self) -> Client {
        self.client(self.balancer.port())
    }

    fn kubectl(&self, arguments: &[&str]) -> Output {
        kubectl(&self.kubeconfig(), arguments)
    }

    /// Runs kubectl until it succeeds.
    fn kubectl_in_the_end(&self, arguments: &[&str]) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let output = self.kubectl(arguments);
            if output.status.success() {
                return String::from_utf8(output.stdout).unwrap();
            }
            let why = String::from_utf8_lossy(&output.stderr);
            assert!(Instant::now() < end, "kubectl {arguments:?}: {why}");
        }
    }
}

fn kubectl(kubeconfig: &Path, arguments: &[&str]) -> Output {
    let program = std::env::var("KUBECTL").unwrap_or_else(|_| "kubectl".into());
    Command::new(&program)
        .args(arguments)
        .env("KUBECONFIG", kubeconfig)
        .env("HOME", kubeconfig.parent().unwrap())
        .output()
        .unwrap_or_else(|why| panic!("cannot run `{program}`: {why}"))
}

#[test]
fn clients_go_on_while_servers_come_and_go() {
    let mut cluster = Cluster::start();
    let runtime = Runtime::new().unwrap();
    let kube_store = runtime.block_on(async {
        let config = config(&cluster.kubeconfig()).await;
        let client = kube::Client::try_from(config).unwrap();
        let api: Api<ConfigMap> = Api::default_namespaced(client);
        let (store, writer) = reflector::store();
        let stream = reflector::reflector(writer, watcher(api, watcher::Config::default()));
        let stream = stream.backoff(Soon);
        tokio::spawn(futures::StreamExt::for_each(stream, |_| async {}));
        store
    });
    let seen = Arc::new(Seen::default());
    let ports: Vec<u16> = cluster.servers.iter().map(ServerProcess::port).collect();
    let mut workers = Vec::new();
    for number in 0..2 {
        let (client, seen) = (cluster.balanced(), Arc::clone(&seen));
        workers.push(thread::spawn(move || write(&client, &seen, number)));
    }
    for port in ports.iter().copied().chain([cluster.balancer.port()]) {
        let (client, seen) = (cluster.client(port), Arc::clone(&seen));
        workers.push(thread::spawn(move || look(&client, &seen)));
    }
    let reflectors: Vec<_> = [Way::Newest, Way::Any, Way::Streamed]
        .into_iter()
        .map(|way| {
            let client = cluster.balanced();
            thread::spawn(move || follow(&client, Reflector::new(CONFIG_MAPS, way)))
        })
        .collect();

    let wait = |seen: &Seen| {
        let goal = seen.writes().len() + BETWEEN;
        let end = Instant::now() + PATIENCE;
        while seen.writes().len() < goal {
            assert!(Instant::now() < end, "the writers don't get on");
            thread::yield_now();
        }
    };
    for index in 0..3 {
        wait(&seen);
        cluster.servers[index].stop();
        // Nobody notices but who had a connection to it: those end when it has answered.
        let output = cluster.kubectl(&["get", "configmaps"]);
        let why = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "one of three was stopped: {why}");
        wait(&seen);
        cluster.servers[index].begin();
        wait(&seen);
        cluster.servers[(index + 1) % 3].kill();
        cluster.kubectl_in_the_end(&["get", "configmaps"]);
        wait(&seen);
        cluster.servers[(index + 1) % 3].begin();
    }
    // All of them are gone: connections are refused, and what the servers had told stays as it was.
    // (The nodes of a cluster go on with what they run: what they do meanwhile is to be looked at
    // here, once there are simulated ones.)
    for server in &mut cluster.servers {
        server.kill();
    }
    for port in &ports {
        let head = model::wire::Head {
            method: "GET".into(),
            path: CONFIG_MAPS.into(),
            ..model::wire::Head::default()
        };
        let answer = cluster.client(*port).connect();
        let answer = answer.and_then(|mut connection| connection.send(&head, &[]));
        assert!(answer.is_err(), "a server that is killed answers");
    }
    assert!(!cluster.kubectl(&["get", "configmaps"]).status.success());
    for server in &mut cluster.servers {
        server.begin();
    }
    wait(&seen);
    seen.stop.store(true, Ordering::SeqCst);
    for worker in workers {
        worker.join().unwrap();
    }
    // The last object: whoever has seen it has seen everything.
    let last = json!({"metadata": {"name": "last"}});
    let created = ok(&cluster.client(ports[0]), "POST", CONFIG_MAPS, &last);
    let followed: Vec<Reflector> = reflectors
        .into_iter()
        .map(|it| it.join().unwrap())
        .collect();
    let list = ok(&cluster.client(ports[1]), "GET", CONFIG_MAPS, &Value::Null);
    let names = crate::http::names(&list);
    runtime.block_on(eventually(
        "the kube crate's reflector is in step",
        || async {
            let state = kube_store.state();
            let mut found: Vec<String> = state.iter().map(|it| it.name_any()).collect();
            found.sort();
            (found == names).then_some(())
        },
    ));
    let printed = cluster.kubectl_in_the_end(&["get", "configmaps", "-o", "name"]);
    assert_eq!(printed.lines().count(), names.len());

    let history = runtime.block_on(History::read(&cluster.etcd));
    seen.check(&history);
    for reflector in &followed {
        history.check_reflector(reflector);
    }
    history.check_write("last", &created);
}

/// O12: each server chooses by what its own cache shows, and no address is given twice.
#[test]
fn no_address_is_given_twice() {
    const SERVICES: &str = "/api/v1/namespaces/default/services";
    let cluster = Cluster::start();
    let clients: Vec<Client> = cluster
        .servers
        .iter()
        .map(|server| cluster.client(server.port()))
        .collect();
    for round in 0..12 {
        // All ask for the same address at once; one gets it.
        let wanted = format!("10.0.0.{}", 100 + round);
        let codes: Vec<u16> = thread::scope(|scope| {
            let asking: Vec<_> = clients
                .iter()
                .enumerate()
                .map(|(number, client)| {
                    let service = json!({
                        "metadata": {"name": format!("s{round}-{number}")},
                        "spec": {"clusterIP": wanted, "ports": [{"port": 80}]},
                    });
                    scope.spawn(move || ask(client, "POST", SERVICES, &service).0)
                })
                .collect();
            asking.into_iter().map(|it| it.join().unwrap()).collect()
        });
        let count = |wanted: u16| codes.iter().filter(|code| **code == wanted).count();
        assert_eq!((count(201), count(422)), (1, 2), "{codes:?}");
    }
    // Nobody asks for one: everybody gets one.
    thread::scope(|scope| {
        for (number, client) in clients.iter().enumerate() {
            scope.spawn(move || {
                for count in 0..20 {
                    let service = json!({
                        "metadata": {"name": format!("free-{number}-{count}")},
                        "spec": {"type": "NodePort", "ports": [{"port": 80}]},
                    });
                    ok(client, "POST", SERVICES, &service);
                }
            });
        }
    });
    let list = ok(&clients[0], "GET", SERVICES, &Value::Null);
    let items = list["items"].as_array().unwrap();
    let distinct = |pointer: &str| {
        let found: std::collections::BTreeSet<String> = items
            .iter()
            .filter_map(|item| Some(item.pointer(pointer)?.to_string()))
            .collect();
        found.len()
    };
    assert_eq!(items.len(), 1 + 12 + 60);
    assert_eq!(distinct("/spec/clusterIP"), items.len());
    assert_eq!(distinct("/spec/ports/0/nodePort"), 60);
}

#[test]
fn the_objects_of_every_cluster_are_made_once() {
    let cluster = Cluster::start();
    let [first, second, third] = [0, 1, 2].map(|number| {
        let client = cluster.client(cluster.servers[number].port());
        ok(&client, "GET", "/api/v1/namespaces", &Value::Null)
    });
    assert_eq!(first["items"], second["items"]);
    assert_eq!(first["items"], third["items"]);
    for item in first["items"].as_array().unwrap() {
        let version = item["metadata"]["resourceVersion"].as_str().unwrap();
        let key = format!(
            "/registry/namespaces/{}",
            item["metadata"]["name"].as_str().unwrap()
        );
        let found = cluster.etcd.ctl(&["get", &key, "-w", "json"]);
        let found: Value = serde_json::from_str(&found).unwrap();
        assert_eq!(found["kvs"][0]["version"], 1, "{key} was written once");
        assert_eq!(found["kvs"][0]["mod_revision"].to_string(), version);
    }
    // What one has written all the others show at once.
    let (client, other) = (
        cluster.client(cluster.servers[0].port()),
        cluster.client(cluster.servers[1].port()),
    );
    for number in 0..20 {
        let name = format!("n{number}");
        ok(
            &client,
            "POST",
            CONFIG_MAPS,
            &json!({"metadata": {"name": name}}),
        );
        let list = ok(&other, "GET", CONFIG_MAPS, &Value::Null);
        assert!(crate::http::names(&list).contains(&name.as_str()));
        let (code, _) = ask(
            &other,
            "POST",
            CONFIG_MAPS,
            &json!({"metadata": {"name": name}}),
        );
        assert_eq!(code, 409);
    }
}

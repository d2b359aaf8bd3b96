//! Creates with a real etcd behind the server, beside puts that the same number of clients send to
//! that etcd themselves, each guarded as the server's is.

use crate::{
    child::{Place, Server, processor_time},
    load::{Client, Http},
    report::{self, Measured},
    requests::{APART, Create, DATA, TOGETHER, WARM, configmaps, make_namespace, run},
};
use model::etcd::{Compare, Key, Put, Revision, Target, Txn};
use server::etcd::{self, Servers};
use std::{
    net::{Ipv4Addr, TcpListener},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// How long etcd may take to start.
const PATIENCE: Duration = Duration::from_secs(30);

/// An etcd of its own. Dropped it is killed.
struct Etcd {
    process: Child,
    url: String,
}

impl Drop for Etcd {
    fn drop(&mut self) {
        // It may have died before.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Measures it.
pub(crate) async fn measure(place: &Place, rounds: usize, window: Duration) {
    let etcd = start(place).await;
    let server = Server::on_etcd(place, &etcd.url);
    let client: Client = server.client(Http::Two);
    make_namespace(&client, "etcd").await;
    let collection = configmaps("etcd");
    let create = |_| Create(collection.clone());
    let mut runs = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        runs.0.push(run(&server, APART, window, create).await);
        runs.1.push(run(&server, TOGETHER, window, create).await);
        runs.2.push(puts(&etcd, round, window).await);
    }
    report::heading("create with etcd behind the server, beside puts to etcd itself; 64 clients");
    report::lines(&[
        ("HTTP/1.1", runs.0),
        ("HTTP/2", runs.1),
        ("etcd itself", runs.2),
    ]);
}

async fn start(place: &Place) -> Etcd {
    let port = || {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        listener.local_addr().expect("an address").port()
    };
    let [url, peer] = [port(), port()].map(|port| format!("http://127.0.0.1:{port}"));
    let process = Command::new("etcd")
        .arg("--data-dir")
        .arg(place.join("etcd"))
        .args(["--listen-client-urls", &url])
        .args(["--advertise-client-urls", &url])
        .args(["--listen-peer-urls", &peer])
        .args(["--initial-advertise-peer-urls", &peer])
        .args(["--initial-cluster", &format!("default={peer}")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("etcd is on the PATH (`.ci/setup` installs it)");
    let etcd = Etcd { process, url };
    let client = client(&etcd);
    let end = Instant::now() + PATIENCE;
    while client.version().await.is_err() {
        assert!(Instant::now() < end, "etcd does not start");
    }
    etcd
}

fn client(etcd: &Etcd) -> etcd::Client {
    let servers = Servers {
        urls: vec![etcd.url.clone()],
        prefix: "/registry".into(),
        ..Servers::default()
    };
    etcd::Client::new(&servers).expect("a client")
}

/// As many clients as the crowds have, on one connection, as the server has.
async fn puts(etcd: &Etcd, round: usize, window: Duration) -> Measured {
    let before = processor_time(etcd.process.id());
    let began = Instant::now();
    let client = client(etcd);
    let clients: Vec<_> = (0..APART.connections)
        .map(|number| {
            let client = client.clone();
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                for count in 0.. {
                    let sent = Instant::now();
                    if sent >= began + WARM + window {
                        break;
                    }
                    let txn = put(&format!("/registry/bare/{round}-{number}-{count}"));
                    client.txn(&txn).await.expect("etcd answers");
                    if sent >= began + WARM {
                        latencies.push(sent.elapsed());
                    }
                }
                latencies
            })
        })
        .collect();
    let mut measured = Measured {
        elapsed: window,
        ..Measured::default()
    };
    for client in clients {
        measured.latencies.extend(client.await.expect("a client"));
    }
    measured.latencies.sort_unstable();
    let spent = processor_time(etcd.process.id()) - before;
    let all = measured.rate() * (WARM + window).as_secs_f64();
    measured.processor = spent.div_f64(all.max(1.0));
    measured
}

/// As the server creates an object: if the key is absent.
fn put(key: &str) -> Txn {
    let key = Key::from(key);
    let absent = Compare::equal(key.clone(), Target::CreateRevision(Revision(0)));
    // The metadata besides the data.
    let value = "x".repeat(DATA + 250);
    Txn::only_if(
        vec![absent],
        vec![Put::new(key, value.as_str().into()).into()],
    )
}

//! GET, LIST, create and update.

use crate::{
    child::{Place, Server},
    load::{Client, Crowd, Http, Script, Until},
    report::{self, Measured},
};
use hyper::{Method, body::Bytes};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Sixty-four clients, each with a connection.
pub(crate) const APART: Crowd = Crowd {
    http: Http::One,
    connections: 64,
    streams: 1,
};
/// Sixty-four clients on four connections, as client-go shares them.
pub(crate) const TOGETHER: Crowd = Crowd {
    http: Http::Two,
    connections: 4,
    streams: 16,
};
/// For answers of a megabyte.
const FEW: Crowd = Crowd {
    http: Http::One,
    connections: 8,
    streams: 1,
};
/// Objects in the list.
const LISTED: usize = 1_000;
/// Bytes of data in an object.
pub(crate) const DATA: usize = 1_000;
/// The part of a run that does not count.
pub(crate) const WARM: Duration = Duration::from_millis(300);

/// Names that were never used before.
static NAMES: AtomicUsize = AtomicUsize::new(0);

/// A ConfigMap of about one kilobyte.
pub(crate) fn configmap(name: &str, version: &str, data: &str) -> Bytes {
    let version = match version {
        "" => String::new(),
        version => format!(",\"resourceVersion\":\"{version}\""),
    };
    let padding = "x".repeat(DATA - data.len());
    format!(
        "{{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{{\"name\":\"{name}\"\
         {version}}},\"data\":{{\"value\":\"{data}{padding}\"}}}}"
    )
    .into()
}

pub(crate) fn configmaps(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/configmaps")
}

pub(crate) async fn make_namespace(client: &Client, name: &str) {
    let body = format!(
        "{{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{{\"name\":\"{name}\"}}}}"
    );
    let request = (Method::POST, "/api/v1/namespaces".to_owned(), body.into());
    client.ask(&mut client.connect().await, request).await;
}

/// The first resourceVersion in an answer.
pub(crate) fn version(answer: &[u8]) -> Option<&str> {
    const LABEL: &str = "\"resourceVersion\":\"";
    let text = std::str::from_utf8(answer).ok()?;
    let start = text.find(LABEL)? + LABEL.len();
    text[start..].split('"').next()
}

/// Asks for the same again and again.
#[derive(Clone)]
pub(crate) struct Get(pub(crate) String);

impl Script for Get {
    fn next(&mut self) -> (Method, String, Bytes) {
        (Method::GET, self.0.clone(), Bytes::new())
    }
}

/// Creates objects.
#[derive(Clone)]
pub(crate) struct Create(pub(crate) String);

impl Script for Create {
    fn next(&mut self) -> (Method, String, Bytes) {
        let name = format!("c{:08}", NAMES.fetch_add(1, Ordering::Relaxed));
        (Method::POST, self.0.clone(), configmap(&name, "", &name))
    }
}

/// Writes one object of its own with the resourceVersion that it was answered.
struct Update {
    path: String,
    name: String,
    version: String,
    count: usize,
}

impl Script for Update {
    fn next(&mut self) -> (Method, String, Bytes) {
        self.count += 1;
        let body = configmap(&self.name, &self.version, &self.count.to_string());
        (Method::PUT, self.path.clone(), body)
    }

    fn wants_answer(&self) -> bool {
        true
    }

    fn answered(&mut self, answer: &[u8]) {
        // The bare server answers none.
        if let Some(version) = version(answer) {
            self.version = version.to_owned();
        }
    }
}

/// Lets a crowd follow a script at a server, and looks at the server's processor time.
pub(crate) async fn run<S: Script>(
    server: &Server,
    crowd: Crowd,
    window: Duration,
    script: impl FnMut(usize) -> S,
) -> Measured {
    let client = server.client(crowd.http);
    let before = server.processor_time();
    let until = Until::Time { warm: WARM, window };
    let mut measured = client.run(crowd, until, script).await;
    let spent = server.processor_time() - before;
    // Requests while warming up are taken to be as many a second as those after.
    let all = measured.rate() * (WARM + window).as_secs_f64();
    measured.processor = spent.div_f64(all.max(1.0));
    measured
}

/// GET of one object and LIST of a thousand.
pub(crate) async fn reads(place: &Place, rounds: usize, window: Duration) {
    let ours = Server::ours(place, None);
    let bare = Server::bare(place);
    let client = ours.client(Http::Two);
    make_namespace(&client, "list").await;
    let collection = configmaps("list");
    let mut connection = client.connect().await;
    for number in 0..LISTED {
        let name = format!("o{number:04}");
        let body = configmap(&name, "", &name);
        client
            .ask(&mut connection, (Method::POST, collection.clone(), body))
            .await;
    }
    for (title, crowd, path) in [
        (
            "GET, 64 connections of HTTP/1.1",
            APART,
            format!("{collection}/o0500"),
        ),
        (
            "GET, 4 connections of HTTP/2 with 16 streams",
            TOGETHER,
            format!("{collection}/o0500"),
        ),
        (
            "LIST of 1,000, 8 connections of HTTP/1.1",
            FEW,
            collection.clone(),
        ),
    ] {
        let length = client
            .ask(&mut connection, Get(path.clone()).next())
            .await
            .len();
        let constant = format!("/bytes/{length}{path}");
        let mut runs = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            runs.0
                .push(run(&ours, crowd, window, |_| Get(path.clone())).await);
            runs.1
                .push(run(&bare, crowd, window, |_| Get(constant.clone())).await);
        }
        report::heading(&format!("{title}: answers of {length} bytes"));
        report::lines(&[("ours", runs.0), ("bare", runs.1)]);
    }
}

/// Create and update, in memory and on disk.
pub(crate) async fn writes(place: &Place, rounds: usize, window: Duration) {
    let memory = Server::ours(place, None);
    let disk = Server::ours(place, Some("writes"));
    let bare = Server::bare(place);
    let collection = configmaps("writes");
    let mut length = 0;
    for server in [&memory, &disk] {
        let client = server.client(Http::Two);
        make_namespace(&client, "writes").await;
        let mut connection = client.connect().await;
        length = client
            .ask(&mut connection, Create(collection.clone()).next())
            .await
            .len();
        for number in 0..APART.connections {
            let body = configmap(&format!("u{number}"), "", "0");
            client
                .ask(&mut connection, (Method::POST, collection.clone(), body))
                .await;
        }
    }
    let constant = format!("/bytes/{length}{collection}");
    let create = |path: &str| {
        let path = path.to_owned();
        move |_| Create(path.clone())
    };
    for (title, crowd) in [
        ("create, 64 connections of HTTP/1.1", APART),
        ("create, 4 connections of HTTP/2 with 16 streams", TOGETHER),
    ] {
        let mut runs = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rounds {
            runs.0
                .push(run(&memory, crowd, window, create(&collection)).await);
            runs.1
                .push(run(&disk, crowd, window, create(&collection)).await);
            runs.2
                .push(run(&bare, crowd, window, create(&constant)).await);
        }
        report::heading(&format!("{title}: answers of {length} bytes"));
        report::lines(&[("in memory", runs.0), ("durable", runs.1), ("bare", runs.2)]);
    }
    let update = |base: &str| {
        let base = base.to_owned();
        move |number: usize| Update {
            path: format!("{base}/u{number}"),
            name: format!("u{number}"),
            version: String::new(),
            count: 0,
        }
    };
    let mut runs = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        runs.0
            .push(run(&memory, APART, window, update(&collection)).await);
        runs.1
            .push(run(&disk, APART, window, update(&collection)).await);
        runs.2
            .push(run(&bare, APART, window, update(&constant)).await);
    }
    report::heading("update with resourceVersion, 64 connections of HTTP/1.1");
    report::lines(&[("in memory", runs.0), ("durable", runs.1), ("bare", runs.2)]);
}

/// Creates so many objects in the namespace `many`, which must not be there.
pub(crate) async fn fill(server: &Server, objects: usize) -> Measured {
    let client = server.client(TOGETHER.http);
    make_namespace(&client, "many").await;
    let left = Until::Count(Arc::new(AtomicUsize::new(objects)));
    client
        .run(TOGETHER, left, |_| Create(configmaps("many")))
        .await
}

//! A thousand watchers of one resource: how long until the last has heard of a change, and how many
//! events a second go out when changes come in a burst.

use crate::{
    child::{Place, Server},
    load::{Client, Connection, Crowd, Http, Script},
    report::{median, milliseconds, percentile},
    requests::{Get, configmap, configmaps, make_namespace, version},
};
use http_body_util::BodyExt;
use hyper::{Method, body::Bytes};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{sync::Notify, task::JoinSet};

const WATCHERS: Crowd = Crowd {
    http: Http::Two,
    connections: 10,
    streams: 100,
};
/// Changes that are made one by one.
const SINGLE: usize = 30;
/// Changes of a burst, and how many are on their way at once.
const BURST: usize = 200;
const AT_ONCE: usize = 4;

/// What all watchers together were told.
#[derive(Default)]
struct Told {
    events: AtomicUsize,
    goal: AtomicUsize,
    reached: Notify,
}

impl Told {
    fn add(&self, events: usize) {
        let now = self.events.fetch_add(events, Ordering::SeqCst) + events;
        if now >= self.goal.load(Ordering::SeqCst) {
            self.reached.notify_one();
        }
    }

    /// Waits until so many more events were told.
    async fn more(&self, events: usize) {
        let goal = self.goal.load(Ordering::SeqCst) + events;
        self.goal.store(goal, Ordering::SeqCst);
        while self.events.load(Ordering::SeqCst) < goal {
            self.reached.notified().await;
        }
    }
}

/// Where changes are made and watched.
#[derive(Clone)]
struct Paths {
    watch: String,
    change: String,
}

/// One round at one server.
struct Round {
    /// From the sending of a change until the last watcher has it, sorted.
    last: Vec<Duration>,
    /// Events a second in the burst.
    rate: f64,
    /// The server's processor time an event in the burst.
    processor: Duration,
}

/// Measures ours and bare in turn.
pub(crate) async fn measure(place: &Place, rounds: usize) {
    let ours = Server::ours(place, None);
    let bare = Server::bare(place);
    let client = ours.client(Http::Two);
    make_namespace(&client, "watched").await;
    let collection = configmaps("watched");
    let mut connection = client.connect().await;
    // Not what the first change writes: a write that changes nothing is no event.
    let create = (Method::POST, collection.clone(), configmap("o", "", "new"));
    client.ask(&mut connection, create).await;
    let mut runs = (Vec::new(), Vec::new());
    let mut length = 0;
    for _ in 0..rounds {
        let list = client
            .ask(&mut connection, Get(collection.clone()).next())
            .await;
        let since = version(&list).expect("a list has a resourceVersion");
        let paths = Paths {
            watch: format!("{collection}?watch=1&resourceVersion={since}"),
            change: format!("{collection}/o"),
        };
        let (round, bytes) = run(&ours, paths).await;
        length = bytes;
        runs.0.push(round);
        let paths = Paths {
            watch: "/watch".into(),
            change: format!("/publish/{}", length - 1),
        };
        runs.1.push(run(&bare, paths).await.0);
    }
    println!("\nwatch, 1,000 watchers on 10 connections of HTTP/2: events of {length} bytes");
    println!(
        "  {:<12} {:>11} {:>9} {:>17} {:>17}",
        "", "events/s", "cpu us", "last has it p50", "p99 ms"
    );
    for (name, runs) in [("ours", &runs.0), ("bare", &runs.1)] {
        let of = |what: fn(&Round) -> f64| median(runs.iter().map(what).collect());
        println!(
            "  {name:<12} {:>11.0} {:>9.2} {:>17.2} {:>17.2}",
            of(|round| round.rate),
            of(|round| round.processor.as_secs_f64() * 1e6),
            of(|round| milliseconds(percentile(&round.last, 50))),
            of(|round| milliseconds(percentile(&round.last, 99))),
        );
    }
}

/// One round, and the bytes of an event.
async fn run(server: &Server, paths: Paths) -> (Round, usize) {
    let client = server.client(WATCHERS.http);
    let told = Arc::new(Told::default());
    let bytes = Arc::new(AtomicUsize::new(0));
    let mut watchers = JoinSet::new();
    for mut stream in client.crowd(WATCHERS).await {
        let request = Get(paths.watch.clone()).next();
        let answer = client.send(&mut stream, request).await;
        let (told, bytes) = (Arc::clone(&told), Arc::clone(&bytes));
        watchers.spawn(async move {
            let mut body = answer.into_body();
            while let Some(frame) = body.frame().await {
                let data = frame
                    .expect("a watch that lives")
                    .into_data()
                    .unwrap_or_default();
                bytes.fetch_add(data.len(), Ordering::Relaxed);
                told.add(data.iter().filter(|byte| **byte == b'\n').count());
            }
        });
    }
    let all = watchers.len();
    let mut writer = client.connect().await;
    let mut last = Vec::new();
    for number in 0..SINGLE {
        let sent = Instant::now();
        let more = told.more(all);
        tokio::join!(change(&client, &mut writer, &paths, number), more);
        last.push(sent.elapsed());
    }
    last.sort_unstable();
    let before = server.processor_time();
    let began = Instant::now();
    let mut writers = JoinSet::new();
    for part in 0..AT_ONCE {
        let (client, paths) = (client.clone(), paths.clone());
        let mut stream = client.connect().await;
        writers.spawn(async move {
            for number in 0..BURST / AT_ONCE {
                change(&client, &mut stream, &paths, SINGLE + part * BURST + number).await;
            }
        });
    }
    told.more(all * BURST).await;
    let elapsed = began.elapsed();
    let spent = server.processor_time() - before;
    writers.join_all().await;
    let events = all * BURST;
    let round = Round {
        last,
        rate: events as f64 / elapsed.as_secs_f64(),
        processor: spent.div_f64(events as f64),
    };
    let length = bytes.load(Ordering::Relaxed) / told.events.load(Ordering::SeqCst);
    (round, length)
}

async fn change(client: &Client, connection: &mut Connection, paths: &Paths, number: usize) {
    let body: Bytes = configmap("o", "", &number.to_string());
    client
        .ask(connection, (Method::PUT, paths.change.clone(), body))
        .await;
}

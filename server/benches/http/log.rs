//! What the disk gives: one thread that takes all records that wait, appends and flushes them, and
//! only then answers.

use crate::{
    child::Place,
    report::{self, Measured},
};
use std::{
    fs::File,
    io::Write,
    thread,
    time::{Duration, Instant},
};
use tokio::sync::{mpsc, oneshot};

/// Clients that wait for their record to be durable.
const CLIENTS: usize = 64;
/// Bytes of a record: a ConfigMap of one kilobyte as it is stored.
const RECORD: usize = 1_250;
/// Records of one flush.
const BATCH: usize = 512;

type Waiting = (Vec<u8>, oneshot::Sender<()>);

/// Measures it.
pub(crate) async fn measure(place: &Place, rounds: usize, window: Duration) {
    let mut runs = Vec::new();
    for _ in 0..rounds {
        runs.push(run(place, window).await);
    }
    report::heading("append and fdatasync alone, 64 clients, 1,250 bytes a record");
    report::lines(&[("disk", runs)]);
}

async fn run(place: &Place, window: Duration) -> Measured {
    let file = File::create(place.join("appended")).expect("a file");
    let (orders, waiting) = mpsc::channel(CLIENTS);
    let writer = thread::spawn(move || write(waiting, file));
    let end = Instant::now() + window;
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| tokio::spawn(follow(orders.clone(), end)))
        .collect();
    drop(orders);
    let mut measured = Measured {
        elapsed: window,
        ..Measured::default()
    };
    for client in clients {
        measured.latencies.extend(client.await.expect("a client"));
    }
    measured.latencies.sort_unstable();
    writer.join().expect("the writer");
    measured
}

async fn follow(orders: mpsc::Sender<Waiting>, end: Instant) -> Vec<Duration> {
    let mut latencies = Vec::new();
    while Instant::now() < end {
        let sent = Instant::now();
        let (reply, answer) = oneshot::channel();
        orders
            .send((vec![b'x'; RECORD], reply))
            .await
            .expect("the writer lives");
        answer.await.expect("the writer lives");
        latencies.push(sent.elapsed());
    }
    latencies
}

fn write(mut waiting: mpsc::Receiver<Waiting>, mut file: File) {
    while let Some((mut frame, first)) = waiting.blocking_recv() {
        let mut replies = vec![first];
        while replies.len() < BATCH
            && let Ok((record, reply)) = waiting.try_recv()
        {
            frame.extend(record);
            replies.push(reply);
        }
        file.write_all(&frame).expect("room on the disk");
        file.sync_data().expect("a disk that works");
        for reply in replies {
            // Nobody goes before it is answered.
            let _ = reply.send(());
        }
    }
}

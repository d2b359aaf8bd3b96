//! From the start of the process to a `/readyz` that answers 200, and memory then.

use crate::{
    child::{Place, Server},
    load::{Http, Script},
    report::{median, milliseconds},
    requests::{Get, fill},
};
use std::time::Duration;

/// Starts and asks for `/readyz`.
async fn ready(server: Server) -> (Server, Duration) {
    let client = server.client(Http::One);
    let mut connection = client.connect().await;
    client
        .ask(&mut connection, Get("/readyz".into()).next())
        .await;
    let took = server.age();
    (server, took)
}

async fn starts(what: &str, rounds: usize, mut start: impl FnMut(usize) -> Server) {
    let (mut said, mut answered, mut resident) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let (server, took) = ready(start(round)).await;
        said.push(milliseconds(server.started));
        answered.push(milliseconds(took));
        resident.push(server.resident());
    }
    println!(
        "  {what:<44} {:>8.1} ms until ready, {:>8.1} ms until /readyz, {:>7.1} MiB resident",
        median(said),
        median(answered),
        median(resident),
    );
}

/// Measures it with an empty store and with that many objects.
pub(crate) async fn measure(place: &Place, rounds: usize, objects: usize) {
    println!("\nstart of the process");
    starts("in memory, the first start of all", 1, |_| {
        Server::ours(place, None)
    })
    .await;
    starts("new directory, certificates are made", rounds, |round| {
        let pki = place.join(&format!("pki-{round}"));
        Server::with_pki(place, Some(&format!("new-{round}")), &pki)
    })
    .await;
    starts("in memory", rounds, |_| Server::ours(place, None)).await;
    starts("directory without objects", rounds, |_| {
        Server::ours(place, Some("empty"))
    })
    .await;
    let server = Server::ours(place, Some("full"));
    let filled = fill(&server, objects).await;
    let resident = server.resident();
    drop(server);
    println!(
        "  ({objects} objects of 1 kB created in {:.1} s, {:.0} a second; {resident:.1} MiB resident)",
        filled.elapsed.as_secs_f64(),
        filled.rate()
    );
    starts("directory with them", rounds, |_| {
        Server::ours(place, Some("full"))
    })
    .await;
}

//! Clients, straight or through a proxy whose connections can be cut.

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
    runtime::utils::Backoff,
};
use std::{net::SocketAddr, time::Duration};
use tests::live::Live;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// Tries again soon, however often the proxy has cut: the crate's default grows to a minute, as long
/// as a test waits for anything.
pub(crate) struct Soon;

impl Iterator for Soon {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(Duration::from_millis(100))
    }
}

impl Backoff for Soon {
    fn reset(&mut self) {}
}

/// The administrator's client.
pub(crate) async fn client(live: &Live) -> Client {
    Client::try_from(config(live).await).unwrap()
}

/// The administrator's client through a proxy.
pub(crate) async fn client_through(live: &Live, proxy: &Proxy) -> Client {
    let mut config = config(live).await;
    config.cluster_url = format!("https://{}", proxy.address).parse().unwrap();
    Client::try_from(config).unwrap()
}

async fn config(live: &Live) -> Config {
    let kubeconfig = Kubeconfig::read_from(live.kubeconfig()).unwrap();
    let options = KubeConfigOptions::default();
    Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .unwrap()
}

/// Passes bytes on between clients and the server until it cuts the connections.
pub(crate) struct Proxy {
    address: SocketAddr,
    cuts: watch::Sender<u32>,
}

impl Proxy {
    /// Starts to listen.
    pub(crate) async fn start(live: &Live) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (cuts, cut) = watch::channel(0);
        tokio::spawn(accept(listener, live.address(), cut));
        Proxy { address, cuts }
    }

    /// Cuts all connections that are open; new ones are let through.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, cut: watch::Receiver<u32>) {
    while let Ok((mut client, _)) = listener.accept().await {
        let mut cut = cut.clone();
        cut.mark_unchanged();
        tokio::spawn(async move {
            let Ok(mut server) = TcpStream::connect(server).await else {
                return;
            };
            // Whichever ends first, both connections are dropped.
            tokio::select! {
                _ = copy_bidirectional(&mut client, &mut server) => {}
                _ = cut.changed() => {}
            }
        });
    }
}

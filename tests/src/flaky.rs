//! A proxy between clients and a server, whose connections break as they are told to.

use crate::{live::Live, strategies::faults::Connection};
use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
};

/// The proxy. It lives as long as the runtime of its server.
pub struct Proxy {
    address: SocketAddr,
    plan: Arc<Mutex<VecDeque<Connection>>>,
    cuts: Arc<AtomicUsize>,
}

impl Proxy {
    /// Starts one; its connections go through `plan`, in the order in which they are made.
    ///
    /// # Panics
    /// When there is no port: a test can't go on.
    #[must_use]
    pub fn start(live: &Live, plan: &[Connection]) -> Proxy {
        let plan: VecDeque<Connection> = plan.iter().cloned().collect();
        let plan = Arc::new(Mutex::new(plan));
        let cuts = Arc::new(AtomicUsize::new(0));
        let server = live.address();
        let (listener_plan, listener_cuts) = (Arc::clone(&plan), Arc::clone(&cuts));
        let address = live.run(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("an address");
            tokio::spawn(accept(listener, server, listener_plan, listener_cuts));
            address
        });
        Proxy {
            address,
            plan,
            cuts,
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections it has cut.
    #[must_use]
    pub fn cuts(&self) -> usize {
        self.cuts.load(Ordering::Relaxed)
    }

    /// From now on new connections are sound.
    pub fn heal(&self) {
        self.plan
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

async fn accept(
    listener: TcpListener,
    server: SocketAddr,
    plan: Arc<Mutex<VecDeque<Connection>>>,
    cuts: Arc<AtomicUsize>,
) {
    while let Ok((client, _)) = listener.accept().await {
        let next = plan
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front();
        let fate = next.unwrap_or_else(Connection::sound);
        if fate.refused {
            cuts.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        let cuts = Arc::clone(&cuts);
        tokio::spawn(async move {
            if carry(client, server, &fate).await.is_some() {
                cuts.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
}

/// Passes bytes on until one side closes, or until it is time to cut (`Some`).
async fn carry(client: TcpStream, server: SocketAddr, fate: &Connection) -> Option<()> {
    let server = TcpStream::connect(server).await.ok()?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let down = async {
        let mut left = fate.bytes.unwrap_or(usize::MAX);
        let mut piece = vec![0; fate.piece.clamp(1, 1 << 16)];
        loop {
            let most = piece.len().min(left);
            if most == 0 {
                return Some(());
            }
            let count = from_server.read(&mut piece[..most]).await.ok()?;
            if count == 0 {
                return None;
            }
            to_client.write_all(&piece[..count]).await.ok()?;
            left -= count;
        }
    };
    tokio::select! {
        cut = down => cut,
        _ = copy(&mut from_client, &mut to_server) => None,
    }
}

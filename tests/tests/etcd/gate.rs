//! A door between a server and its etcd that can be shut.

use std::net::SocketAddr;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    sync::watch,
};

/// While it is shut, connections are cut and new ones are ended at once.
pub(crate) struct Gate {
    address: SocketAddr,
    shut: watch::Sender<bool>,
    _runtime: Runtime,
}

impl Gate {
    /// An open one in front of `port`.
    pub(crate) fn new(port: u16) -> Gate {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let shut = watch::Sender::new(false);
        runtime.spawn(accept(listener, port, shut.subscribe()));
        Gate {
            address,
            shut,
            _runtime: runtime,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn shut(&self, shut: bool) {
        self.shut.send_replace(shut);
    }
}

async fn accept(listener: TcpListener, port: u16, shut: watch::Receiver<bool>) {
    while let Ok((mut client, _)) = listener.accept().await {
        let mut shut = shut.clone();
        tokio::spawn(async move {
            if *shut.borrow_and_update() {
                return;
            }
            let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)).await else {
                return;
            };
            // Whichever ends first, both connections are dropped.
            tokio::select! {
                _ = copy_bidirectional(&mut client, &mut server) => {}
                _ = shut.wait_for(|shut| *shut) => {}
            }
        });
    }
}

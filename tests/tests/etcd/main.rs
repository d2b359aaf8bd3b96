//! A real etcd: beside the core's own machine, behind one server, and behind several.

mod connect;
mod elected;
mod events;
mod garbage;
mod gate;
mod history;
mod http;
mod layout;
mod machine;
mod restart;
mod secure;
mod seen;
mod several;
mod watching;

/// The child process of [`several`].
#[tokio::test]
async fn serve() {
    tests::process::serve().await;
}

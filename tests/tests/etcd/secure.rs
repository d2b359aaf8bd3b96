//! TLS between the server and its etcd.

use crate::http::{CONFIG_MAPS, ok};
use serde_json::json;
use server::{Options, Server, etcd::Servers};
use tests::{client::Client, etcd::Etcd, live::Live};

#[test]
fn the_server_shows_its_certificate_and_looks_at_etcds() {
    let authority = Live::start();
    let etcd = Etcd::start_secure(authority.certificates());
    let live = Live::on(&etcd);
    let client = Client::new(&live);
    ok(
        &client,
        "POST",
        CONFIG_MAPS,
        &json!({"metadata": {"name": "a"}}),
    );
    let keys = etcd.ctl(&["get", "--prefix", "/registry/configmaps", "--keys-only"]);
    assert_eq!(keys.trim(), "/registry/configmaps/default/a");
    // Without a certificate, or with an authority that has not signed etcd's, nothing comes of it.
    let stranger = Live::start();
    for servers in [
        Servers {
            identity: None,
            ..etcd.servers()
        },
        Servers {
            authority: Some(stranger.certificates().join("ca.crt")),
            ..etcd.servers()
        },
    ] {
        let options = Options {
            etcd: Some(servers),
            ..Options::default()
        };
        let refused = live.run(Server::start(options));
        let why = refused.err().expect("it must not start").0;
        assert!(
            why.starts_with(&format!("etcd at {}: ", etcd.url())),
            "{why}"
        );
    }
}

#[test]
fn an_etcd_that_is_not_there_is_named() {
    let live = Live::start();
    let options = |url: &str| Options {
        etcd: Some(Servers {
            urls: vec![url.into()],
            ..Servers::default()
        }),
        ..Options::default()
    };
    let refused = live.run(Server::start(options("http://127.0.0.1:1")));
    let why = refused.err().expect("it must not start").0;
    let expected = "etcd at http://127.0.0.1:1: rpc error: code = Unavailable desc = ";
    assert!(why.starts_with(expected), "{why}");
    assert!(why.contains("refused"), "{why}");
    let refused = live.run(Server::start(options("nonsense://x")));
    let why = refused.err().expect("it must not start").0;
    assert!(why.starts_with("--etcd-servers: \"nonsense://x\""), "{why}");
}

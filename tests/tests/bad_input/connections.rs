//! Connections that are no TLS, say nothing, or break off.

use crate::connection::{CONFIG_MAPS, exchange, get, open, parse, still_serves};
use tests::live::Live;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Clients that hold a connection and do nothing with it.
const IDLE: usize = 50;

#[test]
fn plain_http_on_the_tls_port_is_told_so() {
    let live = Live::start();
    live.run(async {
        for method in ["GET", "HEAD", "POST", "PUT", "OPTIONS"] {
            let request = format!("{method} /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
            let tcp = TcpStream::connect(live.address()).await.unwrap();
            let answer = exchange(tcp, request.as_bytes()).await;
            assert_eq!(
                String::from_utf8(answer).unwrap(),
                "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
                "{method}"
            );
        }
        still_serves(&live).await;
    });
}

#[test]
fn garbage_on_the_tls_port_ends_the_connection() {
    let live = Live::start();
    live.run(async {
        let zeros = [0; 4096];
        // A record of a handshake that is too long, an alert, a client hello cut short.
        let hello = b"\x16\x03\x01\x00\xff\x01\x00\x00\xfb\x03\x03";
        for bytes in [
            &b"garbage\n"[..],
            &zeros,
            b"\x16\x03\x01\xff\xff\xff",
            b"\x15\x03\x03\x00\x02\x02\x28",
        ] {
            let tcp = TcpStream::connect(live.address()).await.unwrap();
            let answer = exchange(tcp, bytes).await;
            assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
        }
        let mut tcp = TcpStream::connect(live.address()).await.unwrap();
        tcp.write_all(hello).await.unwrap();
        drop(tcp);
        still_serves(&live).await;
    });
}

#[test]
fn garbage_instead_of_http_2_ends_the_connection() {
    let live = Live::start();
    live.run(async {
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        for frames in [
            &b"garbage that is no frame at all"[..],
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        ] {
            let mut bytes = preface.to_vec();
            bytes.extend_from_slice(frames);
            exchange(open(&live, &["h2"]).await, &bytes).await;
        }
        exchange(open(&live, &["h2"]).await, b"GET / HTTP/1.1\r\n\r\n").await;
        still_serves(&live).await;
    });
}

#[test]
fn slow_clients_hold_up_nobody() {
    let live = Live::start();
    live.run(async {
        let mut held = Vec::new();
        let mut silent = Vec::new();
        let head =
            format!("POST {CONFIG_MAPS} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n");
        let body = format!("{head}content-length: 1000\r\n\r\n{{\"metadata\":");
        let watch = format!("GET {CONFIG_MAPS}?watch=1 HTTP/1.1\r\nhost: x\r\n\r\n");
        for index in 0..IDLE {
            silent.push(TcpStream::connect(live.address()).await.unwrap());
            let mut stream = open(&live, &[]).await;
            let part = [&head[..10], &head, &body, &watch][index % 4];
            stream.write_all(part.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
            held.push(stream);
        }
        still_serves(&live).await;
        // The watches among them have seen it.
        let mut watching = held.split_off(IDLE - IDLE % 4 - 1).swap_remove(0);
        let mut bytes = vec![0; 64 * 1024];
        let read = watching.read(&mut bytes).await.unwrap();
        assert!(bytes[..read].starts_with(b"HTTP/1.1 200 OK\r\n"));
        drop((held, silent));
        still_serves(&live).await;
    });
}

#[test]
fn requests_that_break_off_leave_nothing() {
    let live = Live::start();
    live.run(async {
        let object = r#"{"metadata":{"name":"half"},"data":{"k":"v"}}"#;
        let head = format!(
            "POST {CONFIG_MAPS} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            object.len()
        );
        let request = format!("{head}{object}");
        for cut in 1..request.len() {
            let mut stream = open(&live, &[]).await;
            stream.write_all(&request.as_bytes()[..cut]).await.unwrap();
            stream.shutdown().await.unwrap();
            let mut answer = Vec::new();
            // It may be cut in any way, or refused; but never taken.
            let _ = stream.read_to_end(&mut answer).await;
            if !answer.is_empty() {
                let answer = parse(&answer).unwrap();
                assert!((400..500).contains(&answer.code), "{answer:?}");
            }
        }
        let half = get(&live, &format!("{CONFIG_MAPS}/half"), "")
            .await
            .unwrap();
        half.is_status(404, "NotFound", "half");
        still_serves(&live).await;
    });
}

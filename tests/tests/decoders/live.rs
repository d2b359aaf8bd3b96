//! Bytes on the socket of a server, which lives on whatever they are.

use proptest::{collection::vec, prelude::*};
use std::sync::LazyLock;
use tests::{
    client::{Client, Connection},
    live::Live,
    strategies::{
        config_of,
        faults::corruption,
        objects::any_json,
        requests::{Ask, Content, hostile},
    },
};

static LIVE: LazyLock<Live> = LazyLock::new(Live::start);

proptest! {
    #![proptest_config(config_of(96))]

    #[test]
    fn the_server_lives_on_whatever_comes(
        request in "(GET|POST|BREW) (/|/api/v1/nodes|/[a-z%]{0,9})(\\?[a-z=&%]{0,9})? HTTP/(1\\.[019]|2|x)\r\n(host: x\r\n)?([a-z-]{1,9}: [ -~]{0,9}\r\n){0,3}(content-length: [0-9]{1,3}\r\n|transfer-encoding: chunked\r\n)?\r\n[0-9a-f]{0,9}",
        corruptions in vec(corruption(), 0..4),
    ) {
        let mut bytes = request.into_bytes();
        for corruption in &corruptions {
            corruption.apply(&mut bytes);
        }
        let client = Client::new(&LIVE);
        let mut connection = client.connect().expect("a connection");
        // The server may close before it has read all.
        let _ = connection.write(&bytes);
        let _ = connection.close();
        healthy(&mut client.connect().expect("a connection"));
    }

    #[test]
    fn hostile_requests_are_answered(asks in vec(hostile(), 1..8)) {
        let client = Client::new(&LIVE);
        // A watch does not end.
        for ask in asks.iter().filter(|ask| !ask.path.contains("watch")) {
            let request = ask.request(&Default::default());
            let mut connection = client.connect().expect("a connection");
            let answer = connection.send(&request.head, &request.body).expect("an answer");
            let text = String::from_utf8_lossy(&answer.bytes);
            // The real server answers a GET at no version like this, too.
            let upstream = text.contains("invalid resource version");
            prop_assert!(answer.code != 500 || upstream, "{}", text);
        }
        healthy(&mut client.connect().expect("a connection"));
    }

    #[test]
    fn yaml_is_taken_as_json_is(document in any_json()) {
        let client = Client::new(&LIVE);
        let mut connection = client.connect().expect("a connection");
        let json = document.to_string().into_bytes();
        let yaml = server::yaml::from_json(&json);
        let mut send = |media_type: &str, body: Vec<u8>| {
            let ask = Ask {
                options: vec![("dryRun", "All".into())],
                headers: vec![("content-type", media_type.into())],
                content: Content::Bytes(body),
                ..Ask::plain("POST", "/api/v1/nodes".into())
            };
            let request = ask.request(&Default::default());
            connection.send(&request.head, &request.body).expect("an answer").code
        };
        prop_assert_eq!(send("application/json", json), send("application/yaml", yaml));
    }
}

fn healthy(connection: &mut Connection) {
    let request = Ask::plain("GET", "/readyz".into()).request(&Default::default());
    let answer = connection.send(&request.head, &[]).expect("an answer");
    assert_eq!((answer.code, answer.bytes.as_slice()), (200, &b"ok"[..]));
}

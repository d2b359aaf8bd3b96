//! The HTTP server answers as the core's functions do, request after request: the same code, the
//! headers that the core says, the same content type and the same bytes, but for what [`normal`]
//! names. Watches tell the same lines.

mod normal;

use model::{
    ambient::Time,
    config::Config,
    lifecycle::query::unescape,
    wire::{Body, Head, Watch},
};
use normal::Normal;
use proptest::{collection::vec, prelude::*, sample::Index, test_runner::TestCaseResult};
use serde_json::{Value, json};
use std::{
    sync::LazyLock,
    time::{SystemTime, UNIX_EPOCH},
};
use tests::{
    client::{Client, Connection, Received},
    in_memory::{Answer, InMemory},
    live::Live,
    strategies::{
        config_of,
        histories::{Step, history, spaces},
        objects::kind,
        requests::{Ask, Content, Request, Seen, watch},
    },
};

/// What HTTP adds to an answer, and [`tests::in_memory`] doesn't have.
const ADDED: [&str; 5] = [
    "cache-control",
    "content-length",
    "content-type",
    "date",
    "transfer-encoding",
];

static CONFIG: LazyLock<Config> = LazyLock::new(Config::permissive);

proptest! {
    #![proptest_config(config_of(32))]

    #[test]
    fn the_server_equals_the_core(
        steps in history(60),
        watches in vec((any::<Index>(), kind().prop_flat_map(watch)), 0..5),
    ) {
        let mut pair = Pair::start()?;
        for (number, step) in steps.iter().enumerate() {
            for (place, ask) in &watches {
                if place.index(steps.len()) == number {
                    pair.watch(ask)?;
                }
            }
            if let Step::Send(ask) = step {
                pair.send(ask)?;
            }
        }
        pair.finish()?;
    }
}

/// A server on a socket and one in memory, with what a client of each has seen.
struct Pair {
    live: Live,
    client: Client,
    connection: Connection,
    core: InMemory,
    tokens: [Vec<String>; 2],
    normal: [Normal; 2],
    watches: Vec<(Connection, Watch)>,
}

impl Pair {
    fn start() -> Result<Pair, TestCaseError> {
        let live = Live::start();
        let client = Client::new(&live);
        let mut core = InMemory::new(CONFIG.clone());
        core.config.advertised = live.address().to_string();
        core.config.authorization = server::Options::default().authorization;
        core.now = now();
        let mut pair = Pair {
            connection: client.connect().expect("a connection"),
            live,
            client,
            core,
            tokens: Default::default(),
            normal: Default::default(),
            watches: Vec::new(),
        };
        pair.take_over()?;
        for ask in spaces() {
            pair.send(&ask)?;
        }
        Ok(pair)
    }

    /// What the server has made at its start is made in memory too, in the same order.
    fn take_over(&mut self) -> TestCaseResult {
        const COLLECTIONS: [&str; 10] = [
            "/api/v1/namespaces",
            "/apis/scheduling.k8s.io/v1/priorityclasses",
            "/apis/flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations",
            "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas",
            "/apis/rbac.authorization.k8s.io/v1/clusterroles",
            "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
            "/apis/rbac.authorization.k8s.io/v1/roles",
            "/apis/rbac.authorization.k8s.io/v1/rolebindings",
            "/apis/apiregistration.k8s.io/v1/apiservices",
            "/api/v1/services",
        ];
        let mut objects = Vec::new();
        for path in COLLECTIONS {
            let request = Ask::plain("GET", path.into()).request(&Seen::default());
            let list = document(&self.connection.send(&request.head, &[]).expect("an answer"));
            for mut object in list["items"].as_array().expect("a list").clone() {
                let metadata = object["metadata"].take();
                let version = metadata["resourceVersion"].as_str().unwrap_or_default();
                let version: u64 = version.parse().expect("a resourceVersion");
                let path = match metadata["namespace"].as_str() {
                    Some(space) => path.replace("/v1/", &format!("/v1/namespaces/{space}/")),
                    None => path.to_owned(),
                };
                object["metadata"] = json!({
                    "name": metadata["name"], "labels": metadata["labels"],
                    "annotations": metadata["annotations"],
                });
                objects.push((version, path, object));
            }
        }
        objects.sort_by_key(|(version, ..)| *version);
        for (version, path, object) in objects {
            let ask = Ask {
                content: Content::Document(object, None),
                ..Ask::plain("POST", path)
            };
            let request = ask.request(&Seen::default());
            self.core.now = now();
            let answer = self.core.send(&authenticated(&request.head), &request.body);
            prop_assert_eq!(answer.code, 201, "{}", answer.json());
            prop_assert_eq!(self.core.store().revision().0, version);
        }
        for path in COLLECTIONS {
            self.send(&Ask::plain("GET", path.into()))?;
        }
        Ok(())
    }

    /// Sends a request to both, each with what its client has seen.
    fn send(&mut self, ask: &Ask) -> TestCaseResult {
        let (ours, theirs) = if ask.about.is_empty() {
            (None, None)
        } else {
            self.look(&ask.about)?
        };
        let newest = self.core.store().revision().0;
        let seen = |object, tokens| Seen {
            newest,
            object,
            tokens,
        };
        let ours = ask.request(&seen(ours, &self.tokens[0]));
        let theirs = ask.request(&seen(theirs, &self.tokens[1]));
        if let Some(answers) = self.exchange(&ours, &theirs)? {
            self.remember(&answers);
        }
        Ok(())
    }

    /// The object at a path as each shows it; `None` when there is none.
    fn look(&mut self, path: &str) -> Result<(Option<Value>, Option<Value>), TestCaseError> {
        let request = Ask::plain("GET", path.to_owned()).request(&Seen::default());
        let answers = self.exchange(&request, &request)?;
        let found = answers.filter(|(ours, _)| ours.code == 200);
        Ok(found.map_or((None, None), |(ours, theirs)| {
            (Some(ours.json()), Some(document(&theirs)))
        }))
    }

    fn exchange(
        &mut self,
        ours: &Request,
        theirs: &Request,
    ) -> Result<Option<(Answer, Received)>, TestCaseError> {
        self.core.now = now();
        let response = self.core.respond(&authenticated(&ours.head), &ours.body);
        if matches!(response.body, Body::Watch(_)) {
            // A path with `/watch/`: it has no end that could be waited for.
            return Ok(None);
        }
        let answer = self.core.answer(response);
        let received = self.connection.send(&theirs.head, &theirs.body);
        let received = received.map_err(|why| TestCaseError::fail(format!("{why}: {theirs:?}")))?;
        if unescape(&ours.head.path, false).is_none() {
            // As net/http has it: such a request does not get as far as the core.
            prop_assert_eq!(received.code, 400);
            return Ok(None);
        }
        if ours.head.method == "GET" && !ours.body.is_empty() {
            // A server may close the connection when it has not read a body.
            self.connection = self.client.connect().expect("a connection");
        }
        self.compare(&answer, &received, ours)?;
        Ok(Some((answer, received)))
    }

    fn compare(
        &mut self,
        answer: &Answer,
        received: &Received,
        request: &Request,
    ) -> TestCaseResult {
        let [our_normal, their_normal] = &mut self.normal;
        let our_text = our_normal.text(&answer.bytes);
        let their_text = their_normal.text(&received.bytes);
        prop_assert_eq!(&our_text, &their_text, "{:?}", request);
        prop_assert_eq!(answer.code, received.code, "{}", our_text);
        let content_type = received.all("content-type").collect::<Vec<_>>();
        prop_assert_eq!(&[answer.content_type.as_str()][..], content_type);
        let said = |header: &(&'static str, String)| {
            let value = our_normal.text(header.1.as_bytes());
            (header.0.to_owned(), value)
        };
        // What cannot stand in a header is left out.
        let sayable = answer
            .headers
            .iter()
            .filter(|(_, value)| can_be_said(value));
        let said: Vec<(String, String)> = sayable.map(said).collect();
        let heard = received
            .headers
            .iter()
            .filter(|it| !ADDED.contains(&it.0.as_str()));
        let heard: Vec<(String, String)> = heard
            .map(|(name, value)| (name.clone(), their_normal.text(value.as_bytes())))
            .collect();
        prop_assert_eq!(said, heard);
        Ok(())
    }

    fn remember(&mut self, (ours, theirs): &(Answer, Received)) {
        for (list, tokens) in [ours.json(), document(theirs)].iter().zip(&mut self.tokens) {
            if let Some(token) = list["metadata"]["continue"].as_str() {
                tokens.push(token.to_owned());
            }
        }
    }

    /// Begins a watch of both.
    fn watch(&mut self, ask: &Ask) -> TestCaseResult {
        let mut ask = ask.clone();
        // YAML has no lines.
        ask.headers.retain(|header| header.1 != "application/yaml");
        let request = ask.request(&Seen {
            newest: self.core.store().revision().0,
            ..Seen::default()
        });
        self.core.now = now();
        let response = self.core.respond(&authenticated(&request.head), &[]);
        let mut connection = self.client.connect().expect("a connection");
        let Body::Watch(watch) = response.body else {
            let answer = self.core.answer(response);
            let received = connection.send(&request.head, &[]).expect("an answer");
            return self.compare(&answer, &received, &request);
        };
        let opened = connection.open(&request.head, &[]).expect("an answer");
        prop_assert_eq!(opened.code, 200);
        self.watches.push((connection, *watch));
        Ok(())
    }

    /// Each watch has told the same, and nothing more until the server stops.
    fn finish(self) -> TestCaseResult {
        let Pair {
            live,
            core,
            mut normal,
            watches,
            connection,
            ..
        } = self;
        let mut open = Vec::new();
        for (mut connection, mut watch) in watches {
            let lines = core.lines(&mut watch, usize::MAX);
            let mut unfinished = Vec::new();
            for line in lines.expect("the window is larger than the history") {
                let heard = connection.line(&mut unfinished).expect("a line");
                let heard = heard.expect("the watch is not over");
                prop_assert_eq!(normal[0].text(&line), normal[1].text(&heard));
            }
            open.push((connection, unfinished));
        }
        drop(connection);
        drop(live);
        for (mut connection, mut unfinished) in open {
            let rest = connection.line(&mut unfinished).expect("a clean end");
            prop_assert_eq!(rest.map(|line| String::from_utf8(line).ok()), None);
        }
        Ok(())
    }
}

fn document(received: &Received) -> Value {
    serde_json::from_slice(&received.bytes).unwrap_or_default()
}

/// As the core is told it when the client has shown its certificate.
fn authenticated(head: &Head) -> Head {
    Head {
        certificate: Some(Client::user()),
        ..head.clone()
    }
}

fn can_be_said(value: &str) -> bool {
    value
        .bytes()
        .all(|byte| (b' '..0x7f).contains(&byte) || byte == b'\t')
}

fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let micros = since.expect("a clock after 1970").as_micros();
    Time(i64::try_from(micros).expect("a clock before the year 294247"))
}

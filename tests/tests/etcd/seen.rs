//! What clients do and see, recorded.

use crate::{
    history::History,
    http::{CONFIG_MAPS, try_ask},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};
use tests::{
    client::Client,
    live::PATIENCE,
    reflector::{Flow, Reflector},
};

/// Names that each writer writes.
const NAMES: u64 = 5;

/// What all clients have seen.
#[derive(Default)]
pub(crate) struct Seen {
    writes: Mutex<Vec<Write>>,
    lists: Mutex<Vec<List>>,
    /// The newest revision of an acknowledged write.
    acknowledged: AtomicU64,
    /// To the workers: it is enough.
    pub(crate) stop: AtomicBool,
}

/// A write that was acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    pub(crate) name: String,
    /// The object as it was answered.
    pub(crate) object: Value,
}

/// A list, and what it must not be older than.
#[derive(Clone, Debug)]
struct List {
    query: String,
    at_least: u64,
    revision: u64,
    /// Name → resourceVersion.
    items: BTreeMap<String, u64>,
}

pub(crate) fn version(object: &Value) -> u64 {
    let text = object["metadata"]["resourceVersion"].as_str();
    text.and_then(|text| text.parse().ok()).unwrap_or_default()
}

impl Seen {
    pub(crate) fn writes(&self) -> std::sync::MutexGuard<'_, Vec<Write>> {
        self.writes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn acknowledge(&self, name: &str, object: Value) {
        self.acknowledged
            .fetch_max(version(&object), Ordering::SeqCst);
        let name = name.to_owned();
        self.writes().push(Write { name, object });
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// Holds everything against what has really happened.
    pub(crate) fn check(&self, history: &History) {
        for write in self.writes().iter() {
            history.check_write(&write.name, &write.object);
        }
        let lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        let mut seen_old = 0;
        for list in lists.iter() {
            // W2 and W3: not older than what was asked for, or than what was acknowledged before.
            assert!(list.revision >= list.at_least, "{list:?}");
            // W1 and O8: a list is the state at its revision.
            let expected = history.state(list.revision);
            assert_eq!(
                &list.items, &expected,
                "{} at {}",
                list.query, list.revision
            );
            seen_old += usize::from(!list.query.is_empty());
        }
        assert!(
            seen_old > 0 && seen_old < lists.len(),
            "both kinds of lists"
        );
    }
}

/// Lists until it is told to stop: the newest state, then something not older, then whatever the
/// server has.
pub(crate) fn look(client: &Client, seen: &Seen) {
    let mut last = 0;
    for turn in 0_u64.. {
        if seen.stopped() {
            return;
        }
        let (query, at_least) = match turn % 3 {
            // A consistent list shows every write that was acknowledged before it began (W3), and
            // so it never goes back (W6).
            0 => (
                String::new(),
                seen.acknowledged.load(Ordering::SeqCst).max(last),
            ),
            1 => (format!("?resourceVersion={last}"), last),
            _ => ("?resourceVersion=0".to_owned(), 0),
        };
        let path = format!("{CONFIG_MAPS}{query}");
        let Ok((200, document)) = try_ask(client, "GET", &path, &Value::Null) else {
            thread::yield_now();
            continue;
        };
        let items = document["items"].as_array().unwrap().iter();
        let name = |item: &Value| item["metadata"]["name"].as_str().unwrap().to_owned();
        let list = List {
            query,
            at_least,
            revision: version(&document),
            items: items.map(|item| (name(item), version(item))).collect(),
        };
        last = last.max(list.revision);
        let mut lists = seen.lists.lock().unwrap_or_else(PoisonError::into_inner);
        lists.push(list);
    }
}

/// Creates, changes and deletes objects of its own until it is told to stop. What fails may have
/// happened or not: a read says what is there.
pub(crate) fn write(client: &Client, seen: &Seen, writer: u64) {
    for turn in 0_u64.. {
        if seen.stopped() {
            return;
        }
        let name = format!("w{writer}-{}", turn % NAMES);
        let path = format!("{CONFIG_MAPS}/{name}");
        let current = match try_ask(client, "GET", &path, &Value::Null) {
            Ok((200, object)) => Some(object),
            Ok((404, _)) => None,
            _ => {
                thread::yield_now();
                continue;
            }
        };
        let answer = match current {
            None => {
                let object = json!({"metadata": {"name": name}, "data": {"k": turn.to_string()}});
                try_ask(client, "POST", CONFIG_MAPS, &object)
            }
            Some(_) if turn % 4 == 0 => try_ask(client, "DELETE", &path, &Value::Null),
            Some(mut object) => {
                object["data"] = json!({"k": turn.to_string()});
                try_ask(client, "PUT", &path, &object)
            }
        };
        match answer {
            // A deletion answers with a Status; it has no revision to be held against history.
            Ok((200 | 201, object)) if object["kind"] == "ConfigMap" => {
                seen.acknowledge(&name, object);
            }
            // 409 when an answer was lost that had come to something after the read.
            Ok((200 | 404 | 409 | 500 | 503 | 504, _)) | Err(_) => {}
            Ok((code, status)) => panic!("{code} {status}"),
        }
    }
}

/// Follows the collection until the last object is there. The reflector itself refuses what no
/// server may tell: an event twice, an old one, one that does not fit what was told before.
pub(crate) fn follow(client: &Client, mut reflector: Reflector) -> Reflector {
    let last = (String::from("default"), String::from("last"));
    let mut progress = (Instant::now(), String::new());
    while !reflector.objects().contains_key(&last) {
        if reflector.version() != progress.1 {
            progress = (Instant::now(), reflector.version().to_owned());
        }
        assert!(
            progress.0.elapsed() < PATIENCE,
            "it is told nothing any more"
        );
        if exchange(client, &mut reflector, &last).is_none() {
            reflector.cut();
            thread::yield_now();
        }
    }
    reflector
}

/// One connection with one request; `None` when it was cut or refused.
fn exchange(client: &Client, reflector: &mut Reflector, last: &(String, String)) -> Option<()> {
    let mut connection = client.connect().ok()?;
    let head = reflector.request();
    if !reflector.wants_stream() {
        let answer = connection.send(&head, &[]).ok()?;
        reflector.answered(answer.code, &answer.bytes).unwrap();
        return Some(());
    }
    let opened = connection.open(&head, &[]).ok()?;
    if opened.code != 200 {
        assert!(matches!(opened.code, 429 | 500 | 503 | 504), "{opened:?}");
        return None;
    }
    let mut unfinished = Vec::new();
    while let Ok(Some(line)) = connection.line(&mut unfinished) {
        if reflector.hear(&line).unwrap() == Flow::Over || reflector.objects().contains_key(last) {
            return Some(());
        }
    }
    None
}

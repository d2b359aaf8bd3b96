//! A reflector ends in the store's state, however often it is cut off and whatever is forgotten
//! meanwhile; and on its way it is told every change once, in order.

use model::{
    config::Config,
    etcd::{EventKind, Revision, StoreEvent},
    wire::{Body, Watch},
};
use proptest::{prelude::*, test_runner::TestCaseResult};
use serde_json::Value;
use std::{collections::BTreeMap, sync::LazyLock, thread, time::Instant};
use tests::{
    client::Client,
    flaky::Proxy,
    in_memory::InMemory,
    live::{Live, PATIENCE},
    reflector::{Broken, Flow, Key, Reflector, Told, Way, key, typed},
    strategies::{
        config, config_of,
        faults::{Connection, connections},
        histories::{Player, Step, history_of, spaces},
        objects::CONFIG_MAPS,
        requests::{Ask, Content, Seen, about},
    },
};

const COLLECTION: &str = "/api/v1/namespaces/d/configmaps";
const STORED_UNDER: &str = "/registry/configmaps/d/";
/// More turns than any reflector needs to come to rest when nothing happens to it any more.
const TURNS: usize = 20;
/// Label of the object whose arrival ends a case over the socket.
const LAST: &str = "last";

static CONFIG: LazyLock<Config> = LazyLock::new(Config::permissive);

proptest! {
    #![proptest_config(config())]

    #[test]
    fn in_memory_it_ends_in_the_stores_state(
        way in way(),
        window in 1_usize..12,
        history in history_of(about(CONFIG_MAPS), 60),
        plan in connections(12),
    ) {
        let mut world = World::new(way, window, plan);
        for step in &history {
            world.step(step);
            world.turn()?;
        }
        world.rest()?;
    }
}

proptest! {
    #![proptest_config(config_of(12))]

    #[test]
    fn over_a_socket_it_ends_in_the_stores_state(
        way in way(),
        history in history_of(about(CONFIG_MAPS), 120),
        plan in connections(8),
    ) {
        over_a_socket(way, &history, &plan)?;
    }
}

fn way() -> impl Strategy<Value = Way> {
    prop_oneof![
        Just(Way::Newest),
        Just(Way::Any),
        (1_usize..4).prop_map(Way::Paged),
        Just(Way::Streamed),
    ]
}

/// A server in memory, everything that ever happened in its store, and a reflector.
struct World {
    player: Player,
    events: Vec<StoreEvent>,
    reflector: Reflector,
    plan: std::vec::IntoIter<Connection>,
    connection: Connection,
    watch: Option<Watch>,
}

impl World {
    fn new(way: Way, window: usize, plan: Vec<Connection>) -> World {
        let player = Player::new(InMemory::with_window(CONFIG.clone(), window));
        let mut plan = plan.into_iter();
        World {
            player,
            events: Vec::new(),
            reflector: Reflector::new(COLLECTION, way),
            connection: plan.next().unwrap_or_else(Connection::sound),
            plan,
            watch: None,
        }
    }

    fn step(&mut self, step: &Step) {
        let before = self.player.server.store().revision();
        self.player.step(step);
        let store = self.player.server.store();
        if store.revision() > before {
            let changes = store.events(before).expect("a request compacts nothing");
            self.events
                .extend(changes.flat_map(|(_, events)| events.to_vec()));
        }
    }

    /// Goes one step with the reflector: sends its request, or brings it events.
    fn turn(&mut self) -> TestCaseResult {
        if self.connection.delay > 0 {
            self.connection.delay -= 1;
        } else if self.connection.refused {
            self.cut();
        } else if let Some(watch) = self.watch.take() {
            self.bring(watch)?;
        } else {
            self.send()?;
        }
        self.told_all_in_order()
    }

    fn send(&mut self) -> TestCaseResult {
        let head = self.reflector.request();
        let response = self.player.server.respond(&head, &[]);
        if let Body::Watch(watch) = response.body {
            prop_assert!(self.reflector.wants_stream());
            self.watch = Some(*watch);
            return Ok(());
        }
        let answer = self.player.server.answer(response);
        if self.connection.events == Some(0) {
            // The answer is lost.
            self.cut();
        } else if self.reflector.wants_stream() && answer.code == 200 {
            // A watch that cannot begin: it tells the one error and ends.
            let flow = fine(self.reflector.hear(&answer.bytes))?;
            prop_assert_eq!(flow, Flow::Over);
        } else {
            fine(self.reflector.answered(answer.code, &answer.bytes))?;
        }
        Ok(())
    }

    fn bring(&mut self, mut watch: Watch) -> TestCaseResult {
        let most = self.connection.events.unwrap_or(3);
        let Ok(lines) = self.player.server.lines(&mut watch, most) else {
            self.reflector.cut();
            return Ok(());
        };
        for line in &lines {
            fine(self.reflector.hear(line))?;
        }
        let bookmark = self.player.server.bookmark(&mut watch);
        if let Some(bookmark) = bookmark.filter(|_| self.connection.piece < 100) {
            fine(self.reflector.hear(&bookmark))?;
        }
        self.watch = Some(watch);
        if let Some(left) = &mut self.connection.events {
            *left -= lines.len();
            if *left == 0 {
                self.cut();
            }
        }
        Ok(())
    }

    fn cut(&mut self) {
        self.watch = None;
        self.reflector.cut();
        self.connection = self.plan.next().unwrap_or_else(Connection::sound);
    }

    /// Nothing happens any more: the reflector comes to what a list shows.
    fn rest(&mut self) -> TestCaseResult {
        self.plan = Vec::new().into_iter();
        self.connection = Connection::sound();
        let list = self.player.get(COLLECTION).expect("a list");
        let expected = by_key(&list);
        for _ in 0..TURNS + expected.len() {
            self.turn()?;
        }
        prop_assert!(self.reflector.follows());
        prop_assert_eq!(self.reflector.objects(), &expected);
        Ok(())
    }

    /// O9 and W5: what was told since the list is what the store did since, a beginning of it.
    fn told_all_in_order(&self) -> TestCaseResult {
        let Some((base, listed)) = self.reflector.base() else {
            return Ok(());
        };
        let base = Revision(base.parse().expect("a resourceVersion"));
        let until = Revision(self.reflector.version().parse().expect("a resourceVersion"));
        prop_assert_eq!(listed, &self.state_at(base));
        let due: Vec<Told> = self
            .changes()
            .filter(|event| event.kv.mod_revision > base && event.kv.mod_revision <= until)
            .map(told)
            .collect();
        prop_assert_eq!(self.reflector.told(), due);
        Ok(())
    }

    fn changes(&self) -> impl Iterator<Item = &StoreEvent> {
        let ours = |event: &&StoreEvent| event.kv.key.bytes().starts_with(STORED_UNDER.as_bytes());
        self.events.iter().filter(ours)
    }

    fn state_at(&self, revision: Revision) -> BTreeMap<Key, Value> {
        let mut state = BTreeMap::new();
        for event in self
            .changes()
            .filter(|event| event.kv.mod_revision <= revision)
        {
            let Told { kind, object } = told(event);
            if kind == "DELETED" {
                state.remove(&key(&object));
            } else {
                state.insert(key(&object), object);
            }
        }
        state
    }
}

/// What a watch tells of one of the store's events: read off keys and bytes, not by the cache.
fn told(event: &StoreEvent) -> Told {
    let created = event.kv.create_revision == event.kv.mod_revision;
    let (kind, kv) = match (event.kind, &event.previous) {
        (EventKind::Delete, Some(previous)) => ("DELETED", previous),
        (EventKind::Put, None) if created => ("ADDED", &event.kv),
        (EventKind::Put, Some(_)) => ("MODIFIED", &event.kv),
        other => panic!("no event of the store: {other:?}"),
    };
    let mut object: Value = serde_json::from_slice(kv.value.bytes()).expect("an object");
    object["metadata"]["resourceVersion"] = event.kv.mod_revision.to_string().into();
    Told {
        kind: kind.into(),
        object,
    }
}

/// The items of a list as watches show them: with kind and apiVersion.
fn by_key(list: &Value) -> BTreeMap<Key, Value> {
    let items = list["items"].as_array().expect("a list");
    items
        .iter()
        .map(|item| (key(item), typed(item, list)))
        .collect()
}

fn fine<T>(result: Result<T, Broken>) -> Result<T, TestCaseError> {
    result.map_err(|Broken(why)| TestCaseError::fail(why))
}

fn over_a_socket(way: Way, history: &[Step], plan: &[Connection]) -> TestCaseResult {
    let live = Live::start();
    let client = Client::new(&live);
    let proxy = Proxy::start(&live, plan);
    let mut writer = client.connect().expect("a connection");
    let mut send = |ask: &Ask, seen: &Seen<'_>| {
        let request = ask.request(seen);
        writer
            .send(&request.head, &request.body)
            .expect("an answer")
    };
    for ask in spaces() {
        send(&ask, &Seen::default());
    }
    let through = client.to(proxy.address());
    let follower = thread::spawn(move || follow(&through, Reflector::new(COLLECTION, way)));
    for step in history {
        let Step::Send(ask) = step else { continue };
        let looked = Ask::plain("GET", ask.about.clone());
        let seen = if ask.about.is_empty() {
            Seen::default()
        } else {
            let answer = send(&looked, &Seen::default());
            let object = serde_json::from_slice(&answer.bytes).ok();
            Seen {
                object: object.filter(|_| answer.code == 200),
                ..Seen::default()
            }
        };
        send(ask, &seen);
    }
    proxy.heal();
    let document = serde_json::json!({"metadata": {"name": LAST}});
    let last = Ask {
        content: Content::Document(document, None),
        ..Ask::plain("POST", COLLECTION.into())
    };
    let answer = send(&last, &Seen::default());
    prop_assert_eq!(answer.code, 201);
    let reflector = fine(follower.join().expect("the reflector's thread"))?;
    let list = send(&Ask::plain("GET", COLLECTION.into()), &Seen::default());
    let list = serde_json::from_slice(&list.bytes).expect("a list");
    prop_assert_eq!(reflector.objects(), &by_key(&list));
    Ok(())
}

/// Follows the collection until the last object is there.
fn follow(client: &Client, mut reflector: Reflector) -> Result<Reflector, Broken> {
    let last = (String::from("d"), String::from(LAST));
    let end = Instant::now() + PATIENCE;
    while !reflector.objects().contains_key(&last) {
        assert!(Instant::now() < end, "the last object has not come");
        if exchange(client, &mut reflector, &last)?.is_none() {
            reflector.cut();
            thread::yield_now();
        }
    }
    Ok(reflector)
}

/// One connection with one request; `None` when it was cut.
fn exchange(client: &Client, reflector: &mut Reflector, last: &Key) -> Result<Option<()>, Broken> {
    let cut = || -> Result<Option<()>, Broken> { Ok(None) };
    let Ok(mut connection) = client.connect() else {
        return cut();
    };
    let head = reflector.request();
    if !reflector.wants_stream() {
        return match connection.send(&head, &[]) {
            Ok(answer) => reflector.answered(answer.code, &answer.bytes).map(Some),
            Err(_) => cut(),
        };
    }
    let Ok(opened) = connection.open(&head, &[]) else {
        return cut();
    };
    if opened.code != 200 {
        return Err(Broken(format!("a watch was refused: {opened:?}")));
    }
    let mut unfinished = Vec::new();
    while let Ok(Some(line)) = connection.line(&mut unfinished) {
        if reflector.hear(&line)? == Flow::Over || reflector.objects().contains_key(last) {
            return Ok(Some(()));
        }
    }
    cut()
}

//! One test a rule: the numbers are those of the storage contract that the names spell out.

use super::{Cache, Filter, Gap, Refused, Scope, WatchEvent, WatchRequest, Watcher, WatcherEnded};
use crate::{
    etcd::{EventKind, Key, KeyValue, LeaseId, Revision, StoreEvent},
    frozen::Frozen,
    object::Object,
    selector::{FieldSelector, LabelSelector},
};
use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};

const PODS: &str = "/registry/pods/d/";

/// A store in its simplest form, and the cache that follows it.
struct World {
    kvs: BTreeMap<Key, KeyValue>,
    revision: Revision,
    cache: Cache,
}

impl World {
    fn new(window: usize) -> World {
        World {
            kvs: BTreeMap::new(),
            revision: Revision(10),
            cache: Cache::restore(window, Revision(10), []),
        }
    }

    fn event(&mut self, key: &str, value: Option<&str>) -> StoreEvent {
        let previous = self.kvs.remove(&Key::from(key));
        let created = previous
            .as_ref()
            .map_or(self.revision, |kv| kv.create_revision);
        let kv = KeyValue {
            key: Key::from(key),
            create_revision: value.map_or(Revision(0), |_| created),
            mod_revision: self.revision,
            version: 1,
            lease: LeaseId(0),
            value: value.map_or_else(Frozen::default, Frozen::from),
        };
        if value.is_some() {
            self.kvs.insert(kv.key.clone(), kv.clone());
        }
        StoreEvent {
            kind: value.map_or(EventKind::Delete, |_| EventKind::Put),
            kv,
            previous,
        }
    }

    /// One revision that changes these keys: a value, or none to delete.
    fn change(&mut self, changes: &[(&str, Option<&str>)]) {
        self.revision = self.revision.next();
        let events: Vec<StoreEvent> = changes
            .iter()
            .map(|(key, value)| self.event(key, *value))
            .collect();
        self.cache.apply(self.revision, &events).unwrap();
    }

    fn put(&mut self, key: &str, color: &str) {
        self.change(&[(key, Some(&object(key, color)))]);
    }

    fn delete(&mut self, key: &str) {
        self.change(&[(key, None)]);
    }

    fn watch(&self, start: u64, initial: Option<bool>, filter: Filter) -> Result<Watcher, Refused> {
        self.cache.watch(WatchRequest {
            scope: Scope::Collection(PODS.into()),
            filter,
            start: Revision(start),
            send_initial_events: initial,
            allow_bookmarks: true,
        })
    }
}

fn object(key: &str, color: &str) -> String {
    let name = key.rsplit('/').next().unwrap_or_default();
    format!(
        r#"{{"kind":"Pod","apiVersion":"v1","metadata":{{"name":"{name}","labels":{{"color":"{color}"}}}}}}"#
    )
}

fn shown(object: &Object) -> String {
    let meta = object.meta();
    format!(
        "{} {}@{}",
        meta.name,
        meta.labels["color"],
        object.revision()
    )
}

fn lines(events: &[WatchEvent]) -> Vec<String> {
    let line = |event: &WatchEvent| match event {
        WatchEvent::Added(object) => format!("ADDED {}", shown(object)),
        WatchEvent::Modified(object) => format!("MODIFIED {}", shown(object)),
        WatchEvent::Deleted(object) => format!("DELETED {}", shown(object)),
        WatchEvent::Bookmark {
            revision,
            initial_events_end,
        } => {
            format!("BOOKMARK {revision} {initial_events_end}")
        }
    };
    events.iter().map(line).collect()
}

#[track_caller]
fn check(watcher: &mut Watcher, cache: &Cache, expected: &[&str]) {
    assert_eq!(lines(&watcher.poll(cache, usize::MAX).unwrap()), expected);
}

fn a() -> String {
    format!("{PODS}a")
}

fn b() -> String {
    format!("{PODS}b")
}

fn red() -> Filter {
    Filter::Selected(
        LabelSelector::parse("color=red").unwrap(),
        FieldSelector::default(),
    )
}

#[test]
fn a_list_is_in_key_order_from_a_key_on_and_only_of_its_collection() {
    let mut world = World::new(9);
    for key in [
        b().as_str(),
        &a(),
        "/registry/pods/e/c",
        "/registry/podsets/d/x",
    ] {
        world.put(key, "red");
    }
    let names = |collection, from: &str| -> Vec<String> {
        let listed = world.cache.list(collection, from.as_bytes());
        listed
            .map(|(_, object)| object.meta().name.clone())
            .collect()
    };
    assert_eq!(names(PODS, ""), ["a", "b"]);
    assert_eq!(names("/registry/pods/", ""), ["a", "b", "c"]);
    assert_eq!(names("/registry/pods/", &b()), ["b", "c"]);
    assert_eq!(names(PODS, &format!("{}\0", b())), [""; 0]);
    assert_eq!(names("/registry/nodes/", ""), [""; 0]);
    assert_eq!(names("/elsewhere/", ""), [""; 0]);
}

#[test]
fn a_snapshot_is_exact_at_every_revision_within_the_window_and_none_outside() {
    let mut world = World::new(3);
    let mut states = Vec::new();
    let listing = |cache: &Cache| -> Vec<String> {
        cache
            .list(PODS, &[])
            .map(|(_, object)| shown(object))
            .collect()
    };
    for step in 0..6 {
        match step {
            0 => world.put(&a(), "red"),
            1 => world.put(&b(), "red"),
            2 => world.change(&[(&a(), None), (&b(), Some(&object(&b(), "blue")))]),
            3 => world.put("/registry/nodes/n", "red"),
            4 => world.put(&a(), "green"),
            _ => world.put(&a(), "blue"),
        }
        states.push((world.revision, listing(&world.cache)));
    }
    for (revision, expected) in &states {
        let snapshot = world.cache.list_at(PODS, *revision);
        let listed = snapshot.as_ref().map(|snapshot| -> Vec<String> {
            snapshot
                .list(PODS, &[])
                .map(|(_, object)| shown(object))
                .collect()
        });
        // Four events are left out: a and b were created at 11 and 12, both changed at 13.
        let servable = *revision >= Revision(13);
        assert_eq!(listed.as_ref(), servable.then_some(expected), "{revision}");
    }
    assert_eq!(world.cache.list_at(PODS, Revision(17)), None);
    assert!(
        world
            .cache
            .list_at("/registry/nodes/", Revision(10))
            .is_some()
    );
    assert_eq!(world.cache.list_at("/registry/nodes/", Revision(9)), None);
}

#[test]
fn a_watch_at_n_delivers_what_is_newer_than_n_and_nothing_else() {
    let mut world = World::new(9);
    world.put(&a(), "red");
    world.put(&a(), "blue");
    let mut watcher = world.watch(11, None, Filter::Everything).unwrap();
    check(&mut watcher, &world.cache, &["MODIFIED a blue@12"]);
    check(&mut watcher, &world.cache, &[]);
    world.delete(&a());
    check(&mut watcher, &world.cache, &["DELETED a blue@13"]);
}

#[test]
fn a_watch_from_nowhere_begins_with_the_state_in_key_order() {
    let mut world = World::new(9);
    world.put(&b(), "red");
    world.put(&a(), "red");
    let mut watcher = world.watch(0, None, Filter::Everything).unwrap();
    world.put(&b(), "blue");
    assert_eq!(
        lines(&watcher.poll(&world.cache, 1).unwrap()),
        ["ADDED a red@12"]
    );
    assert_eq!(watcher.bookmark(), None);
    check(
        &mut watcher,
        &world.cache,
        &["ADDED b red@11", "MODIFIED b blue@13"],
    );
    let mut silent = world.watch(0, Some(false), Filter::Everything).unwrap();
    check(&mut silent, &world.cache, &[]);
}

#[test]
fn initial_events_end_with_one_annotated_bookmark() {
    let mut world = World::new(9);
    world.put(&a(), "red");
    let mut watcher = world.watch(11, Some(true), Filter::Everything).unwrap();
    assert_eq!(
        lines(&watcher.poll(&world.cache, 1).unwrap()),
        ["ADDED a red@11"]
    );
    world.put(&a(), "blue");
    check(
        &mut watcher,
        &world.cache,
        &["BOOKMARK 11 true", "MODIFIED a blue@12"],
    );
    let later = world.watch(13, Some(true), Filter::Everything);
    let (start, current) = (Revision(13), Revision(12));
    assert_eq!(later, Err(Refused::NotReached { start, current }));
}

#[test]
fn a_watch_of_one_key_sees_no_other() {
    let mut world = World::new(9);
    world.put(&a(), "red");
    world.put(&format!("{}a", a()), "red");
    let mut watcher = world
        .cache
        .watch(WatchRequest {
            scope: Scope::Single(Key::from(a().as_str())),
            filter: Filter::Everything,
            start: Revision(0),
            send_initial_events: None,
            allow_bookmarks: false,
        })
        .unwrap();
    check(&mut watcher, &world.cache, &["ADDED a red@11"]);
    world.change(&[(&a(), None), (&b(), Some(&object(&b(), "red")))]);
    check(&mut watcher, &world.cache, &["DELETED a red@13"]);
    assert_eq!(watcher.bookmark(), None);
}

#[test]
fn a_start_below_the_window_is_expired() {
    let mut world = World::new(2);
    assert!(world.watch(10, None, Filter::Everything).is_ok());
    let expired = |start, oldest| {
        let (start, oldest) = (Revision(start), Revision(oldest));
        Err(Refused::Expired { start, oldest })
    };
    assert_eq!(world.watch(9, None, Filter::Everything), expired(9, 10));
    for color in ["red", "blue", "green"] {
        world.put("/registry/nodes/n", color);
        world.put(&a(), color);
    }
    // Events 14 and 16 are left: 13 is the oldest start.
    assert_eq!(world.watch(12, None, Filter::Everything), expired(12, 13));
    assert_eq!(
        world
            .watch(12, None, Filter::Everything)
            .unwrap_err()
            .to_string(),
        "too old resource version: 12 (13)"
    );
    let mut watcher = world.watch(13, None, Filter::Everything).unwrap();
    check(
        &mut watcher,
        &world.cache,
        &["MODIFIED a blue@14", "MODIFIED a green@16"],
    );
}

#[test]
fn a_busy_resource_leaves_the_window_of_others_alone() {
    let mut world = World::new(1);
    world.put(&a(), "red");
    for _ in 0..5 {
        world.put("/registry/nodes/n", "red");
    }
    let mut watcher = world.watch(10, None, Filter::Everything).unwrap();
    check(&mut watcher, &world.cache, &["ADDED a red@11"]);
}

#[test]
fn a_revision_leaves_the_window_as_a_whole() {
    let mut world = World::new(2);
    let (red_a, red_b) = (object(&a(), "red"), object(&b(), "red"));
    world.change(&[(&a(), Some(&red_a)), (&b(), Some(&red_b))]);
    world.put(&a(), "blue");
    let (start, oldest) = (Revision(10), Revision(11));
    assert_eq!(
        world.watch(10, None, Filter::Everything),
        Err(Refused::Expired { start, oldest })
    );
    let mut watcher = world.watch(11, None, Filter::Everything).unwrap();
    check(&mut watcher, &world.cache, &["MODIFIED a blue@12"]);
}

#[test]
fn selector_transitions_are_told_as_additions_and_deletions() {
    let mut world = World::new(9);
    let mut watcher = world.watch(10, None, red()).unwrap();
    for color in ["blue", "red", "red", "green"] {
        world.put(&a(), color);
    }
    world.delete(&a());
    world.put(&b(), "red");
    world.delete(&b());
    let expected = [
        "ADDED a red@12",
        "MODIFIED a red@13",
        "DELETED a red@14",
        "ADDED b red@16",
        "DELETED b red@17",
    ];
    check(&mut watcher, &world.cache, &expected);
}

#[test]
fn a_slow_watcher_is_ended_and_never_skips() {
    let mut world = World::new(2);
    let mut slow = world.watch(10, None, Filter::Everything).unwrap();
    let mut in_step = slow.clone();
    for color in ["red", "blue"] {
        world.put(&a(), color);
    }
    check(
        &mut in_step,
        &world.cache,
        &["ADDED a red@11", "MODIFIED a blue@12"],
    );
    for color in ["green", "white"] {
        world.put("/registry/nodes/n", color);
        world.put(&a(), color);
    }
    assert_eq!(slow.poll(&world.cache, 9), Err(WatcherEnded::TooSlow));
    check(
        &mut in_step,
        &world.cache,
        &["MODIFIED a green@14", "MODIFIED a white@16"],
    );
}

#[test]
fn a_poll_in_the_middle_of_a_revision_goes_on_there() {
    let mut world = World::new(9);
    let mut watcher = world.watch(10, None, Filter::Everything).unwrap();
    let (red_a, red_b) = (object(&a(), "red"), object(&b(), "red"));
    world.change(&[(&b(), Some(&red_b)), (&a(), Some(&red_a))]);
    assert_eq!(
        lines(&watcher.poll(&world.cache, 1).unwrap()),
        ["ADDED b red@11"]
    );
    assert_eq!(watcher.bookmark(), None);
    check(&mut watcher, &world.cache, &["ADDED a red@11"]);
    let bookmark = watcher.bookmark().unwrap();
    assert_eq!(lines(&[bookmark]), ["BOOKMARK 11 false"]);
}

#[test]
fn a_bookmark_follows_other_resources_and_never_what_is_still_to_come() {
    let mut world = World::new(9);
    let mut watcher = world.watch(10, None, red()).unwrap();
    assert_eq!(watcher.bookmark(), None);
    world.put("/registry/nodes/n", "red");
    world.put(&a(), "red");
    assert_eq!(watcher.bookmark(), None);
    check(&mut watcher, &world.cache, &["ADDED a red@12"]);
    world.cache.progress(Revision(20));
    world.cache.progress(Revision(5));
    check(&mut watcher, &world.cache, &[]);
    assert_eq!(lines(&[watcher.bookmark().unwrap()]), ["BOOKMARK 20 false"]);
}

#[test]
fn a_bookmark_is_never_behind_what_was_sent() {
    let mut world = World::new(9);
    let mut watcher = world.watch(10, None, Filter::Everything).unwrap();
    world.put("/registry/nodes/n", "red");
    world.put(&a(), "red");
    world.put(&a(), "blue");
    assert_eq!(
        lines(&watcher.poll(&world.cache, 1).unwrap()),
        ["ADDED a red@12"]
    );
    assert_eq!(watcher.bookmark(), None);
}

#[test]
fn a_watch_from_the_future_skips_to_it_and_has_no_bookmark_before() {
    let mut world = World::new(9);
    let mut watcher = world.watch(12, None, Filter::Everything).unwrap();
    for color in ["red", "blue"] {
        world.put(&a(), color);
        check(&mut watcher, &world.cache, &[]);
        assert_eq!(watcher.bookmark(), None);
    }
    world.put(&a(), "green");
    check(&mut watcher, &world.cache, &["MODIFIED a green@13"]);
}

#[test]
fn a_relist_ends_all_watches() {
    let mut world = World::new(9);
    world.put(&a(), "red");
    let mut watcher = world.watch(0, None, Filter::Everything).unwrap();
    let kvs: Vec<KeyValue> = world.kvs.values().cloned().collect();
    world.cache.relist(Revision(11), &kvs);
    assert_eq!(watcher.poll(&world.cache, 9), Err(WatcherEnded::Relisted));
    let (start, oldest) = (Revision(10), Revision(11));
    assert_eq!(
        world.watch(10, None, Filter::Everything),
        Err(Refused::Expired { start, oldest })
    );
    assert_eq!(world.cache.list(PODS, &[]).count(), 1);
}

#[test]
fn what_cannot_come_next_is_refused_and_changes_nothing() {
    let mut world = World::new(9);
    world.put(&a(), "red");
    let before = world.cache.clone();
    let mut refuse = |revision: u64, event: StoreEvent, gap: Gap| {
        assert_eq!(world.cache.apply(Revision(revision), &[event]), Err(gap));
        assert_eq!(world.cache, before);
    };
    let key = Key::from(a().as_str());
    let kv = |create, revision| KeyValue {
        key: key.clone(),
        create_revision: Revision(create),
        mod_revision: Revision(revision),
        version: 1,
        lease: LeaseId(0),
        value: Frozen::default(),
    };
    let put = |create, revision, previous: Option<KeyValue>| StoreEvent {
        kind: EventKind::Put,
        kv: kv(create, revision),
        previous,
    };
    let (have, got) = (Revision(11), Revision(11));
    refuse(11, put(11, 11, Some(kv(11, 11))), Gap::Old { have, got });
    refuse(12, put(11, 13, Some(kv(11, 11))), Gap::Split(Revision(13)));
    refuse(12, put(11, 12, None), Gap::NoPrevious(key.clone()));
    refuse(
        13,
        put(11, 13, Some(kv(11, 12))),
        Gap::OtherPrevious(key.clone()),
    );
    refuse(13, put(13, 13, None), Gap::OtherPrevious(key.clone()));
    let deleted = StoreEvent {
        kind: EventKind::Delete,
        ..put(0, 12, None)
    };
    refuse(12, deleted, Gap::NoPrevious(key.clone()));
}

#[test]
fn what_is_no_object_keeps_its_place_and_leaves_the_rest_alone() {
    let mut world = World::new(9);
    let mut watcher = world.watch(10, None, Filter::Everything).unwrap();
    world.put(&a(), "red");
    world.change(&[(&a(), Some("garbage")), (&b(), Some(&object(&b(), "red")))]);
    world.change(&[("/elsewhere", Some("garbage"))]);
    assert_eq!(world.cache.list(PODS, &[]).count(), 1);
    let entry = world.cache.get(&Key::from(a().as_str())).unwrap();
    assert_eq!((entry.object(), entry.revision()), (None, Revision(12)));
    let expected = ["ADDED a red@11", "DELETED a red@12", "ADDED b red@12"];
    check(&mut watcher, &world.cache, &expected);
    world.put(&a(), "blue");
    check(&mut watcher, &world.cache, &["ADDED a blue@14"]);
}

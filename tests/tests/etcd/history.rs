//! What has really happened: etcd's history of the ConfigMaps of one namespace.

use crate::seen::version;
use model::etcd::{EventKind, KeyRange, Revision, StoreEvent, WatchRequest};
use serde_json::Value;
use std::collections::BTreeMap;
use tests::{etcd::Etcd, reflector::Reflector};

const STORED_UNDER: &str = "/registry/configmaps/default/";

/// All changes, in order. Nothing of it may have been compacted.
pub(crate) struct History(Vec<StoreEvent>);

impl History {
    pub(crate) async fn read(etcd: &Etcd) -> History {
        let client = etcd.client();
        let keys = KeyRange::prefix(STORED_UNDER.as_bytes());
        let request = WatchRequest {
            previous: true,
            ..WatchRequest::new(keys, Revision(1))
        };
        let mut watch = client.watch(&request).await.unwrap();
        let newest = watch.next().await.unwrap().revision;
        let last = format!("{STORED_UNDER}last");
        let mut events: Vec<StoreEvent> = Vec::new();
        while events
            .last()
            .is_none_or(|it| it.kv.key.text() != Some(&last))
        {
            let answer = watch.next().await.unwrap();
            assert!(!answer.canceled, "{answer:?}");
            events.extend(answer.events);
        }
        assert!(events.iter().all(|event| event.kv.mod_revision <= newest));
        History(events)
    }

    /// Name → revision, as of a revision.
    pub(crate) fn state(&self, revision: u64) -> BTreeMap<String, u64> {
        let mut state = BTreeMap::new();
        for event in &self.0 {
            if event.kv.mod_revision.0 > revision {
                break;
            }
            match event.kind {
                EventKind::Put => state.insert(name(event), event.kv.mod_revision.0),
                EventKind::Delete => state.remove(&name(event)),
            };
        }
        state
    }

    /// What was acknowledged has happened, as it was answered.
    pub(crate) fn check_write(&self, name: &str, object: &Value) {
        let at = version(object);
        let found = self.0.iter().find(|event| event.kv.mod_revision.0 == at);
        let event = found.unwrap_or_else(|| panic!("{name} at {at} was acknowledged, and is lost"));
        assert_eq!(self::name(event), name);
        let mut stored: Value = serde_json::from_slice(event.kv.value.bytes()).unwrap();
        stored["metadata"]["resourceVersion"] = at.to_string().into();
        assert_eq!(&stored, object);
    }

    /// W5: since its last list a reflector was told every change, once and in order.
    pub(crate) fn check_reflector(&self, reflector: &Reflector) {
        let (base, objects) = reflector.base().expect("it has listed");
        let base: u64 = base.parse().unwrap();
        let listed: BTreeMap<String, u64> = objects
            .iter()
            .map(|((_, name), object)| (name.clone(), version(object)))
            .collect();
        assert_eq!(listed, self.state(base), "the list at {base}");
        let word = |event: &StoreEvent| match (event.kind, &event.previous) {
            (EventKind::Put, None) => "ADDED",
            (EventKind::Put, Some(_)) => "MODIFIED",
            (EventKind::Delete, _) => "DELETED",
        };
        let expected: Vec<(String, String, u64)> = self
            .0
            .iter()
            .filter(|event| event.kv.mod_revision.0 > base)
            .map(|event| (word(event).to_owned(), name(event), event.kv.mod_revision.0))
            .collect();
        let told: Vec<(String, String, u64)> = reflector
            .told()
            .iter()
            .map(|it| {
                let name = it.object["metadata"]["name"].as_str().unwrap().to_owned();
                (it.kind.clone(), name, version(&it.object))
            })
            .collect();
        assert_eq!(told, expected);
    }
}

fn name(event: &StoreEvent) -> String {
    let key = event.kv.key.text().unwrap();
    key.strip_prefix(STORED_UNDER).unwrap().to_owned()
}

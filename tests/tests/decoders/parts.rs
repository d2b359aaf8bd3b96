//! The decoders one by one.

use model::{
    ambient::Time,
    etcd::{Command, Key, KeyValue, LeaseId, Revision, Store},
    frozen::Frozen,
    lifecycle::{
        attributes::Attributes,
        negotiate::{self, Offer},
        query::{Query, unescape},
    },
    object::{Object, freeze},
    schema::Document,
    selector,
    wire::Head,
};
use proptest::{collection::vec, prelude::*};
use serde_json::{Value, json};
use tests::strategies::{
    config, etcd,
    faults::{Corruption, corruption},
    objects::{self, KINDS, any_json},
};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_query_is_read_back(pairs in vec((any::<String>(), any::<String>()), 0..6)) {
        let encode = |text: &str| -> String {
            text.bytes().map(|byte| format!("%{byte:02x}")).collect()
        };
        let text: Vec<String> = pairs
            .iter()
            .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
            .collect();
        let query = Query::parse(&text.join("&"));
        for (name, _) in &pairs {
            let values: Vec<&String> = pairs
                .iter()
                .filter(|pair| pair.0 == *name)
                .map(|pair| &pair.1)
                .collect();
            // A pair without anything in it is none.
            let told = query.all(name);
            prop_assert_eq!(told.iter().collect::<Vec<_>>(), values);
        }
        prop_assert_eq!(Query::parse(&query.encode()), query);
    }

    #[test]
    fn any_text_is_a_query_or_passed_over(text in "\\PC*|[%+&=a-f0-9]{0,40}") {
        let query = Query::parse(&text);
        prop_assert_eq!(Query::parse(&query.encode()), query.clone());
        let _ = (query.flag(&text), query.number("limit"), unescape(&text, false));
    }

    #[test]
    fn any_accept_header_is_served_or_refused(
        header in "\\PC*|[a-z*/;=,. qvg\"0-9]{0,60}|(application/json|\\*/\\*);as=Table;v=v1;g=meta.k8s.io;q=[0-9.]{0,5}",
    ) {
        for offer in [Offer::Object, Offer::Collection, Offer::Document] {
            if let Err(refusal) = negotiate::negotiate(&header, offer) {
                prop_assert_eq!(refusal.code, 406);
            }
        }
        if let Err(refusal) = negotiate::check_content_type(&header) {
            prop_assert_eq!(refusal.code, 415);
        }
    }

    #[test]
    fn any_path_has_attributes(method in "[A-Z]{0,8}|\\PC{0,4}", path in "\\PC*|(/[a-z0-9.%]{0,6}){0,9}") {
        let head = Head {
            method,
            path: path.clone(),
            ..Head::default()
        };
        let attributes = Attributes::of(&head, &path, &Query::default());
        prop_assert!(!attributes.is_resource || path.contains("api"));
    }

    #[test]
    fn a_moment_is_read_back(micros in -62_135_596_800_000_000_i64..253_402_300_799_000_000) {
        let time = Time(micros);
        prop_assert_eq!(Time::parse(&time.rfc3339_micro()), Some(time));
        let whole = Time(micros.div_euclid(1_000_000) * 1_000_000);
        prop_assert_eq!(Time::parse(&time.rfc3339()), Some(whole));
    }

    #[test]
    fn any_number_and_text_is_a_moment_or_none(micros in any::<i64>(), text in "\\PC*|[-0-9T:Z+.]{0,30}") {
        let _ = (Time(micros).rfc3339(), Time(micros).rfc3339_micro(), Time::parse(&text));
    }

    #[test]
    fn a_document_is_read_back(document in any_json()) {
        let text = document.to_string();
        let read = Document::parse(text.as_bytes());
        prop_assert_eq!(read.map(Document::into_value), Ok(document));
    }

    #[test]
    fn any_bytes_are_a_document_or_refused(
        document in any_json(),
        corruptions in vec(corruption(), 0..4),
        noise in vec(any::<u8>(), 0..60),
    ) {
        for bytes in [corrupted(document.to_string().into_bytes(), &corruptions), noise] {
            match Document::parse(&bytes) {
                // Whatever is taken can be stored and read back.
                Ok(document) => {
                    let _ = document.head();
                    let value = document.into_value();
                    let again: Value = serde_json::from_slice(&serde_json::to_vec(&value).unwrap()).unwrap();
                    prop_assert_eq!(again, value);
                }
                Err(why) => prop_assert!(!why.is_empty()),
            }
        }
    }

    #[test]
    fn an_object_is_read_back(
        object in objects::kind().prop_flat_map(|kind| objects::object(kind, "a")),
        revision in 1_u64..1_000_000,
    ) {
        let mut object = object;
        let stored = freeze(&object);
        object["metadata"]["resourceVersion"] = revision.to_string().into();
        let read = decode(stored, revision).expect("what is frozen can be read");
        prop_assert_eq!(&read.json(), &object);
        let mut written = Vec::new();
        read.write(&mut written);
        prop_assert_eq!(&serde_json::from_slice::<Value>(&written).unwrap(), &object);
        written.clear();
        read.write_untyped(&mut written);
        object.as_object_mut().unwrap().retain(|name, _| name != "kind" && name != "apiVersion");
        prop_assert_eq!(&serde_json::from_slice::<Value>(&written).unwrap(), &object);
    }

    #[test]
    fn any_bytes_are_an_object_or_undecodable(
        object in prop_oneof![
            objects::kind().prop_flat_map(|kind| objects::broken(objects::object(kind, "a"))),
            any_json(),
        ],
        corruptions in vec(corruption(), 0..3),
    ) {
        let bytes = corrupted(object.to_string().into_bytes(), &corruptions);
        if let Some(object) = decode(Frozen::from(bytes), 1) {
            let mut written = Vec::new();
            object.write(&mut written);
            prop_assert_eq!(serde_json::from_slice::<Value>(&written).unwrap(), object.json());
            written.clear();
            object.write_untyped(&mut written);
            prop_assert!(serde_json::from_slice::<Value>(&written).is_ok());
        }
    }

    #[test]
    fn a_command_of_the_store_is_read_back(command in etcd::command(), corruptions in vec(corruption(), 1..3)) {
        let bytes = postcard::to_allocvec(&command).expect("it can be encoded");
        prop_assert_eq!(postcard::from_bytes::<Command>(&bytes), Ok(command));
        // What is damaged is another command or none; the store takes or refuses it.
        if let Ok(command) = postcard::from_bytes::<Command>(&corrupted(bytes, &corruptions)) {
            let mut store = Store::new();
            let before = store.clone();
            if store.apply(&command).is_err() {
                prop_assert_eq!(store, before);
            }
        }
    }
}

#[test]
fn documents_of_every_kind_are_read_by_every_kind_s_selectors() {
    for kind in KINDS {
        let object = json!({"kind": kind.kind, "apiVersion": kind.api_version,
            "metadata": {"name": "a"}, "spec": [], "status": 1});
        let group = kind
            .api_version
            .split_once('/')
            .map_or("", |(group, _)| group);
        let selectable = selector::selectable(group, kind.plural);
        let kv = key_value(freeze(&object), 1);
        let decoded = Object::decode(&kv, selectable).expect("metadata is all that is needed");
        assert_eq!(decoded.meta().name, "a");
    }
}

fn corrupted(mut bytes: Vec<u8>, corruptions: &[Corruption]) -> Vec<u8> {
    for corruption in corruptions {
        corruption.apply(&mut bytes);
    }
    bytes
}

fn decode(value: Frozen, revision: u64) -> Option<Object> {
    let selectable = selector::selectable("", "pods");
    Object::decode(&key_value(value, revision), selectable).ok()
}

fn key_value(value: Frozen, revision: u64) -> KeyValue {
    KeyValue {
        key: Key::from("/registry/pods/d/a"),
        create_revision: Revision(1),
        mod_revision: Revision(revision),
        version: 1,
        lease: LeaseId(0),
        value,
    }
}

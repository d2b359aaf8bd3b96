//! Whole requests to the core, and YAML.

use model::{config::Config, wire::Head};
use proptest::{collection::vec, prelude::*, test_runner::TestCaseResult};
use serde_json::Value;
use server::yaml;
use std::sync::LazyLock;
use tests::{
    in_memory::InMemory,
    strategies::{
        config,
        faults::{Corruption, corruption},
        histories::Player,
        objects::{any_json, word},
        requests::{Request, ask, hostile},
    },
};

/// Bytes of JSON for one of YAML, and what is always allowed: the server's own limits are not
/// looser than these.
const YAML_GROWTH: (usize, usize) = (10, 64 * 1024);

static CONFIG: LazyLock<Config> = LazyLock::new(Config::permissive);

proptest! {
    #![proptest_config(config())]

    #[test]
    fn hostile_requests_are_refused_without_a_trace(asks in vec(hostile(), 1..20)) {
        let mut player = player();
        for ask in &asks {
            let request = ask.request(&player.seen(ask));
            answered(&mut player.server, &request)?;
        }
    }

    #[test]
    fn corrupted_requests_are_answered(
        asks in vec((ask(), vec(corruption(), 1..3), vec(corruption(), 0..2)), 1..12),
    ) {
        let mut player = player();
        for (ask, body, query) in &asks {
            let mut request = ask.request(&player.seen(ask));
            corrupt(&mut request.body, body);
            let mut text = std::mem::take(&mut request.head.query).into_bytes();
            corrupt(&mut text, query);
            request.head.query = String::from_utf8_lossy(&text).into_owned();
            answered(&mut player.server, &request)?;
        }
    }

    #[test]
    fn any_head_is_answered(
        method in "GET|POST|PUT|PATCH|DELETE|\\PC{0,5}",
        path in "\\PC*|/api/v1/namespaces/[a-z%/.]{0,20}|/(api|apis|openapi|healthz|metrics|version)[a-z0-9/%.]{0,20}",
        query in "\\PC*",
        headers in vec(("accept|content-type|authorization|impersonate-user|user-agent|x", "\\PC*"), 0..4),
        body in vec(any::<u8>(), 0..30),
    ) {
        let head = Head { method, path, query, headers, ..Head::default() };
        answered(&mut player().server, &Request { head, body })?;
    }

    #[test]
    fn a_document_comes_back_from_yaml(document in any_json()) {
        let text = yaml::from_json(document.to_string().as_bytes());
        let json = yaml::to_json(&text);
        let read = json.map(|json| serde_json::from_slice::<Value>(&json).expect("it is JSON"));
        let read = read.map(as_go_writes_it);
        let document = as_go_writes_it(document);
        prop_assert_eq!(read, Ok(document), "{}", String::from_utf8_lossy(&text));
    }

    #[test]
    fn any_bytes_are_yaml_or_refused(
        document in any_json(),
        corruptions in vec(corruption(), 0..4),
        noise in vec(any::<u8>(), 0..60),
        words in vec(yaml_word(), 0..40),
    ) {
        let text = yaml::from_json(document.to_string().as_bytes());
        let mut damaged = text.clone();
        corrupt(&mut damaged, &corruptions);
        for text in [damaged, noise, words.concat().into_bytes()] {
            yaml_is_bounded(&text)?;
        }
    }

    #[test]
    fn aliases_do_not_blow_up(width in 1_usize..40, depth in 1_usize..40, mapping in any::<bool>(), merge in any::<bool>()) {
        let mut text = String::from("a0: &a0 {k: v}\n");
        for level in 1..=depth {
            let alias = format!("*a{}", level - 1);
            let value = match (mapping, merge) {
                (true, true) => format!("{{<<: [{}]}}", vec![alias; width].join(", ")),
                (true, false) => {
                    let members = (0..width).map(|number| format!("k{number}: {alias}"));
                    format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
                }
                (false, _) => format!("[{}]", vec![alias; width].join(", ")),
            };
            text.push_str(&format!("a{level}: &a{level} {value}\n"));
        }
        yaml_is_bounded(text.as_bytes())?;
    }
}

fn player() -> Player {
    Player::new(InMemory::new(CONFIG.clone()))
}

fn corrupt(bytes: &mut Vec<u8>, corruptions: &[Corruption]) {
    for corruption in corruptions {
        corruption.apply(bytes);
    }
}

/// With a code that there is; a refusal says why, and changes nothing.
fn answered(server: &mut InMemory, request: &Request) -> TestCaseResult {
    let before = server.store().revision();
    let answer = server.send(&request.head, &request.body);
    prop_assert!((200..600).contains(&answer.code));
    if answer.code < 400 {
        return Ok(());
    }
    let collection = request.head.method == "DELETE";
    prop_assert!(collection || server.store().revision() == before);
    // The one place where the real server says nothing at all.
    let silent = request.head.path.starts_with("/openapi/v3/");
    prop_assert!(silent || !answer.bytes.is_empty());
    if answer.content_type.starts_with("application/json") {
        let status = answer.json();
        prop_assert_eq!(&status["code"], answer.code);
        let internal = status["reason"] == "InternalError";
        prop_assert!(!internal, "{:?}\n{}", request, status);
    }
    Ok(())
}

/// Go writes whole numbers without a fraction, whatever they were read from.
fn as_go_writes_it(mut document: Value) -> Value {
    match &mut document {
        Value::Number(number) => {
            if let Some(whole) = number
                .as_f64()
                .filter(|it| it.fract() == 0.0 && it.abs() < 1e21)
            {
                // As text: the two sides may hold the same number in different forms.
                document = format!("{whole:.0}").into();
            }
        }
        Value::Array(items) => {
            for item in items {
                *item = as_go_writes_it(item.take());
            }
        }
        Value::Object(members) => {
            for member in members.values_mut() {
                *member = as_go_writes_it(member.take());
            }
        }
        _ => {}
    }
    document
}

fn yaml_is_bounded(text: &[u8]) -> TestCaseResult {
    match yaml::to_json(text) {
        Ok(json) => {
            let (growth, allowance) = YAML_GROWTH;
            prop_assert!(json.len() <= text.len() * growth + allowance);
            let read: Result<serde::de::IgnoredAny, _> = serde_json::from_slice(&json);
            prop_assert!(read.is_ok(), "{}", String::from_utf8_lossy(&json));
        }
        Err(why) => prop_assert!(!why.is_empty()),
    }
    Ok(())
}

/// What YAML is made of, in an order that it may not have.
fn yaml_word() -> impl Strategy<Value = String> {
    word(&[
        "a",
        ": ",
        "- ",
        "\n",
        "  ",
        "\n  ",
        "&x ",
        "*x",
        "<<: ",
        "{",
        "}",
        "[",
        "]",
        ", ",
        "|",
        ">",
        "\n---\n",
        "\n...\n",
        "'",
        "\"",
        "!!str ",
        "!!binary ",
        "# ",
        "? ",
        "0x1f",
        "1:30",
        ".inf",
        "~",
        "yes",
        "%YAML 1.1\n",
        "\t",
        "\\u263a",
        "12e03",
        "2001-12-14",
    ])
}

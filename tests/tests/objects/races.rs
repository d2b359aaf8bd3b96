//! Clients that race for one object, effect by effect, over a store that fails.
//!
//! Each adds tolerations to the same pod, every one with a key of its own: what is lost is missed,
//! and what is done twice is there twice.

use crate::player;
use proptest::{collection::vec, prelude::*, sample::Index, test_runner::TestCaseResult};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tests::{
    in_memory::Going,
    strategies::{
        config,
        faults::{Trouble, troubles},
        histories::Player,
        requests::{Ask, Content, Request, Version},
    },
};

const POD: &str = "/api/v1/namespaces/d/pods/a";

/// How a client changes the pod.
#[derive(Clone, Copy, Debug)]
enum Manner {
    JsonPatch,
    /// Reads, changes, writes with the version that was read.
    Replace,
    /// The list as it was read plus one, with the version that was read.
    MergePatch,
}

/// What is known of one addition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Done,
    Refused,
    /// The answer was lost.
    Unknown,
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_update_is_lost_and_none_is_done_twice(
        work in vec(vec(manner(), 0..6), 2..=4),
        schedule in vec((any::<Index>(), troubles(1)), 0..120),
    ) {
        let mut race = Race::new(&work);
        for (client, trouble) in schedule {
            let client = client.index(race.clients.len());
            race.turn(client, trouble.first().copied().flatten())?;
        }
        race.finish()?;
    }
}

fn manner() -> impl Strategy<Value = Manner> {
    prop_oneof![
        Just(Manner::JsonPatch),
        Just(Manner::Replace),
        Just(Manner::MergePatch),
    ]
}

struct Client {
    left: Vec<Manner>,
    pending: Option<(String, Going, bool)>,
}

struct Race {
    player: Player,
    clients: Vec<Client>,
    fates: BTreeMap<String, Fate>,
}

impl Race {
    fn new(work: &[Vec<Manner>]) -> Race {
        let mut player = player();
        let pod = json!({"metadata": {"name": "a"},
            "spec": {"containers": [{"name": "c", "image": "i"}], "tolerations": [
                {"key": "first", "operator": "Exists"}]}});
        let create = Ask {
            content: Content::Document(pod, None),
            ..Ask::plain("POST", "/api/v1/namespaces/d/pods".into())
        };
        let answer = player.send(&create);
        assert_eq!(answer.code, 201, "{}", answer.json());
        let clients = work.iter().map(|left| Client {
            left: left.clone(),
            pending: None,
        });
        Race {
            player,
            clients: clients.collect(),
            fates: BTreeMap::new(),
        }
    }

    /// One client goes one effect further; true while it has something to do.
    fn turn(&mut self, number: usize, trouble: Option<Trouble>) -> Result<bool, TestCaseError> {
        let client = &mut self.clients[number];
        let Some((key, going, lost)) = client.pending.take() else {
            let Some(manner) = client.left.pop() else {
                return Ok(false);
            };
            let key = format!("c{number}-{}", client.left.len());
            let request = self.request(manner, &key);
            let going = self.player.server.begin(&request.head, &request.body);
            self.clients[number].pending = Some((key, going, false));
            return Ok(true);
        };
        let lost = lost || trouble == Some(Trouble::AnswerLost);
        match self.player.server.advance(going, trouble) {
            Err(going) => self.clients[number].pending = Some((key, going, lost)),
            Ok(response) => {
                let fate = match response.code {
                    200 => Fate::Done,
                    409 => Fate::Refused,
                    500 | 504 if lost => Fate::Unknown,
                    500 | 504 => Fate::Refused,
                    code => return Err(TestCaseError::fail(format!("{code}: {response:?}"))),
                };
                self.fates.insert(key, fate);
            }
        }
        Ok(true)
    }

    fn request(&mut self, manner: Manner, key: &str) -> Request {
        let toleration = json!({"key": key, "operator": "Exists"});
        let seen = self.player.get(POD).expect("the pod");
        let mut all = seen["spec"]["tolerations"].clone();
        all.as_array_mut().expect("a list").push(toleration.clone());
        let change = json!({"spec": {"tolerations": all}});
        let (method, media_type, content) = match manner {
            Manner::JsonPatch => {
                let add =
                    json!([{"op": "add", "path": "/spec/tolerations/-", "value": toleration}]);
                (
                    "PATCH",
                    "application/json-patch+json",
                    Content::Document(add, None),
                )
            }
            Manner::Replace => {
                let seen = Content::Seen {
                    merge: change,
                    version: None,
                };
                ("PUT", "application/json", seen)
            }
            Manner::MergePatch => {
                let mut change = change;
                change["metadata"] = json!({});
                let content = Content::Document(change, Some(Version::Current));
                ("PATCH", "application/merge-patch+json", content)
            }
        };
        let ask = Ask {
            about: POD.into(),
            headers: vec![("content-type", media_type.into())],
            content,
            ..Ask::plain(method, POD.into())
        };
        ask.request(&self.player.seen(&ask))
    }

    /// All go on to their end, without trouble; then what is there is what was answered.
    fn finish(mut self) -> TestCaseResult {
        for number in 0..self.clients.len() {
            while self.turn(number, None)? {}
        }
        let pod = self.player.get(POD).expect("the pod");
        let tolerations = pod["spec"]["tolerations"].as_array().expect("a list");
        for (key, fate) in &self.fates {
            let is_it = |it: &&Value| it["key"] == key.as_str();
            let count = tolerations.iter().filter(is_it).count();
            let expected = match fate {
                Fate::Done => 1..=1,
                Fate::Refused => 0..=0,
                Fate::Unknown => 0..=1,
            };
            prop_assert!(
                expected.contains(&count),
                "{} is {:?} and there {} times",
                key,
                fate,
                count
            );
        }
        Ok(())
    }
}

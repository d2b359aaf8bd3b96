//! The pages of a list are one snapshot (O8).

use crate::player_with_window;
use proptest::{prelude::*, test_runner::TestCaseResult};
use serde_json::Value;
use tests::{
    in_memory::Answer,
    reflector::{Key, key},
    strategies::{
        config,
        histories::{Player, Step, history_of},
        objects::CONFIG_MAPS,
        requests::{Ask, about},
    },
};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_pages_of_a_list_are_one_snapshot(
        before in history_of(about(CONFIG_MAPS), 40),
        between in history_of(about(CONFIG_MAPS), 40),
        limit in 1_usize..4,
        selector in prop_oneof![3 => Just(""), 1 => Just("app"), 1 => Just("app=x")],
        everywhere in any::<bool>(),
        window in 1_usize..30,
    ) {
        let mut player = player_with_window(window);
        for step in &before {
            player.step(step);
        }
        let space = if everywhere { "" } else { "d" };
        let list = Ask {
            options: vec![("labelSelector", selector.to_owned())],
            ..Ask::plain("GET", CONFIG_MAPS.collection(space))
        };
        Pager { player, list, limit }.read(&between)?;
    }
}

struct Pager {
    player: Player,
    list: Ask,
    limit: usize,
}

impl Pager {
    /// Reads all pages, while the steps go on between them.
    fn read(mut self, between: &[Step]) -> TestCaseResult {
        let whole = self.page(None, None).json();
        let mut answer = self.page(Some(self.limit), None);
        let mut seen = Vec::new();
        let mut steps = between.chunks(3);
        loop {
            let page = answer.json();
            prop_assert_eq!(answer.code, 200, "{}", page);
            prop_assert_eq!(
                &page["metadata"]["resourceVersion"],
                &whole["metadata"]["resourceVersion"]
            );
            let items = items(&page);
            prop_assert!(items.len() <= self.limit);
            seen.extend(items.iter().cloned());
            self.check_remaining(&page, &whole, seen.len())?;
            let Some(token) = token(&page) else {
                prop_assert_eq!(&seen, self::items(&whole));
                return Ok(());
            };
            for step in steps.next().unwrap_or_default() {
                self.player.step(step);
            }
            answer = self.page(Some(self.limit), Some(token));
            if answer.code == 410 {
                return self.go_on_anew(&answer, &seen);
            }
        }
    }

    /// `remainingItemCount` is there without selectors only, and exact.
    fn check_remaining(&self, page: &Value, whole: &Value, seen: usize) -> TestCaseResult {
        let remaining = page["metadata"]["remainingItemCount"].as_u64();
        if token(page).is_none() || !self.list.option("labelSelector").is_empty() {
            prop_assert_eq!(remaining, None);
        } else {
            prop_assert_eq!(remaining, Some((items(whole).len() - seen) as u64));
        }
        Ok(())
    }

    /// The snapshot is compacted: the token of the refusal goes on behind what was seen, with what
    /// there is now.
    fn go_on_anew(mut self, refusal: &Answer, seen: &[Value]) -> TestCaseResult {
        let body = refusal.json();
        prop_assert_eq!(&body["reason"], "Expired");
        let token = token(&body).expect("a token to go on with");
        let compacted = self.player.server.store().compacted().0;
        prop_assert!(compacted > 0);
        let last: Key = key(seen.last().expect("a page that is not the last has items"));
        let answer = self.page(None, Some(token)).json();
        prop_assert_eq!(&answer["kind"], "ConfigMapList", "{}", answer);
        let now = self.page(None, None).json();
        let rest: Vec<Value> = items(&now)
            .iter()
            .filter(|it| key(it) > last)
            .cloned()
            .collect();
        prop_assert_eq!(items(&answer), &rest);
        Ok(())
    }

    fn page(&mut self, limit: Option<usize>, token: Option<String>) -> Answer {
        let mut ask = self.list.clone();
        ask.options
            .extend(limit.map(|limit| ("limit", limit.to_string())));
        ask.options.extend(token.map(|token| ("continue", token)));
        let request = ask.request(&Default::default());
        self.player.server.send(&request.head, &request.body)
    }
}

fn items(list: &Value) -> &Vec<Value> {
    list["items"].as_array().expect("a list")
}

fn token(list: &Value) -> Option<String> {
    let token = list["metadata"]["continue"].as_str()?;
    Some(token.to_owned()).filter(|token| !token.is_empty())
}

//! TokenReview: is this token good, and whose is it?

use super::{Review, texts, user_info};
use crate::{
    cache::Cache,
    config::User,
    etcd::Revision,
    kinds::document::text,
    lifecycle::{
        Effect, Event, Stage,
        account::Lookup,
        authenticate::{self, Credentials},
        context::{Progress, Scene, Turn},
        store_error, unexpected,
    },
    status::Status,
};
use alloc::{format, string::String, vec::Vec};
use serde_json::{Value, json};

/// A question about a service account's token.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TokenReview {
    review: Review,
    lookup: Lookup,
    /// The cache, once it is there and something must be read that it doesn't have.
    cache: Option<Cache>,
}

/// Begins with the question.
///
/// # Errors
/// 400 without a token.
pub(super) fn begin(scene: &Scene<'_>, review: Review) -> Progress {
    let token = text(&review.document, &["spec", "token"]);
    if token.is_empty() {
        return Err(Status::bad_request(
            "token is required for TokenReview in authentication",
        ));
    }
    let authentication = &scene.config.authentication;
    let audiences = texts(&review.document["spec"]["audiences"]);
    let now = scene.ambient.now;
    match authenticate::known(token, None, authentication, &audiences, now) {
        Ok(Credentials::User(user)) => {
            // Static tokens are for this server.
            let own = authentication.accounts.as_ref();
            let own = own.map_or(&[][..], |accounts| &accounts.audiences);
            let wanted = |one: &&String| audiences.is_empty() || audiences.contains(one);
            let shared: Vec<&String> = own.iter().filter(wanted).collect();
            let status = if shared.is_empty() && !audiences.is_empty() {
                unknown("token audiences are not those of this server")
            } else {
                good(&user, json!(shared))
            };
            Ok(review.answer(scene, status))
        }
        Ok(Credentials::Account(claims)) => {
            let review = TokenReview {
                review,
                lookup: Lookup::new(*claims),
                cache: None,
            };
            let at_least = Revision(0);
            let stage = Stage::TokenReview(review);
            Ok(Turn::Wait(stage, Effect::Cache { at_least }))
        }
        Err(why) => Ok(review.answer(scene, unknown(&why))),
    }
}

impl TokenReview {
    /// Goes on with what the outside answered.
    ///
    /// # Errors
    /// What the store refuses.
    pub fn resume(mut self, event: Event, scene: &Scene<'_>) -> Progress {
        let (cache, answer) = match (self.cache.take(), event) {
            (None, Event::Cache(cache)) => (cache, None),
            (Some(cache), Event::Read(answer)) => (cache, Some(answer.map_err(store_error)?)),
            (cache, event) => {
                self.cache = cache;
                return unexpected(Stage::TokenReview(self), event);
            }
        };
        let status = match self.lookup.advance(&cache, answer, scene.ambient.now) {
            Ok(Some(read)) => {
                self.cache = Some(cache);
                return Ok(Turn::Wait(Stage::TokenReview(self), Effect::Read(read)));
            }
            Ok(None) => {
                let wanted = texts(&self.review.document["spec"]["audiences"]);
                let accounts = scene.config.authentication.accounts.as_ref();
                let shared = accounts.map(|it| it.shared_audiences(self.lookup.claims(), &wanted));
                let user = authenticate::authenticated(self.lookup.user());
                good(&user, json!(shared.unwrap_or_default()))
            }
            Err(why) => unknown(&why),
        };
        Ok(self.review.answer(scene, status))
    }
}

fn good(user: &User, audiences: Value) -> Value {
    let mut status = json!({"authenticated": true, "user": user_info(user)});
    if audiences.as_array().is_some_and(|list| !list.is_empty()) {
        status["audiences"] = audiences;
    }
    status
}

fn unknown(why: &str) -> Value {
    let error = if why == "invalid bearer token" {
        format!("[{why}]")
    } else {
        format!("[invalid bearer token, {why}]")
    };
    json!({"user": {}, "error": error})
}

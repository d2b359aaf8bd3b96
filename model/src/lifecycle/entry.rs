//! The way in: who asks, as whom, and may they? Where that depends on objects the watch cache is
//! read first: roles and bindings can change between that read and everything that comes after it.

use super::{
    Effect, Event, Stage,
    account::Lookup,
    audit,
    authenticate::{self, Credentials},
    authorize::{self, Decision},
    context::{Context, Progress, Turn},
    impersonate::{self, Wanted},
    unexpected,
};
use crate::{
    ambient::Ambient,
    cache::Cache,
    config::{Config, User},
    etcd::Revision,
    status::Refusal,
    wire::Head,
};

/// A request that is not in yet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Entry {
    /// Waits for the cache, to see the service account that the token is for.
    Account(Lookup, Option<Wanted>),
    /// Waits for a live read of what the cache doesn't have: the account, or what its token is
    /// bound to.
    Bond(Lookup, Option<Wanted>, Cache),
    /// Waits for the cache, to see roles, bindings and what nodes need.
    Policies(Option<Wanted>),
}

/// Authenticates, and goes on as far as is possible without objects.
///
/// # Errors
/// 401, 400 and 403.
pub fn begin(head: &Head, context: &mut Context, config: &Config, ambient: &Ambient) -> Progress {
    match authenticate::authenticate(head, &config.authentication, ambient.now)? {
        Credentials::User(user) => context.user = user,
        Credentials::Account(claims) => {
            let wanted = impersonate::wanted(head)?;
            let stage = Stage::Entry(Entry::Account(Lookup::new(*claims), wanted));
            return Ok(Turn::Wait(stage, NEWEST_CACHE));
        }
    }
    let wanted = impersonate::wanted(head)?;
    let modes = &config.authorization;
    let needs_cache = |user: &User| authorize::needs_cache(user, modes);
    let becomes = wanted.as_ref().map(|wanted| &wanted.user);
    if needs_cache(&context.user) || becomes.is_some_and(needs_cache) {
        let stage = Stage::Entry(Entry::Policies(wanted));
        return Ok(Turn::Wait(stage, NEWEST_CACHE));
    }
    let_in(wanted.as_ref(), None, context, config)?;
    super::route_request(context, config, ambient)
}

/// The cache as it is: who may what is not read from the store at each request, here as upstream.
const NEWEST_CACHE: Effect = Effect::Cache {
    at_least: Revision(0),
};

impl Entry {
    /// Goes on with what the outside answered.
    ///
    /// # Errors
    /// 401, 403, and what routing refuses.
    pub fn resume(
        self,
        event: Event,
        context: &mut Context,
        config: &Config,
        ambient: &Ambient,
    ) -> Progress {
        let (mut lookup, wanted, cache, answer) = match (self, event) {
            (Entry::Policies(wanted), Event::Cache(cache)) => {
                let_in(wanted.as_ref(), Some(&cache), context, config)?;
                return super::route_request(context, config, ambient);
            }
            (Entry::Account(lookup, wanted), Event::Cache(cache)) => (lookup, wanted, cache, None),
            (Entry::Bond(lookup, wanted, cache), Event::Read(answer)) => {
                let answer = answer.map_err(super::store_error)?;
                (lookup, wanted, cache, Some(answer))
            }
            (entry, event) => return unexpected(Stage::Entry(entry), event),
        };
        let next = lookup.advance(&cache, answer, ambient.now);
        if let Some(read) = next.map_err(|_| authenticate::unauthorized())? {
            let stage = Stage::Entry(Entry::Bond(lookup, wanted, cache));
            return Ok(Turn::Wait(stage, Effect::Read(read)));
        }
        context.user = authenticate::authenticated(lookup.user());
        let_in(wanted.as_ref(), Some(&cache), context, config)?;
        super::route_request(context, config, ambient)
    }
}

/// Lets the request become whom it wants to be taken for, and authorizes that user.
fn let_in(
    wanted: Option<&Wanted>,
    cache: Option<&Cache>,
    context: &mut Context,
    config: &Config,
) -> Result<(), Refusal> {
    let modes = &config.authorization;
    if let Some(wanted) = wanted {
        impersonate::check(wanted, &context.user, modes, cache)?;
        let impersonator = core::mem::replace(&mut context.user, wanted.user.clone());
        context.impersonator = Some(impersonator);
    }
    let decision = authorize::authorize(&context.user, &context.attributes, modes, cache);
    context.decision = audit::Decision::of(&decision);
    match decision {
        Decision::Allow(_) => Ok(()),
        Decision::Deny(reason) | Decision::NoOpinion(reason) => Err(authorize::forbidden(
            &context.user,
            &context.attributes,
            &reason,
        )),
    }
}

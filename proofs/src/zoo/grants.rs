//! Faults around the request machine that concern who may what.

use crate::worlds::grants::menu::{ALICE, Form};
use model::{
    cache::Cache,
    etcd::{Revision, Store},
    limits,
    wire::Head,
};

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Whoever asks is taken for the administrator.
    TakesEveryoneForTheAdministrator,
    /// Whoever wants to be taken for somebody else is.
    BelievesWhoSomebodyWantsToBe,
    /// Nobody is ever taken for somebody else.
    LosesWhoSomebodyWantsToBe,
    /// Rights that were taken away just now still hold.
    SeesRightsThatAreGone,
}

/// The core as the world runs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Driver {
    /// What is broken, if anything.
    pub fault: Option<Fault>,
}

impl Driver {
    /// What comes in from a user.
    #[must_use]
    pub fn head(self, form: &Form, user: &str) -> Head {
        let mut token = user;
        let mut acts_as = form.acts_as;
        match self.fault {
            Some(Fault::TakesEveryoneForTheAdministrator) => token = ALICE,
            Some(Fault::BelievesWhoSomebodyWantsToBe) => {
                token = acts_as.take().map_or(user, |(name, _)| name);
            }
            Some(Fault::LosesWhoSomebodyWantsToBe) => acts_as = None,
            Some(Fault::SeesRightsThatAreGone) | None => {}
        }
        let content_type = if form.method == "PATCH" {
            "application/merge-patch+json"
        } else {
            "application/json"
        };
        let mut headers = vec![
            ("authorization".into(), format!("Bearer {token}")),
            ("content-type".into(), content_type.into()),
        ];
        if let Some((name, group)) = acts_as {
            headers.push(("impersonate-user".into(), name.into()));
            headers.extend(group.map(|group| ("impersonate-group".into(), group.into())));
        }
        Head {
            method: form.method.into(),
            path: form.path.into(),
            headers,
            ..Head::default()
        }
    }

    /// A snapshot of the watch cache.
    #[must_use]
    pub fn cache(self, store: &Store) -> Cache {
        let mut revision = store.revision();
        if self.fault == Some(Fault::SeesRightsThatAreGone) {
            revision = Revision(revision.0 - 1);
        }
        let snapshot = store.snapshot(revision).unwrap_or_default();
        let kvs = snapshot.iter().map(|(_, kv)| kv);
        Cache::restore(limits::WATCH_WINDOW_EVENTS, revision, kvs)
    }
}

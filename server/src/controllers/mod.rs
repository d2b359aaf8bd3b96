//! The controllers that run in this process: clients of the API server like any other, with
//! identities and rights of their own.

mod campaign;
mod choice;
mod list;
mod member;
mod traced;

pub use choice::ControllerChoice;
pub(crate) use list::Parts;
pub use list::names;

use crate::{limits::LEASE_RELEASE, server::Core};
use campaign::{Campaign, start};
use list::Group;
use model::{
    config::User,
    controllers::{
        Name,
        leader::{Election, LeaderElector},
    },
};
use std::sync::Arc;
use tokio::{sync::watch, task::JoinSet, time::timeout};

/// The controllers that run; dropped, they stop where they are.
pub(crate) struct Controllers {
    members: JoinSet<()>,
    campaigns: JoinSet<()>,
    stopping: watch::Sender<bool>,
}

impl Controllers {
    /// Starts those that are chosen. With `elected` others may run the same on the same store, and
    /// each group runs where its Lease is; nodes are never elected, each is in one process.
    pub(crate) fn run(
        core: &Arc<Core>,
        choice: &ControllerChoice,
        parts: &Parts,
        elected: bool,
    ) -> Controllers {
        let stopping = watch::Sender::new(false);
        let mut chosen = choice.nodes(parts);
        let mut campaigns = JoinSet::new();
        for group in [Group::ControllerManager, Group::Scheduler] {
            if !elected {
                chosen.extend(choice.makes(group, parts));
            } else if !choice.is_empty(group) {
                let campaign = campaign(core, choice.clone(), parts.clone(), group);
                campaigns.spawn(campaign.run(stopping.subscribe()));
            }
        }
        Controllers {
            members: start(core, chosen),
            campaigns,
            stopping,
        }
    }

    /// Stops them, between two steps; who leads gives its Lease back.
    pub(crate) async fn stop(mut self) {
        self.members.shutdown().await;
        self.stopping.send_replace(true);
        let ended = async { while self.campaigns.join_next().await.is_some() {} };
        if timeout(LEASE_RELEASE, ended).await.is_err() {
            tracing::warn!("a Lease could not be given back: it runs out");
        }
    }
}

/// The candidacy for a group's work.
fn campaign(core: &Arc<Core>, choice: ControllerChoice, parts: Parts, group: Group) -> Campaign {
    let seed = crate::ambient::seed();
    let identity = format!("{}_{seed:032x}", core.config.advertised);
    let lease = Name::new("kube-system", group.lease());
    Campaign {
        core: Arc::clone(core),
        elector: LeaderElector::new(Election::new(lease, &identity)),
        user: User {
            name: format!("system:{}", group.lease()),
            ..User::default()
        },
        makes: Box::new(move || choice.makes(group, &parts)),
    }
}

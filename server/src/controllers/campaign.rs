//! Of several servers on one store, one runs the controllers: the one that is elected by a Lease.

use super::{list::Make, member};
use crate::{ambient::now, encode, loopback, server::Core};
use model::{
    ambient::Time,
    config::User,
    controllers::{
        Call,
        leader::{Candidacy, LeaderElector},
    },
};
use std::{pin::pin, sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep_until},
};

/// Controllers that run where their elector leads.
pub(super) struct Campaign {
    pub(super) core: Arc<Core>,
    pub(super) elector: LeaderElector,
    /// Who asks for the Lease.
    pub(super) user: User,
    /// Makes the controllers, which begin with nothing at each term.
    pub(super) makes: Box<dyn Fn() -> Vec<Make> + Send + Sync>,
}

/// The wall clock of the start, moved on by a clock that never goes back.
struct Clock {
    started: (Time, Instant),
}

impl Clock {
    fn now(&self) -> Time {
        let passed = i64::try_from(self.started.1.elapsed().as_micros()).unwrap_or(i64::MAX);
        Time(self.started.0.0.saturating_add(passed))
    }

    fn instant(&self, time: Time) -> Instant {
        let passed = time.0.saturating_sub(self.started.0.0);
        self.started.1 + Duration::from_micros(u64::try_from(passed).unwrap_or_default())
    }
}

impl Campaign {
    /// Runs until it is told to stop; then the Lease is given back.
    pub(super) async fn run(mut self, mut stopping: watch::Receiver<bool>) {
        let clock = Clock {
            started: (now(), Instant::now()),
        };
        let mut term = None;
        loop {
            self.keep_to_term(&clock, &mut term).await;
            let turn = self.turn(&clock, &mut term);
            tokio::select! {
                () = turn => {}
                _ = stopping.wait_for(|stopping| *stopping) => break,
            }
        }
        if let Some(mut term) = term {
            term.shutdown().await;
        }
        if let Some(call) = self.elector.release(clock.now()) {
            self.send(&call).await;
        }
    }

    /// Runs the controllers exactly while the elector leads.
    async fn keep_to_term(&self, clock: &Clock, term: &mut Option<JoinSet<()>>) {
        let lease = &self.elector.election().lease;
        if !self.elector.leads(clock.now()) {
            if let Some(mut term) = term.take() {
                term.shutdown().await;
                tracing::warn!(%lease, "leads no more");
            }
        } else if term.is_none() {
            tracing::info!(%lease, "leads");
            *term = Some(start(&self.core, (self.makes)()));
        }
    }

    /// One call, or a rest until there is something to do or the term is over.
    async fn turn(&mut self, clock: &Clock, term: &mut Option<JoinSet<()>>) {
        let until = self.elector.until().map(|until| clock.instant(until));
        match self.elector.next(clock.now()) {
            Candidacy::Wait(time) => {
                let due = clock.instant(time);
                sleep_until(until.map_or(due, |until| until.min(due))).await;
            }
            Candidacy::Send(call) => {
                let (code, body) = {
                    let mut answer = pin!(self.send(&call));
                    match until {
                        None => answer.await,
                        Some(until) => tokio::select! {
                            answered = answer.as_mut() => answered,
                            () = sleep_until(until) => {
                                *term = None;
                                answer.await
                            }
                        },
                    }
                };
                self.elector.answered(code, &body, clock.now());
            }
        }
    }

    async fn send(&self, call: &Call) -> (u16, Vec<u8>) {
        let head = call.head(&self.user, "leader-election");
        let response = loopback::send(&self.core, &head, call.body.bytes().to_vec()).await;
        let body = encode::body(&response.body).map_or_else(Vec::new, |(_, body)| body);
        // What the server could not find out is not known to be undone.
        let code = if response.code >= 500 {
            0
        } else {
            response.code
        };
        (code, body)
    }
}

/// Starts controllers; they run as long as what is returned.
pub(super) fn start(core: &Arc<Core>, makes: Vec<Make>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for make in makes {
        tasks.spawn(member::run(Arc::clone(core), make));
    }
    tasks
}

//! Leader election by a Lease, as client-go's (`tools/leaderelection/leaderelection.go`): of several
//! processes that want to do the same work, one does it.
//!
//! Whoever leads renews the Lease every [`Election::retry_seconds`]. Whoever doesn't looks at it as
//! often, and takes it when it has not seen it change for [`Election::lease_seconds`] *on its own
//! clock*: the times in the Lease are for people, and nobody's clock is compared with another's.
//! The leader stops to lead [`Election::renew_seconds`] after it has begun the last renewal that
//! succeeded. So there is never more than one, as long as during one lease no clock runs faster
//! than another by more than the difference of the two; when the difference is greater, there can
//! be two (both are shown by the world `leader` of the proofs). What a leader has sent before it
//! stopped may still arrive afterwards: what must not happen twice needs a precondition of its own.
//!
//! A [`LeaderElector`] is a machine like the others: a driver asks [`LeaderElector::next`] for the
//! call that is to be sent, tells [`LeaderElector::answered`] what came, and before it does
//! anything in the leader's name asks [`LeaderElector::leads`].

use super::{Api, Call, Name, apis};
use crate::{ambient::Time, frozen::Frozen, object};
use alloc::{boxed::Box, string::String};
use serde_json::{Value, json};

/// What is elected, and how patient everybody is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Election {
    /// The Lease: `kube-system/kube-controller-manager`.
    pub lease: Name,
    /// Who is a candidate; no other may have the same (`hostname_uuid`).
    pub identity: String,
    /// `leaseDurationSeconds`: for so long a Lease that does not change is respected.
    pub lease_seconds: i64,
    /// For so long a leader leads without having renewed; less than the above.
    pub renew_seconds: i64,
    /// How often the Lease is renewed, or looked at.
    pub retry_seconds: i64,
}

impl Election {
    /// With kube-controller-manager's times (`--leader-elect-lease-duration` 15 s,
    /// `--leader-elect-renew-deadline` 10 s, `--leader-elect-retry-period` 2 s).
    #[must_use]
    pub fn new(lease: Name, identity: &str) -> Election {
        Election {
            lease,
            identity: identity.into(),
            lease_seconds: 15,
            renew_seconds: 10,
            retry_seconds: 2,
        }
    }
}

/// A candidate.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LeaderElector {
    election: Election,
    /// The Lease as it was last seen; `None` when it has not been, or was not there.
    observed: Option<Observed>,
    /// When the last write that succeeded (it has made it the leader or kept it so) has begun.
    renewed: Option<Time>,
    /// When there is something to do next.
    due: Time,
    /// What there is to do then.
    stage: Stage,
}

/// A Lease that has been seen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Observed {
    /// The whole document: what others have put there stays.
    document: Frozen,
    /// Its `spec`: it is still the same lease as long as this is the same.
    spec: Frozen,
    /// `holderIdentity`
    holder: String,
    /// `leaseDurationSeconds`
    seconds: i64,
    /// `leaseTransitions`
    transitions: i64,
    /// When this `spec` was first seen, on this process's clock.
    at: Time,
}

/// What an elector does next, or waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Stage {
    /// It will look at the Lease; if it leads, renew it.
    Look,
    /// It will look at the Lease, also if it leads: what it has seen is old.
    Doubt,
    /// It has just looked, and will take the Lease or renew it.
    Take,
    /// It has asked for the Lease, at that time.
    Reads(Time),
    /// It has written the Lease, at that time; without having looked first?
    Writes(Time, bool),
}

/// What an elector wants.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Candidacy {
    /// Send this, then tell [`LeaderElector::answered`].
    Send(Box<Call>),
    /// Nothing before this time; while a call is not answered, nothing at all.
    Wait(Time),
}

const LEASES: Api = apis::LEASES;

impl LeaderElector {
    /// A candidate that has seen nothing.
    #[must_use]
    pub fn new(election: Election) -> LeaderElector {
        LeaderElector {
            election,
            observed: None,
            renewed: None,
            due: Time(i64::MIN),
            stage: Stage::Look,
        }
    }

    /// What it is a candidate for.
    #[must_use]
    pub fn election(&self) -> &Election {
        &self.election
    }

    /// It may act as the leader at this moment.
    #[must_use]
    pub fn leads(&self, now: Time) -> bool {
        self.until().is_some_and(|until| now < until)
    }

    /// Until when it leads, if no renewal succeeds any more; `None` when it does not lead.
    #[must_use]
    pub fn until(&self) -> Option<Time> {
        let renewed = self.renewed.filter(|_| self.holds())?;
        Some(after(renewed, self.election.renew_seconds))
    }

    /// Who leads, as far as it knows; empty when nobody does or it has seen nothing.
    #[must_use]
    pub fn leader(&self) -> &str {
        let observed = self.observed.as_ref();
        observed.map_or("", |observed| observed.holder.as_str())
    }

    /// What is to be done now. `now` is the process's own clock, which never goes back.
    pub fn next(&mut self, now: Time) -> Candidacy {
        let waits = matches!(self.stage, Stage::Reads(_) | Stage::Writes(..));
        if waits || now < self.due {
            return Candidacy::Wait(self.due);
        }
        let renews = self.stage == Stage::Look && self.leads(now);
        let call = if renews || self.stage == Stage::Take {
            self.stage = Stage::Writes(now, renews);
            self.written(now)
        } else {
            self.stage = Stage::Reads(now);
            Call::get(&LEASES, &self.election.lease)
        };
        Candidacy::Send(Box::new(call))
    }

    /// The call that was sent is answered, with this code and body; with code 0 no answer came, and
    /// whether it was done is not known. Ask [`LeaderElector::next`] again.
    pub fn answered(&mut self, code: u16, body: &[u8], now: Time) {
        let stage = core::mem::replace(&mut self.stage, Stage::Look);
        let lease = match code {
            200..300 => Observed::read(body, now),
            _ => None,
        };
        match (stage, lease) {
            (Stage::Reads(at), Some(lease)) => {
                self.due = self.again(at);
                self.observe(lease);
                if self.holds() || self.free(now) {
                    (self.stage, self.due) = (Stage::Take, now);
                }
            }
            (Stage::Reads(_), None) if code == 404 => {
                self.observed = None;
                (self.stage, self.due) = (Stage::Take, now);
            }
            (Stage::Writes(at, _), Some(lease)) => {
                self.due = self.again(at);
                self.renewed = Some(at);
                self.observe(lease);
            }
            // Somebody else has written it since it was seen: it is looked at once more.
            (Stage::Writes(_, true), None) if code == 409 || code == 404 => {
                (self.stage, self.due) = (Stage::Doubt, now);
            }
            (Stage::Reads(at) | Stage::Writes(at, _), None) => self.due = self.again(at),
            (Stage::Look | Stage::Doubt | Stage::Take, _) => self.stage = stage,
        }
    }

    /// Stops to lead, for an orderly end, when nothing is done in the leader's name any more: what
    /// gives the Lease back, so that others need not wait for it to run out (`ReleaseOnCancel`);
    /// `None` when it does not lead.
    pub fn release(&mut self, now: Time) -> Option<Call> {
        let leads = self.leads(now);
        self.renewed = None;
        let mut document = self.observed.as_ref().filter(|_| leads)?.document();
        let spec = &mut document["spec"];
        spec["holderIdentity"] = "".into();
        spec["leaseDurationSeconds"] = 1.into();
        spec["renewTime"] = now.rfc3339_micro().into();
        spec["acquireTime"] = now.rfc3339_micro().into();
        Some(Call::update(&LEASES, &document))
    }

    /// Creates the Lease, takes it, or renews it; with the resourceVersion that was seen.
    fn written(&self, now: Time) -> Call {
        let Election {
            lease, identity, ..
        } = &self.election;
        let mut document = match &self.observed {
            Some(observed) => observed.document(),
            None => json!({
                "apiVersion": LEASES.api_version(), "kind": LEASES.kind,
                "metadata": {"name": &*lease.name, "namespace": &*lease.namespace},
            }),
        };
        let spec = &mut document["spec"];
        spec["holderIdentity"] = identity.as_str().into();
        spec["leaseDurationSeconds"] = self.election.lease_seconds.into();
        spec["renewTime"] = now.rfc3339_micro().into();
        if !self.holds() {
            let transitions = self.observed.as_ref().map(|it| it.transitions + 1);
            spec["acquireTime"] = now.rfc3339_micro().into();
            spec["leaseTransitions"] = transitions.unwrap_or_default().into();
        }
        match &self.observed {
            Some(_) => Call::update(&LEASES, &document),
            None => Call::create(&LEASES, &lease.namespace, &document),
        }
    }

    fn again(&self, begun: Time) -> Time {
        after(begun, self.election.retry_seconds)
    }

    /// The Lease is this process's, as it was last seen.
    fn holds(&self) -> bool {
        self.leader() == self.election.identity
    }

    /// Nobody holds the Lease, or it has not changed for as long as it says.
    fn free(&self, now: Time) -> bool {
        let Some(observed) = &self.observed else {
            return true;
        };
        observed.holder.is_empty() || after(observed.at, observed.seconds) <= now
    }

    fn observe(&mut self, mut lease: Observed) {
        if let Some(before) = &self.observed
            && before.spec == lease.spec
        {
            lease.at = before.at;
        }
        self.observed = Some(lease);
    }
}

impl Observed {
    fn read(body: &[u8], at: Time) -> Option<Observed> {
        let document: Value = serde_json::from_slice(body).ok()?;
        let spec = &document["spec"];
        let number = |field: &str| spec[field].as_i64().unwrap_or_default();
        Some(Observed {
            spec: Frozen::from(object::encode(spec)),
            holder: spec["holderIdentity"].as_str().unwrap_or_default().into(),
            seconds: number("leaseDurationSeconds"),
            transitions: number("leaseTransitions"),
            document: Frozen::from(object::encode(&document)),
            at,
        })
    }

    fn document(&self) -> Value {
        serde_json::from_slice(self.document.bytes()).unwrap_or_default()
    }
}

fn after(time: Time, seconds: i64) -> Time {
    Time(time.0.saturating_add(seconds.saturating_mul(1_000_000)))
}

#[cfg(test)]
mod tests;

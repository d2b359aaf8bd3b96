//! Candidates fed by hand.

use super::{Candidacy, Election, LeaderElector};
use crate::{
    ambient::Time,
    controllers::{Call, Name},
};
use alloc::{format, string::String, vec::Vec};
use serde_json::{Value, json};

fn candidate(identity: &str) -> LeaderElector {
    LeaderElector::new(Election::new(Name::new("kube-system", "manager"), identity))
}

fn at(seconds: i64) -> Time {
    Time(seconds * 1_000_000)
}

fn sent(candidacy: Candidacy) -> Call {
    match candidacy {
        Candidacy::Send(call) => *call,
        Candidacy::Wait(time) => panic!("it waits until {time:?}"),
    }
}

/// What a server answers that stores the body as that version.
fn stored(call: &Call, version: u64) -> Vec<u8> {
    let mut document: Value = serde_json::from_slice(call.body.bytes()).unwrap();
    document["metadata"]["resourceVersion"] = format!("{version}").into();
    serde_json::to_vec(&document).unwrap()
}

/// A leader that has taken a Lease that was not there, at that time.
fn leader(identity: &str, now: i64) -> (LeaderElector, Vec<u8>) {
    let mut elector = candidate(identity);
    assert_eq!(sent(elector.next(at(now))).method, "GET");
    elector.answered(404, b"{}", at(now));
    let create = sent(elector.next(at(now)));
    assert_eq!(create.method, "POST");
    let lease = stored(&create, 1);
    elector.answered(201, &lease, at(now));
    (elector, lease)
}

#[test]
fn the_first_creates_the_lease_and_renews_it() {
    let (mut elector, lease) = leader("a", 100);
    let spec = serde_json::from_slice::<Value>(&lease).unwrap()["spec"].take();
    assert_eq!(
        spec,
        json!({
            "holderIdentity": "a", "leaseDurationSeconds": 15, "leaseTransitions": 0,
            "acquireTime": "1970-01-01T00:01:40.000000Z", "renewTime": "1970-01-01T00:01:40.000000Z",
        })
    );
    assert!(elector.leads(at(109)) && !elector.leads(at(110)));
    assert_eq!(elector.next(at(101)), Candidacy::Wait(at(102)));
    let renewal = sent(elector.next(at(102)));
    assert_eq!(renewal.method, "PUT");
    let written: Value = serde_json::from_slice(renewal.body.bytes()).unwrap();
    assert_eq!(written["metadata"]["resourceVersion"], "1");
    assert_eq!(written["spec"]["acquireTime"], spec["acquireTime"]);
    elector.answered(200, &stored(&renewal, 2), at(105));
    assert_eq!(
        elector.until(),
        Some(at(112)),
        "it counts from before the call"
    );
}

#[test]
fn another_waits_until_the_lease_has_not_changed_for_its_duration() {
    let (mut first, lease) = leader("a", 100);
    let mut second = candidate("b");
    let look = |second: &mut LeaderElector, lease: &[u8], now: i64| {
        assert_eq!(sent(second.next(at(now))).method, "GET");
        second.answered(200, lease, at(now));
    };
    // Its clock is an hour ahead: only how long it sees no change counts.
    look(&mut second, &lease, 3_700);
    look(&mut second, &lease, 3_714);
    assert_eq!(second.leader(), "a");
    let renewal = sent(first.next(at(102)));
    let renewed = stored(&renewal, 2);
    first.answered(200, &renewed, at(102));
    look(&mut second, &renewed, 3_716);
    look(&mut second, &renewed, 3_730);
    assert!(!second.leads(at(3_730)));
    look(&mut second, &renewed, 3_732);
    let take = sent(second.next(at(3_732)));
    let written: Value = serde_json::from_slice(take.body.bytes()).unwrap();
    assert_eq!(written["spec"]["holderIdentity"], "b");
    assert_eq!(written["spec"]["leaseTransitions"], 1);
    assert_eq!(written["metadata"]["resourceVersion"], "2");
    second.answered(200, &stored(&take, 3), at(3_732));
    assert!(second.leads(at(3_732)));
    // The first finds out by the conflict.
    sent(first.next(at(104)));
    first.answered(409, b"{}", at(104));
    assert_eq!(sent(first.next(at(104))).method, "GET");
    first.answered(200, &stored(&take, 3), at(104));
    assert!(!first.leads(at(104)));
    assert_eq!(first.leader(), "b");
    assert_eq!(first.next(at(104)), Candidacy::Wait(at(106)));
}

#[test]
fn a_renewal_that_is_not_answered_may_have_been_done() {
    let (mut elector, _) = leader("a", 100);
    let renewal = sent(elector.next(at(102)));
    elector.answered(0, b"", at(107));
    assert_eq!(elector.until(), Some(at(110)), "it does not count");
    sent(elector.next(at(107)));
    elector.answered(409, b"{}", at(107));
    sent(elector.next(at(107)));
    elector.answered(200, &stored(&renewal, 2), at(107));
    let again = sent(elector.next(at(107)));
    assert_eq!(again.method, "PUT", "it is its own");
    elector.answered(200, &stored(&again, 3), at(107));
    assert_eq!(elector.until(), Some(at(117)));
}

#[test]
fn what_is_given_back_is_free_at_once() {
    let (mut first, _) = leader("a", 100);
    let released = first.release(at(103)).expect("it leads");
    assert!(!first.leads(at(103)));
    assert_eq!(first.release(at(103)), None);
    let mut second = candidate("b");
    sent(second.next(at(50)));
    second.answered(200, &stored(&released, 2), at(50));
    let take = sent(second.next(at(50)));
    second.answered(200, &stored(&take, 3), at(50));
    assert!(second.leads(at(50)));
}

#[test]
fn nonsense_makes_no_leader() {
    let mut elector = candidate("a");
    for (code, body) in [(200, "{"), (500, "{}"), (0, ""), (403, "{}")] {
        let now = elector.due;
        assert_eq!(sent(elector.next(now.max(at(0)))).method, "GET", "{code}");
        elector.answered(code, body.as_bytes(), at(0));
        assert!(!elector.leads(at(0)));
        elector.answered(200, String::from("{}").as_bytes(), at(0));
    }
}

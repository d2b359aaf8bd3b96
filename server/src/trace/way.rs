//! Which of the things that have happened belong to one pod's way, as steps between components.

use super::{Entry, What};
use model::{ambient::Time, lifecycle::context::Context, object::Object};
use std::collections::BTreeSet;

/// A component on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lane {
    Client,
    Server,
    Etcd,
    Controllers,
    Scheduler,
    Kubelet,
    Runtime,
    Proxy,
}

impl Lane {
    pub(crate) const ALL: [Lane; 8] = [
        Lane::Client,
        Lane::Server,
        Lane::Etcd,
        Lane::Controllers,
        Lane::Scheduler,
        Lane::Kubelet,
        Lane::Runtime,
        Lane::Proxy,
    ];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Lane::Client => "client",
            Lane::Server => "apiserver",
            Lane::Etcd => "etcd",
            Lane::Controllers => "controllers",
            Lane::Scheduler => "scheduler",
            Lane::Kubelet => "kubelet",
            Lane::Runtime => "runtime",
            Lane::Proxy => "proxy",
        }
    }

    fn of(context: &Context) -> Lane {
        match context.user.name.as_str() {
            "system:kube-scheduler" => Lane::Scheduler,
            "system:kube-proxy" => Lane::Proxy,
            "system:kube-controller-manager" => Lane::Controllers,
            user if user.starts_with("system:node:") => Lane::Kubelet,
            user if user.starts_with("system:serviceaccount:kube-system:") => Lane::Controllers,
            _ => Lane::Client,
        }
    }
}

/// One step: somebody asks or tells somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) at: Time,
    pub(crate) from: Lane,
    pub(crate) to: Lane,
    pub(crate) label: String,
}

/// A pod's way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) pod: String,
    pub(crate) uid: String,
    pub(crate) steps: Vec<Step>,
    /// What etcd has in the end.
    pub(crate) end: String,
}

impl Way {
    /// The way of the pod of that namespace and name; `stored` is what the store has of it now.
    /// `None` when neither the store nor what is remembered knows it.
    pub(crate) fn of(
        entries: &[Entry],
        (namespace, name): (&str, &str),
        stored: Option<&Object>,
    ) -> Option<Way> {
        let pod = stored
            .cloned()
            .or_else(|| newest(entries, namespace, name))?;
        let uid = pod.meta().uid.clone();
        let family = family(entries, &pod);
        let born = entries.iter().position(|entry| entry.makes(&uid));
        let address = pod.json()["status"]["podIP"].as_str().map(str::to_owned);
        let mut steps = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let later = born.is_some_and(|born| index > born);
            entry.tell(
                &Subject {
                    pod: &pod,
                    family: &family,
                    address: address.as_deref(),
                    later,
                },
                &mut steps,
            );
        }
        Some(Way {
            pod: format!("{namespace}/{name}"),
            end: match stored {
                Some(pod) => format!("etcd has it at revision {}: {}", pod.revision(), told(pod)),
                None => "etcd has it no more".to_owned(),
            },
            uid,
            steps,
        })
    }
}

/// Whose way it is.
struct Subject<'a> {
    pod: &'a Object,
    /// The uids of the pod and of all that owns it.
    family: &'a BTreeSet<String>,
    address: Option<&'a str>,
    /// The entry came after the pod was made: before, its name was another pod's.
    later: bool,
}

impl Entry {
    /// It is the request that made the object with that uid.
    fn makes(&self, uid: &str) -> bool {
        matches!(&self.what, What::Request { context, object: Some(object), .. }
            if context.attributes.verb == "create" && object.meta().uid == uid)
    }

    fn tell(&self, subject: &Subject<'_>, steps: &mut Vec<Step>) {
        let pod = subject.pod.meta();
        let mut step = |from, to, label: String| {
            steps.push(Step {
                at: self.at,
                from,
                to,
                label,
            });
        };
        match &self.what {
            What::Request {
                context,
                code,
                object,
            } => {
                if !subject.concerns(context, object.as_ref()) {
                    return;
                }
                let lane = Lane::of(context);
                step(lane, Lane::Server, asked(context, object.as_ref(), *code));
                if let Some(object) = object.as_ref().filter(|_| *code < 300) {
                    let label = format!("revision {}", object.revision());
                    step(Lane::Server, Lane::Etcd, label);
                } else if *code < 300 && context.attributes.subresource == "binding" {
                    step(Lane::Server, Lane::Etcd, "spec.nodeName is set".to_owned());
                }
            }
            What::Runtime { node, uid, done } if *uid == pod.uid => {
                step(Lane::Kubelet, Lane::Runtime, format!("{done} on {node}"));
            }
            What::Rules {
                node,
                service,
                addresses,
            } => {
                let mine = |address: &String| {
                    let host = address.rsplit_once(':').map_or(address.as_str(), |it| it.0);
                    Some(host) == subject.address
                };
                if subject.later && addresses.iter().any(mine) {
                    let label = format!("{node} forwards {service} to {}", addresses.join(", "));
                    step(Lane::Server, Lane::Proxy, label);
                }
            }
            What::Runtime { .. } => {}
        }
    }
}

impl Subject<'_> {
    fn concerns(&self, context: &Context, object: Option<&Object>) -> bool {
        let attributes = &context.attributes;
        let pod = self.pod.meta();
        match (attributes.resource.as_str(), object) {
            ("events", _) => false,
            (_, Some(object)) if self.family.contains(&object.meta().uid) => true,
            ("endpointslices" | "endpoints", Some(object)) => {
                let bytes = object.frozen().bytes();
                let uid = pod.uid.as_bytes();
                !uid.is_empty() && bytes.windows(uid.len()).any(|window| window == uid)
            }
            ("pods", None) => {
                let same = attributes.name == pod.name && attributes.namespace == pod.namespace;
                same && self.later
            }
            _ => false,
        }
    }
}

/// The uids of an object and of all that owns it, as far as what is remembered tells.
fn family(entries: &[Entry], pod: &Object) -> BTreeSet<String> {
    let mut family = BTreeSet::from([pod.meta().uid.clone()]);
    let owners = |object: &Object| {
        let owners = object.meta().owner_references.iter();
        owners.map(|owner| owner.uid.clone()).collect::<Vec<_>>()
    };
    let mut open = owners(pod);
    while let Some(uid) = open.pop() {
        if !family.insert(uid.clone()) {
            continue;
        }
        let known = entries.iter().find_map(|entry| match &entry.what {
            What::Request {
                object: Some(object),
                ..
            } if object.meta().uid == uid => Some(object),
            _ => None,
        });
        open.extend(known.map(owners).unwrap_or_default());
    }
    family
}

/// The newest pod of that name that is remembered.
fn newest(entries: &[Entry], namespace: &str, name: &str) -> Option<Object> {
    entries.iter().rev().find_map(|entry| match &entry.what {
        What::Request {
            context,
            object: Some(object),
            ..
        } if context.attributes.resource == "pods"
            && object.meta().namespace == namespace
            && object.meta().name == name =>
        {
            Some(object.clone())
        }
        _ => None,
    })
}

fn asked(context: &Context, object: Option<&Object>, code: u16) -> String {
    let attributes = &context.attributes;
    let name = match (attributes.name.as_str(), object) {
        ("", Some(object)) => object.meta().name.as_str(),
        (name, _) => name,
    };
    let what = if attributes.subresource.is_empty() {
        attributes.resource.clone()
    } else {
        format!("{}/{}", attributes.resource, attributes.subresource)
    };
    let agent = context
        .user_agent
        .split([' ', '/'])
        .next()
        .unwrap_or_default();
    let who = match (Lane::of(context), agent) {
        (Lane::Kubelet, _) => context.user.name.as_str(),
        (_, "") => context.user.name.as_str(),
        (_, agent) => agent,
    };
    format!("{who}: {} {what} {name} ({code})", attributes.verb)
}

fn told(pod: &Object) -> String {
    let pod = pod.json();
    let text = |pointer: &str| pod.pointer(pointer).and_then(serde_json::Value::as_str);
    let node = text("/spec/nodeName").unwrap_or("no node");
    let phase = text("/status/phase").unwrap_or("no phase");
    let address = text("/status/podIP").unwrap_or("no address");
    format!("{phase} on {node}, {address}")
}

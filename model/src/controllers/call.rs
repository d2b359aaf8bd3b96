//! Requests of a controller, and what it learns from the answers.

use super::{Api, Name};
use crate::{
    config::User,
    etcd::Revision,
    frozen::Frozen,
    object,
    wire::{Certificate, Head},
};
use alloc::{string::String, vec, vec::Vec};
use serde_json::{Value, json};

/// One request.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Call {
    /// The HTTP method.
    pub method: &'static str,
    /// The path.
    pub path: String,
    /// The query; empty when there is none.
    pub query: String,
    /// The content type of the body.
    pub content_type: &'static str,
    /// The body; empty when there is none.
    pub body: Frozen,
    /// What it writes to: what the view must show before the item is looked at again.
    pub about: Api,
    /// What the view must show afterwards, when the answer has no resourceVersion that tells.
    pub awaited: Option<Awaited>,
    /// If it fails, what follows is sent all the same (an event for people).
    pub optional: bool,
}

/// What a view must show after a call whose answer may be a bare Status.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Awaited {
    /// The object with that uid is gone, or marked for deletion.
    Gone(Name, String),
    /// The object is newer than this, or gone.
    Newer(Name, Revision),
    /// Nothing in particular: the answer itself says what there is.
    Nothing,
}

/// What may be said with a delete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct DeleteOptions<'a> {
    /// `preconditions.uid`; empty for none.
    pub uid: &'a str,
    /// `preconditions.resourceVersion`.
    pub resource_version: Option<Revision>,
    /// `propagationPolicy`; empty for the resource's default.
    pub propagation: &'a str,
    /// `gracePeriodSeconds`.
    pub grace_seconds: Option<i64>,
}

impl Call {
    /// Reads an object from the store, not from what has been seen. That it is not there is an
    /// answer and no failure; [`super::Controller::answered`] gets it.
    #[must_use]
    pub fn get(api: &Api, name: &Name) -> Call {
        Call {
            body: Frozen::default(),
            ..Call::new(api, "GET", api.path(name, ""), &Value::Null)
        }
    }

    /// Creates an object in `namespace`.
    #[must_use]
    pub fn create(api: &Api, namespace: &str, object: &Value) -> Call {
        Call::new(api, "POST", api.collection(namespace), object)
    }

    /// Replaces an object; with the resourceVersion that it carries when that is not the newest any
    /// more, it fails.
    #[must_use]
    pub fn update(api: &Api, object: &Value) -> Call {
        Call::new(api, "PUT", api.path(&name_of(object), ""), object)
    }

    /// Replaces the status of an object.
    #[must_use]
    pub fn update_status(api: &Api, object: &Value) -> Call {
        Call::new(api, "PUT", api.path(&name_of(object), "status"), object)
    }

    /// A JSON merge patch (RFC 7386) of an object, or of a subresource when that is not empty.
    #[must_use]
    pub fn merge_patch(api: &Api, name: &Name, subresource: &str, patch: &Value) -> Call {
        Call {
            content_type: "application/merge-patch+json",
            ..Call::new(api, "PATCH", api.path(name, subresource), patch)
        }
    }

    /// A strategic merge patch.
    #[must_use]
    pub fn strategic_patch(api: &Api, name: &Name, subresource: &str, patch: &Value) -> Call {
        Call {
            content_type: "application/strategic-merge-patch+json",
            ..Call::new(api, "PATCH", api.path(name, subresource), patch)
        }
    }

    /// Posts to a subresource of an object whose revision in the view is `seen`: a Binding, an
    /// Eviction.
    #[must_use]
    pub fn post(api: &Api, name: &Name, seen: Revision, subresource: &str, body: &Value) -> Call {
        Call {
            awaited: Some(Awaited::Newer(name.clone(), seen)),
            ..Call::new(api, "POST", api.path(name, subresource), body)
        }
    }

    /// Replaces a subresource that is no status: `finalize`.
    #[must_use]
    pub fn put(api: &Api, name: &Name, subresource: &str, body: &Value) -> Call {
        Call::new(api, "PUT", api.path(name, subresource), body)
    }

    /// Deletes the object `name` whose uid is `uid` in the view.
    #[must_use]
    pub fn delete(api: &Api, name: &Name, uid: &str, options: DeleteOptions<'_>) -> Call {
        let mut body = json!({"kind": "DeleteOptions", "apiVersion": "v1"});
        if !options.uid.is_empty() {
            body["preconditions"]["uid"] = options.uid.into();
        }
        if let Some(revision) = options.resource_version {
            body["preconditions"]["resourceVersion"] = alloc::format!("{revision}").into();
        }
        if !options.propagation.is_empty() {
            body["propagationPolicy"] = options.propagation.into();
        }
        if let Some(seconds) = options.grace_seconds {
            body["gracePeriodSeconds"] = seconds.into();
        }
        Call {
            awaited: Some(Awaited::Gone(name.clone(), uid.into())),
            ..Call::new(api, "DELETE", api.path(name, ""), &body)
        }
    }

    /// Deletes all objects of a resource in `namespace`; the answer says how many there were.
    #[must_use]
    pub fn delete_collection(api: &Api, namespace: &str) -> Call {
        let body =
            json!({"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"});
        Call {
            awaited: Some(Awaited::Nothing),
            ..Call::new(api, "DELETE", api.collection(namespace), &body)
        }
    }

    /// The same call, whose failure does not matter.
    #[must_use]
    pub fn optional(self) -> Call {
        Call {
            optional: true,
            ..self
        }
    }

    fn new(api: &Api, method: &'static str, path: String, body: &Value) -> Call {
        Call {
            method,
            path,
            query: String::new(),
            content_type: "application/json",
            body: Frozen::from(object::encode(body)),
            about: api.clone(),
            awaited: None,
            optional: false,
        }
    }

    /// The head of the HTTP request, from `user`.
    #[must_use]
    pub fn head(&self, user: &User, agent: &str) -> Head {
        let mut head = head(user, agent);
        let content_type = ("content-type".into(), self.content_type.into());
        head.headers.push(content_type);
        Head {
            method: self.method.into(),
            path: self.path.clone(),
            query: self.query.clone(),
            ..head
        }
    }
}

/// The head of a request for a watch's events.
#[must_use]
pub(super) fn watch_head(watch: &super::Watch, user: &User, agent: &str) -> Head {
    Head {
        method: "GET".into(),
        path: watch.api.collection(""),
        query: watch.query(),
        ..head(user, agent)
    }
}

fn head(user: &User, agent: &str) -> Head {
    Head {
        headers: vec![("user-agent".into(), agent.into())],
        certificate: Some(Certificate {
            common_name: user.name.clone(),
            organizations: user.groups.clone(),
        }),
        source: "127.0.0.1".into(),
        ..Head::default()
    }
}

fn name_of(object: &Value) -> Name {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
    Name::new(text("namespace"), text("name"))
}

impl core::fmt::Debug for Call {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} {} {:?}", self.method, self.path, self.body)
    }
}

/// What a controller learns from an answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Answer {
    /// The HTTP code; 0 when there was no answer: whether it was done is not known.
    pub code: u16,
    /// The resourceVersion of what was answered, when it is an object or a list.
    pub revision: Option<Revision>,
    /// The uid of what was answered, when it is an object; else empty.
    pub uid: String,
    /// The number of objects in a list that was answered.
    pub items: usize,
    /// `reason` and `message` of a Status, for logs.
    pub why: String,
}

impl Answer {
    /// Reads an answer's body.
    #[must_use]
    pub fn read(code: u16, body: &[u8]) -> Answer {
        #[derive(Default, serde::Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        struct Metadata {
            resource_version: Option<String>,
            uid: String,
        }
        #[derive(Default, serde::Deserialize)]
        #[serde(default)]
        struct Read {
            metadata: Metadata,
            items: Vec<serde::de::IgnoredAny>,
            reason: Option<String>,
            message: Option<String>,
        }
        let read: Read = serde_json::from_slice(body).unwrap_or_default();
        let version = read.metadata.resource_version;
        let why: Vec<String> = [read.reason, read.message].into_iter().flatten().collect();
        Answer {
            code,
            revision: version.and_then(|text| text.parse().ok()).map(Revision),
            uid: read.metadata.uid,
            items: read.items.len(),
            why: if code < 300 {
                String::new()
            } else {
                why.join(": ")
            },
        }
    }

    /// No answer came: whether it was done is not known.
    #[must_use]
    pub fn none(why: &str) -> Answer {
        Answer {
            code: 0,
            revision: None,
            uid: String::new(),
            items: 0,
            why: why.into(),
        }
    }

    /// It was done.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        (200..300).contains(&self.code)
    }
}

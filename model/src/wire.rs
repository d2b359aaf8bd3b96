//! What comes in from a connection and what goes out to it, as data: the border to HTTP.

use crate::{
    ambient::Time,
    cache,
    frozen::Frozen,
    lifecycle::context::Context,
    object::Object,
    openapi,
    resource::Resource,
    table::{Form, IncludeObject},
    token::Verified,
};
use alloc::{boxed::Box, format, string::String, sync::Arc, vec::Vec};
use serde_json::Value;

/// A request without its body: that is only read when the request has been authorized
/// ([`crate::lifecycle::Effect::Body`]).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Head {
    /// The HTTP method in capitals.
    pub method: String,
    /// The path, still percent-encoded.
    pub path: String,
    /// What follows the question mark, still percent-encoded; empty when there is none.
    pub query: String,
    /// Name in lower case and value, in the order received. A value that is not UTF-8 never gets
    /// here: the driver answers 400.
    pub headers: Vec<(String, String)>,
    /// The client certificate that the TLS layer has verified.
    pub certificate: Option<Certificate>,
    /// The address that the connection comes from, for the audit log.
    pub source: String,
    /// A bearer token whose signature the driver has had verified before: it need not be verified
    /// again. It counts only for the token that the request itself shows.
    pub verified: Option<Arc<Verified>>,
}

impl Head {
    /// The first header of that lower-case name; empty when there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map_or("", |(_, value)| value.as_str())
    }
}

/// The subject of a verified client certificate: `CN` is the user, each `O` a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Certificate {
    /// The common name.
    pub common_name: String,
    /// The organizations.
    pub organizations: Vec<String>,
}

/// Why the driver has no body to give.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum BodyError {
    /// It is longer than the limit.
    TooLarge,
    /// It is not text of the stated content type (the driver turns YAML into JSON); the parser's
    /// words.
    Malformed(String),
    /// The client went away or did not send it in time.
    Cut,
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Response {
    /// The HTTP code.
    pub code: u16,
    /// Headers besides content type and length: lower-case name, value.
    pub headers: Vec<(&'static str, String)>,
    /// What follows them.
    pub body: Body,
}

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// `application/json`
    Json,
    /// `application/yaml`: the driver turns the JSON into it.
    Yaml,
}

/// The body of an answer. Stored objects are not copied into it: they are encoded when it is
/// written, from bytes that they share with the store.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Body {
    /// Ready bytes.
    Bytes {
        /// Their content type.
        content_type: String,
        /// They.
        bytes: Frozen,
    },
    /// A document, in the encoding that was negotiated; JSON bytes.
    Document {
        /// How it is to be written.
        encoding: Encoding,
        /// `application/json` or with parameters (`;g=apidiscovery.k8s.io…`).
        content_type: String,
        /// The document as JSON.
        bytes: Frozen,
    },
    /// A stored object as it is.
    Object(Encoding, Object),
    /// A list of stored objects as they are.
    List(Encoding, List),
    /// A stream of watch events: the driver polls the watcher and writes each event with
    /// [`Watch::encode`].
    Watch(Box<Watch>),
    /// `/metrics`: the driver has the figures.
    Metrics,
    /// `/debug/…`: the driver has seen what happened.
    Debug(Debug),
    /// An OpenAPI document: the driver makes it once ([`openapi::Name::document`]) and keeps it.
    OpenApi(openapi::Name),
}

/// What is asked for under `/debug`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Debug {
    /// The way of a pod through the components.
    Trace {
        /// The pod's namespace.
        namespace: String,
        /// The pod's name.
        name: String,
        /// As a page; as text otherwise.
        html: bool,
    },
    /// The forwarding table of a simulated node's proxy.
    Proxy {
        /// The node's name.
        node: String,
    },
}

/// A list, before it is encoded.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct List {
    /// `PodList`
    pub kind: String,
    /// `v1`
    pub api_version: String,
    /// The list's resourceVersion, `continue` and `remainingItemCount`, as encoded `metadata`.
    pub metadata: String,
    /// The objects.
    pub items: Vec<Object>,
}

impl List {
    /// The encoded list. The items are copied, never parsed.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let size: usize = self
            .items
            .iter()
            .map(|item| item.frozen().bytes().len() + 32)
            .sum();
        let mut out = Vec::with_capacity(size + 256);
        out.extend_from_slice(
            format!(
                "{{\"kind\":{},\"apiVersion\":{},\"metadata\":{},\"items\":[",
                Value::from(self.kind.as_str()),
                Value::from(self.api_version.as_str()),
                self.metadata
            )
            .as_bytes(),
        );
        for (index, item) in self.items.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            item.write_untyped(&mut out);
        }
        out.extend_from_slice(b"]}");
        out
    }
}

/// A watch that has been granted: where it stands, and how its events are written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Watch {
    /// The cursor over the cache.
    pub watcher: cache::Watcher,
    /// The resource, in the version that is served.
    pub resource: Arc<Resource>,
    /// Plain objects, rows of a Table, or metadata alone.
    pub form: Form,
    /// The version of `meta.k8s.io` that rows and metadata are written in.
    pub meta_version: &'static str,
    /// What goes along with each row of a Table.
    pub include: IncludeObject,
    /// The request that asked for it: its end is audited.
    pub context: Option<Arc<Context>>,
    /// The columns of a Table go out with the first event only.
    pub columns_sent: bool,
    /// JSON or YAML.
    pub encoding: Encoding,
    /// When the server ends it (`timeoutSeconds`, else a random time of the driver's choosing
    /// between 30 and 60 minutes, as kube-apiserver's `--min-request-timeout` has it).
    pub until: Option<Time>,
}

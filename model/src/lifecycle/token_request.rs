//! `serviceaccounts/token`: a token is made for a service account.
//!
//! Origin: `pkg/registry/core/serviceaccount/storage/token.go`,
//! `pkg/apis/authentication/validation`.

use super::{
    Effect, Event, Stage,
    context::{Progress, Scene, Turn},
    document::{self, BodyKind},
    options::WriteOptions,
    respond,
    route::Endpoint,
    storage, unexpected,
};
use crate::{
    ambient::Time,
    etcd::Key,
    kinds::document::{fill_number, list, number, text},
    object::Object,
    registry,
    resource::split_api_version,
    status::{FieldError, Refusal, Status, qualified},
    token::{Accounts, Claims, Private, Reference},
};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde_json::{Value, json};

/// A token that is being made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TokenRequest {
    document: Value,
    warnings: Vec<String>,
    claims: Private,
    wait: Wait,
}

/// What is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Wait {
    Account,
    Bound,
    /// The node of the pod that the token is bound to.
    Node,
}

/// The endpoint makes tokens.
#[must_use]
pub fn is_one(endpoint: &Endpoint) -> bool {
    endpoint.resource.plural == "serviceaccounts" && endpoint.subresource == "token"
}

/// Begins with the body.
///
/// # Errors
/// What decoding refuses, and names that are not those of the path.
pub fn begin(scene: &Scene<'_>, body: &[u8]) -> Progress {
    let options = WriteOptions::create(scene)?;
    let decoded = document::decode(scene, body, &BodyKind::of(scene), options.field_validation)?;
    let request = TokenRequest {
        document: decoded.document,
        warnings: decoded.warnings,
        claims: Private::default(),
        wait: Wait::Account,
    };
    for (member, expected, what) in [
        ("name", scene.name(), "name"),
        ("namespace", scene.namespace(), "namespace"),
    ] {
        let told = document::meta_text(&request.document, member);
        if !told.is_empty() && told != expected {
            let why = format!("must match the service account {what} if specified");
            let field = format!("metadata.{member}");
            let error = FieldError::invalid(field, &told.into(), why);
            return Err(invalid(scene.name(), error));
        }
    }
    Ok(request.read("serviceaccounts", scene.namespace(), scene.name()))
}

impl TokenRequest {
    /// Goes on with what the outside answered.
    ///
    /// # Errors
    /// What is not there, or not as the request has it.
    pub fn resume(mut self, event: Event, scene: &Scene<'_>) -> Progress {
        let Event::Read(answer) = event else {
            return unexpected(Stage::TokenRequest(self), event);
        };
        let answer = answer.map_err(super::store_error)?;
        let found = answer.kvs.first().map(storage::decode).transpose()?;
        match (self.wait, found) {
            (Wait::Account, None) => Err(Status::not_found("", "serviceaccounts", scene.name())),
            (Wait::Account, Some(account)) => self.account(&account, scene),
            (Wait::Bound, None) => {
                let (plural, _, name) = self.bound_place(scene)?;
                Err(Status::not_found("", plural, &name))
            }
            (Wait::Bound, Some(object)) => self.bound(&object, scene),
            (Wait::Node, node) => {
                // A node that is not there is named all the same.
                if let (Some(claimed), Some(node)) = (&mut self.claims.node, node) {
                    claimed.uid = node.meta().uid.clone();
                }
                self.finish(scene)
            }
        }
    }

    fn account(mut self, account: &Object, scene: &Scene<'_>) -> Progress {
        let accounts = accounts(scene)?;
        let meta = account.meta();
        self.claims.namespace = meta.namespace.clone();
        self.claims.account = reference(account);
        let metadata = document::metadata(&mut self.document);
        metadata.insert("name".into(), meta.name.clone().into());
        metadata.insert("namespace".into(), meta.namespace.clone().into());
        metadata.insert("uid".into(), meta.uid.clone().into());
        let now = scene.ambient.now.rfc3339();
        metadata.insert("creationTimestamp".into(), now.into());
        let spec = &mut self.document["spec"];
        fill_number(spec, "expirationSeconds", HOUR);
        if list(spec, &["audiences"]).is_empty() {
            spec["audiences"] = json!(accounts.audiences);
        }
        if spec.get("boundObjectRef").is_none() {
            spec["boundObjectRef"] = Value::Null;
        }
        check_expiration(spec)?;
        if self.document["spec"]["boundObjectRef"].is_null() {
            return self.finish(scene);
        }
        let (plural, namespace, name) = self.bound_place(scene)?;
        self.wait = Wait::Bound;
        Ok(self.read(plural, &namespace, &name))
    }

    /// The plural, namespace and name of what the token shall be bound to.
    fn bound_place(&self, scene: &Scene<'_>) -> Result<(&'static str, String, String), Refusal> {
        let bound = &self.document["spec"]["boundObjectRef"];
        let (version, kind) = (text(bound, &["apiVersion"]), text(bound, &["kind"]));
        let name = text(bound, &["name"]).to_string();
        let (group, number) = split_api_version(version);
        let plural = match (group, kind) {
            ("", "Pod") => "pods",
            ("", "Secret") => "secrets",
            ("", "Node") => return Ok(("nodes", String::new(), name)),
            _ => {
                let what = format!("{group}/{number}, Kind={kind}");
                let why = format!("cannot bind token to object of type {what}");
                return Err(Status::bad_request(why));
            }
        };
        Ok((plural, scene.namespace().into(), name))
    }

    fn bound(mut self, object: &Object, scene: &Scene<'_>) -> Progress {
        let bound = &self.document["spec"]["boundObjectRef"];
        let kind = text(bound, &["kind"]).to_string();
        let told = text(bound, &["uid"]);
        let document = object.json();
        if kind == "Pod" && text(&document, &["spec", "serviceAccountName"]) != scene.name() {
            return Err(Status::bad_request(format!(
                "cannot bind token for serviceaccount {:?} to pod running with different \
                 serviceaccount name.",
                scene.name()
            )));
        }
        if !told.is_empty() && told != object.meta().uid {
            let why = format!(
                "the UID in the bound object reference ({told}) does not match the UID in record. \
                 The object might have been deleted and then recreated"
            );
            let kind = qualified("", &kind);
            return Err(Status::conflict("", &kind, &object.meta().name, &why));
        }
        let reference = reference(object);
        match kind.as_str() {
            "Secret" => self.claims.secret = Some(reference),
            "Node" => self.claims.node = Some(reference),
            _ => {
                self.claims.pod = Some(reference);
                let node = text(&document, &["spec", "nodeName"]);
                if !node.is_empty() {
                    let (name, uid) = (node.into(), String::new());
                    self.claims.node = Some(Reference { name, uid });
                    self.wait = Wait::Node;
                    return Ok(self.read("nodes", "", node));
                }
            }
        }
        self.finish(scene)
    }

    fn finish(mut self, scene: &Scene<'_>) -> Progress {
        let accounts = accounts(scene)?;
        let now = scene.ambient.now.seconds();
        let spec = &mut self.document["spec"];
        let mut seconds = number(spec, &["expirationSeconds"]).unwrap_or(HOUR);
        if let Some(most) = accounts.max_expiration.filter(|most| seconds > *most) {
            self.warnings.push(format!(
                "requested expiration of {seconds} seconds shortened to {most} seconds"
            ));
            seconds = most;
            spec["expirationSeconds"] = seconds.into();
        }
        let audiences = list(spec, &["audiences"]).iter();
        let audiences = audiences.filter_map(Value::as_str).map(ToString::to_string);
        let claims = Claims {
            audiences: audiences.collect(),
            expires: now + seconds,
            issued: now,
            issuer: accounts.issuers.first().cloned().unwrap_or_default(),
            id: scene.ambient.uid(),
            begins: now,
            subject: format!(
                "system:serviceaccount:{}:{}",
                self.claims.namespace, self.claims.account.name
            ),
            private: self.claims,
        };
        let ends = Time((now + seconds).saturating_mul(1_000_000));
        let mut document = self.document;
        document["status"] = json!({
            "token": accounts.sign(&claims), "expirationTimestamp": ends.rfc3339(),
        });
        let answer = respond::document(scene, 201, &document, &self.warnings);
        Ok(Turn::Reply(answer))
    }

    fn read(self, plural: &str, namespace: &str, name: &str) -> Turn {
        let slash = if namespace.is_empty() { "" } else { "/" };
        let prefix = registry::prefix("", plural);
        let key = Key::from(format!("{prefix}{namespace}{slash}{name}").as_str());
        let read = Effect::Read(storage::read(&key));
        Turn::Wait(Stage::TokenRequest(self), read)
    }
}

const HOUR: i64 = 60 * 60;

fn check_expiration(spec: &Value) -> Result<(), Refusal> {
    const LEAST: i64 = 10 * 60;
    const MOST: i64 = 1 << 32;
    let seconds = number(spec, &["expirationSeconds"]).unwrap_or(HOUR);
    let why = if seconds < LEAST {
        "may not specify a duration less than 10 minutes"
    } else if seconds > MOST {
        "may not specify a duration larger than 2^32 seconds"
    } else {
        return Ok(());
    };
    let error = FieldError::invalid("spec.expirationSeconds", &seconds.into(), why);
    Err(invalid("", error))
}

fn invalid(name: &str, error: FieldError) -> Refusal {
    Status::invalid("authentication.k8s.io", "TokenRequest", name, &[error])
}

fn accounts<'a>(scene: &'a Scene<'_>) -> Result<&'a Accounts, Refusal> {
    let accounts = scene.config.authentication.accounts.as_deref();
    accounts.ok_or_else(super::route::not_found)
}

fn reference(object: &Object) -> Reference {
    let meta = object.meta();
    Reference {
        name: meta.name.clone(),
        uid: meta.uid.clone(),
    }
}

//! Questions that are answered and not stored: who am I, may I, is this token good.

use super::{
    Effect, Event, Stage,
    attributes::Attributes,
    authorize::{self, Decision},
    context::{Progress, Scene, Turn},
    document::{self, BodyKind},
    options::WriteOptions,
    respond,
    route::{Endpoint, Target},
    unexpected,
};
use crate::{
    cache::Cache,
    config::{AuthorizationMode, User},
    etcd::Revision,
    kinds::document::{is_set, text},
    policy::Rule,
    resource::Resources,
    status::{FieldError, Refusal, Status},
};
use alloc::{
    boxed::Box,
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde_json::{Value, json};

/// The endpoint is such a question.
#[must_use]
pub fn is_one(endpoint: &Endpoint) -> bool {
    let group = endpoint.resource.group.as_str();
    matches!(group, "authentication.k8s.io" | "authorization.k8s.io")
}

/// The endpoint binds a pod to a node.
#[must_use]
pub fn is_binding(endpoint: &Endpoint) -> bool {
    endpoint.resource.plural == "pods" && endpoint.subresource == "binding"
}

/// The older form of binding, `POST .../bindings`, is that of the pod that the body names.
pub fn redirect_bindings(target: &mut Target, resources: &Resources) {
    if let Target::Resource(endpoint) = target
        && endpoint.resource.group.is_empty()
        && endpoint.resource.plural == "bindings"
        && let Some(pods) = resources.find("", "v1", "pods")
    {
        endpoint.resource = pods.clone();
        endpoint.subresource = "binding".into();
    }
}

mod token;

pub use token::TokenReview;

/// A question that waits for the cache.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Review {
    /// The question, which becomes the answer.
    document: Value,
    warnings: Vec<String>,
}

/// Begins with the body.
///
/// # Errors
/// 400 and 422 for what is no proper question.
pub fn begin(scene: &Scene<'_>, body: &[u8]) -> Progress {
    let options = WriteOptions::create(scene)?;
    let decoded = document::decode(scene, body, &BodyKind::of(scene), options.field_validation)?;
    let mut review = Review {
        document: decoded.document,
        warnings: decoded.warnings,
    };
    let document = &mut review.document;
    document::ensure_namespace(scene, document)?;
    let status = match scene.endpoint.resource.plural.as_str() {
        "selfsubjectreviews" => {
            let now = scene.ambient.now.rfc3339();
            document::metadata(document).insert("creationTimestamp".into(), now.into());
            json!({"userInfo": user_info(&scene.context.user)})
        }
        "tokenreviews" => return token::begin(scene, review),
        _ => {
            question(scene, document)?;
            let at_least = Revision(0);
            let stage = Stage::Review(review);
            return Ok(Turn::Wait(stage, Effect::Cache { at_least }));
        }
    };
    Ok(review.answer(scene, status))
}

impl Review {
    /// Goes on with what the outside answered.
    ///
    /// # Errors
    /// What is no proper question.
    pub fn resume(self, event: Event, scene: &Scene<'_>) -> Progress {
        let Event::Cache(cache) = event else {
            return unexpected(Stage::Review(self), event);
        };
        let status = match question(scene, &self.document)? {
            Question::Access(user, attributes) => access(scene, &user, &attributes, &cache),
            Question::Rules(namespace) => rules(scene, &namespace, &cache),
        };
        Ok(self.answer(scene, status))
    }

    fn answer(self, scene: &Scene<'_>, status: Value) -> Turn {
        let mut document = self.document;
        document["status"] = status;
        Turn::Reply(respond::document(scene, 201, &document, &self.warnings))
    }
}

/// What is asked about roles and bindings.
enum Question {
    /// May this user do that?
    Access(User, Box<Attributes>),
    /// What may whoever asks do in this namespace?
    Rules(String),
}

fn question(scene: &Scene<'_>, document: &Value) -> Result<Question, Refusal> {
    let spec = &document["spec"];
    Ok(match scene.endpoint.resource.plural.as_str() {
        "selfsubjectaccessreviews" => Question::Access(
            scene.context.user.clone(),
            Box::new(questioned(scene, spec)?),
        ),
        "subjectaccessreviews" => Question::Access(
            subject(scene, document)?,
            Box::new(questioned(scene, spec)?),
        ),
        "localsubjectaccessreviews" => {
            let user = subject(scene, document)?;
            local(scene, spec)?;
            Question::Access(user, Box::new(questioned(scene, spec)?))
        }
        "selfsubjectrulesreviews" => match text(spec, &["namespace"]) {
            "" => return Err(Status::bad_request("no namespace on request")),
            namespace => Question::Rules(namespace.into()),
        },
        other => return Err(Status::internal(&format!("{other} is no review"))),
    })
}

/// A local review is about its own namespace (`ValidateLocalSubjectAccessReview`).
fn local(scene: &Scene<'_>, spec: &Value) -> Result<(), Refusal> {
    let named = text(spec, &["resourceAttributes", "namespace"]);
    let error = if is_set(&spec["nonResourceAttributes"]) {
        let why = "disallowed on this kind of request";
        FieldError::invalid(
            "spec.nonResourceAttributes",
            &spec["nonResourceAttributes"],
            why,
        )
    } else if spec["resourceAttributes"].is_object() && named != scene.namespace() {
        let why = "must match metadata.namespace";
        FieldError::invalid("spec.resourceAttributes.namespace", &named.into(), why)
    } else {
        return Ok(());
    };
    let kind = &scene.endpoint.resource;
    Err(Status::invalid(&kind.group, &kind.kind, "", &[error]))
}

fn user_info(user: &User) -> Value {
    let mut info = json!({"username": user.name, "groups": user.groups});
    if !user.uid.is_empty() {
        info["uid"] = user.uid.clone().into();
    }
    if !user.extra.is_empty() {
        info["extra"] = json!(user.extra);
    }
    info
}

fn access(scene: &Scene<'_>, user: &User, attributes: &Attributes, cache: &Cache) -> Value {
    let modes = &scene.config.authorization;
    let decision = authorize::authorize(user, attributes, modes, Some(cache));
    let mut status = json!({"allowed": decision.allows()});
    let (Decision::Allow(reason) | Decision::Deny(reason) | Decision::NoOpinion(reason)) =
        &decision;
    if matches!(decision, Decision::Deny(_)) {
        status["denied"] = true.into();
    }
    if !reason.is_empty() {
        status["reason"] = reason.clone().into();
    }
    status
}

/// What the question is about (`authorization/util.ResourceAttributesFrom`).
fn questioned(scene: &Scene<'_>, spec: &Value) -> Result<Attributes, Refusal> {
    let text = |at: &Value, member: &str| text(at, &[member]).to_string();
    let resource = &spec["resourceAttributes"];
    let path = &spec["nonResourceAttributes"];
    match (resource.is_object(), path.is_object()) {
        (true, false) => Ok(Attributes {
            is_resource: true,
            verb: text(resource, "verb"),
            group: text(resource, "group"),
            version: text(resource, "version"),
            namespace: text(resource, "namespace"),
            resource: text(resource, "resource"),
            subresource: text(resource, "subresource"),
            name: text(resource, "name"),
            field_selector: text(&resource["fieldSelector"], "rawSelector"),
            ..Attributes::default()
        }),
        (false, true) => Ok(Attributes {
            verb: text(path, "verb"),
            path: text(path, "path"),
            ..Attributes::default()
        }),
        (both, _) => {
            let why = if both {
                "cannot be specified in combination with resourceAttributes"
            } else {
                "exactly one of nonResourceAttributes or resourceAttributes must be specified"
            };
            let field = if both {
                "spec.nonResourceAttributes"
            } else {
                "spec.resourceAttributes"
            };
            let error = FieldError::invalid(field, &Value::Null, why);
            let kind = &scene.endpoint.resource;
            Err(Status::invalid(&kind.group, &kind.kind, "", &[error]))
        }
    }
}

fn subject(scene: &Scene<'_>, document: &Value) -> Result<User, Refusal> {
    let spec = &document["spec"];
    let name = spec["user"].as_str().unwrap_or_default().to_string();
    let groups: Vec<String> = texts(&spec["groups"]);
    if name.is_empty() && groups.is_empty() {
        let why = "at least one of user or group must be specified";
        let error = FieldError::invalid("spec.user", &Value::String(name), why);
        let kind = &scene.endpoint.resource;
        return Err(Status::invalid(&kind.group, &kind.kind, "", &[error]));
    }
    let uid = spec["uid"].as_str().unwrap_or_default().to_string();
    let extra: BTreeMap<String, Vec<String>> = match &spec["extra"] {
        Value::Object(members) => members
            .iter()
            .map(|(name, values)| (name.clone(), texts(values)))
            .collect(),
        _ => BTreeMap::new(),
    };
    Ok(User {
        name,
        uid,
        groups,
        extra,
    })
}

/// What the user may do here, as far as the modes can list it (`authorizer.RuleResolver`).
fn rules(scene: &Scene<'_>, namespace: &str, cache: &Cache) -> Value {
    let user = &scene.context.user;
    let (mut resources, mut others): (Vec<Value>, Vec<Value>) = (Vec::new(), Vec::new());
    let mut errors: Vec<String> = Vec::new();
    let mut incomplete = false;
    for mode in &scene.config.authorization {
        match mode {
            AuthorizationMode::AlwaysAllow => {
                resources.push(json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}));
                others.push(json!({"verbs": ["*"], "nonResourceURLs": ["*"]}));
            }
            AuthorizationMode::AlwaysDeny => {}
            AuthorizationMode::Node if authorize::node::name(user).is_some() => {
                incomplete = true;
                errors.push("node authorizer does not support user rule resolution".into());
            }
            AuthorizationMode::Node => {}
            AuthorizationMode::Rbac => {
                let (held, missing) = authorize::rbac::rules(cache, user, namespace);
                resources.extend(held.iter().filter_map(|rule| resource_rule(rule)));
                others.extend(held.iter().filter_map(|rule| path_rule(rule)));
                if !missing.is_empty() {
                    errors.push(authorize::rbac::aggregate(missing));
                }
            }
        }
    }
    let mut status = json!({
        "resourceRules": resources, "nonResourceRules": others, "incomplete": incomplete,
    });
    if !errors.is_empty() {
        status["evaluationError"] = authorize::rbac::aggregate(errors).into();
    }
    status
}

fn resource_rule(rule: &Rule) -> Option<Value> {
    if rule.resources.is_empty() {
        return None;
    }
    let mut shown = json!({
        "verbs": rule.verbs, "apiGroups": rule.api_groups, "resources": rule.resources,
    });
    if !rule.resource_names.is_empty() {
        shown["resourceNames"] = json!(rule.resource_names);
    }
    Some(shown)
}

fn path_rule(rule: &Rule) -> Option<Value> {
    let shown = || json!({"verbs": rule.verbs, "nonResourceURLs": rule.non_resource_urls});
    (!rule.non_resource_urls.is_empty()).then(shown)
}

fn texts(list: &Value) -> Vec<String> {
    let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
    items
        .iter()
        .filter_map(Value::as_str)
        .map(ToString::to_string)
        .collect()
}

//! Questions that are answered and not stored: who am I, may I, is this token good.

use super::{
    attributes::Attributes,
    authenticate::AUTHENTICATED,
    authorize::{self, Decision},
    context::{Progress, Scene, Turn},
    document::{self, BodyKind},
    options::WriteOptions,
    respond,
    route::{Endpoint, Target},
};
use crate::{
    config::User,
    resource::Resources,
    status::{FieldError, Refusal, Status},
};
use alloc::{
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

/// Answers it.
///
/// # Errors
/// 400 and 422 for what is no proper question.
pub fn answer(scene: &Scene<'_>, body: &[u8]) -> Progress {
    let options = WriteOptions::create(scene)?;
    let decoded = document::decode(scene, body, &BodyKind::of(scene), options.field_validation)?;
    let mut document = decoded.document;
    document::ensure_namespace(scene, &mut document)?;
    let status = match scene.endpoint.resource.plural.as_str() {
        "selfsubjectreviews" => {
            let now = scene.ambient.now.rfc3339();
            document::metadata(&mut document).insert("creationTimestamp".into(), now.into());
            json!({"userInfo": user_info(&scene.context.user)})
        }
        "selfsubjectaccessreviews" => access(scene, &document, &scene.context.user)?,
        "subjectaccessreviews" | "localsubjectaccessreviews" => {
            let user = subject(scene, &document)?;
            access(scene, &document, &user)?
        }
        "selfsubjectrulesreviews" => rules(scene, &document)?,
        "tokenreviews" => token(scene, &document)?,
        other => return Err(Status::internal(&format!("{other} is no review"))),
    };
    document["status"] = status;
    Ok(Turn::Reply(respond::document(
        scene,
        201,
        &document,
        &decoded.warnings,
    )))
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

fn access(scene: &Scene<'_>, document: &Value, user: &User) -> Result<Value, Refusal> {
    let attributes = questioned(scene, &document["spec"])?;
    let modes = &scene.config.authorization;
    Ok(match authorize::authorize(user, &attributes, modes) {
        Decision::Allow => json!({"allowed": true}),
        Decision::NoOpinion(reason) if reason.is_empty() => json!({"allowed": false}),
        Decision::NoOpinion(reason) => json!({"allowed": false, "reason": reason}),
        Decision::Deny(reason) => json!({"allowed": false, "denied": true, "reason": reason}),
    })
}

/// What the question is about (`authorization/util.ResourceAttributesFrom`).
fn questioned(scene: &Scene<'_>, spec: &Value) -> Result<Attributes, Refusal> {
    let text = |at: &Value, member: &str| at[member].as_str().unwrap_or_default().to_string();
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

/// What the user may do here, as far as the modes can list it.
fn rules(scene: &Scene<'_>, document: &Value) -> Result<Value, Refusal> {
    if document["spec"]["namespace"]
        .as_str()
        .unwrap_or_default()
        .is_empty()
    {
        return Err(Status::bad_request("no namespace on request"));
    }
    let nothing = Attributes::default();
    let user = &scene.context.user;
    Ok(
        match authorize::authorize(user, &nothing, &scene.config.authorization) {
            Decision::Allow => json!({
                "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
                "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
                "incomplete": false,
            }),
            _ => json!({"resourceRules": [], "nonResourceRules": [], "incomplete": false}),
        },
    )
}

fn token(scene: &Scene<'_>, document: &Value) -> Result<Value, Refusal> {
    let token = document["spec"]["token"].as_str().unwrap_or_default();
    if token.is_empty() {
        return Err(Status::bad_request(
            "token is required for TokenReview in authentication",
        ));
    }
    Ok(match scene.config.authentication.tokens.get(token) {
        Some(user) => {
            let mut user = user.clone();
            if !user.groups.iter().any(|group| group == AUTHENTICATED) {
                user.groups.push(AUTHENTICATED.into());
            }
            json!({"authenticated": true, "user": user_info(&user)})
        }
        None => json!({"user": {}, "error": "[invalid bearer token]"}),
    })
}

fn texts(list: &Value) -> Vec<String> {
    let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
    items
        .iter()
        .filter_map(Value::as_str)
        .map(ToString::to_string)
        .collect()
}

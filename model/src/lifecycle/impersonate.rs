//! Impersonation: whom a request wants to be taken for, and whether whoever sends it may do that.
//!
//! Origin: `k8s.io/apiserver/pkg/endpoints/filters/impersonation.go`
//! (<https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation>).

use super::{
    attributes::Attributes,
    authenticate::{ANONYMOUS, AUTHENTICATED, UNAUTHENTICATED, service_account_groups},
    authorize::{self, Decision, rbac::SERVICE_ACCOUNT},
    query,
};
use crate::{
    cache::Cache,
    config::{AuthorizationMode, User},
    status::{Refusal, Status},
    validation::name,
    wire::Head,
};
use alloc::{
    string::{String, ToString},
    vec::Vec,
};

const USER: &str = "impersonate-user";
const GROUP: &str = "impersonate-group";
const UID: &str = "impersonate-uid";
const EXTRA: &str = "impersonate-extra-";

/// The header is one of those that ask for impersonation.
#[must_use]
pub fn is_header(name: &str) -> bool {
    matches!(name, USER | GROUP | UID) || name.starts_with(EXTRA)
}

/// Whom a request wants to be taken for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// The user it becomes.
    pub user: User,
    /// What must be allowed for that, each by itself.
    permissions: Vec<Attributes>,
}

/// Reads the headers; `None` when nobody is to be impersonated.
///
/// # Errors
/// 400 when groups, a uid or extras are asked for, and no user.
pub fn wanted(head: &Head) -> Result<Option<Wanted>, Refusal> {
    let values = |wanted: &str| -> Vec<&str> {
        let headers = head.headers.iter();
        let named = headers.filter(|(name, value)| name == wanted && !value.is_empty());
        named.map(|(_, value)| value.as_str()).collect()
    };
    let groups = values(GROUP);
    let uid = values(UID).first().copied().unwrap_or_default();
    let extras = extras(head);
    let Some(name) = values(USER).first().copied() else {
        if groups.is_empty() && uid.is_empty() && extras.is_empty() {
            return Ok(None);
        }
        return Err(Status::bad_request(
            "requested impersonation of groups, uid or extra without impersonating a user",
        ));
    };
    let mut permissions = Vec::new();
    let mut user = User {
        name: name.into(),
        uid: uid.into(),
        ..User::default()
    };
    let account = name.strip_prefix(SERVICE_ACCOUNT);
    match account.and_then(|account| account.split_once(':')) {
        Some((namespace, account)) if is_account(namespace, account) => {
            let mut permission = permission("", "serviceaccounts", account);
            permission.namespace = namespace.into();
            permissions.push(permission);
            if groups.is_empty() {
                user.groups = service_account_groups(namespace).to_vec();
            }
        }
        _ => permissions.push(permission("", "users", name)),
    }
    for group in &groups {
        permissions.push(permission("", "groups", group));
        user.groups.push((*group).to_string());
    }
    for (key, value) in extras {
        let mut permission = permission(AUTHENTICATION, "userextras", &value);
        permission.subresource = key.clone();
        permissions.push(permission);
        user.extra.entry(key).or_default().push(value);
    }
    if !uid.is_empty() {
        permissions.push(permission(AUTHENTICATION, "uids", uid));
    }
    complete_groups(&mut user);
    Ok(Some(Wanted { user, permissions }))
}

/// Whether `user` may be taken for whom it wants.
///
/// # Errors
/// 403 for the first thing that it may not.
pub fn check(
    wanted: &Wanted,
    user: &User,
    modes: &[AuthorizationMode],
    cache: Option<&Cache>,
) -> Result<(), Refusal> {
    for permission in &wanted.permissions {
        match authorize::authorize(user, permission, modes, cache) {
            Decision::Allow(_) => {}
            Decision::Deny(reason) | Decision::NoOpinion(reason) => {
                return Err(authorize::forbidden(user, permission, &reason));
            }
        }
    }
    Ok(())
}

const AUTHENTICATION: &str = "authentication.k8s.io";

fn permission(group: &str, resource: &str, name: &str) -> Attributes {
    Attributes {
        is_resource: true,
        verb: "impersonate".into(),
        group: group.into(),
        resource: resource.into(),
        name: name.into(),
        ..Attributes::default()
    }
}

/// It could be a service account (`serviceaccount.SplitUsername`); other names that begin like one
/// are those of users.
fn is_account(namespace: &str, name: &str) -> bool {
    name::dns_label(namespace).is_empty() && name::dns_subdomain(name).is_empty()
}

/// Keys, as they are after Go has made them canonical and Kubernetes small, with their values.
fn extras(head: &Head) -> Vec<(String, String)> {
    let mut extras = Vec::new();
    for (name, value) in &head.headers {
        if let Some(key) = name.strip_prefix(EXTRA) {
            let key = query::unescape(key, false).unwrap_or_else(|| key.into());
            extras.push((key.to_ascii_lowercase(), value.clone()));
        }
    }
    extras
}

/// Everybody but the anonymous user has shown credentials, unless the groups say otherwise.
fn complete_groups(user: &mut User) {
    let has = |group: &str| user.groups.iter().any(|mine| mine == group);
    if has(AUTHENTICATED) || has(UNAUTHENTICATED) {
        return;
    }
    let group = if user.name == ANONYMOUS {
        UNAUTHENTICATED
    } else {
        AUTHENTICATED
    };
    user.groups.push(group.into());
}

//! Who may: the authorizers, asked in order.

pub mod escalation;
pub mod node;
pub mod rbac;

use super::{attributes::Attributes, authenticate::MASTERS};
use crate::{
    cache::Cache,
    config::{AuthorizationMode, User},
    status::{Reason, Refusal, Status, qualified},
};
use alloc::{format, string::String, vec::Vec};

/// What an authorizer thinks (`authorizer.Decision`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Yes; why, when there is more to say than that.
    Allow(String),
    /// No, and nobody else is asked.
    Deny(String),
    /// No reason to allow it: the next is asked, and when there is none it is refused.
    NoOpinion(String),
}

impl Decision {
    /// It is a yes.
    #[must_use]
    pub fn allows(&self) -> bool {
        matches!(self, Decision::Allow(_))
    }
}

/// Whether a decision about this user depends on objects: only then the cache is read for it.
#[must_use]
pub fn needs_cache(user: &User, modes: &[AuthorizationMode]) -> bool {
    if is_master(user) {
        return false;
    }
    for mode in modes {
        match mode {
            AuthorizationMode::AlwaysAllow => return false,
            AuthorizationMode::AlwaysDeny => {}
            AuthorizationMode::Rbac => return true,
            AuthorizationMode::Node if node::name(user).is_some() => return true,
            AuthorizationMode::Node => {}
        }
    }
    false
}

/// Asks the authorizers in order. Members of `system:masters` may do everything, before anybody is
/// asked (`authorizerfactory.NewPrivilegedGroups`). Without a cache no role is known, so nobody is
/// allowed anything by one.
#[must_use]
pub fn authorize(
    user: &User,
    attributes: &Attributes,
    modes: &[AuthorizationMode],
    cache: Option<&Cache>,
) -> Decision {
    if is_master(user) {
        return Decision::Allow(String::new());
    }
    let mut reasons: Vec<String> = Vec::new();
    for mode in modes {
        let decision = match (mode, cache) {
            (AuthorizationMode::AlwaysAllow, _) => Decision::Allow(String::new()),
            (AuthorizationMode::AlwaysDeny, _) => {
                Decision::NoOpinion("Everything is forbidden.".into())
            }
            (AuthorizationMode::Rbac, Some(cache)) => rbac::authorize(user, attributes, cache),
            (AuthorizationMode::Node, Some(cache)) => node::authorize(user, attributes, cache),
            (AuthorizationMode::Rbac | AuthorizationMode::Node, None) => continue,
        };
        match decision {
            Decision::NoOpinion(reason) if reason.is_empty() => {}
            Decision::NoOpinion(reason) => reasons.push(reason),
            decided => return decided,
        }
    }
    Decision::NoOpinion(reasons.join("\n"))
}

/// The user may do everything.
#[must_use]
pub fn is_master(user: &User) -> bool {
    user.groups.iter().any(|group| group == MASTERS)
}

/// 403 with the real server's text (`responsewriters.ForbiddenStatusError`).
#[must_use]
pub fn forbidden(user: &User, attributes: &Attributes, reason: &str) -> Refusal {
    let (who, verb) = (&user.name, &attributes.verb);
    if !attributes.is_resource {
        let path = &attributes.path;
        let message = format!("forbidden: User {who:?} cannot {verb} path {path:?}");
        let message = with_reason(message, reason);
        return Status::new(Reason::Forbidden, message).about("", "", "");
    }
    let Attributes {
        group,
        resource,
        subresource,
        namespace,
        name,
        ..
    } = attributes;
    let what = if subresource.is_empty() {
        resource.clone()
    } else {
        format!("{resource}/{subresource}")
    };
    let place = if namespace.is_empty() {
        "at the cluster scope".into()
    } else {
        format!("in the namespace {namespace:?}")
    };
    let why =
        format!("User {who:?} cannot {verb} resource {what:?} in API group {group:?} {place}");
    let why = with_reason(why, reason);
    let whose = qualified(group, resource);
    let message = if name.is_empty() {
        format!("{whose} is forbidden: {why}")
    } else {
        format!("{whose} {name:?} is forbidden: {why}")
    };
    Status::new(Reason::Forbidden, message).about(group, resource, name)
}

fn with_reason(message: String, reason: &str) -> String {
    if reason.is_empty() {
        message
    } else {
        format!("{message}: {reason}")
    }
}

#[cfg(test)]
mod tests {
    use super::{Decision, authorize, forbidden};
    use crate::{
        config::{AuthorizationMode, User},
        lifecycle::attributes::Attributes,
    };
    use alloc::vec;

    #[test]
    fn masters_may_do_everything_and_others_what_the_modes_say() {
        let attributes = Attributes::default();
        let master = User {
            groups: vec!["system:masters".into()],
            ..User::default()
        };
        let deny = [AuthorizationMode::AlwaysDeny];
        assert!(authorize(&master, &attributes, &deny, None).allows());
        let other = User::default();
        assert!(matches!(
            authorize(&other, &attributes, &deny, None),
            Decision::NoOpinion(_)
        ));
        assert!(matches!(
            authorize(&other, &attributes, &[], None),
            Decision::NoOpinion(_)
        ));
        let both = [
            AuthorizationMode::AlwaysDeny,
            AuthorizationMode::AlwaysAllow,
        ];
        assert!(authorize(&other, &attributes, &both, None).allows());
    }

    #[test]
    fn refusals_name_user_verb_and_object() {
        let user = User {
            name: "alice".into(),
            ..User::default()
        };
        let mut attributes = Attributes {
            verb: "get".into(),
            path: "/api".into(),
            ..Attributes::default()
        };
        assert_eq!(
            forbidden(&user, &attributes, "").message,
            r#"forbidden: User "alice" cannot get path "/api""#
        );
        attributes = Attributes {
            is_resource: true,
            group: "apps".into(),
            resource: "deployments".into(),
            subresource: "scale".into(),
            namespace: "d".into(),
            name: "a".into(),
            ..attributes
        };
        assert_eq!(
            forbidden(&user, &attributes, "").message,
            r#"deployments.apps "a" is forbidden: User "alice" cannot get resource "deployments/scale" in API group "apps" in the namespace "d""#
        );
    }
}

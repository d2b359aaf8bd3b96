//! Who may: the authorizers, asked in order.

use super::{attributes::Attributes, authenticate::MASTERS};
use crate::{
    config::{AuthorizationMode, User},
    status::{Reason, Refusal, Status, qualified},
};
use alloc::{format, string::String};

/// What an authorizer thinks (`authorizer.Decision`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Yes.
    Allow,
    /// No, and nobody else is asked.
    Deny(String),
    /// No reason to allow it: the next is asked, and when there is none it is refused.
    NoOpinion(String),
}

/// Asks the authorizers in order. Members of `system:masters` may do everything, before anybody is
/// asked (`authorizerfactory.NewPrivilegedGroups`).
///
/// RBAC takes its place as one more mode here: it reads roles and bindings from the cache, and
/// that read will be an effect of its own before this function is called.
#[must_use]
pub fn authorize(user: &User, _attributes: &Attributes, modes: &[AuthorizationMode]) -> Decision {
    if user.groups.iter().any(|group| group == MASTERS) {
        return Decision::Allow;
    }
    let mut reason = String::new();
    for mode in modes {
        match mode {
            AuthorizationMode::AlwaysAllow => return Decision::Allow,
            AuthorizationMode::AlwaysDeny => reason = "Everything is forbidden.".into(),
        }
    }
    Decision::NoOpinion(reason)
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
        assert_eq!(authorize(&master, &attributes, &deny), Decision::Allow);
        let other = User::default();
        assert!(matches!(
            authorize(&other, &attributes, &deny),
            Decision::NoOpinion(_)
        ));
        assert!(matches!(
            authorize(&other, &attributes, &[]),
            Decision::NoOpinion(_)
        ));
        let both = [
            AuthorizationMode::AlwaysDeny,
            AuthorizationMode::AlwaysAllow,
        ];
        assert_eq!(authorize(&other, &attributes, &both), Decision::Allow);
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

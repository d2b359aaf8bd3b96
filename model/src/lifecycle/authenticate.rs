//! Who asks: client certificate, bearer token, or nobody.

use crate::{
    config::{Authentication, User},
    status::{Reason, Refusal, Status},
    wire::Head,
};
use alloc::borrow::ToOwned;

/// The group of everybody who has shown credentials.
pub const AUTHENTICATED: &str = "system:authenticated";
/// The group of everybody who has not.
pub const UNAUTHENTICATED: &str = "system:unauthenticated";
/// The user that requests without credentials have.
pub const ANONYMOUS: &str = "system:anonymous";
/// The group that may do everything, whatever the authorizers say.
pub const MASTERS: &str = "system:masters";

/// The user that the request's credentials name.
///
/// A certificate counts first, then a bearer token; an `Authorization` header of another scheme,
/// or a bearer token that is empty, is no credential
/// (<https://kubernetes.io/docs/reference/access-authn-authz/authentication/>).
///
/// # Errors
/// 401 when the token is not known, or there are no credentials and anonymous access is off.
pub fn authenticate(head: &Head, authentication: &Authentication) -> Result<User, Refusal> {
    let certificate = head
        .certificate
        .as_ref()
        .filter(|it| !it.common_name.is_empty());
    if let Some(certificate) = certificate {
        return Ok(with_group(
            User {
                name: certificate.common_name.clone(),
                groups: certificate.organizations.clone(),
                ..User::default()
            },
            AUTHENTICATED,
        ));
    }
    if let Some(token) = bearer_token(head.header("authorization")) {
        let user = authentication.tokens.get(token).cloned();
        return user
            .map(|user| with_group(user, AUTHENTICATED))
            .ok_or_else(unauthorized);
    }
    if !authentication.anonymous {
        return Err(unauthorized());
    }
    let groups = [UNAUTHENTICATED.to_owned()].into();
    Ok(User {
        name: ANONYMOUS.into(),
        groups,
        ..User::default()
    })
}

fn bearer_token(header: &str) -> Option<&str> {
    let (scheme, token) = header.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

fn with_group(mut user: User, group: &str) -> User {
    if !user.groups.iter().any(|mine| mine == group) {
        user.groups.push(group.to_owned());
    }
    user
}

fn unauthorized() -> Refusal {
    Status::new(Reason::Unauthorized, "Unauthorized")
}

#[cfg(test)]
mod tests {
    use super::{ANONYMOUS, authenticate};
    use crate::{
        config::{Authentication, User},
        wire::{Certificate, Head},
    };
    use alloc::{string::ToString, vec};

    fn check(authorization: &str, certificate: Option<&str>, expected: Result<&str, u16>) {
        let alice = User {
            name: "alice".into(),
            groups: vec!["dev".into()],
            ..User::default()
        };
        let authentication = Authentication {
            tokens: [("t".to_string(), alice)].into(),
            anonymous: true,
        };
        let head = Head {
            headers: vec![("authorization".into(), authorization.into())],
            certificate: certificate.map(|name| Certificate {
                common_name: name.into(),
                organizations: vec!["o".into()],
            }),
            ..Head::default()
        };
        let answer = authenticate(&head, &authentication);
        let answer = answer.map(|user| user.name).map_err(|refusal| refusal.code);
        assert_eq!(answer, expected.map(ToString::to_string), "{authorization}");
    }

    #[test]
    fn certificates_tokens_and_nobody() {
        check("Bearer t", None, Ok("alice"));
        check("bearer  t ", None, Ok("alice"));
        check("Bearer wrong", None, Err(401));
        check("Bearer wrong", Some("bob"), Ok("bob"));
        for none in ["", "Bearer", "Bearer ", "Basic dDp0", "t"] {
            check(none, None, Ok(ANONYMOUS));
        }
    }

    #[test]
    fn nobody_is_refused_when_anonymous_access_is_off() {
        let refusal = authenticate(&Head::default(), &Authentication::default()).unwrap_err();
        assert_eq!(
            (refusal.code, refusal.message.as_str()),
            (401, "Unauthorized")
        );
    }
}

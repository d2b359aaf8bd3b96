//! Who asks: client certificate, bearer token, or nobody.

use crate::{
    ambient::Time,
    config::{Authentication, User},
    status::{Reason, Refusal, Status},
    token::Claims,
    wire::Head,
};
use alloc::{borrow::ToOwned, boxed::Box, format, string::String};

/// The group of everybody who has shown credentials.
pub const AUTHENTICATED: &str = "system:authenticated";
/// The group of everybody who has not.
pub const UNAUTHENTICATED: &str = "system:unauthenticated";
/// The user that requests without credentials have.
pub const ANONYMOUS: &str = "system:anonymous";
/// The group that may do everything, whatever the authorizers say.
pub const MASTERS: &str = "system:masters";

/// What a request's credentials come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// This user.
    User(User),
    /// A token of a service account, which must still be there.
    Account(Box<Claims>),
}

/// The user that the request's credentials name.
///
/// A certificate counts first, then a bearer token; an `Authorization` header of another scheme,
/// or a bearer token that is empty, is no credential
/// (<https://kubernetes.io/docs/reference/access-authn-authz/authentication/>).
///
/// # Errors
/// 401 when the token is not known, or there are no credentials and anonymous access is off.
pub fn authenticate(
    head: &Head,
    authentication: &Authentication,
    now: Time,
) -> Result<Credentials, Refusal> {
    let certificate = head
        .certificate
        .as_ref()
        .filter(|it| !it.common_name.is_empty());
    if let Some(certificate) = certificate {
        let user = User {
            name: certificate.common_name.clone(),
            groups: certificate.organizations.clone(),
            ..User::default()
        };
        return Ok(Credentials::User(authenticated(user)));
    }
    if let Some(token) = bearer_token(head.header("authorization")) {
        let claimed = head.verified.as_ref().and_then(|it| it.claims_of(token));
        return known(token, claimed, authentication, &[], now).map_err(|_| unauthorized());
    }
    if !authentication.anonymous {
        return Err(unauthorized());
    }
    let groups = [UNAUTHENTICATED.to_owned()].into();
    Ok(Credentials::User(User {
        name: ANONYMOUS.into(),
        groups,
        ..User::default()
    }))
}

/// What a token comes to: one of the static ones, or a service account's for one of these
/// audiences (none: this server's). `claimed` is what it says, if it has been verified before.
///
/// # Errors
/// Why it is not known.
pub fn known(
    token: &str,
    claimed: Option<&Claims>,
    authentication: &Authentication,
    audiences: &[String],
    now: Time,
) -> Result<Credentials, String> {
    if let Some(user) = authentication.tokens.get(token) {
        return Ok(Credentials::User(authenticated(user.clone())));
    }
    let Some(accounts) = &authentication.accounts else {
        return Err("invalid bearer token".into());
    };
    let claims = match claimed {
        Some(claims) => claims.clone(),
        None => accounts.verify(token)?.into_claims(),
    };
    if accounts.shared_audiences(&claims, audiences).is_empty() {
        return Err(format!(
            "token audiences {:?} is invalid for the target audiences {:?}",
            claims.audiences,
            if audiences.is_empty() {
                &accounts.audiences
            } else {
                audiences
            },
        ));
    }
    claims.check_time(now)?;
    Ok(Credentials::Account(Box::new(claims)))
}

/// The groups that all service accounts of a namespace are in.
#[must_use]
pub fn service_account_groups(namespace: &str) -> [String; 2] {
    let all = "system:serviceaccounts";
    [all.into(), format!("{all}:{namespace}")]
}

/// The token in an `Authorization` header.
#[must_use]
pub fn bearer_token(header: &str) -> Option<&str> {
    let (scheme, token) = header.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// The user, in the group of everybody who has shown credentials.
#[must_use]
pub fn authenticated(mut user: User) -> User {
    if !user.groups.iter().any(|mine| mine == AUTHENTICATED) {
        user.groups.push(AUTHENTICATED.to_owned());
    }
    user
}

/// 401, which tells nothing.
#[must_use]
pub fn unauthorized() -> Refusal {
    Status::new(Reason::Unauthorized, "Unauthorized")
}

#[cfg(test)]
mod tests {
    use super::{ANONYMOUS, Credentials, authenticate};
    use crate::{
        ambient::Time,
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
            accounts: None,
        };
        let head = Head {
            headers: vec![("authorization".into(), authorization.into())],
            certificate: certificate.map(|name| Certificate {
                common_name: name.into(),
                organizations: vec!["o".into()],
            }),
            ..Head::default()
        };
        let answer = authenticate(&head, &authentication, Time::default());
        let answer = answer.map_err(|refusal| refusal.code).map(|it| match it {
            Credentials::User(user) => user.name,
            Credentials::Account(claims) => claims.subject,
        });
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
        let (head, nobody) = (Head::default(), Authentication::default());
        let refusal = authenticate(&head, &nobody, Time::default()).unwrap_err();
        assert_eq!(
            (refusal.code, refusal.message.as_str()),
            (401, "Unauthorized")
        );
    }
}

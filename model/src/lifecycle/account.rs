//! Who the bearer of a service account's token is: the account, if it and what the token is bound
//! to are still there. The cache is asked first, and what it does not have is read from the store:
//! it may have been made a moment ago, through another server.
//!
//! Origin: `pkg/serviceaccount/claims.go`, `pkg/controller/serviceaccount/tokengetter.go`.

use super::{authenticate::service_account_groups, authorize::rbac::SERVICE_ACCOUNT, storage};
use crate::{
    ambient::Time,
    cache::Cache,
    config::User,
    etcd::{Key, Range, RangeResponse},
    object::Object,
    registry,
    token::{Claims, LEEWAY_SECONDS, Reference},
};
use alloc::{format, string::String, vec::Vec};

/// A token whose objects are being looked up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lookup {
    claims: Claims,
    /// How many of the objects have been seen to be there.
    seen: usize,
}

/// An object that must be there.
struct Bond<'a> {
    kind: &'static str,
    key: Key,
    reference: &'a Reference,
}

impl Lookup {
    /// Begins with a token that has been verified.
    #[must_use]
    pub fn new(claims: Claims) -> Lookup {
        Lookup { claims, seen: 0 }
    }

    /// Goes on, with the answer to the read that was asked for. `None` when everything is there,
    /// or the next read.
    ///
    /// # Errors
    /// Why the token is not good any more.
    pub fn advance(
        &mut self,
        cache: &Cache,
        mut answer: Option<RangeResponse>,
        now: Time,
    ) -> Result<Option<Range>, String> {
        for bond in Lookup::bonds(&self.claims).iter().skip(self.seen) {
            let cached = cache.get(&bond.key).and_then(|entry| entry.object());
            match (cached, answer.take()) {
                (Some(object), None) => bond.check(object, now)?,
                (_, Some(answer)) => {
                    let kv = answer.kvs.first().ok_or_else(|| bond.gone())?;
                    let object = storage::decode(kv).map_err(|why| why.message)?;
                    bond.check(&object, now)?;
                }
                (None, None) => return Ok(Some(storage::read(&bond.key))),
            }
            self.seen += 1;
        }
        Ok(None)
    }

    /// Who the bearer is.
    #[must_use]
    pub fn user(&self) -> User {
        let private = &self.claims.private;
        let (namespace, account) = (&private.namespace, &private.account);
        let mut user = User {
            name: format!("{SERVICE_ACCOUNT}{namespace}:{}", account.name),
            uid: account.uid.clone(),
            groups: service_account_groups(namespace).to_vec(),
            ..User::default()
        };
        let mut add = |name: &str, value: &str| {
            if !value.is_empty() {
                let name = format!("authentication.kubernetes.io/{name}");
                user.extra.insert(name, Vec::from([value.into()]));
            }
        };
        if !self.claims.id.is_empty() {
            add("credential-id", &format!("JTI={}", self.claims.id));
        }
        for (kind, reference) in [("pod", &private.pod), ("node", &private.node)] {
            if let Some(reference) = reference {
                add(&format!("{kind}-name"), &reference.name);
                add(&format!("{kind}-uid"), &reference.uid);
            }
        }
        user
    }

    /// What the token says.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The account, and what the token is bound to. The node of a pod is no bond of its own.
    fn bonds(claims: &Claims) -> Vec<Bond<'_>> {
        let private = &claims.private;
        let namespace = &private.namespace;
        let account = Bond::new("serviceaccounts", namespace, &private.account);
        let bound = match (&private.secret, &private.pod, &private.node) {
            (Some(secret), ..) => Some(Bond::new("secrets", namespace, secret)),
            (None, Some(pod), _) => Some(Bond::new("pods", namespace, pod)),
            (None, None, Some(node)) => Some(Bond::new("nodes", "", node)),
            (None, None, None) => None,
        };
        [Some(account), bound].into_iter().flatten().collect()
    }
}

impl Bond<'_> {
    fn new<'a>(kind: &'static str, namespace: &str, reference: &'a Reference) -> Bond<'a> {
        let prefix = registry::prefix("", kind);
        let slash = if namespace.is_empty() { "" } else { "/" };
        let key = format!("{prefix}{namespace}{slash}{}", reference.name);
        Bond {
            kind,
            key: Key::from(key.as_str()),
            reference,
        }
    }

    fn check(&self, object: &Object, now: Time) -> Result<(), String> {
        let meta = object.meta();
        let deleted = meta.deletion_timestamp.as_deref().and_then(Time::parse);
        if deleted.is_some_and(|at| at.seconds() < now.seconds() - LEEWAY_SECONDS) {
            return Err(self.gone());
        }
        if meta.uid == self.reference.uid {
            return Ok(());
        }
        let (kind, found, claimed) = (self.kind, &meta.uid, &self.reference.uid);
        Err(if kind == "serviceaccounts" {
            format!("service account UID ({found}) does not match claim ({claimed})")
        } else {
            let kind = kind.trim_end_matches('s');
            format!(
                "{kind} UID ({found}) does not match service account {kind} ref claim ({claimed})"
            )
        })
    }

    fn gone(&self) -> String {
        if self.kind == "serviceaccounts" {
            format!("serviceaccounts {:?} not found", self.reference.name)
        } else {
            "service account token has been invalidated".into()
        }
    }
}

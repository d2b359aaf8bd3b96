//! Tokens of service accounts: JSON Web Tokens that this server signs and knows again.
//!
//! Signatures are deterministic (RFC 6979) and keys are configuration, so that this is as pure as
//! everything else here. What a token says is not the whole truth: whether the objects that it is
//! bound to are still there is looked up when it is used ([`crate::lifecycle::authenticate`]).
//!
//! Origin: `pkg/serviceaccount/{claims,jwt,openidmetadata}.go`.

mod key;

pub use key::{KeyError, SigningKey, VerifyingKey};

use crate::ambient::Time;
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What a server signs tokens with, and which it takes.
#[derive(Clone, Debug)]
pub struct Accounts {
    /// `--service-account-issuer`: the first signs, all are known.
    pub issuers: Vec<String>,
    /// `--api-audiences`: tokens for one of these are good for this server.
    pub audiences: Vec<String>,
    /// `--service-account-signing-key-file`
    pub signing: SigningKey,
    /// `--service-account-key-file`
    pub verifying: Vec<VerifyingKey>,
    /// `--service-account-max-token-expiration`, in seconds.
    pub max_expiration: Option<i64>,
}

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Claims {
    /// For whom it is.
    #[serde(rename = "aud")]
    pub audiences: Vec<String>,
    /// When it ends, in seconds since the epoch.
    #[serde(rename = "exp")]
    pub expires: i64,
    /// When it was made.
    #[serde(rename = "iat")]
    pub issued: i64,
    /// Who made it.
    #[serde(rename = "iss")]
    pub issuer: String,
    /// A number of its own.
    #[serde(rename = "jti", default)]
    pub id: String,
    /// What Kubernetes adds.
    #[serde(rename = "kubernetes.io")]
    pub private: Private,
    /// When it begins.
    #[serde(rename = "nbf")]
    pub begins: i64,
    /// The user name.
    #[serde(rename = "sub")]
    pub subject: String,
}

/// The claim `kubernetes.io`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Private {
    /// The account's namespace.
    pub namespace: String,
    /// The node of the pod that the token is bound to, or that it is bound to itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<Reference>,
    /// The pod that the token is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<Reference>,
    /// The secret that the token is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Reference>,
    /// The account.
    #[serde(rename = "serviceaccount")]
    pub account: Reference,
}

/// An object by name and uid.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reference {
    /// Its name.
    pub name: String,
    /// Its uid.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uid: String,
}

/// A token whose signature has been verified: only [`Accounts::verify`] makes one. Time and
/// objects are not looked at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Verified {
    token: String,
    claims: Claims,
}

impl Verified {
    /// What `token` says, if that is the token which was verified.
    #[must_use]
    pub fn claims_of(&self, token: &str) -> Option<&Claims> {
        (self.token == token).then_some(&self.claims)
    }

    /// What it says.
    #[must_use]
    pub fn into_claims(self) -> Claims {
        self.claims
    }
}

/// Clocks may differ by so many seconds (`jwt.DefaultLeeway`).
pub const LEEWAY_SECONDS: i64 = 60;

impl Claims {
    /// Whether the token is good at this moment.
    ///
    /// # Errors
    /// When it has expired or has not begun.
    pub fn check_time(&self, now: Time) -> Result<(), String> {
        let now = now.seconds();
        if now - LEEWAY_SECONDS > self.expires {
            return Err("service account token has expired".into());
        }
        if now + LEEWAY_SECONDS < self.begins.max(self.issued) {
            return Err("service account token is not valid yet".into());
        }
        Ok(())
    }
}

impl Accounts {
    /// The token that says this.
    #[must_use]
    pub fn sign(&self, claims: &Claims) -> String {
        let head = json!({"alg": "ES256", "kid": self.signing.id()});
        // Claims are numbers and texts: encoding them cannot fail.
        let body = serde_json::to_vec(claims).unwrap_or_default();
        let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let signed = format!("{}.{}", encode(head.to_string().as_bytes()), encode(&body));
        let signature = encode(&self.signing.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    /// Verifies a token's issuer and signature.
    ///
    /// # Errors
    /// When it is not ours, with the reason.
    pub fn verify(&self, token: &str) -> Result<Verified, String> {
        #[derive(Deserialize)]
        struct Head {
            alg: String,
            #[serde(default)]
            kid: String,
        }
        let wrong = |why: &str| why.to_string();
        let decode = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).ok();
        let (signed, signature) = token
            .rsplit_once('.')
            .ok_or_else(|| wrong("invalid bearer token"))?;
        let parts = signed
            .split_once('.')
            .filter(|(_, body)| !body.contains('.'));
        let (head, body) = parts.ok_or_else(|| wrong("invalid bearer token"))?;
        let body = decode(body).ok_or_else(|| wrong("invalid bearer token"))?;
        let said: Value =
            serde_json::from_slice(&body).map_err(|_| wrong("invalid bearer token"))?;
        if !self.issuers.iter().any(|issuer| said["iss"] == **issuer) {
            return Err(wrong("invalid bearer token"));
        }
        let head = decode(head).unwrap_or_default();
        let head: Head = serde_json::from_slice(&head).map_err(|why| why.to_string())?;
        let signature = decode(signature).unwrap_or_default();
        let known = self
            .verifying
            .iter()
            .filter(|key| head.kid.is_empty() || key.id() == head.kid);
        let mut known = known.filter(|key| key.algorithm() == head.alg);
        if !known.any(|key| key.verifies(signed.as_bytes(), &signature)) {
            return Err(wrong("go-jose/go-jose: error in cryptographic primitive"));
        }
        let claims: Claims = serde_json::from_slice(&body).map_err(|why| why.to_string())?;
        let token = token.into();
        Ok(Verified { token, claims })
    }

    /// The audiences that both a token and this server (or who asks about the token) mean.
    #[must_use]
    pub fn shared_audiences(&self, claims: &Claims, wanted: &[String]) -> Vec<String> {
        let wanted = if wanted.is_empty() {
            &self.audiences
        } else {
            wanted
        };
        let shared = claims.audiences.iter().filter(|one| wanted.contains(one));
        shared.cloned().collect()
    }

    /// `/openid/v1/jwks`
    #[must_use]
    pub fn key_set(&self) -> Value {
        let keys: Vec<Value> = self.verifying.iter().map(VerifyingKey::json).collect();
        json!({"keys": keys})
    }

    /// `/.well-known/openid-configuration`; the keys are found at `advertised`.
    #[must_use]
    pub fn openid_configuration(&self, advertised: &str) -> Value {
        let algorithms: Vec<&str> = self.verifying.iter().map(VerifyingKey::algorithm).collect();
        let mut once: Vec<&str> = Vec::new();
        for algorithm in algorithms {
            if !once.contains(&algorithm) {
                once.push(algorithm);
            }
        }
        json!({
            "issuer": self.issuers.first(),
            "jwks_uri": format!("https://{advertised}/openid/v1/jwks"),
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": once,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Accounts, Claims, Private, Reference, SigningKey};
    use crate::ambient::Time;
    use alloc::{format, string::ToString, vec};

    fn accounts(seed: u8) -> Accounts {
        let signing = SigningKey::from_scalar([seed; 32]).unwrap();
        Accounts {
            issuers: vec!["https://issuer".into()],
            audiences: vec!["api".into()],
            verifying: vec![signing.public()],
            signing,
            max_expiration: None,
        }
    }

    fn claims() -> Claims {
        Claims {
            audiences: vec!["api".into(), "vault".into()],
            expires: 3700,
            issued: 100,
            issuer: "https://issuer".into(),
            id: "1".into(),
            private: Private {
                namespace: "n".into(),
                account: Reference {
                    name: "a".into(),
                    uid: "u".into(),
                },
                ..Private::default()
            },
            begins: 100,
            subject: "system:serviceaccount:n:a".into(),
        }
    }

    #[test]
    fn what_is_signed_is_known_again_and_nothing_else() {
        let ours = accounts(1);
        let token = ours.sign(&claims());
        assert_eq!(token, ours.sign(&claims()), "signatures are deterministic");
        let verified = ours.verify(&token).unwrap();
        assert_eq!(verified.claims_of(&token), Some(&claims()));
        assert_eq!(verified.claims_of("another"), None);
        assert!(accounts(2).verify(&token).is_err(), "of another key");
        for index in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
            let changed = core::str::from_utf8(&bytes).unwrap();
            // The last letter of a part has bits that mean nothing.
            if let Ok(verified) = ours.verify(changed) {
                assert_eq!(verified.claims, claims(), "{index}");
            }
        }
        let (signed, _) = token.rsplit_once('.').unwrap();
        for broken in ["", ".", "..", signed, &format!("{signed}.")] {
            assert!(ours.verify(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn time_and_audience() {
        let at = |seconds: i64| claims().check_time(Time(seconds * 1_000_000));
        assert_eq!(
            at(39).unwrap_err(),
            "service account token is not valid yet"
        );
        assert!(at(40).is_ok() && at(3760).is_ok());
        assert_eq!(at(3761).unwrap_err(), "service account token has expired");
        let ours = accounts(1);
        assert_eq!(ours.shared_audiences(&claims(), &[]), ["api"]);
        let wanted = ["vault".to_string(), "other".to_string()];
        assert_eq!(ours.shared_audiences(&claims(), &wanted), ["vault"]);
        assert_eq!(ours.shared_audiences(&claims(), &wanted[1..]).len(), 0);
    }
}

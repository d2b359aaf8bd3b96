//! Keys of tokens: ECDSA on P-256 with SHA-256 (ES256), read from PEM.

use alloc::{
    format,
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use core::fmt;
use p256::{
    SecretKey,
    ecdsa::{
        Signature, SigningKey as Private, VerifyingKey as Public,
        signature::{Signer, Verifier},
    },
    pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePublicKey},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Signs tokens.
#[derive(Clone)]
pub struct SigningKey {
    private: Arc<Private>,
    public: VerifyingKey,
}

/// Verifies tokens.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    public: Public,
    id: String,
}

/// Why a text is no key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyError(
    /// For people.
    pub String,
);

impl SigningKey {
    /// The key with this secret number; `None` when there is no such key (it is 0 or too large).
    #[must_use]
    pub fn from_scalar(scalar: [u8; 32]) -> Option<SigningKey> {
        let private = Private::from_slice(&scalar).ok()?;
        Some(SigningKey::new(private))
    }

    /// Reads a private key: PKCS #8 or SEC 1 in PEM.
    ///
    /// # Errors
    /// When it is none for P-256.
    pub fn from_pem(text: &str) -> Result<SigningKey, KeyError> {
        let Some(block) = blocks(text)
            .into_iter()
            .find(|it| it.contains("PRIVATE KEY"))
        else {
            return Err(KeyError("there is no private key in it".into()));
        };
        let secret = if block.contains("BEGIN EC PRIVATE KEY") {
            SecretKey::from_sec1_pem(&block).map_err(|why| why.to_string())
        } else {
            SecretKey::from_pkcs8_pem(&block).map_err(|why| why.to_string())
        };
        let secret = secret.map_err(|why| {
            KeyError(format!(
                "only ECDSA keys on P-256 (ES256) are supported: {why}"
            ))
        })?;
        Ok(SigningKey::new(Private::from(&secret)))
    }

    fn new(private: Private) -> SigningKey {
        let public = VerifyingKey::new(*private.verifying_key());
        let private = Arc::new(private);
        SigningKey { private, public }
    }

    /// The key that verifies what this one signs.
    #[must_use]
    pub fn public(&self) -> VerifyingKey {
        self.public.clone()
    }

    /// The key's id in tokens.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.public.id
    }

    /// The signature of some bytes: the same each time (RFC 6979).
    #[must_use]
    pub fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        let signature: Signature = self.private.sign(bytes);
        signature.to_bytes().to_vec()
    }
}

impl VerifyingKey {
    /// Reads all keys of a PEM file, public ones and those that belong to private ones.
    ///
    /// # Errors
    /// When there is none, or one is not for P-256.
    pub fn all_from_pem(text: &str) -> Result<Vec<VerifyingKey>, KeyError> {
        let mut keys = Vec::new();
        for block in blocks(text) {
            if block.contains("PRIVATE KEY") {
                keys.push(SigningKey::from_pem(&block)?.public());
            } else if block.contains("BEGIN PUBLIC KEY") {
                let public = Public::from_public_key_pem(&block).map_err(|why| {
                    KeyError(format!(
                        "only ECDSA keys on P-256 (ES256) are supported: {why}"
                    ))
                })?;
                keys.push(VerifyingKey::new(public));
            }
        }
        if keys.is_empty() {
            return Err(KeyError("there is no key in it".into()));
        }
        Ok(keys)
    }

    fn new(public: Public) -> VerifyingKey {
        // The encoding of a key that was read before cannot fail.
        let encoded = public.to_public_key_der();
        let digest = Sha256::digest(encoded.as_ref().map_or(&[][..], |it| it.as_bytes()));
        let id = BASE64_URL_SAFE_NO_PAD.encode(digest);
        VerifyingKey { public, id }
    }

    /// The key's id in tokens: a digest of it (`keyIDFromPublicKey`).
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The name of its algorithm in tokens.
    #[must_use]
    pub fn algorithm(&self) -> &'static str {
        "ES256"
    }

    /// Whether the signature is that of these bytes.
    #[must_use]
    pub fn verifies(&self, bytes: &[u8], signature: &[u8]) -> bool {
        let signature = Signature::from_slice(signature);
        signature.is_ok_and(|signature| self.public.verify(bytes, &signature).is_ok())
    }

    /// The key as a JSON Web Key (RFC 7517).
    #[must_use]
    pub fn json(&self) -> Value {
        let point = self.public.to_sec1_point(false);
        let bytes = point.as_bytes();
        // An uncompressed point is 4, x, y.
        let (x, y) = bytes[1..].split_at((bytes.len() - 1) / 2);
        let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        json!({
            "use": "sig", "kty": "EC", "kid": self.id, "crv": "P-256", "alg": "ES256",
            "x": encode(x), "y": encode(y),
        })
    }
}

/// The PEM blocks in a text.
fn blocks(text: &str) -> Vec<String> {
    let mut blocks: Vec<String> = Vec::new();
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with("-----BEGIN ") {
            inside = true;
            blocks.push(String::new());
        }
        if inside && let Some(block) = blocks.last_mut() {
            block.push_str(line);
            block.push('\n');
        }
        inside &= !line.starts_with("-----END ");
    }
    blocks
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.id())
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({})", self.id)
    }
}

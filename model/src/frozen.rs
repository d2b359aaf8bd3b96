//! Bytes that are encoded once, hashed once and shared from then on.

use alloc::{sync::Arc, vec::Vec};
use core::{fmt, hash};

/// Immutable shared bytes with a 128-bit digest: a clone is one counter, a hash is one word, and
/// equality reads the bytes only when the digests agree.
#[derive(Clone)]
pub struct Frozen(Arc<Inner>);

struct Inner {
    digest: u128,
    bytes: Vec<u8>,
}

impl Frozen {
    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// The XXH3 digest of the bytes.
    #[must_use]
    pub fn digest(&self) -> u128 {
        self.0.digest
    }
}

impl From<Vec<u8>> for Frozen {
    fn from(bytes: Vec<u8>) -> Self {
        Frozen(Arc::new(Inner {
            digest: xxhash_rust::xxh3::xxh3_128(&bytes),
            bytes,
        }))
    }
}

impl From<&str> for Frozen {
    fn from(text: &str) -> Self {
        Frozen::from(text.as_bytes().to_vec())
    }
}

impl Default for Frozen {
    fn default() -> Self {
        Frozen::from(Vec::new())
    }
}

impl PartialEq for Frozen {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || (self.0.digest == other.0.digest && self.0.bytes == other.0.bytes)
    }
}

impl Eq for Frozen {}

impl hash::Hash for Frozen {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        state.write_u128(self.0.digest);
    }
}

impl PartialOrd for Frozen {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Frozen {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        self.0.bytes.cmp(&other.0.bytes)
    }
}

impl fmt::Debug for Frozen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match core::str::from_utf8(self.bytes()) {
            Ok(text) => f.write_str(text),
            Err(_) => write!(
                f,
                "{} bytes, digest {:032x}",
                self.bytes().len(),
                self.digest()
            ),
        }
    }
}

impl serde::Serialize for Frozen {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.bytes())
    }
}

impl<'de> serde::Deserialize<'de> for Frozen {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl serde::de::Visitor<'_> for Bytes {
            type Value = Frozen;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Frozen, E> {
                Ok(Frozen::from(bytes.to_vec()))
            }

            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Frozen, E> {
                Ok(Frozen::from(bytes))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

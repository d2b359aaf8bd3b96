//! Keys, revisions and what is stored at a key.

use crate::{frozen::Frozen, map::Map};
use alloc::sync::Arc;
use core::{fmt, ops::Bound};
use serde::{Deserialize, Serialize};

/// A key: any bytes, ordered as bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key(Arc<[u8]>);

impl Key {
    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text, when the bytes are UTF-8.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        core::str::from_utf8(&self.0).ok()
    }
}

impl From<&[u8]> for Key {
    fn from(bytes: &[u8]) -> Self {
        Key(bytes.into())
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Key(text.as_bytes().into())
    }
}

impl core::borrow::Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

/// A point in the store's history. A new store is at revision 1; each transaction that changes
/// something adds one.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Revision(pub u64);

impl Revision {
    /// The revision after this one.
    #[must_use]
    pub fn next(self) -> Revision {
        Revision(self.0.saturating_add(1))
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A lease's number; 0 is no lease.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct LeaseId(pub i64);

/// What is stored at a key, as of some revision.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KeyValue {
    /// The key.
    pub key: Key,
    /// The revision that created it since it was last absent.
    pub create_revision: Revision,
    /// The revision that wrote it last.
    pub mod_revision: Revision,
    /// How often it was written since `create_revision`, that write included.
    pub version: u64,
    /// The lease that it goes with.
    pub lease: LeaseId,
    /// The value; empty in a `keys_only` answer.
    pub value: Frozen,
}

/// Which keys a request is about, as etcd's `key` and `range_end` say it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum KeyRange {
    /// This key alone.
    Single(Key),
    /// From the first (included) to the second (excluded).
    Between(Key, Key),
    /// From this key on (`range_end` is a zero byte); every key when it is a zero byte too. As in
    /// etcd an empty key is refused, here as everywhere.
    From(Key),
}

impl KeyRange {
    /// Every key: no key is smaller than a zero byte.
    #[must_use]
    pub fn all() -> KeyRange {
        KeyRange::From(Key::from([0].as_slice()))
    }

    /// The keys that begin with `prefix`; every key when it is empty.
    #[must_use]
    pub fn prefix(prefix: &[u8]) -> KeyRange {
        if prefix.is_empty() {
            return KeyRange::all();
        }
        let mut end = prefix.to_vec();
        while let Some(last) = end.pop() {
            if last < u8::MAX {
                end.push(last + 1);
                return KeyRange::Between(prefix.into(), end.as_slice().into());
            }
        }
        KeyRange::From(prefix.into())
    }

    /// True when `key` is one of them.
    #[must_use]
    pub fn contains(&self, key: &Key) -> bool {
        match self {
            KeyRange::Single(single) => key == single,
            KeyRange::Between(start, end) => start <= key && key < end,
            KeyRange::From(start) => start <= key,
        }
    }

    /// The first key that can lie in it.
    #[must_use]
    pub fn start(&self) -> &Key {
        match self {
            KeyRange::Single(start) | KeyRange::Between(start, _) | KeyRange::From(start) => start,
        }
    }

    /// The entries of `map` whose keys lie in it, in ascending order.
    pub(super) fn within<'a, V>(
        &self,
        map: &'a Map<Key, V>,
    ) -> impl Iterator<Item = (&'a Key, &'a V)> {
        let bounds = self.bounds();
        bounds
            .map(|range| map.range::<Key, _>(range))
            .into_iter()
            .flatten()
    }

    /// Its bounds; `None` when no key can lie in it (an end at or before the start).
    fn bounds(&self) -> Option<(Bound<Key>, Bound<Key>)> {
        let start = Bound::Included(self.start().clone());
        match self {
            KeyRange::Single(key) => Some((start, Bound::Included(key.clone()))),
            KeyRange::Between(first, end) => {
                (first < end).then(|| (start, Bound::Excluded(end.clone())))
            }
            KeyRange::From(_) => Some((start, Bound::Unbounded)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, KeyRange};

    fn check(range: KeyRange, inside: &[&[u8]], outside: &[&[u8]]) {
        for key in inside {
            assert!(range.contains(&Key::from(*key)), "{range:?} has {key:?}");
        }
        for key in outside {
            assert!(
                !range.contains(&Key::from(*key)),
                "{range:?} has no {key:?}"
            );
        }
    }

    #[test]
    fn a_prefix_has_the_keys_that_begin_with_it() {
        check(
            KeyRange::prefix(b"a"),
            &[b"a", b"a\xff", b"az"],
            &[b"b", b"A", b"\0"],
        );
        check(
            KeyRange::prefix(b"a\xff"),
            &[b"a\xff", b"a\xff\xff"],
            &[b"a", b"b"],
        );
        check(
            KeyRange::prefix(b"\xff"),
            &[b"\xff", b"\xff\xff"],
            &[b"\xfe"],
        );
        check(KeyRange::prefix(b""), &[b"\0", b"a", b"\xff"], &[]);
    }

    #[test]
    fn a_range_that_ends_before_it_starts_is_empty() {
        let range = KeyRange::Between("b".into(), "a".into());
        check(range.clone(), &[], &[b"a", b"b", b"aa"]);
        let map = [(Key::from("a"), 1), (Key::from("b"), 2)]
            .into_iter()
            .collect();
        assert_eq!(range.within(&map).count(), 0);
        let empty = KeyRange::Between("a".into(), "a".into());
        assert_eq!(empty.within(&map).count(), 0);
        assert_eq!(KeyRange::all().within(&map).count(), 2);
    }
}

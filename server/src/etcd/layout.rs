//! Where the keys lie: the core's begin with [`registry::ROOT`], etcd's with `--etcd-prefix`.

use model::{
    etcd::{Key, KeyRange},
    registry,
};

/// The translation of keys at the border.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// With a slash at its end; `None` when keys stay as they are.
    root: Option<Vec<u8>>,
}

impl Layout {
    /// The layout below a prefix: `/registry` as kube-apiserver writes it.
    pub(super) fn below(prefix: &str) -> Layout {
        let root = match prefix.trim_matches('/') {
            "" => "/".to_owned(),
            inner => format!("/{inner}/"),
        };
        let root = (root != registry::ROOT).then(|| root.into_bytes());
        Layout { root }
    }

    /// A key, or the end of a range, as etcd has it.
    pub(super) fn outside(&self, key: &[u8]) -> Vec<u8> {
        let Some(root) = &self.root else {
            return key.to_vec();
        };
        if let Some(rest) = key.strip_prefix(registry::ROOT.as_bytes()) {
            return [root, rest].concat();
        }
        match KeyRange::prefix(registry::ROOT.as_bytes()) {
            // The end of the range of all keys.
            KeyRange::Between(_, end) if end.bytes() == key => range_end(&KeyRange::prefix(root)),
            _ => key.to_vec(),
        }
    }

    /// A key as the core has it.
    pub(super) fn inside(&self, key: Vec<u8>) -> Key {
        match &self.root {
            None => Key::from(key.as_slice()),
            Some(root) => match key.strip_prefix(root.as_slice()) {
                Some(rest) => Key::from([registry::ROOT.as_bytes(), rest].concat().as_slice()),
                None => Key::from(key.as_slice()),
            },
        }
    }

    /// A range as etcd writes it: its first key and its end.
    pub(super) fn range(&self, keys: &KeyRange) -> (Vec<u8>, Vec<u8>) {
        let end = match keys {
            KeyRange::Between(_, end) => self.outside(end.bytes()),
            KeyRange::Single(_) | KeyRange::From(_) => range_end(keys),
        };
        (self.outside(keys.start().bytes()), end)
    }
}

fn range_end(keys: &KeyRange) -> Vec<u8> {
    match keys {
        KeyRange::Single(_) => Vec::new(),
        KeyRange::Between(_, end) => end.bytes().to_vec(),
        KeyRange::From(_) => vec![0],
    }
}

#[cfg(test)]
mod tests {
    use super::Layout;
    use model::etcd::KeyRange;

    fn check(prefix: &str, first: &str, end: &str) {
        let layout = Layout::below(prefix);
        let all = KeyRange::prefix(b"/registry/");
        let (start, stop) = layout.range(&all);
        assert_eq!((start, stop), (first.into(), end.into()), "{prefix}");
        let key = layout.outside(b"/registry/pods/d/a");
        assert_eq!(key, format!("{first}pods/d/a").into_bytes());
        assert_eq!(layout.inside(key).text(), Some("/registry/pods/d/a"));
    }

    #[test]
    fn keys_lie_below_the_prefix() {
        check("/registry", "/registry/", "/registry0");
        check("registry/", "/registry/", "/registry0");
        check("/clusters/one", "/clusters/one/", "/clusters/one0");
        check("", "/", "0");
    }
}

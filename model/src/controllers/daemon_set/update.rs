//! The rolling update of a DaemonSet: old pods go while no more than `maxUnavailable` nodes are
//! without one, or new ones come beside them on no more than `maxSurge` nodes.
//!
//! Origin: `pkg/controller/daemon/update.go`.

use super::{super::workload::Pod, look::Look};
use alloc::{string::String, vec::Vec};

impl<'a> Look<'a> {
    pub(super) fn roll(&mut self) {
        if self.surge > 0 {
            self.roll_beside();
        } else {
            self.roll_in_place();
        }
    }

    /// The nodes where the set's pods are to be, with their old pod and their new one.
    fn nodes(&self) -> Vec<(String, Option<Pod<'a>>, Option<Pod<'a>>)> {
        let nodes = self.fits.iter().filter(|(_, fit)| fit.start);
        let read = |(node, _): (&&str, _)| {
            let pods = self.pods.get(*node).map(Vec::as_slice).unwrap_or_default();
            let active = || pods.iter().filter(|pod| pod.active());
            let old = active().find(|pod| !self.updated(pod)).cloned();
            let new = active().find(|pod| self.updated(pod)).cloned();
            (String::from(*node), old, new)
        };
        nodes.map(read).collect()
    }

    /// Every node without an available pod counts, so that however many pods are unavailable for
    /// other reasons, the update takes no more than its share.
    fn roll_in_place(&mut self) {
        let mut unavailable = 0;
        let (mut broken, mut candidates) = (Vec::new(), Vec::new());
        for (_, old, new) in self.nodes() {
            match (old, new) {
                (Some(old), None) if self.available(&old) => candidates.push(old),
                (Some(old), None) => {
                    unavailable += 1;
                    broken.push(old);
                }
                (_, Some(new)) if self.available(&new) => {}
                _ => unavailable += 1,
            }
        }
        let room = usize::try_from(self.unavailable - unavailable).unwrap_or_default();
        for pod in broken.iter().chain(candidates.iter().take(room)) {
            self.delete(pod);
        }
    }

    fn roll_beside(&mut self) {
        let mut surge = 0;
        let mut candidates = Vec::new();
        for (node, old, new) in self.nodes() {
            match (old, new) {
                (Some(old), Some(new)) if self.available(&new) => self.delete(&old),
                (Some(_), Some(_)) => surge += 1,
                (Some(old), None) => candidates.push((self.available(&old), node)),
                _ => {}
            }
        }
        // What is not available can't be made worse.
        candidates.sort();
        for (_, node) in candidates {
            if surge >= self.surge {
                return;
            }
            surge += 1;
            self.create(&node);
        }
    }
}

//! The states that have been seen, as fingerprints: 20 bytes a state and 8 to 16 of index.

/// One state that has been seen and how it was first reached.
#[derive(Clone, Copy)]
struct Node {
    /// Its lowest part first; in parts, so that no space is lost to alignment.
    fingerprint: [u32; 4],
    /// The state before it; its own number when it is an initial state.
    parent: u32,
}

/// An insert-only hash table of nodes, which are numbered in the order of their insertion.
pub(super) struct Visited {
    nodes: Vec<Node>,
    /// Open addressing; [`FREE`] or a node's number.
    slots: Vec<u32>,
}

const FREE: u32 = u32::MAX;

/// Where a fingerprint belongs: it is its own hash.
fn hash([low, high, ..]: [u32; 4]) -> usize {
    (u64::from(high) << 32 | u64::from(low)) as usize
}

impl Visited {
    pub(super) fn new() -> Visited {
        Visited {
            nodes: Vec::new(),
            slots: vec![FREE; 1 << 12],
        }
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The state before it; its own number when it is an initial state.
    pub(super) fn parent(&self, number: u32) -> u32 {
        self.nodes[number as usize].parent
    }

    pub(super) fn fingerprint(&self, number: u32) -> u128 {
        let parts = self.nodes[number as usize].fingerprint;
        parts
            .iter()
            .rev()
            .fold(0, |high, low| high << 32 | u128::from(*low))
    }

    /// Inserts a state unless it is there: its number, and whether it is new.
    ///
    /// # Panics
    /// At 2^32 - 1 states, which no machine that runs this has memory for.
    pub(super) fn insert(&mut self, fingerprint: u128, parent: Option<u32>) -> (u32, bool) {
        let fingerprint = [0, 32, 64, 96].map(|shift| (fingerprint >> shift) as u32);
        let slot = self.slot(fingerprint);
        if self.slots[slot] != FREE {
            return (self.slots[slot], false);
        }
        let number = u32::try_from(self.nodes.len()).expect("fewer than 2^32 states");
        assert_ne!(number, FREE, "fewer than 2^32 - 1 states");
        self.slots[slot] = number;
        let parent = parent.unwrap_or(number);
        self.nodes.push(Node {
            fingerprint,
            parent,
        });
        if self.nodes.len() * 2 > self.slots.len() {
            self.grow();
        }
        (number, true)
    }

    /// Where that fingerprint is, or the free slot where it belongs.
    fn slot(&self, fingerprint: [u32; 4]) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = hash(fingerprint) & mask;
        loop {
            let number = self.slots[slot];
            if number == FREE || self.nodes[number as usize].fingerprint == fingerprint {
                return slot;
            }
            slot = (slot + 1) & mask;
        }
    }

    fn grow(&mut self) {
        self.slots = vec![FREE; self.slots.len() * 2];
        for (number, node) in (0_u32..).zip(&self.nodes) {
            let mask = self.slots.len() - 1;
            let mut slot = hash(node.fingerprint) & mask;
            while self.slots[slot] != FREE {
                slot = (slot + 1) & mask;
            }
            self.slots[slot] = number;
        }
    }
}

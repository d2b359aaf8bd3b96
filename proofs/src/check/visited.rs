//! The states that have been seen, as fingerprints: 24 bytes a state and 8 to 16 of index.

/// One state that has been seen and how it was first reached.
#[derive(Clone, Copy)]
pub(super) struct Node {
    fingerprint: [u64; 2],
    /// The state before it; its own number when it is an initial state.
    pub(super) parent: u32,
    /// Which of the parent's actions, or of the initial states, led to it.
    pub(super) action: u32,
}

/// An insert-only hash table of nodes, which are numbered in the order of their insertion.
pub(super) struct Visited {
    nodes: Vec<Node>,
    /// Open addressing; [`FREE`] or a node's number. The fingerprint is its own hash.
    slots: Vec<u32>,
}

const FREE: u32 = u32::MAX;

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

    pub(super) fn node(&self, number: u32) -> Node {
        self.nodes[number as usize]
    }

    pub(super) fn fingerprint(&self, number: u32) -> u128 {
        let [low, high] = self.node(number).fingerprint;
        u128::from(high) << 64 | u128::from(low)
    }

    /// Inserts a state unless it is there; its number when it is new.
    ///
    /// # Panics
    /// At 2^32 - 1 states, which no machine that runs this has memory for.
    pub(super) fn insert(
        &mut self,
        fingerprint: u128,
        parent: Option<u32>,
        action: u32,
    ) -> Option<u32> {
        let fingerprint = [fingerprint as u64, (fingerprint >> 64) as u64];
        let slot = self.slot(fingerprint);
        if self.slots[slot] != FREE {
            return None;
        }
        let number = u32::try_from(self.nodes.len()).expect("fewer than 2^32 states");
        assert_ne!(number, FREE, "fewer than 2^32 - 1 states");
        self.slots[slot] = number;
        let parent = parent.unwrap_or(number);
        self.nodes.push(Node {
            fingerprint,
            parent,
            action,
        });
        if self.nodes.len() * 2 > self.slots.len() {
            self.grow();
        }
        Some(number)
    }

    /// Where that fingerprint is, or the free slot where it belongs.
    fn slot(&self, fingerprint: [u64; 2]) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = fingerprint[0] as usize & mask;
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
            let mut slot = node.fingerprint[0] as usize & mask;
            while self.slots[slot] != FREE {
                slot = (slot + 1) & mask;
            }
            self.slots[slot] = number;
        }
    }
}

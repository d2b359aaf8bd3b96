//! Random faults: of a connection, and of the store behind a driver.

use proptest::{collection::vec, option::weighted, prelude::*, sample::Index};

/// What one connection has to go through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// It is cut after so many bytes from the server; never when `None`.
    pub bytes: Option<usize>,
    /// It is cut after so many events of a watch (for connections that know what they carry).
    pub events: Option<usize>,
    /// What the server sends comes in pieces of at most so many bytes.
    pub piece: usize,
    /// It is refused at once: the client has to try again.
    pub refused: bool,
    /// So many other steps are taken first.
    pub delay: usize,
}

impl Connection {
    /// Nothing happens to it.
    #[must_use]
    pub fn sound() -> Connection {
        Connection {
            bytes: None,
            events: None,
            piece: 1 << 16,
            refused: false,
            delay: 0,
        }
    }
}

/// What connections have to go through, in the order in which they are made; those after the last
/// are sound.
pub fn connections(most: usize) -> BoxedStrategy<Vec<Connection>> {
    vec(connection(), 0..=most).boxed()
}

/// What one connection has to go through.
pub fn connection() -> BoxedStrategy<Connection> {
    // The handshake takes about 1,500 bytes of the server's.
    let bytes = prop_oneof![1 => 0_usize..2_000, 4 => 1_500_usize..12_000];
    (
        weighted(0.8, bytes),
        weighted(0.8, 0_usize..6),
        prop_oneof![1 => 1_usize..200, 2 => Just(1 << 16)],
        prop::bool::weighted(0.1),
        0_usize..4,
    )
        .prop_map(|(bytes, events, piece, refused, delay)| Connection {
            bytes,
            events,
            piece,
            refused,
            delay,
        })
        .boxed()
}

/// What happens to one effect of a request on the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The store cannot be reached: nothing has happened.
    Unreachable,
    /// It has happened, but the answer is lost.
    AnswerLost,
    /// The request's time is over before it is tried.
    Deadline,
}

/// What happens to the effects of a request, in their order; nothing to those after the last.
pub fn troubles(most: usize) -> BoxedStrategy<Vec<Option<Trouble>>> {
    let trouble = prop_oneof![
        Just(Trouble::Unreachable),
        Just(Trouble::AnswerLost),
        Just(Trouble::Deadline),
    ];
    vec(weighted(0.3, trouble), 0..=most).boxed()
}

/// What happens to bytes on a disk or on their way.
#[derive(Clone, Debug)]
pub enum Corruption {
    /// They end early.
    Cut(Index),
    /// One bit is another.
    Flip(Index, u8),
    /// One byte is another.
    Replace(Index, u8),
    /// There are some more.
    Insert(Index, Vec<u8>),
    /// A part is there twice.
    Repeat(Index, Index),
    /// A part is missing.
    Lose(Index, Index),
}

/// What happens to bytes.
pub fn corruption() -> BoxedStrategy<Corruption> {
    let place = any::<Index>;
    prop_oneof![
        place().prop_map(Corruption::Cut),
        (place(), 0_u8..8).prop_map(|(at, bit)| Corruption::Flip(at, bit)),
        (place(), any::<u8>()).prop_map(|(at, byte)| Corruption::Replace(at, byte)),
        (place(), vec(any::<u8>(), 1..20)).prop_map(|(at, more)| Corruption::Insert(at, more)),
        (place(), place()).prop_map(|(from, to)| Corruption::Repeat(from, to)),
        (place(), place()).prop_map(|(from, to)| Corruption::Lose(from, to)),
    ]
    .boxed()
}

impl Corruption {
    /// Does it.
    pub fn apply(&self, bytes: &mut Vec<u8>) {
        let end = bytes.len() + 1;
        let part = |from: &Index, to: &Index| {
            let (from, to) = (from.index(end), to.index(end));
            from.min(to)..from.max(to)
        };
        match self {
            Corruption::Cut(at) => bytes.truncate(at.index(end)),
            Corruption::Flip(..) | Corruption::Replace(..) if bytes.is_empty() => {}
            Corruption::Flip(at, bit) => *at.get_mut(bytes) ^= 1 << (bit % 8),
            Corruption::Replace(at, byte) => *at.get_mut(bytes) = *byte,
            Corruption::Insert(at, more) => {
                let at = at.index(end);
                bytes.splice(at..at, more.iter().copied());
            }
            Corruption::Repeat(from, to) => {
                let part = bytes[part(from, to)].to_vec();
                bytes.splice(to.index(end)..to.index(end), part);
            }
            Corruption::Lose(from, to) => {
                bytes.drain(part(from, to));
            }
        }
    }
}

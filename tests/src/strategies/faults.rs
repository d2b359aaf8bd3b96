//! Random faults: of a connection, and of the store behind a driver.

use proptest::{collection::vec, option::weighted, prelude::*};

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

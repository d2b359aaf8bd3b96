//! The shipped controllers around the API server, with views that lag, crashes and lost answers:
//! what holds of the way of a pod.
//!
//! Each world is a [`crate::plane::Plane`] and a table of what it proves.

mod bound;
mod collected;
mod emptied;
mod endpoints;
mod leader;
mod objects;
mod run;

use super::World;

/// The worlds' entries in [`super::all`].
#[must_use]
pub fn worlds() -> Vec<World> {
    vec![
        bound::world(),     // P1
        run::world(),       // P2, P4
        endpoints::world(), // P6
        leader::world(),    // P7
        collected::world(), // P8
        emptied::world(),   // P9
    ]
}

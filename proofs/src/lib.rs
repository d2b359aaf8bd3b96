//! Every interleaving of small worlds around the shipped core.
//!
//! * [`check`] is the only way to run a model.
//! * [`worlds`] has one finite world a file: the shipped functions, what surrounds them, and every
//!   order in which things can happen.
//! * [`ghost`] records what clients have been told, for the invariants to look at.
//! * [`history`] is what an etcd store was and told, whatever was compacted.
//! * [`invariants`] has one function an invariant, named as a sentence.
//! * [`own`] checks a controller of your own.
//! * [`plane`] puts shipped controllers around the API server, with views that lag and crashes.
//! * [`zoo`] has the faults that are seeded around the core, each of which must be caught.

pub mod check;
pub mod ghost;
pub mod history;
pub mod invariants;
pub mod own;
pub mod plane;
pub mod worlds;
pub mod zoo;

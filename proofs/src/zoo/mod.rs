//! Published bugs and seeded faults. Each is put around the shipped core, never into it, and each
//! must be caught.

pub mod etcd;
pub mod grants;
pub mod kubelet;
pub mod plane;
pub mod requests;
pub mod watch_cache;

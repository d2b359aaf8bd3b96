//! One function an invariant, named as a sentence: the checker and the property tests call the
//! same ones.

pub mod etcd;
pub mod grants;
pub mod lifecycle;
pub mod objects;
pub mod watch_cache;

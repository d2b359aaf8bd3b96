//! Published bugs and seeded faults. Each is put around the shipped core, never into it, and each
//! must be caught.

pub mod watch_cache;

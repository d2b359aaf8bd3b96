//! What no good client sends: each is answered as the real server answers it, and the server lives
//! on.

mod bodies;
mod connection;
mod connections;
mod heads;
mod random;

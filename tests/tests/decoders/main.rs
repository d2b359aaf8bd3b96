//! No input to any decoder panics, and each is taken or clearly refused; what is written can be
//! read back. (Selectors, patches and `continue` tokens: `selectors_and_patches.rs`.)

mod bodies;
mod files;
mod live;
mod parts;

//! `proofs`: runs the worlds and prints what was found.
fn main() {}

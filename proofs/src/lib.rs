//! Every interleaving of small worlds around the shipped core.

pub mod check;

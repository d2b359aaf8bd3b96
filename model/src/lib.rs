//! The Kubernetes control plane as pure transition functions.
//!
//! Nothing here does I/O, reads a clock, draws a random number, spawns or locks. What the outside
//! supplies comes in as an argument ([`ambient::Ambient`], [`lifecycle::Event`]); what the core
//! wants done goes out as a value ([`lifecycle::Effect`]). The same functions run in the HTTP
//! server, in the model checker and in the random tests.
//!
//! **Architecture invariant:** this crate is `no_std`, and so is every dependency of it: clock,
//! randomness, files, network and threads cannot be named here.
#![no_std]

extern crate alloc;

pub mod ambient;
pub mod bootstrap;
pub mod cache;
pub mod config;
pub mod controllers;
pub mod discovery;
pub mod etcd;
pub mod frozen;
pub mod golang;
pub mod kinds;
pub mod lifecycle;
pub mod limits;
pub mod map;
pub mod object;
pub mod openapi;
pub mod pagination;
pub mod patch;
pub mod policy;
pub mod registry;
pub mod resource;
pub mod schema;
pub mod selector;
pub mod status;
pub mod table;
pub mod token;
pub mod validation;
pub mod wire;

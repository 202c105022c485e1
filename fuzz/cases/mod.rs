//! The property that each fuzz target checks for any input. `make fuzz` searches for inputs,
//! `tests/native/fuzz.rs` runs the seeds.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a target uses one of them, and may panic"
)]

pub mod common;
pub mod configuration;
pub mod form;
pub mod head;
pub mod request;
pub mod stream;

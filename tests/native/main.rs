//! The filter without Envoy: whole exchanges, and what holds for all inputs. Runs in seconds.
//!
//! The folders are those of `src/exchange`. Run one file with
//! `cargo test --test native -- failover::`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test may panic"
)]

mod account;
mod admit;
mod deliver;
mod exchange;
mod feed;
#[path = "../shared/fixtures.rs"]
mod fixtures;
mod fuzz;
mod gateway;
#[path = "../shared/invalid.rs"]
mod invalid;
mod properties;
mod support;
mod upstream;

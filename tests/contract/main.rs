//! What clients, operators and developers rely on, word for word: translations, the errors of a
//! configuration, the pages of `docs/`, and the layers of `src/`.
//!
//! Run one file with `cargo test --test contract -- config::`. `UPDATE_GOLDEN=1` rewrites what is
//! expected. Review the difference like code.

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

mod config;
mod docs;
#[path = "../shared/fixtures.rs"]
mod fixtures;
mod golden;
#[path = "../shared/invalid.rs"]
mod invalid;
mod layering;
mod openapi;
#[path = "../shared/queries.rs"]
mod queries;
mod stack;

//! imagegate: an Envoy HTTP filter (proxy-wasm) that serves the OpenAI Images API.
//!
//! A client's `POST /v1/images/generations` or `/v1/images/edits` is checked (key, user, model, limits), rewritten into a
//! call of the Codex `/responses` endpoint with the `image_generation` tool, and the server-sent
//! events that come back are collected into one JSON answer.
//!
//! ```text
//! filter ─▶ exchange ─▶ translate, auth, config ─▶ openai, codex, pool ─▶ limits, prices
//!                                                  └─▶ sse, multipart, memory, pattern, name, decimal
//! ```
//!
//! A module uses only what stands to its right. [`filter`] alone knows the host: everything else
//! takes bytes and the time as arguments and answers with values, so that it is tested natively. The
//! way of a request through these modules is told in `docs/ARCHITECTURE.md`.
//!
//! Nothing here may panic: a trap fails every stream of an Envoy worker. The lints of `Cargo.toml`
//! deny whatever could.

// For this crate alone: nothing else in the workspace runs in Envoy.
#![warn(clippy::arithmetic_side_effects, clippy::cast_possible_truncation, clippy::cast_sign_loss)]

pub mod auth;
pub mod config;
pub mod decimal;
pub mod exchange;
pub mod filter;
pub mod limits;
pub mod memory;
pub mod multipart;
mod name;
pub mod openai;
pub mod pattern;
pub mod pool;
pub mod prices;
pub mod sse;
pub mod translate;
pub mod upstream;

//! imagegate: an Envoy HTTP filter (proxy-wasm) that serves the OpenAI Images API.
//!
//! A client's `POST /v1/images/generations` or `/v1/images/edits` is checked (key, user, model,
//! limits, budget), and sent to one of the upstreams that serve the model. A Codex upstream gets a
//! call of `/responses` with the `image_generation` tool, and answers with server-sent events. A
//! provider gets a call of the Images API in its own dialect. If a call fails before an image can
//! have been generated, the next upstream is tried. The client gets one JSON answer, or a stream of
//! events with previews, or the provider's bytes as they come.
//!
//! ```text
//! filter ─▶ loopback ─▶ exchange ─▶ translate, auth ─▶ feed ─▶ config ─▶ openai, upstream, pool ─▶ limits, prices
//!                                                  └─▶ sse, multipart, memory
//!                                                  └─▶ pattern, name, decimal, order, coding, span
//! ```
//!
//! A module uses only modules to its right. [`filter`] alone knows the host: all others take bytes
//! and the time as arguments and return values, so they are tested natively.
//! `docs/ARCHITECTURE.md` follows a request through these modules.
//!
//! Nothing here may panic: a trap fails every stream of an Envoy worker. The lints of `Cargo.toml`
//! deny what can panic.

// For this crate alone: nothing else in the workspace runs in Envoy.
#![warn(clippy::arithmetic_side_effects, clippy::cast_possible_truncation, clippy::cast_sign_loss)]

pub mod auth;
mod coding;
pub mod config;
pub mod decimal;
pub mod exchange;
pub mod feed;
pub mod filter;
pub mod limits;
pub mod loopback;
pub mod memory;
pub mod multipart;
mod name;
pub mod openai;
mod order;
pub mod pattern;
pub mod pool;
pub mod prices;
mod span;
pub mod sse;
pub mod translate;
pub mod upstream;

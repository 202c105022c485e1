//! The upstream schema: what the Codex `/responses` endpoint is asked and what it answers.
//!
//! It follows the Responses API with its `image_generation` tool, and knows nothing of clients. [`provider`]
//! and [`images`] are the same for upstreams that speak the Images API.

pub mod error;
pub mod event;
pub mod images;
pub mod provider;
pub mod request;
pub mod scanner;
pub mod usage;
pub mod usage_limits;

mod base64;
mod document;
mod path;

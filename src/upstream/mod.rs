//! The upstream schema: the requests and responses of the Codex `/responses` endpoint.
//!
//! It follows the Responses API with its `image_generation` tool, and knows nothing of clients.
//! [`provider`] and [`images`] do the same for upstreams that speak the Images API.

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
pub(crate) mod json;
mod path;

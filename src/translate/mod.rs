//! Translates between the Images API and the upstreams' APIs.
//!
//! [`request`] writes the upstream's request. [`collect`] reads the image, and [`answer`] or
//! [`stream`] writes the client's response. [`error`] translates failures. [`relay`] reads
//! responses that reach the client unchanged.

pub mod answer;
pub mod collect;
pub mod error;
mod form;
mod provider;
pub mod quota;
pub mod relay;
pub mod request;
pub mod stream;
mod target;
pub mod tokens;

mod sniff;

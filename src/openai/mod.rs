//! The downstream schema: what clients of the Images API send and see.
//!
//! Everything here follows the OpenAI API reference ("Create image" and its errors). It knows
//! nothing of the upstream: only `translate` connects the two. Limits arrive as arguments.

pub mod choice;
pub mod echo;
pub mod endpoint;
pub mod error;
pub mod model;
pub mod models;
pub mod reference_image;
pub mod request;
pub mod retirement;
pub mod size;

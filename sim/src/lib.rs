//! A stand-in for the Codex backend's `/responses` with the `image_generation` tool: faithful to
//! its wire, generation real images, failing on demand.
//!
//! The way of a request: [`server`] takes it, [`request`] reads it and rejects what Codex rejects,
//! [`hosts`] know the host models,
//! [`directive`] finds in its prompt what is to go wrong, [`generator`] generates, [`script`] makes the
//! list of events in the recorded order, [`faults`] change that list, and the server plays it.
//! [`images`] does for the Images API what [`request`], [`script`] and [`faults`] do for `/responses`.
//! Everything but `server` and `clock` works without I/O.

pub mod cli;
pub mod clock;
pub mod directive;
pub mod event;
pub mod faults;
pub mod generator;
pub mod hash;
pub mod hosts;
pub mod images;
pub mod json;
pub mod rejection;
pub mod request;
pub mod rope;
pub mod script;
pub mod server;
pub mod settings;
pub mod stats;

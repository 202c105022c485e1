//! A stand-in for the Codex backend's `/responses` with the `image_generation` tool: faithful to
//! its wire. It generates real images and fails on demand.
//!
//! The path of a request: [`server`] receives it, [`request`] reads it and rejects what Codex
//! rejects, [`hosts`] checks the host model, [`directive`] finds the faults in its prompt,
//! [`generator`] makes the image, [`script`] makes the list of events in the recorded order,
//! [`faults`] edit that list, and the server plays it. [`images`] does the same for the Images API
//! as [`request`], [`script`] and [`faults`] for `/responses`. Everything but `server` and `clock`
//! works without I/O.

#![forbid(unsafe_code)]

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

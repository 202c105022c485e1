//! The program as a person or a script meets it: arguments in; output, files and an exit code out.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    reason = "a test may panic, and reads clocks"
)]

mod around;
mod around_gateway;
mod check;
mod excerpts;
mod extension_policies;
#[path = "../../../tests/shared/fixtures.rs"]
mod fixtures;
mod helm;
mod help;
mod ignored;
mod init;
#[path = "../../../tests/shared/invalid.rs"]
mod invalid;
mod items;
mod key;
mod key_faults;
mod key_files;
mod key_forms;
mod kills;
mod lints;
mod loopback;
mod manifests;
mod merges;
mod patch_files;
mod patches;
mod program;
mod removals;
mod reports;
mod schema;
mod server;
mod streams;
mod together;
mod token;
mod upstream;
mod waits;
mod wrapped;

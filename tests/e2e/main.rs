//! The filter in a real Envoy: the properties that only Envoy can prove.
//!
//! Each case starts its own Envoy from the files in `envoy/`, its own upstream, and speaks raw HTTP
//! to both (see [`harness`]). Run one with `cargo test --test e2e -- faults::`, after `make build`.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    reason = "a test may panic, and reads clocks and its environment"
)]

mod access_log;
mod auth;
mod broken;
mod browsers;
mod changes;
mod clients;
mod clients_leave;
mod configuration;
mod consumers_from;
mod credential;
mod edits;
mod endings;
mod events;
mod exact_ends;
mod failover;
mod faults;
mod forms;
mod generations;
mod harness;
mod held_heads;
mod host_models;
mod http2;
mod identity;
mod init;
mod jobs;
mod keepalive;
mod limits;
mod loopback;
mod memory;
mod mesh;
mod mesh_limits;
mod metrics;
mod models;
mod nginx;
mod openapi;
mod pass_image;
mod paths;
mod provider_streams;
mod providers;
#[path = "../shared/queries.rs"]
#[expect(dead_code, reason = "the contract tests read the rest")]
mod queries;
mod quotas;
mod relay;
mod request_ids;
mod response_headers;
mod rests;
mod rls;
mod routes;
mod sdks;
mod several;
mod stack;
mod trailers;
mod unread;
mod usage;
mod workers;

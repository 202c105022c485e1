//! What the cases share: an Envoy with the built filter, and the configuration of the filter. The
//! scripted upstream and the raw client are in `tests/kit`.
//!
//! No case asserts how long something takes; [`HUNG`] is an upper bound.

pub(crate) mod config;
pub(crate) mod crowd;
pub(crate) mod envoy;
pub(crate) mod ratelimit;
pub(crate) mod rls;
pub(crate) mod setup;
pub(crate) mod sim;

pub(crate) use imagegate_testkit::client::{Connection, Request, Response};
pub(crate) use imagegate_testkit::envoy::program;
pub(crate) use imagegate_testkit::script::{Gate, Step};
pub(crate) use imagegate_testkit::sse::Generation;
pub(crate) use imagegate_testkit::upstream::{Received, Upstream};
pub(crate) use imagegate_testkit::{HUNG, eventually, http2, needed, root, sse};

pub(crate) use config::{Key, config};
pub(crate) use envoy::{Envoy, SECRET_PROMPT};
pub(crate) use rls::RateLimitService;
pub(crate) use setup::Setup;
pub(crate) use sim::Sim;

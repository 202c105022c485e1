//! The calls of upstreams: which one is called, what it is sent, and what its answer means.

pub(crate) mod call;
pub(crate) mod calls;
pub(crate) mod endings;
pub(crate) mod error_body;
pub(crate) mod failover;
pub(crate) mod host_models;
pub(crate) mod links;
pub(crate) mod loopback;
pub(crate) mod request;
pub(crate) mod rests;
pub(crate) mod result;
pub(crate) mod retry;
pub(crate) mod target;

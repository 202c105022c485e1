//! Which upstream is called, and what its answers mean for the next request.

mod failover;
mod host_models;
mod providers;
mod rests;

//! Which upstream is called, and what its answers mean for later requests.

mod failover;
mod host_models;
mod loopback;
mod providers;
mod rests;

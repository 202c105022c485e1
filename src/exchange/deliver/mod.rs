//! How the answer reaches the client.
//!
//! There are five deliveries. Each turns what comes on the client's own stream into one of a few
//! [`step`]s, and knows nothing of Envoy and of money. The [`driver`] turns (step × head) into an
//! outcome.

mod abandon;
pub(crate) mod delivery;
pub(crate) mod driver;
mod keepalive;
mod leave;
mod pass_image;
pub(crate) mod pass_through;
pub(crate) mod step;
mod stream;

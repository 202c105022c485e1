//! How the answer reaches the client.

pub(crate) mod driver;
pub(crate) mod keepalive;
pub(crate) mod relay;
pub(crate) mod stream;

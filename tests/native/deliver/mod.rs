//! How the answer reaches the client.

mod answers;
mod events;
mod keepalive;
mod provider_streams;
mod relay;
mod streams;

//! Between the two schemas: the only module that knows both.
//!
//! [`request`] takes a client's request to the upstream; [`collect`] and [`answer`] bring the
//! image back, or [`stream`] as events, and [`error`] whatever came instead of it. [`relay`] reads what
//! reaches the client as it is.

pub mod answer;
pub mod collect;
pub mod error;
mod form;
mod provider;
pub mod quota;
pub mod relay;
pub mod request;
pub mod stream;
pub mod tokens;

mod sniff;

//! Heads: reading the client's and the upstream's, writing what goes upstream.

mod client;
mod fields;
mod response;

pub(crate) use client::{ClientHead, encoding, request_id};
pub use fields::{
    CALL_HEADER, DETAILS_HEADER, Headers, ORIGINAL_PATH, TIMEOUT_HEADER, UPSTREAM_HEADER,
    original_path,
};
pub(crate) use fields::{content_length, is_grpc, own_headers, value};
pub use response::ResponseHead;

//! The messages of `envoy.service.ratelimit.v3` by their field numbers, as far as Limitador has use
//! for them.

use prost::Message;

/// The request of the gate.
#[derive(Clone, PartialEq, Message)]
pub struct RateLimitRequest {
    /// Limitador's namespace.
    #[prost(string, tag = "1")]
    pub domain: String,
    /// What is counted together.
    #[prost(message, repeated, tag = "2")]
    pub descriptors: Vec<Descriptor>,
    /// How many hits.
    #[prost(uint32, tag = "3")]
    pub hits_addend: u32,
}

/// `RateLimitDescriptor`.
#[derive(Clone, PartialEq, Message)]
pub struct Descriptor {
    /// Its entries.
    #[prost(message, repeated, tag = "1")]
    pub entries: Vec<Entry>,
    /// The hits are to be given back.
    #[prost(bool, tag = "4")]
    pub is_negative_hits: bool,
}

/// `RateLimitDescriptor.Entry`.
#[derive(Clone, PartialEq, Message)]
pub struct Entry {
    /// Its name.
    #[prost(string, tag = "1")]
    pub key: String,
    /// Its value.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// What is answered.
#[derive(Clone, PartialEq, Message)]
pub struct RateLimitResponse {
    /// [`OK`] or [`OVER_LIMIT`].
    #[prost(int32, tag = "1")]
    pub overall_code: i32,
    /// The headers of draft-polli-ratelimit-headers-03.
    #[prost(message, repeated, tag = "3")]
    pub response_headers_to_add: Vec<Header>,
}

/// `RateLimitResponse.Code.OK`.
pub const OK: i32 = 1;
/// `RateLimitResponse.Code.OVER_LIMIT`.
pub const OVER_LIMIT: i32 = 2;

/// `HeaderValue`.
#[derive(Clone, PartialEq, Message)]
pub struct Header {
    /// Its name.
    #[prost(string, tag = "1")]
    pub key: String,
    /// Its value.
    #[prost(string, tag = "2")]
    pub value: String,
}

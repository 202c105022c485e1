//! The fields of a head: how they are read, and the names of this filter's own.

use std::str::FromStr;

/// The prefix of the headers by which this filter and Envoy's routes speak to each other.
const OWN_PREFIX: &str = "x-imagegate-";
/// The header with the upstream's name, on the way to the loopback listener, and where routes match
/// a header.
pub const UPSTREAM_HEADER: &str = "x-imagegate-upstream";
/// The header with the call: the VM, the host's number of the client's stream, the call's link, and
/// the secret of this Envoy's filters, with dots between.
pub const CALL_HEADER: &str = "x-imagegate-call";
/// The header with the time after which Envoy gives the call up, in milliseconds.
pub const TIMEOUT_HEADER: &str = "x-imagegate-timeout-ms";
/// The header of the answer in which the filter on the loopback listener reports why Envoy answered
/// in the upstream's place.
pub const DETAILS_HEADER: &str = "x-imagegate-details";
/// The header in which Envoy and its access log look for the path before it was rewritten.
pub const ORIGINAL_PATH: &str = "x-envoy-original-path";

/// All headers of a request or response, names in lower case, values as they came.
pub type Headers = [(String, Vec<u8>)];

/// The first value of `name`.
pub(crate) fn value<'h>(headers: &'h Headers, name: &str) -> Option<&'h [u8]> {
    headers.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_slice())
}

/// The names of headers that no client may send, each once: such a header chooses the route.
pub(crate) fn own_headers(headers: &Headers) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (name, _) in headers {
        let ours =
            name.get(..OWN_PREFIX.len()).is_some_and(|it| it.eq_ignore_ascii_case(OWN_PREFIX));
        if ours && !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

/// The path that the head names as the client's: an access log takes it for that.
#[must_use]
pub fn original_path(headers: &Headers) -> Option<&[u8]> {
    value(headers, ORIGINAL_PATH)
}

/// Whether the request is said to be gRPC, in any spelling: `application/grpc`, or with `+` and a
/// format after it. Envoy answers such a request in gRPC's own way.
pub(crate) fn is_grpc(headers: &Headers) -> bool {
    let is = |content_type: &[u8]| {
        let media_type = content_type.split(|byte| matches!(byte, b';' | b'+')).next();
        is_of(media_type.unwrap_or_default(), GRPC)
    };
    value(headers, "content-type").is_some_and(is)
}

/// The media type of gRPC.
pub(super) const GRPC: &[u8] = b"application/grpc";

/// Whether the body is said to be JSON: `application/json`, with any parameters.
pub(super) fn is_json(content_type: &[u8]) -> bool {
    is_of(content_type, b"application/json")
}

/// Whether the body is said to be events.
pub(super) fn is_events(content_type: &[u8]) -> bool {
    is_of(content_type, b"text/event-stream")
}

/// Whether a `content-type` has this media type, with any parameters.
pub(super) fn is_of(content_type: &[u8], wanted: &[u8]) -> bool {
    let media_type = content_type.split(|byte| *byte == b';').next().unwrap_or_default();
    media_type.trim_ascii().eq_ignore_ascii_case(wanted)
}

/// `content-length`. `None` if it is not there, or not a number.
pub(crate) fn content_length(headers: &Headers) -> Option<u64> {
    number(value(headers, "content-length"))
}

/// A value as a number. `None` if it is not there, or not a number.
pub(super) fn number<T: FromStr>(value: Option<&[u8]>) -> Option<T> {
    value.and_then(|it| std::str::from_utf8(it).ok()).and_then(|it| it.parse().ok())
}

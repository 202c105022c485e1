//! The response of a stream.

use std::time::Duration;

use proxy_wasm::hostcalls;
use proxy_wasm::types::{BufferType, MapType};

use super::super::reply::send;
use super::{property, replace_body};
use crate::exchange::{DETAILS_HEADER, LocalReply, Open, ResponseHead};

/// The response code details of a response that is the upstream's, however it ends.
const VIA_UPSTREAM: &[u8] = b"via_upstream";

/// Answers the client. In any callback but `on_log` and `on_done`, while the head is held.
pub(in crate::filter) fn reply(reply: &LocalReply) {
    let headers: Vec<_> = reply.headers.iter().map(|(name, it)| (*name, it.as_str())).collect();
    if let Err(refused) = send(reply.status, &details(reply.code), &headers, &reply.body) {
        log::error!("imagegate: cannot answer: {refused}");
    }
}

/// What `%RESPONSE_CODE_DETAILS%` is for a reply with this code.
fn details(code: &str) -> String {
    format!("imagegate_{code}")
}

/// Gives a reply of ours its status back, and takes the fields of gRPC out of it. In
/// `on_http_response_headers`.
///
/// To a request whose `content-type` is gRPC's, Envoy answers each local reply with status 200 and
/// `grpc-status`, the body in `grpc-message`. It decides that before any filter runs, and no body
/// can be added to a head that ends the stream: the status can be kept, the JSON cannot.
pub(in crate::filter) fn restore_status(status: u16) {
    let map = MapType::HttpResponseHeaders;
    let status = status.to_string();
    let restored = ["content-type", "grpc-status", "grpc-message"]
        .iter()
        .try_for_each(|name| hostcalls::remove_map_value(map, name))
        .and_then(|()| hostcalls::set_map_value_bytes(map, ":status", Some(status.as_bytes())));
    if let Err(status) = restored {
        log::error!("imagegate: cannot restore a status: {status:?}");
    }
}

/// Replaces the response's head, and its body so far, by the beginning of a stream. That body was
/// taken. In `on_http_response_body`, while the head is held.
pub(in crate::filter) fn open_response(open: &Open) {
    let map = MapType::HttpResponseHeaders;
    let held = match open.keep.is_empty() {
        true => Vec::new(),
        false => hostcalls::get_map_bytes(map).unwrap_or_default(),
    };
    let head = open.head(&held);
    let headers = head.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
    if let Err(status) = hostcalls::set_map_bytes(map, headers) {
        log::error!("imagegate: cannot replace the response headers: {status:?}");
    }
    prepend_response(&open.body);
}

/// Puts bytes before what Envoy holds, which is empty if the chunk was taken. In
/// `on_http_response_body`; of any length once the head has left.
pub(in crate::filter) fn prepend_response(bytes: &[u8]) {
    if !bytes.is_empty() {
        replace_body(BufferType::HttpResponseBody, 0, bytes);
    }
}

/// Removes all trailers of the response: they are the upstream's. In
/// `on_http_response_trailers`.
pub(in crate::filter) fn clear_response_trailers() {
    if let Err(status) = hostcalls::set_map_bytes(MapType::HttpResponseTrailers, Vec::new()) {
        log::error!("imagegate: cannot remove the response trailers: {status:?}");
    }
}

/// Breaks off a response whose head has left, for the reason `code`: Envoy cannot send another, and
/// resets the stream. In `on_http_response_body` and `on_http_response_trailers`.
pub(in crate::filter) fn reset_response(code: &str) {
    if let Err(refused) = send(502, &details(code), &[], &[]) {
        log::error!("imagegate: cannot break off: {refused}");
    }
}

/// The head of the response. In `on_http_response_headers`.
pub(in crate::filter) fn response_head(now: Duration) -> ResponseHead {
    let headers = hostcalls::get_map_bytes(MapType::HttpResponseHeaders).unwrap_or_default();
    let mut head = ResponseHead::of(&headers, now);
    if head.status != 200 {
        head.envoy_details = property(&["response", "code_details"])
            .map(|details| String::from_utf8_lossy(&details).into_owned())
            .filter(|details| !details.is_empty() && details.as_bytes() != VIA_UPSTREAM);
    }
    head
}

/// The status that the client was sent. `None` for a client that left. `is_cut` if the end of the
/// response has not come. In `on_log`.
pub(in crate::filter) fn response_code(is_cut: bool) -> Option<u16> {
    let details = property(&["response", "code_details"]).unwrap_or_default();
    // A closed connection, or a stream that an HTTP/2 or HTTP/3 client reset, or ended by breaking
    // the protocol.
    let left =
        [&b"downstream_remote"[..], b"downstream_local", b"http2.", b"http3.", b"codec_error:"];
    // Since Envoy 1.39 there is no reason for a stream that an HTTP/2 client reset without an error.
    // Whatever else cuts a response off is named.
    let is_unexplained = is_cut && details == VIA_UPSTREAM;
    if is_unexplained || left.iter().any(|it| details.starts_with(it)) {
        return None;
    }
    let code = property(&["response", "code"])?;
    u16::try_from(i64::from_le_bytes(code.try_into().ok()?)).ok().filter(|code| *code > 0)
}

/// Reports to the filter that made a call through the loopback listener why Envoy answers it, or
/// removes such a report of an upstream. In `on_http_response_headers`.
pub(in crate::filter) fn report_details(details: Option<&str>) {
    let map = MapType::HttpResponseHeaders;
    let reported = match details {
        Some(details) => {
            hostcalls::set_map_value_bytes(map, DETAILS_HEADER, Some(details.as_bytes()))
        }
        None => hostcalls::remove_map_value(map, DETAILS_HEADER),
    };
    if let Err(status) = reported {
        log::error!("imagegate: cannot report why Envoy answers: {status:?}");
    }
}

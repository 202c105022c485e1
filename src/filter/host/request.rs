//! The request of a stream.

use proxy_wasm::hostcalls;
use proxy_wasm::types::MapType;

use super::property;
use crate::exchange::Headers;

/// All headers of the request. In `on_http_request_headers`.
pub(in crate::filter) fn request_headers() -> Vec<(String, Vec<u8>)> {
    hostcalls::get_map_bytes(MapType::HttpRequestHeaders).unwrap_or_default()
}

/// Removes a header of the request. In the request's callbacks.
pub(in crate::filter) fn remove_request_header(name: &str) {
    if let Err(status) = hostcalls::remove_map_value(MapType::HttpRequestHeaders, name) {
        log::error!("imagegate: cannot remove a request header: {status:?}");
    }
}

/// Names the upstream in filter state `wasm.imagegate_upstream`, which routes match and no client
/// can set. In the request's callbacks, before [`replace_request_headers`], after which Envoy
/// chooses the route again.
pub(in crate::filter) fn set_upstream(name: &str) {
    if let Err(status) = hostcalls::set_property(vec!["imagegate_upstream"], Some(name.as_bytes()))
    {
        log::error!("imagegate: cannot set the upstream: {status:?}");
    }
}

/// Keeps the client's path in filter state `wasm.imagegate_path`, for access logs: routes to
/// upstreams may remove the header that has it. In the request's callbacks.
pub(in crate::filter) fn set_path(path: &[u8]) {
    if let Err(status) = hostcalls::set_property(vec!["imagegate_path"], Some(path)) {
        log::error!("imagegate: cannot keep the path for access logs: {status:?}");
    }
}

/// Replaces all headers of the request and has Envoy choose the route anew. In the request's
/// callbacks, before they continue.
///
/// Envoy forgets the route that it chose for the client's head when a single header is set, not
/// when all are (seen in 1.40): so the last one is set once more, by itself.
pub(in crate::filter) fn replace_request_headers(headers: &Headers) {
    let all = headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
    let map = MapType::HttpRequestHeaders;
    let replaced = hostcalls::set_map_bytes(map, all).and_then(|()| match headers.last() {
        Some((name, value)) => hostcalls::set_map_value_bytes(map, name, Some(value)),
        None => Ok(()),
    });
    if let Err(status) = replaced {
        log::error!("imagegate: cannot replace the request headers: {status:?}");
    }
}

/// Removes all trailers of the request: they would cross to the upstream, cookies and all. In
/// `on_http_request_trailers`.
pub(in crate::filter) fn clear_request_trailers() {
    if let Err(status) = hostcalls::set_map_bytes(MapType::HttpRequestTrailers, Vec::new()) {
        log::error!("imagegate: cannot remove the request trailers: {status:?}");
    }
}

/// Lets a paused request go on. In a call's callback. After that the request's head cannot be read
/// or changed.
pub(in crate::filter) fn resume_request() {
    if let Err(status) = hostcalls::resume_http_request() {
        log::error!("imagegate: cannot resume a request: {status:?}");
    }
}

/// Where the stream's connection arrived. In `on_http_request_headers`.
pub(in crate::filter) fn local_address() -> Option<Vec<u8>> {
    property(&["destination", "address"])
}

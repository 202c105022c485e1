//! The request for the list of consumers, and the head of its answer.

use proxy_wasm::hostcalls;
use proxy_wasm::types::{MapType, Status};

use crate::config::Source;
use crate::feed::{Answer, Refusal};

/// Asks for the list of consumers, unless it is still of the version `etag`. Its token. In
/// `on_tick`.
pub(super) fn start(source: &Source, etag: Option<&str>) -> Result<u32, Refusal> {
    let mut headers = vec![
        (":method", &b"GET"[..]),
        (":scheme", b"https"),
        (":path", source.path.as_bytes()),
        (":authority", source.authority.as_bytes()),
        ("accept", b"application/json"),
        // Without it a server may send any (RFC 9110 §12.5.3).
        ("accept-encoding", b"identity"),
        ("user-agent", concat!("imagegate/", env!("CARGO_PKG_VERSION")).as_bytes()),
    ];
    headers.extend(etag.map(|etag| ("if-none-match", etag.as_bytes())));
    let headers =
        headers.iter().map(|(name, value)| (*name, std::str::from_utf8(value).unwrap_or_default()));
    let (cluster, timeout) = (&source.cluster, source.timeout);
    hostcalls::dispatch_http_call(cluster, headers.collect(), None, Vec::new(), timeout).map_err(
        |status| match status {
            Status::BadArgument => Refusal::NoCluster(cluster.clone()),
            _ => Refusal::NotStarted,
        },
    )
}

/// The head of an answer of `len` bytes to [`start`]. `None` if it was reset. In
/// `on_http_call_response`.
pub(super) fn head(num_headers: usize, len: usize) -> Option<Answer> {
    if num_headers == 0 {
        return None;
    }
    let headers = hostcalls::get_map_bytes(MapType::HttpCallResponseHeaders).ok()?;
    let text = |wanted: &str| {
        let (_, value) = headers.iter().find(|(name, _)| name == wanted)?;
        std::str::from_utf8(value).ok()
    };
    let status = text(":status")?.parse().ok()?;
    let owned = |name| text(name).map(str::to_owned);
    Some(Answer { status, etag: owned("etag"), encoding: owned("content-encoding"), len })
}

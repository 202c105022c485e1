//! The host's functions, as far as they are safe to call.
//!
//! The SDK panics on statuses that it does not expect, on header values that are not UTF-8, and on
//! calls in the wrong phase; a panic is a trap. So only the forms over bytes are used, each in the
//! phases named at it.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, UNIX_EPOCH};

use proxy_wasm::hostcalls;
use proxy_wasm::types::{BufferType, MapType, Status};

use super::reply::send;
use crate::exchange::{
    CALL_HEADER, CheckRequest, DETAILS_HEADER, Headers, LocalReply, NotStarted, Open, ResponseHead,
    SideCall,
};
use crate::limits::{Conflict, Store};

/// The time since the Unix epoch. In any callback.
pub(super) fn now() -> Duration {
    let now = hostcalls::get_current_time().unwrap_or(UNIX_EPOCH);
    now.duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// All headers of the request. In `on_http_request_headers`.
pub(super) fn request_headers() -> Vec<(String, Vec<u8>)> {
    hostcalls::get_map_bytes(MapType::HttpRequestHeaders).unwrap_or_default()
}

/// Removes a header of the request. In the request's callbacks.
pub(super) fn remove_request_header(name: &str) {
    if let Err(status) = hostcalls::remove_map_value(MapType::HttpRequestHeaders, name) {
        log::error!("imagegate: cannot remove a request header: {status:?}");
    }
}

/// Names the upstream in filter state `wasm.imagegate_upstream`, which routes match and no client
/// can set. In the request's callbacks, before [`replace_request_headers`], after which Envoy
/// chooses the route again.
pub(super) fn set_upstream(name: &str) {
    if let Err(status) = hostcalls::set_property(vec!["imagegate_upstream"], Some(name.as_bytes()))
    {
        log::error!("imagegate: cannot set the upstream: {status:?}");
    }
}

/// Keeps the client's path in filter state `wasm.imagegate_path`, for access logs: routes to
/// upstreams may remove the header that has it. In the request's callbacks.
pub(super) fn set_path(path: &[u8]) {
    if let Err(status) = hostcalls::set_property(vec!["imagegate_path"], Some(path)) {
        log::error!("imagegate: cannot keep the path for access logs: {status:?}");
    }
}

/// Replaces all headers of the request and has Envoy choose the route anew. In the request's
/// callbacks, before they continue.
///
/// Envoy forgets the route that it chose for the client's head when a single header is set, not
/// when all are (seen in 1.40): so the last one is set once more, by itself.
pub(super) fn replace_request_headers(headers: &Headers) {
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
pub(super) fn clear_request_trailers() {
    if let Err(status) = hostcalls::set_map_bytes(MapType::HttpRequestTrailers, Vec::new()) {
        log::error!("imagegate: cannot remove the request trailers: {status:?}");
    }
}

/// The body bytes that Envoy holds, at most `len`. In the callbacks of that body.
pub(super) fn body(buffer: BufferType, start: usize, len: usize) -> Vec<u8> {
    if len == 0 {
        return Vec::new();
    }
    hostcalls::get_buffer(buffer, start, len).ok().flatten().unwrap_or_default()
}

/// Takes the body bytes that Envoy holds out of its buffer. In the callbacks of that body.
pub(super) fn take_body(buffer: BufferType, len: usize) -> Vec<u8> {
    let bytes = body(buffer, 0, len);
    replace_body(buffer, len, &[]);
    bytes
}

/// Puts `bytes` in the place of the first `len` that Envoy holds. In the callbacks of that body.
///
/// On the response, while its head is held, more than the stream's buffer limit ends the Envoy
/// process: there `bytes` is empty, or no longer than what Envoy has just held.
pub(super) fn replace_body(buffer: BufferType, len: usize, bytes: &[u8]) {
    if len == 0 && bytes.is_empty() {
        return;
    }
    if let Err(status) = hostcalls::set_buffer(buffer, 0, len, bytes) {
        log::error!("imagegate: cannot replace a body: {status:?}");
    }
}

/// Tells the operator what is to be mended.
pub(super) fn notice(words: &str) {
    log::error!("imagegate: {words}");
}

/// Answers the client. In any callback but `on_log` and `on_done`, while the head is held.
pub(super) fn reply(reply: &LocalReply) {
    let headers: Vec<_> = reply.headers.iter().map(|(name, it)| (*name, it.as_str())).collect();
    if let Err(refused) = send(reply.status, &details(reply.code), &headers, &reply.body) {
        log::error!("imagegate: cannot answer: {refused}");
    }
}

/// What `%RESPONSE_CODE_DETAILS%` says of a reply with this code.
fn details(code: &str) -> String {
    format!("imagegate_{code}")
}

/// Gives a reply of ours its status back, and takes the fields of gRPC out of it. In
/// `on_http_response_headers`.
///
/// To a request whose `content-type` is gRPC's, Envoy answers each local reply with status 200 and
/// `grpc-status`, the body in `grpc-message`. It decides that before any filter runs, and no body
/// can be added to a head that ends the stream: the status can be kept, the JSON cannot.
pub(super) fn restore_status(status: u16) {
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

/// Puts what opens a stream in the place of the response's head and of its body so far, which was
/// taken. In `on_http_response_body`, while the head is held.
pub(super) fn open_response(open: &Open) {
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
pub(super) fn prepend_response(bytes: &[u8]) {
    if !bytes.is_empty() {
        replace_body(BufferType::HttpResponseBody, 0, bytes);
    }
}

/// Removes all trailers of the response: they are the upstream's. In
/// `on_http_response_trailers`.
pub(super) fn clear_response_trailers() {
    if let Err(status) = hostcalls::set_map_bytes(MapType::HttpResponseTrailers, Vec::new()) {
        log::error!("imagegate: cannot remove the response trailers: {status:?}");
    }
}

/// Breaks off a response whose head has left, for the reason `code`: Envoy cannot send another, and
/// resets the stream. In `on_http_response_body` and `on_http_response_trailers`.
pub(super) fn reset_response(code: &str) {
    if let Err(refused) = send(502, &details(code), &[], &[]) {
        log::error!("imagegate: cannot break off: {refused}");
    }
}

/// Starts one side call of the stream `caller`, a VM and a context in it; its token.
pub(super) fn start_call(call: &SideCall, caller: (u64, u32)) -> Result<u32, NotStarted> {
    let (vm, context_id) = caller;
    let secret = || secret().unwrap_or_default();
    let link = call.link.map(|link| format!("{vm}.{context_id}.{link}.{}", secret()));
    let headers = call.headers.iter().map(|(name, it)| (name.as_str(), it.as_str()));
    let headers = headers.chain(link.as_deref().map(|it| (CALL_HEADER, it))).collect();
    let started = hostcalls::dispatch_http_call(
        &call.cluster,
        headers,
        Some(&call.body),
        Vec::new(),
        call.timeout,
    );
    started.map_err(|status| match status {
        // The other cause is an absent `:method`, `:path` or `:authority`, which are always there.
        Status::BadArgument => {
            log::error!(
                "imagegate: Envoy has no cluster `{}`, which side calls need",
                call.cluster
            );
            NotStarted::NoCluster
        }
        _ => {
            log::error!("imagegate: cannot call cluster `{}`: {status:?}", call.cluster);
            NotStarted::Refused
        }
    })
}

/// Sends a `RateLimitRequest` to the rate-limit service. Returns its token, `None` if the host does
/// not send it. In the request's callbacks, and in `on_tick`.
///
/// Envoy takes the name of a service for a serialised `GrpcService` if it parses as one, and a bare
/// cluster name that happens to ends the process: so it always gets one. The SDK wants it as text,
/// which it is for names of up to 125 bytes of ASCII: every length in it is one byte below 128.
pub(super) fn start_check(check: &CheckRequest) -> Option<u32> {
    let service = grpc_service(&check.cluster)?;
    let asked = hostcalls::dispatch_grpc_call(
        &service,
        "envoy.service.ratelimit.v3.RateLimitService",
        "ShouldRateLimit",
        Vec::new(),
        Some(&check.message),
        check.timeout,
    );
    if let Err(status) = asked {
        let cluster = &check.cluster;
        log::error!("imagegate: cannot ask the rate-limit service in `{cluster}`: {status:?}");
    }
    asked.ok()
}

/// `GrpcService{envoy_grpc: {cluster_name}}` (`envoy/config/core/v3/grpc_service.proto`).
fn grpc_service(cluster: &str) -> Option<String> {
    /// The tag of field 1, a message or a string.
    const FIELD_1: char = '\n';
    let name_len = u8::try_from(cluster.len()).ok()?;
    let message_len = name_len.checked_add(2).filter(|len| len.is_ascii())?;
    let head = [FIELD_1, char::from(message_len), FIELD_1, char::from(name_len)];
    Some(head.into_iter().chain(cluster.chars()).collect())
}

/// The message of an answered gRPC call. `None` if it failed. In `on_grpc_call_response`.
pub(super) fn call_message(status: u32, size: usize) -> Option<Vec<u8>> {
    (status == 0).then(|| body(BufferType::GrpcReceiveBuffer, 0, size.min(MAX_VERDICT_BYTES)))
}

/// A `RateLimitResponse` has some hundred bytes.
const MAX_VERDICT_BYTES: usize = 64 * 1024;

/// Lets a paused request go on. In a call's callback. After it the request's head is out of reach.
pub(super) fn resume_request() {
    if let Err(status) = hostcalls::resume_http_request() {
        log::error!("imagegate: cannot resume a request: {status:?}");
    }
}

/// The head of the response. In `on_http_response_headers`.
pub(super) fn response_head(now: Duration) -> ResponseHead {
    let headers = hostcalls::get_map_bytes(MapType::HttpResponseHeaders).unwrap_or_default();
    let mut head = ResponseHead::of(&headers, now);
    if head.status != 200 {
        head.envoy_details = property(&["response", "code_details"])
            .map(|details| String::from_utf8_lossy(&details).into_owned())
            .filter(|details| !details.is_empty() && details != "via_upstream");
    }
    head
}

/// The head of a side call's response. `None` if the call was reset. In `on_http_call_response`,
/// whose `num_headers` says whether there is one: reading it where there is none is a trap.
pub(super) fn call_head(num_headers: usize, now: Duration) -> Option<ResponseHead> {
    if num_headers == 0 {
        return None;
    }
    let headers = hostcalls::get_map_bytes(MapType::HttpCallResponseHeaders).unwrap_or_default();
    Some(ResponseHead::of(&headers, now))
}

/// The status that the client was sent; nothing for one that left. In `on_log`.
pub(super) fn response_code() -> Option<u16> {
    let details = property(&["response", "code_details"]).unwrap_or_default();
    // A closed connection, or a stream that an HTTP/2 or HTTP/3 client reset, or ended by breaking
    // the protocol.
    let left =
        [&b"downstream_remote"[..], b"downstream_local", b"http2.", b"http3.", b"codec_error:"];
    if left.iter().any(|it| details.starts_with(it)) {
        return None;
    }
    let code = property(&["response", "code"])?;
    u16::try_from(i64::from_le_bytes(code.try_into().ok()?)).ok().filter(|code| *code > 0)
}

/// Reports to the filter that made a call through the loopback listener why Envoy answers it, or
/// removes such a report of an upstream. In `on_http_response_headers`.
pub(super) fn report_details(details: Option<&str>) {
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

/// What the filters of this Envoy have in common and nobody else knows: with it a call on the
/// loopback listener shows that it is one. `None` until [`make_secret`].
pub(super) fn secret() -> Option<String> {
    let (secret, _) = SharedData.get(SECRET_KEY);
    secret.and_then(|it| String::from_utf8(it).ok())
}

/// Makes the secret if there is none. In `on_configure`, which first runs before there are workers.
pub(super) fn make_secret() {
    if secret().is_none() {
        let secret = format!("{:016x}{:016x}", random(), random());
        if SharedData.swap(SECRET_KEY, secret.as_bytes(), None).is_err() {
            log::error!("imagegate: cannot keep the secret of the loopback listener");
        }
    }
}

/// 64 bits of the host's randomness, by way of the keys of a hasher.
pub(super) fn random() -> u64 {
    RandomState::new().hash_one(0_u8)
}

const SECRET_KEY: &str = "imagegate.loopback";

/// Where the stream's connection arrived. In `on_http_request_headers`.
pub(super) fn local_address() -> Option<Vec<u8>> {
    property(&["destination", "address"])
}

/// The `root_id` of this plugin. In `on_configure`.
pub(super) fn root_id() -> Option<Vec<u8>> {
    property(&["plugin_root_id"])
}

/// A property that an earlier filter has set, as its bytes. In `on_http_request_headers`.
pub(super) fn named_property(path: &[String]) -> Option<Vec<u8>> {
    property(&path.iter().map(String::as_str).collect::<Vec<_>>())
}

fn property(path: &[&str]) -> Option<Vec<u8>> {
    hostcalls::get_property(path.to_vec()).ok().flatten()
}

/// Leaves the usage record where Envoy's access log finds it:
/// `%FILTER_STATE(wasm.imagegate:PLAIN)%`. In `on_log`; in `on_done` it is too late.
pub(super) fn set_record(record: &[u8]) {
    if let Err(status) = hostcalls::set_property(vec!["imagegate"], Some(record)) {
        log::error!("imagegate: cannot set the usage record: {status:?}");
    }
}

/// Makes the host's functions speak for the stream `context_id`; whether there is one.
pub(super) fn enter_stream(context_id: u32) -> bool {
    hostcalls::set_effective_context(context_id).is_ok()
}

/// A variable of the VM's environment, as `host_env_keys` and `key_values` give it.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
pub(super) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The data that all VMs with one `vm_id` share. In any callback.
pub(super) struct SharedData;

impl Store for SharedData {
    fn get(&self, key: &str) -> (Option<Vec<u8>>, Option<u32>) {
        hostcalls::get_shared_data(key).unwrap_or((None, None))
    }

    fn swap(&self, key: &str, value: &[u8], token: Option<u32>) -> Result<(), Conflict> {
        hostcalls::set_shared_data(key, Some(value), token).map_err(|_| Conflict)
    }
}

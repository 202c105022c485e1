//! Calls beside the stream: of an upstream, and of the rate-limit service.

use std::time::Duration;

use proxy_wasm::hostcalls;
use proxy_wasm::types::{BufferType, MapType, Status};

use super::{body, secret};
use crate::exchange::{CALL_HEADER, CheckRequest, NotStarted, ResponseHead, SideCall};

/// Starts one side call of the stream `caller` (a VM, and a context in it). Returns its token.
pub(in crate::filter) fn start_call(
    call: &SideCall,
    caller: (u64, u32),
) -> Result<u32, NotStarted> {
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
/// Envoy reads the name of a service as a serialised `GrpcService` if it parses as one. A plain
/// cluster name that happens to parse ends the process. So Envoy always gets a `GrpcService`. The
/// SDK wants text, and for names of up to 125 bytes of ASCII the message is text: each length in it
/// is one byte below 128.
pub(in crate::filter) fn start_check(check: &CheckRequest) -> Option<u32> {
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

/// The head of a side call's response. `None` if the call was reset. In `on_http_call_response`,
/// whose `num_headers` says whether there is one: reading it where there is none is a trap.
pub(in crate::filter) fn call_head(num_headers: usize, now: Duration) -> Option<ResponseHead> {
    if num_headers == 0 {
        return None;
    }
    let headers = hostcalls::get_map_bytes(MapType::HttpCallResponseHeaders).unwrap_or_default();
    Some(ResponseHead::of(&headers, now))
}

/// The message of an answered gRPC call. `None` if it failed. In `on_grpc_call_response`.
pub(in crate::filter) fn call_message(status: u32, size: usize) -> Option<Vec<u8>> {
    (status == 0).then(|| body(BufferType::GrpcReceiveBuffer, 0, size.min(MAX_VERDICT_BYTES)))
}

/// A `RateLimitResponse` has some hundred bytes.
const MAX_VERDICT_BYTES: usize = 64 * 1024;

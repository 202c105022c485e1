//! Those of the host's functions that are safe to call.
//!
//! The SDK panics on statuses that it does not expect, on header values that are not UTF-8, and on
//! calls in the wrong phase; a panic is a trap. So only the forms over bytes are used, each in the
//! phases named at it.

mod call;
mod request;
mod response;

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, UNIX_EPOCH};

use proxy_wasm::hostcalls;
use proxy_wasm::types::BufferType;

use crate::limits::{Conflict, Store};
pub(super) use call::{call_head, call_message, start_call, start_check};
pub(super) use request::{
    clear_request_trailers, local_address, remove_request_header, replace_request_headers,
    request_headers, resume_request, set_path, set_upstream,
};
pub(super) use response::{
    clear_response_trailers, open_response, prepend_response, reply, report_details,
    reset_response, response_code, response_head, restore_status,
};

/// The time since the Unix epoch. In any callback.
pub(super) fn now() -> Duration {
    let now = hostcalls::get_current_time().unwrap_or(UNIX_EPOCH);
    now.duration_since(UNIX_EPOCH).unwrap_or_default()
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

/// Logs what the operator has to correct.
pub(super) fn notice(words: &str) {
    log::error!("imagegate: {words}");
}

/// A secret that only the filters of this Envoy know. A call on the loopback listener carries it,
/// to show that a filter has made it. `None` until [`make_secret`].
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

/// 64 random bits of the host, from the keys of a hasher.
pub(super) fn random() -> u64 {
    RandomState::new().hash_one(0_u8)
}

const SECRET_KEY: &str = "imagegate.loopback";

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

/// Makes the host's functions act on the stream `context_id`. Returns whether there is one.
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

//! Runs the root context's callback within a stream's.
//!
//! The host gives the answer of every call to the root context. The SDK passes it to the context
//! whose callback started the call, and drops it if that context is gone. A check by the rate-limit
//! service has to be heard of after its stream, so the root context starts it. Only the SDK can
//! enter that, by the functions that it exports for the host; this file declares one of them.

#[expect(unsafe_code, reason = "an export of the SDK, which is not part of its Rust API")]
unsafe extern "C" {
    /// `proxy_on_queue_ready` (proxy-wasm ABI 0.2.1). The filter has no queues, so only
    /// [`enter_root`] calls it.
    safe fn proxy_on_queue_ready(context_id: u32, queue_id: u32);
}

/// Has the SDK call `on_queue_ready` of the root context `root_id`, which there must be. In a
/// callback of a stream. From then on until it ends, the SDK takes that callback for the root's.
pub(super) fn enter_root(root_id: u32) {
    proxy_on_queue_ready(root_id, 0);
}

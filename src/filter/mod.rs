//! The shell: the only folder that names `proxy_wasm`. It decides nothing.
//!
//! | callback | `Exchange` method | outcome |
//! |---|---|---|
//! | `on_http_request_headers` | `request_headers` | `Pass` Continue · `Hold` Pause · `Reply` |
//! | `on_http_request_body` | `request_body` | `Forward` edits, Continue · `Check` edits, Pause · `Hold` drains, Pause · `Reply` |
//! | `on_http_request_trailers` | `request_end` | as above |
//! | `on_http_response_headers` | `response_headers` | `Hold` Pause · `Reply` · `Restore` edits, Continue |
//! | `on_http_response_body` | `response_body` | `Hold` drains, Pause · `Reply` · `Open` edits, Continue · `Send` edits, Continue |
//! | `on_http_response_trailers` | `response_trailers` | `Hold` Pause · `Reply` · `Reset` |
//! | `on_http_call_response` | `side_call_*` | `Hold` · `Reply` |
//! | `on_http_call_response` of the root | `Watch::answered`, or that of a stream | the list of consumers |
//! | `on_grpc_call_response` of the root | `check_answered`, or `Shared::late_answer` after the exchange | none of its own |
//! | `on_tick` | `tick` | `Hold` · `Reply`; refunds of the rate-limit service; the list of consumers |
//! | `on_log` | `finish` | the usage record as filter state; the clock forgets the exchange |
//!
//! A plugin with the `root_id` `imagegate_loopback` runs on the loopback listener (`carrier.rs`). Its
//! callbacks call the methods of a `Carrier`, which gives what comes to the `Exchange` in this VM.
//!
//! At its end each callback of a stream drains `next_effect`: calls to start, the rate-limit
//! service to ask, a held request to resume, a reply, log lines, metrics. `on_tick` does not.
//!
//! The root context starts the checks by the rate-limit service (`sdk.rs`): it hears of an answer
//! also after the client has left. While a check's answer is handled, calls are started in its
//! name, and it passes their answers on to the exchange (`open.rs`).
//!
//! `Reply` is always `send_http_response` and then Pause. It is legal in each of these callbacks
//! while the head is held, at any size; it is never called in `on_log` or `on_done`, where it ends
//! the Envoy process.

#![allow(
    missing_docs,
    reason = "the entry point that `main!` defines is the ABI's, not ours to document"
)]

mod carrier;
mod fetch;
mod host;
mod http;
mod list;
mod metrics;
mod notice;
mod open;
mod plugin;
mod reply;
mod root;
mod sdk;

use proxy_wasm::traits::RootContext;
use proxy_wasm::types::LogLevel;

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|id| -> Box<dyn RootContext> { Box::new(root::Root::new(id)) });
}}

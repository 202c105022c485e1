//! One HTTP stream: callbacks in, `Exchange` methods called, outcomes carried out.

use std::rc::Rc;
use std::time::Duration;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::{Action, BufferType};

use super::host;
use super::open::{Drained, Open};
use super::plugin::{self, Callback, Plugin};
use crate::exchange::{
    BodyAccess, End, Exchange, Forward, LocalReply, ORIGINAL_PATH, OnRequestBody, OnRequestHeaders,
    OnResponseBody, OnResponseEnd, OnResponseHeaders, original_path,
};

/// The context of a stream.
#[derive(Debug)]
pub(super) struct Stream {
    context_id: u32,
    /// `None` if the plugin has no configuration, which Envoy does not let happen, or the request
    /// is not ours.
    open: Option<Open>,
}

impl Stream {
    pub(super) fn new(context_id: u32, plugin: Option<Rc<Plugin>>) -> Self {
        plugin::note_request();
        Self { context_id, open: plugin.map(|plugin| Open::new(context_id, plugin)) }
    }

    /// Runs `step` on the exchange. `None` if the request is not ours.
    fn step<T>(&self, step: impl FnOnce(&mut Exchange) -> T) -> Option<T> {
        self.open.as_ref()?.step(step)
    }

    /// Carries out what is to be done beside the outcome of a callback, at the callback's end.
    fn drain(&self, now: Duration) -> Drained {
        self.open.as_ref().map_or(Drained::Nothing, |open| open.drain(Callback::OfStream, now))
    }

    /// Carries out the effects, and ends the callback with `action` unless they replied.
    fn end_callback(&self, action: Action, now: Duration) -> Action {
        match self.drain(now) {
            Drained::Replied => Action::Pause,
            Drained::Resume => Action::Continue,
            Drained::Nothing => action,
        }
    }

    /// Lets the clock look at this exchange from now on.
    fn hold(&self) -> Action {
        if let Some(Open { plugin, exchange, .. }) = &self.open {
            if let Ok(mut open) = plugin.open.try_borrow_mut() {
                open.insert(self.context_id, Rc::downgrade(exchange));
            }
            plugin::record();
        }
        Action::Pause
    }

    fn reply(reply: &LocalReply) -> Action {
        host::reply(reply);
        Action::Pause
    }

    /// Breaks off a response whose head has left.
    fn reset(code: &str) -> Action {
        host::reset_response(code);
        Action::Pause
    }

    /// Has the clock forget this exchange.
    fn leave(&self) {
        if let Some(Open { plugin, .. }) = &self.open {
            if let Ok(mut open) = plugin.open.try_borrow_mut() {
                open.remove(&self.context_id);
            }
        }
    }

    /// Carries out the outcome of the request's body or of its end. Envoy holds `held` bytes of it.
    fn request_outcome(&self, outcome: Option<OnRequestBody>, held: usize) -> Action {
        match outcome {
            Some(OnRequestBody::Forward(forward)) => {
                self.rewrite(&forward, held);
                Action::Continue
            }
            Some(OnRequestBody::Check(forward)) => {
                self.rewrite(&forward, held);
                Action::Pause
            }
            Some(OnRequestBody::Reply(reply)) => Self::reply(&reply),
            Some(OnRequestBody::Hold) => {
                host::replace_body(BufferType::HttpRequestBody, held, &[]);
                Action::Pause
            }
            Some(OnRequestBody::Pass) | None => Action::Continue,
        }
    }

    /// Puts what goes upstream in the place of what the client sent: headers first, body last.
    fn rewrite(&self, forward: &Forward, held: usize) {
        host::set_upstream(&forward.upstream);
        if let Some(path) = original_path(&forward.headers) {
            host::set_path(path);
        }
        host::replace_request_headers(&forward.headers);
        host::replace_body(BufferType::HttpRequestBody, held, &forward.body);
    }
}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
        let headers = host::request_headers();
        self.step(|exchange| {
            let value = exchange.wanted_property(&headers).map(host::named_property);
            exchange.property(value.flatten());
        });
        let now = host::now();
        let outcome =
            self.step(|exchange| exchange.request_headers(&headers, end(end_of_stream), now));
        if self.step(|exchange| exchange.forges_path(&headers)) == Some(true) {
            host::remove_request_header(ORIGINAL_PATH);
        }
        let action = match outcome {
            Some(OnRequestHeaders::Pass { strip }) => {
                strip.iter().for_each(|name| host::remove_request_header(name));
                self.open = None;
                Action::Continue
            }
            Some(OnRequestHeaders::Hold) => self.hold(),
            Some(OnRequestHeaders::Reply(reply)) => Self::reply(&reply),
            None => Action::Continue,
        };
        self.end_callback(action, now)
    }

    fn on_http_request_body(&mut self, body_size: usize, end_of_stream: bool) -> Action {
        if self.open.is_none() {
            return Action::Continue;
        }
        let chunk = host::body(BufferType::HttpRequestBody, 0, body_size);
        let now = host::now();
        let outcome = self.step(|exchange| exchange.request_body(&chunk, end(end_of_stream), now));
        self.end_callback(self.request_outcome(outcome, body_size), now)
    }

    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        if self.open.is_none() {
            return Action::Continue;
        }
        let now = host::now();
        let outcome = self.step(|exchange| exchange.request_end(now));
        if matches!(outcome, Some(OnRequestBody::Forward(_) | OnRequestBody::Check(_))) {
            host::clear_request_trailers();
        }
        self.end_callback(self.request_outcome(outcome, 0), now)
    }

    fn on_http_response_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
        if self.open.is_none() {
            return Action::Continue;
        }
        let now = host::now();
        let end = end(end_of_stream);
        let outcome = self.step(|exchange| {
            let wants = exchange.wants_response_head(end);
            wants.then(|| exchange.response_headers(host::response_head(now), end, now))
        });
        let action = match outcome.flatten() {
            Some(OnResponseHeaders::Reply(reply)) => Self::reply(&reply),
            Some(OnResponseHeaders::Hold) => Action::Pause,
            Some(OnResponseHeaders::Restore(status)) => {
                host::restore_status(status);
                Action::Continue
            }
            Some(OnResponseHeaders::Pass) | None => Action::Continue,
        };
        self.end_callback(action, now)
    }

    fn on_http_response_body(&mut self, body_size: usize, end_of_stream: bool) -> Action {
        let Some(Open { exchange, .. }) = &self.open else { return Action::Continue };
        let buffer = BufferType::HttpResponseBody;
        let chunk = match exchange.try_borrow().map_or(BodyAccess::None, |it| it.body_access()) {
            BodyAccess::None => return Action::Continue,
            BodyAccess::Drain => host::take_body(buffer, body_size),
            BodyAccess::Peek => host::body(buffer, 0, body_size),
        };
        let now = host::now();
        let outcome = self.step(|exchange| exchange.response_body(chunk, end(end_of_stream), now));
        let action = match outcome {
            Some(OnResponseBody::Reply(reply)) => Self::reply(&reply),
            Some(OnResponseBody::Hold) => Action::Pause,
            Some(OnResponseBody::Open(open)) => {
                host::open_response(&open);
                Action::Continue
            }
            Some(OnResponseBody::Send(bytes)) => {
                host::prepend_response(&bytes);
                Action::Continue
            }
            Some(OnResponseBody::Replace(bytes)) => {
                host::replace_body(buffer, body_size, &bytes);
                Action::Continue
            }
            Some(OnResponseBody::Reset(code)) => Self::reset(code),
            Some(OnResponseBody::Pass) | None => Action::Continue,
        };
        self.end_callback(action, now)
    }

    fn on_http_response_trailers(&mut self, _: usize) -> Action {
        if self.open.is_none() {
            return Action::Continue;
        }
        let now = host::now();
        let action = match self.step(|exchange| exchange.response_trailers(now)) {
            Some(OnResponseEnd::Reply(reply)) => Self::reply(&reply),
            Some(OnResponseEnd::Reset(code)) => Self::reset(code),
            Some(OnResponseEnd::Hold) => Action::Pause,
            Some(OnResponseEnd::Pass) => {
                host::clear_response_trailers();
                Action::Continue
            }
            None => Action::Continue,
        };
        self.end_callback(action, now)
    }

    fn on_log(&mut self) {
        if self.open.is_none() {
            return;
        }
        let now = host::now();
        let record = self.step(|exchange| {
            let status = host::response_code(exchange.awaits_end());
            exchange.finish(status, now)
        });
        self.drain(now);
        if let Some(record) = record.flatten() {
            host::set_record(&record);
        }
        self.leave();
    }
}

impl Context for Stream {
    fn on_http_call_response(&mut self, token: u32, headers: usize, body_size: usize, _: usize) {
        if let Some(open) = &self.open {
            open.call_answered(token, headers, body_size, Callback::OfStream);
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.leave();
        plugin::forget_calling(self.context_id);
        if self.open.take().is_some() {
            plugin::record();
        }
    }
}

pub(super) fn end(end_of_stream: bool) -> End {
    match end_of_stream {
        true => End::Stream,
        false => End::Open,
    }
}

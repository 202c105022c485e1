//! An exchange that is open, and what is carried out for it at the end of a callback.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use proxy_wasm::types::BufferType;

use super::host;
use super::plugin::{self, Callback, Plugin, Waiting};
use crate::exchange::{Effect, Exchange, OnAnswer};

/// A side call's response is read in windows of this many bytes.
const WINDOW_BYTES: usize = 256 * 1024;

/// What the effects of a callback did to the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Drained {
    Nothing,
    /// The held request may go on.
    Resume,
    /// A reply was sent.
    Replied,
}

/// An exchange, with the context of its stream.
#[derive(Debug, Clone)]
pub(super) struct Open {
    pub(super) context_id: u32,
    pub(super) plugin: Rc<Plugin>,
    pub(super) exchange: Rc<RefCell<Exchange>>,
}

impl Open {
    pub(super) fn new(context_id: u32, plugin: Rc<Plugin>) -> Self {
        let exchange = Rc::new(RefCell::new(Exchange::new(Rc::clone(&plugin.shared))));
        Self { context_id, plugin, exchange }
    }

    /// The exchange that waits for an answer, in a callback of the root context. From now on the
    /// host's functions act on its stream. `None` if that has ended.
    pub(super) fn enter(plugin: &Rc<Plugin>, waiting: Waiting) -> Option<Self> {
        let Waiting { context_id, exchange } = waiting;
        let exchange = exchange.upgrade()?;
        let open = Self { context_id, plugin: Rc::clone(plugin), exchange };
        host::enter_stream(context_id).then_some(open)
    }

    fn waiting(&self) -> Waiting {
        Waiting { context_id: self.context_id, exchange: Rc::downgrade(&self.exchange) }
    }

    /// Runs `step` on the exchange.
    pub(super) fn step<T>(&self, step: impl FnOnce(&mut Exchange) -> T) -> Option<T> {
        let mut exchange = self.exchange.try_borrow_mut().ok()?;
        Some(step(&mut exchange))
    }

    /// Carries out what is to be done beside the outcome of a callback, at the callback's end.
    pub(super) fn drain(&self, mut callback: Callback, now: Duration) -> Drained {
        let mut drained = Drained::Nothing;
        // Ends: there are as many calls as images and upstreams at most, and as many checks as
        // rules.
        while let Some(effect) = self.step(|exchange| exchange.next_effect(now)).flatten() {
            match effect {
                Effect::Call(call) => {
                    if call.link.is_some() {
                        plugin::note_calling(self.context_id, &self.exchange);
                    }
                    let started = host::start_call(&call, (plugin::vm_id(), self.context_id));
                    if let (Ok(token), Callback::OfRoot) = (&started, callback) {
                        self.plugin.calls.add(*token, self.waiting());
                    }
                    self.step(|exchange| exchange.call_started(started));
                }
                Effect::Check(check) => {
                    let token = self.plugin.start_check(check, &mut callback);
                    if let Some(token) = token {
                        self.plugin.checks.add(token, self.waiting());
                    }
                    self.step(|exchange| exchange.check_started(token));
                }
                Effect::Resume => drained = Drained::Resume,
                Effect::Reply(reply) => {
                    host::reply(&reply);
                    drained = Drained::Replied;
                }
                Effect::Log(words) => host::notice(&words),
                Effect::Count(count) => plugin::count(&count),
            }
        }
        drained
    }

    /// Takes the response of a side call. In a callback that the host makes for it.
    pub(super) fn call_answered(
        &self,
        token: u32,
        headers: usize,
        body_size: usize,
        callback: Callback,
    ) {
        let now = host::now();
        let head = host::call_head(headers, now);
        self.step(|exchange| exchange.side_call_headers(token, head, now));
        let mut at = 0_usize;
        while at < body_size {
            let window = host::body(BufferType::HttpCallResponseBody, at, WINDOW_BYTES);
            if window.is_empty() {
                break;
            }
            at = at.saturating_add(window.len());
            self.step(|exchange| exchange.side_call_body(token, window, now));
        }
        match self.step(|exchange| exchange.side_call_end(token, now)) {
            Some(OnAnswer::Reply(reply)) => host::reply(&reply),
            Some(OnAnswer::Hold | OnAnswer::Pass) | None => {}
        }
        self.drain(callback, now);
    }

    /// Takes the rate-limit service's answer to a check. `None` if the call failed.
    pub(super) fn check_answered(&self, token: u32, message: Option<&[u8]>, now: Duration) {
        self.step(|exchange| exchange.check_answered(token, message));
        if self.drain(Callback::OfRoot, now) == Drained::Resume {
            host::resume_request();
        }
    }
}

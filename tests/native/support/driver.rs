//! Does what an `Exchange` says, as the filter does it under Envoy (`src/filter/http.rs`).
//!
//! A test passes events to it and reads the results. This file has the callbacks of Envoy,
//! `effects` the effects of an exchange, `results` what a test reads, and `client` what the client
//! received.

mod effects;
mod results;

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use imagegate::exchange::metrics::Count;
use imagegate::exchange::{
    BodyAccess, End, Exchange, Forward, OnAnswer, OnRequestHeaders, OnResponseBody, OnResponseEnd,
    OnResponseHeaders, ResponseHead, Shared,
};
use serde_json::Value;

pub(crate) use effects::{Call, Check, Host};

use super::client::Client;
use super::{NOW, head, ok};

/// One stream of Envoy: its exchange, its client, and its upstreams.
#[derive(Debug)]
pub(crate) struct Driver {
    pub(crate) exchange: Exchange,
    pub(crate) now: Duration,
    pub(crate) client: Client,
    /// Calls since the test last took them, in their order.
    pub(crate) calls: Vec<Call>,
    /// All checks, in their order. The first has token 100, the next 101.
    pub(crate) checks: Vec<Check>,
    /// What the host does next. If this is empty, it starts each call and check.
    pub(crate) host: VecDeque<Host>,
    /// The notices in the operator's log.
    pub(crate) notices: Vec<String>,
    /// The counts of metrics since the test last took them.
    pub(crate) counts: Vec<Count>,
    /// Headers that were removed from a request that is not ours.
    pub(crate) stripped: Option<Vec<String>>,
    /// The request has gone upstream.
    pub(crate) forwarded: bool,
    sent: Option<Forward>,
    next_call: u32,
    first_check: u32,
}

impl Driver {
    pub(crate) fn new(gate: &Rc<Shared>) -> Self {
        Self {
            exchange: Exchange::new(Rc::clone(gate)),
            now: NOW,
            client: Client::default(),
            calls: Vec::new(),
            checks: Vec::new(),
            host: VecDeque::new(),
            notices: Vec::new(),
            counts: Vec::new(),
            stripped: None,
            forwarded: false,
            sent: None,
            next_call: 0,
            first_check: effects::FIRST_CHECK,
        }
    }

    /// A driver whose host does this first.
    pub(crate) fn with_host(gate: &Rc<Shared>, host: &[Host]) -> Self {
        Self { host: host.iter().copied().collect(), ..Self::new(gate) }
    }

    /// A driver that has got a whole request for generations.
    pub(crate) fn ask(gate: &Rc<Shared>, request: &Value) -> Self {
        Self::ask_at(gate, request, NOW)
    }

    /// The same at another time.
    pub(crate) fn ask_at(gate: &Rc<Shared>, request: &Value, now: Duration) -> Self {
        let mut driver = Self { now, ..Self::new(gate) };
        driver.request(&head(&[]), request.to_string().as_bytes());
        driver
    }

    /// The same, for a request that goes upstream.
    #[track_caller]
    pub(crate) fn admitted(gate: &Rc<Shared>, request: &Value) -> Self {
        let driver = Self::ask(gate, request);
        assert!(driver.forwarded, "{:?} {:?}", driver.client, driver.checks);
        driver
    }

    /// The client's reply, if the request does not go upstream.
    #[track_caller]
    pub(crate) fn rejected(gate: &Rc<Shared>, request: &Value) -> Client {
        let driver = Self::ask(gate, request);
        assert!(driver.client.at_once && !driver.forwarded, "{request} is admitted");
        driver.client
    }

    /// The host passes a whole request.
    pub(crate) fn request(&mut self, head: &[(String, Vec<u8>)], body: &[u8]) -> &Client {
        self.request_head(head, End::Open);
        if self.client.waits() {
            self.request_body(body, End::Stream);
        }
        &self.client
    }

    /// Envoy passes one head to a stream. A test that passes another one starts a new response.
    pub(crate) fn request_head(&mut self, head: &[(String, Vec<u8>)], end: End) -> &Client {
        (self.client, self.forwarded) = (Client::default(), false);
        let head = head.to_vec();
        match self.step(|it, now| it.request_headers(&head, end, now)) {
            OnRequestHeaders::Pass { strip } => self.stripped = Some(strip),
            OnRequestHeaders::Hold => {}
            OnRequestHeaders::Reply(reply) => self.reply(reply),
        }
        self.drain();
        &self.client
    }

    pub(crate) fn request_body(&mut self, chunk: &[u8], end: End) -> &Client {
        let outcome = self.step(|it, now| it.request_body(chunk, end, now));
        self.forward(outcome)
    }

    pub(crate) fn request_trailers(&mut self) -> &Client {
        let outcome = self.step(Exchange::request_end);
        self.forward(outcome)
    }

    pub(crate) fn upstream_head(&mut self, head: ResponseHead) -> &Client {
        self.response_head(head, End::Open)
    }

    /// The upstream sends its head, and a body unless `end` says that this is all.
    pub(crate) fn response_head(&mut self, head: ResponseHead, end: End) -> &Client {
        if !self.client.reset && self.exchange.wants_response_head(end) {
            match self.step(|it, now| it.response_headers(head, end, now)) {
                OnResponseHeaders::Reply(reply) => self.reply(reply),
                OnResponseHeaders::Hold => {}
                OnResponseHeaders::Restore(status) => self.client.status = status,
                OnResponseHeaders::Pass => {}
            }
        }
        self.drain();
        &self.client
    }

    pub(crate) fn upstream_bytes(&mut self, chunk: &[u8]) -> &Client {
        self.response_body(chunk, End::Open)
    }

    pub(crate) fn upstream_end(&mut self) -> &Client {
        self.response_body(b"", End::Stream)
    }

    /// Envoy has `chunk` in its buffer, and sends what is left of it there.
    pub(crate) fn response_body(&mut self, chunk: &[u8], end: End) -> &Client {
        if self.client.reset {
            // Envoy passes nothing more of a stream that was reset.
            return &self.client;
        }
        let access = self.exchange.body_access();
        let outcome = self.step(|it, now| it.response_body(chunk.to_vec(), end, now));
        match outcome {
            // The filter passes all of it on, and nothing else.
            outcome if access == BodyAccess::None => {
                assert!(matches!(outcome, OnResponseBody::Pass), "{outcome:?}");
            }
            OnResponseBody::Reply(reply) => self.reply(reply),
            OnResponseBody::Hold => {
                let held = access == BodyAccess::Drain && self.client.waits();
                assert!(held, "held after its head: {:?}", self.client);
            }
            OnResponseBody::Open(open) => {
                assert_eq!(access, BodyAccess::Drain, "what is held is never looked at");
                self.client.open(open, chunk.len());
            }
            OnResponseBody::Send(bytes) => {
                let left = if access == BodyAccess::Peek { chunk } else { b"" };
                self.client.more(&[&bytes, left].concat());
            }
            OnResponseBody::Pass => {
                assert_eq!(access, BodyAccess::Peek, "a chunk was taken, and passes");
                self.client.more(chunk);
            }
            OnResponseBody::Replace(bytes) => {
                assert_eq!(access, BodyAccess::Peek, "a chunk was taken, and is replaced");
                self.client.more(&bytes);
            }
            OnResponseBody::Reset(_) => self.client.reset(),
        }
        self.drain();
        &self.client
    }

    pub(crate) fn upstream_trailers(&mut self) -> &Client {
        if !self.client.reset {
            match self.step(Exchange::response_trailers) {
                OnResponseEnd::Reply(reply) => self.reply(reply),
                OnResponseEnd::Reset(_) => self.client.reset(),
                OnResponseEnd::Hold => {}
                OnResponseEnd::Pass => {}
            }
        }
        self.drain();
        &self.client
    }

    /// The upstream answers on the client's own stream with a head, these chunks, and the end.
    pub(crate) fn upstream(&mut self, head: ResponseHead, chunks: &[&[u8]]) -> &Client {
        self.upstream_head(head);
        for chunk in chunks {
            self.upstream_bytes(chunk);
        }
        self.upstream_end()
    }

    /// The same with the head of a 200.
    pub(crate) fn answer(&mut self, chunks: &[&[u8]]) -> &Client {
        self.upstream(ok(), chunks)
    }

    /// A side call gets a whole response, or was reset if there is no head.
    pub(crate) fn side(&mut self, token: u32, head: Option<ResponseHead>, body: &[u8]) -> &Client {
        self.side_head(token, head);
        self.side_bytes(token, body);
        self.side_end(token)
    }

    pub(crate) fn side_head(&mut self, token: u32, head: Option<ResponseHead>) {
        self.step(|it, now| it.side_call_headers(token, head, now));
    }

    pub(crate) fn side_bytes(&mut self, token: u32, chunk: &[u8]) {
        self.step(|it, now| it.side_call_body(token, chunk.to_vec(), now));
    }

    pub(crate) fn side_end(&mut self, token: u32) -> &Client {
        match self.step(|it, now| it.side_call_end(token, now)) {
            OnAnswer::Reply(reply) => self.reply(reply),
            OnAnswer::Hold => {}
            OnAnswer::Pass => {}
        }
        self.drain();
        &self.client
    }

    /// The rate-limit service answers a check; `None` if the call failed.
    pub(crate) fn answer_check(&mut self, token: u32, message: Option<&[u8]>) -> &Client {
        self.step(|it, _| it.check_answered(token, message));
        self.drain();
        &self.client
    }

    /// The clock of all exchanges ticks. It does not start calls.
    pub(crate) fn tick(&mut self, at: Duration) -> &Client {
        self.now = at;
        if let OnAnswer::Reply(reply) = self.step(Exchange::tick) {
            self.reply(reply);
        }
        &self.client
    }

    /// The stream ends. Returns the usage record. `status` is what the client got, as far as Envoy
    /// knows.
    pub(crate) fn log(&mut self, status: Option<u16>) -> Option<Value> {
        let record = self.step(|it, now| it.finish(status, now));
        self.drain();
        record.map(|record| serde_json::from_slice(&record).unwrap())
    }

    /// The same for a request that has a record.
    #[track_caller]
    pub(crate) fn close(&mut self, status: Option<u16>) -> Value {
        self.log(status).unwrap()
    }
}

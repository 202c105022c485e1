//! One HTTP stream: callbacks in, `Exchange` methods called, outcomes carried out.

use std::cell::RefCell;
use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::{Action, BufferType};

use super::host::{self, NotStarted};
use super::root::{self, Shared};
use crate::exchange::{
    Consult, End, Exchange, Forward, LocalReply, OnAnswer, OnFailover, OnRequestBody,
    OnRequestHeaders, OnResponseBody, OnResponseEnd, OnResponseHeaders, OnVerdict, Question, Reach,
    SideCalls,
};

/// A side call's response is taken in windows of so many bytes.
const WINDOW_BYTES: usize = 256 * 1024;

/// The context of a stream.
#[derive(Debug)]
pub(super) struct Stream {
    context_id: u32,
    /// Nothing where the plugin has no configuration, which Envoy does not let happen.
    open: Option<(Rc<Shared>, Rc<RefCell<Exchange>>)>,
}

impl Stream {
    pub(super) fn new(context_id: u32, shared: Option<Rc<Shared>>) -> Self {
        let open = shared.map(|shared| {
            let exchange = Exchange::new(Rc::clone(&shared.gate));
            (shared, Rc::new(RefCell::new(exchange)))
        });
        Self { context_id, open }
    }

    /// Runs `step` on the exchange, and tells the metrics what came of it; nothing where the request is
    /// not ours.
    fn step<T>(&self, step: impl FnOnce(&mut Exchange) -> T) -> Option<T> {
        let (_, exchange) = self.open.as_ref()?;
        let mut exchange = exchange.try_borrow_mut().ok()?;
        let outcome = step(&mut exchange);
        root::count(&exchange.take_counts());
        Some(outcome)
    }

    /// Has the clock look at this exchange from now on.
    fn hold(&self) -> Action {
        if let Some((shared, exchange)) = &self.open {
            if let Ok(mut open) = shared.open.try_borrow_mut() {
                if open.insert(self.context_id, Rc::downgrade(exchange)).is_none() {
                    root::count_open(1);
                }
            }
            root::record();
        }
        Action::Pause
    }

    fn reply(&self, reply: &LocalReply) -> Action {
        host::reply(reply);
        self.leave();
        Action::Pause
    }

    /// Breaks off a response whose head has left.
    fn reset(&self) -> Action {
        host::reset_response(self.step(|exchange| exchange.code()).unwrap_or_default());
        Action::Pause
    }

    /// Has the clock forget this exchange.
    fn leave(&self) {
        if let Some((shared, _)) = &self.open {
            if let Ok(mut open) = shared.open.try_borrow_mut() {
                if open.remove(&self.context_id).is_some() {
                    root::count_open(-1);
                }
            }
        }
    }

    /// Puts what goes upstream in the place of what the client sent: headers first, body last.
    fn rewrite(&self, forward: &Forward, held: usize) {
        host::set_upstream(&forward.upstream);
        host::replace_request_headers(&forward.headers);
        host::replace_body(BufferType::HttpRequestBody, held, &forward.body);
    }

    /// Sends the request upstream, then the other calls.
    fn forward(&self, forward: &Forward, held: usize) -> Action {
        self.rewrite(forward, held);
        if let Some(calls) = &forward.side_calls {
            return self.go_on(calls, &forward.body);
        }
        Action::Continue
    }

    /// Starts the first side calls and lets the request go on, unless Envoy has no cluster for them.
    fn go_on(&self, calls: &SideCalls, body: &[u8]) -> Action {
        self.start_calls(calls, body);
        match self.step(|exchange| exchange.without_cluster(host::now())) {
            Some(Some(reply)) => self.reply(&reply),
            Some(None) | None => {
                self.wait();
                Action::Continue
            }
        }
    }

    fn start_calls(&self, calls: &SideCalls, body: &[u8]) {
        for _ in 0..calls.count {
            let started = host::start_call(calls, body);
            self.step(|exchange| match started {
                Ok(token) => exchange.side_call_started(Some(token)),
                Err(NotStarted::NoCluster) => exchange.side_call_without_cluster(),
                Err(NotStarted::Refused) => exchange.side_call_started(None),
            });
        }
    }

    /// Waits with the head held, once the calls are started that another upstream is asked for. The answer, where
    /// the last of them could not be.
    fn wait(&self) -> Action {
        // As often as there are calls and upstreams at most.
        loop {
            match self.step(|exchange| exchange.fail_over(host::now())) {
                Some(OnFailover::Call { batch, notices }) => {
                    notices.iter().for_each(|notice| host::notice(notice));
                    self.start_calls(&batch.calls, &batch.body);
                }
                Some(OnFailover::Reply(reply)) => return self.reply(&reply),
                Some(OnFailover::Hold) | None => return Action::Pause,
            }
        }
    }

    /// Holds the request as it will go upstream, and asks the rate-limit service.
    fn consult(&self, consult: &Consult, held: usize) -> Action {
        self.rewrite(&consult.forward, held);
        consult.questions.iter().for_each(|question| self.ask(question));
        self.verdict()
    }

    fn ask(&self, question: &Question) {
        let token = host::ask_limits(question);
        self.step(|exchange| exchange.question_started(token));
    }

    /// Does what the rate-limit service has decided so far.
    fn verdict(&self) -> Action {
        loop {
            match self.step(|exchange| exchange.verdict(host::now())) {
                // Where the host refuses to ask, that is the verdict: as many rounds as rules at most.
                Some(OnVerdict::Ask(question)) => self.ask(&question),
                Some(OnVerdict::Resume(side_calls)) => {
                    return match &side_calls {
                        Some(batch) => self.go_on(&batch.calls, &batch.body),
                        None => Action::Continue,
                    };
                }
                Some(OnVerdict::Reply(reply)) => return self.reply(&reply),
                Some(OnVerdict::Hold | OnVerdict::Pass) | None => return Action::Pause,
            }
        }
    }
}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
        let headers = host::request_headers();
        self.step(|exchange| {
            let value = exchange.wanted_property(&headers).map(host::named_property);
            exchange.property(value.flatten());
        });
        let outcome = self
            .step(|exchange| exchange.request_headers(&headers, end(end_of_stream), host::now()));
        if self.step(|exchange| exchange.forges_path(&headers)) == Some(true) {
            host::remove_request_header("x-envoy-original-path");
        }
        match outcome {
            Some(OnRequestHeaders::Pass { strip }) => {
                strip.iter().for_each(|name| host::remove_request_header(name));
                self.open = None;
                Action::Continue
            }
            Some(OnRequestHeaders::Hold) => self.hold(),
            Some(OnRequestHeaders::Reply(reply)) => self.reply(&reply),
            None => Action::Continue,
        }
    }

    fn on_http_request_body(&mut self, body_size: usize, end_of_stream: bool) -> Action {
        if self.open.is_none() {
            return Action::Continue;
        }
        let chunk = host::body(BufferType::HttpRequestBody, 0, body_size);
        let outcome =
            self.step(|exchange| exchange.request_body(&chunk, end(end_of_stream), host::now()));
        match outcome {
            Some(OnRequestBody::Forward(forward)) => self.forward(&forward, body_size),
            Some(OnRequestBody::Consult(consult)) => self.consult(&consult, body_size),
            Some(OnRequestBody::Reply(reply)) => self.reply(&reply),
            Some(OnRequestBody::Hold) => {
                if body_size > 0 {
                    host::replace_body(BufferType::HttpRequestBody, body_size, &[]);
                }
                Action::Pause
            }
            Some(OnRequestBody::Pass) | None => Action::Continue,
        }
    }

    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        match self.step(|exchange| exchange.request_end(host::now())) {
            Some(OnRequestBody::Forward(forward)) => {
                host::clear_request_trailers();
                self.forward(&forward, 0)
            }
            Some(OnRequestBody::Consult(consult)) => {
                host::clear_request_trailers();
                self.consult(&consult, 0)
            }
            Some(OnRequestBody::Reply(reply)) => self.reply(&reply),
            Some(OnRequestBody::Hold) => Action::Pause,
            Some(OnRequestBody::Pass) | None => Action::Continue,
        }
    }

    fn on_http_response_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
        if self.open.is_none() {
            return Action::Continue;
        }
        let outcome = self.step(|exchange| {
            let now = host::now();
            exchange.response_headers(host::response_head(now), end(end_of_stream), now)
        });
        match outcome {
            Some(OnResponseHeaders::Reply(reply)) => self.reply(&reply),
            Some(OnResponseHeaders::Hold) => self.wait(),
            Some(OnResponseHeaders::Restore(status)) => {
                host::restore_status(status);
                Action::Continue
            }
            Some(OnResponseHeaders::Pass) | None => Action::Continue,
        }
    }

    fn on_http_response_body(&mut self, body_size: usize, end_of_stream: bool) -> Action {
        let Some((_, exchange)) = &self.open else { return Action::Continue };
        let buffer = BufferType::HttpResponseBody;
        let chunk = match exchange.try_borrow().map_or(Reach::Nothing, |it| it.reach()) {
            Reach::Nothing => return Action::Continue,
            Reach::Take => host::take_body(buffer, body_size),
            Reach::Look => host::body(buffer, 0, body_size),
        };
        let outcome =
            self.step(|exchange| exchange.response_body(chunk, end(end_of_stream), host::now()));
        match outcome {
            Some(OnResponseBody::Reply(reply)) => self.reply(&reply),
            Some(OnResponseBody::Hold) => self.wait(),
            Some(OnResponseBody::Open(open)) => {
                host::open_response(&open);
                Action::Continue
            }
            Some(OnResponseBody::Send(bytes)) => {
                host::prepend_response(&bytes);
                Action::Continue
            }
            Some(OnResponseBody::Reset) => self.reset(),
            Some(OnResponseBody::Pass) | None => Action::Continue,
        }
    }

    fn on_http_response_trailers(&mut self, _: usize) -> Action {
        match self.step(|exchange| exchange.response_trailers(host::now())) {
            Some(OnResponseEnd::Reply(reply)) => self.reply(&reply),
            Some(OnResponseEnd::Reset) => self.reset(),
            Some(OnResponseEnd::Hold) => self.wait(),
            Some(OnResponseEnd::Pass) => {
                host::clear_response_trailers();
                Action::Continue
            }
            None => Action::Continue,
        }
    }

    fn on_log(&mut self) {
        let record = self.step(|exchange| exchange.finish(host::response_code(), host::now()));
        if let Some(record) = record.flatten() {
            host::set_record(&record);
        }
    }
}

impl Context for Stream {
    fn on_http_call_response(&mut self, token: u32, headers: usize, body_size: usize, _: usize) {
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
            self.step(|exchange| exchange.side_call_body(token, window, host::now()));
        }
        let answer = self.step(|exchange| exchange.side_call_end(token, host::now()));
        match answer {
            Some(OnAnswer::Reply(reply)) => self.reply(&reply),
            Some(OnAnswer::Hold) => self.wait(),
            Some(OnAnswer::Pass) | None => Action::Pause,
        };
    }

    fn on_grpc_call_response(&mut self, token: u32, status: u32, size: usize) {
        let message = host::call_message(status, size);
        self.step(|exchange| exchange.question_answered(token, message.as_deref()));
        if self.verdict() == Action::Continue {
            host::resume_request();
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.leave();
        if self.open.take().is_some() {
            root::record();
        }
    }
}

fn end(end_of_stream: bool) -> End {
    match end_of_stream {
        true => End::Stream,
        false => End::Open,
    }
}

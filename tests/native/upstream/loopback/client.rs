//! A client's stream beside the streams on the loopback listener.

use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::time::Duration;

use super::{CHECK, INSIDE, SECRET, STREAM, VM};
use crate::support::{NOW, head};
use imagegate::exchange::{
    Effect, End, Exchange, LocalReply, NotStarted, OnAnswer, OnRequestBody, OnRequestHeaders,
    ResponseHead, Shared, SideCall,
};
use imagegate::loopback::{Carrier, OnCarried, OnCarriedRequest};
use serde_json::Value;

/// A client's stream, and what its exchange asked the host for.
pub(super) struct Client {
    pub(super) exchange: Rc<RefCell<Exchange>>,
    pub(super) calls: Vec<SideCall>,
    pub(super) reply: Option<LocalReply>,
    pub(super) lacks_cluster: bool,
    pub(super) now: Duration,
}

impl Client {
    /// A client that has sent a request, of which nothing goes upstream on its own stream.
    pub(super) fn held(gate: &Rc<Shared>, request: &Value) -> Self {
        let exchange = Rc::new(RefCell::new(Exchange::new(Rc::clone(gate))));
        let (calls, reply, now) = (Vec::new(), None, NOW);
        let mut client = Self { exchange, calls, reply, lacks_cluster: false, now };
        client.send(request);
        client
    }

    pub(super) fn send(&mut self, request: &Value) {
        let headers = head(&[]);
        let began = self.exchange.borrow_mut().request_headers(&headers, End::Open, NOW);
        assert!(matches!(began, OnRequestHeaders::Hold), "{began:?}");
        let body = request.to_string();
        let sent = self.exchange.borrow_mut().request_body(body.as_bytes(), End::Stream, NOW);
        assert!(matches!(sent, OnRequestBody::Hold), "{sent:?}");
        self.drain();
    }

    pub(super) fn drain(&mut self) {
        loop {
            let effect = self.exchange.borrow_mut().next_effect(self.now);
            match effect {
                Some(Effect::Call(call)) => {
                    let started = match self.lacks_cluster {
                        true => Err(NotStarted::NoCluster),
                        // A token beside the links, so that neither is taken for the other.
                        false => Ok(100 + u32::try_from(self.calls.len()).unwrap()),
                    };
                    self.calls.push(call);
                    self.exchange.borrow_mut().call_started(started);
                }
                Some(Effect::Reply(reply)) => self.answer(reply),
                Some(Effect::Resume) => panic!("the held request goes on"),
                Some(Effect::Check(_)) => self.exchange.borrow_mut().check_started(Some(CHECK)),
                Some(Effect::Log(_) | Effect::Count(_)) => {}
                None => return,
            }
        }
    }

    pub(super) fn answer(&mut self, reply: LocalReply) {
        assert!(self.reply.replace(reply).is_none(), "a second reply");
    }

    /// The stream on the loopback listener of the call at this place.
    pub(super) fn carrier(&self, place: usize) -> Carrier {
        let mut carrier = Carrier::default();
        let headers = self.headers(place);
        let found = Rc::downgrade(&self.exchange);
        let find = |vm, stream| ((vm, stream) == (VM, STREAM)).then(|| Weak::clone(&found));
        match carrier.request_headers(&headers, INSIDE, SECRET, &find) {
            OnCarriedRequest::Forward { is_carried: true, .. } => carrier,
            other => panic!("{other:?}"),
        }
    }

    /// The head of the call at this place, as it arrives on the loopback listener.
    pub(super) fn headers(&self, place: usize) -> Vec<(String, Vec<u8>)> {
        let call = &self.calls[place];
        let own = call.headers.iter().map(|(name, it)| (name.clone(), it.clone().into_bytes()));
        let link = format!("{VM}.{STREAM}.{}.0123abc", call.link.unwrap()).into_bytes();
        own.chain([("x-imagegate-call".to_owned(), link)]).collect()
    }

    /// The answer of the call at this place ends, with what the loopback listener replied.
    pub(super) fn side_end(&mut self, place: usize, reply: &LocalReply) {
        let token = 100 + u32::try_from(place).unwrap();
        let head = ResponseHead { status: reply.status, ..ResponseHead::default() };
        let answer = {
            let mut exchange = self.exchange.borrow_mut();
            exchange.side_call_headers(token, Some(head), self.now);
            exchange.side_call_body(token, reply.body.clone(), self.now);
            exchange.side_call_end(token, self.now)
        };
        if let OnAnswer::Reply(reply) = answer {
            self.answer(reply);
        }
        self.drain();
    }

    pub(super) fn tick(&mut self, now: Duration) {
        self.now = now;
        let answer = self.exchange.borrow_mut().tick(now);
        if let OnAnswer::Reply(reply) = answer {
            self.answer(reply);
        }
    }

    pub(super) fn json(&self) -> Value {
        let reply = self.reply.as_ref().expect("no reply");
        serde_json::from_slice(&reply.body).unwrap()
    }

    pub(super) fn images(&self) -> Vec<String> {
        let images = self.json()["data"].as_array().unwrap().clone();
        images.iter().map(|it| it["b64_json"].as_str().unwrap().to_owned()).collect()
    }
}

#[track_caller]
pub(super) fn reply(outcome: OnCarried) -> LocalReply {
    match outcome {
        OnCarried::Reply(reply) => reply,
        other => panic!("{other:?}"),
    }
}

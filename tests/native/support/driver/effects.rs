//! The effects of an exchange, besides the outcome of a callback: calls of other upstreams, checks
//! by the rate-limit service, metrics, the log. No other file of the tests uses these methods.

use std::time::Duration;

use imagegate::exchange::{
    CheckRequest, Effect, Exchange, LocalReply, NotStarted, OnRequestBody, SideCall,
};
use serde_json::Value;

use super::{Client, Driver};

/// The first token of a check, so that it cannot be confused with the token of a call.
pub(super) const FIRST_CHECK: u32 = 100;

/// What the host does when it has to start a call or a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Host {
    Starts,
    Refuses,
    LacksCluster,
}

/// A side call that the host was asked to start.
#[derive(Debug)]
pub(crate) struct Call {
    /// Tokens count from 0 over all calls of an exchange. A call that did not start has one, too.
    pub(crate) token: u32,
    pub(crate) cluster: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) timeout: Duration,
}

impl Call {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(it, _)| it == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A check by the rate-limit service that the host was asked to start.
#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) cluster: String,
    pub(crate) timeout: Duration,
    pub(crate) message: Vec<u8>,
}

impl Driver {
    /// Runs a method of the exchange.
    pub(super) fn step<T>(&mut self, step: impl FnOnce(&mut Exchange, Duration) -> T) -> T {
        step(&mut self.exchange, self.now)
    }

    pub(super) fn reply(&mut self, reply: LocalReply) {
        self.client.reply(reply);
    }

    /// Carries out the outcome of the request's body.
    pub(super) fn forward(&mut self, outcome: OnRequestBody) -> &Client {
        match outcome {
            OnRequestBody::Forward(forward) => {
                self.sent = Some(forward);
                self.drain();
                self.resume();
            }
            OnRequestBody::Check(forward) => {
                self.sent = Some(forward);
                self.drain();
            }
            OnRequestBody::Reply(reply) => {
                self.reply(reply);
                self.drain();
            }
            OnRequestBody::Hold | OnRequestBody::Pass => self.drain(),
        }
        &self.client
    }

    /// Gives the next check this token. Those of other drivers are others.
    pub(crate) fn first_check(&mut self, token: u32) {
        self.first_check = token;
    }

    /// Lets the request go upstream, unless the client got a reply.
    fn resume(&mut self) {
        assert!(!self.forwarded, "the request goes upstream twice");
        self.forwarded = self.client.waits();
    }

    /// Carries out the effects: after each callback of the stream.
    pub(super) fn drain(&mut self) {
        let mut resumes = false;
        while let Some(effect) = self.exchange.next_effect(self.now) {
            match effect {
                Effect::Call(call) => self.start_call(call),
                Effect::Check(check) => self.start_check(check),
                Effect::Resume => resumes = true,
                Effect::Reply(reply) => self.reply(reply),
                Effect::Log(words) => self.notices.push(words),
                Effect::Count(count) => self.counts.push(count),
            }
        }
        if resumes {
            self.resume();
        }
    }

    fn start_call(&mut self, call: SideCall) {
        let token = self.next_call;
        self.next_call += 1;
        let SideCall { cluster, headers, body, timeout, link: _ } = call;
        self.calls.push(Call { token, cluster, headers, body: body.to_vec(), timeout });
        let host = self.host.pop_front().unwrap_or(Host::Starts);
        self.exchange.call_started(match host {
            Host::Starts => Ok(token),
            Host::Refuses => Err(NotStarted::Refused),
            Host::LacksCluster => Err(NotStarted::NoCluster),
        });
    }

    fn start_check(&mut self, check: CheckRequest) {
        let token = self.first_check + u32::try_from(self.checks.len()).unwrap();
        let CheckRequest { cluster, timeout, message } = check;
        self.checks.push(Check { cluster, timeout, message });
        let starts = self.host.pop_front().is_none_or(|host| host == Host::Starts);
        self.exchange.check_started(starts.then_some(token));
    }
}

//! What an exchange wants done beside the outcome of a callback: calls of other upstreams, checks
//! of the rate-limit service, metrics, the log. No other file of the tests knows these methods.

use std::time::Duration;

use imagegate::exchange::{
    Consult, Exchange, LocalReply, OnFailover, OnRequestBody, OnVerdict, Question, SideBatch,
};
use serde_json::Value;

use super::{Client, Driver};

/// The first token of a check, so that none is taken for a call's.
const FIRST_CHECK: u32 = 100;

/// What the host does when it is to start a call or a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Host {
    Starts,
    Refuses,
    LacksCluster,
}

/// A side call that the host was asked to start.
#[derive(Debug)]
pub(crate) struct Call {
    /// Numbers count from 0 over all calls of an exchange; a call that did not start has one, too.
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

/// A question that the host was asked to put to the rate-limit service.
#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) cluster: String,
    pub(crate) timeout: Duration,
    pub(crate) message: Vec<u8>,
}

impl Driver {
    /// Runs a method of the exchange, and takes what it counted.
    pub(super) fn step<T>(&mut self, step: impl FnOnce(&mut Exchange, Duration) -> T) -> T {
        let outcome = step(&mut self.exchange, self.now);
        self.counts.extend(self.exchange.take_counts());
        outcome
    }

    pub(super) fn reply(&mut self, reply: LocalReply) {
        self.notices.extend(reply.notice.clone());
        self.client.reply(reply);
    }

    /// Does what is said of the request's body.
    pub(super) fn forward(&mut self, outcome: OnRequestBody) -> &Client {
        match outcome {
            OnRequestBody::Forward(mut forward) => {
                let calls = forward.side_calls.take();
                let batch = calls.map(|calls| SideBatch { calls, body: forward.body.clone() });
                self.sent = Some(forward);
                self.resume(batch);
            }
            OnRequestBody::Consult(Consult { forward, questions }) => {
                self.sent = Some(forward);
                questions.into_iter().for_each(|question| self.check(question));
                self.decide();
            }
            OnRequestBody::Reply(reply) => self.reply(reply),
            OnRequestBody::Hold | OnRequestBody::Pass => {}
        }
        &self.client
    }

    /// Starts the first side calls and lets the request go on, unless they have no cluster.
    fn resume(&mut self, batch: Option<SideBatch>) {
        assert!(!self.forwarded, "the request goes upstream twice");
        self.forwarded = true;
        let Some(batch) = batch else { return };
        self.start_calls(&batch);
        match self.step(Exchange::without_cluster) {
            Some(reply) => {
                self.forwarded = false;
                self.reply(reply);
            }
            None => self.wait(),
        }
    }

    fn start_calls(&mut self, batch: &SideBatch) {
        for _ in 0..batch.calls.count {
            let token = self.next_call;
            self.next_call += 1;
            self.calls.push(Call {
                token,
                cluster: batch.calls.cluster.clone(),
                headers: batch.calls.headers.clone(),
                body: batch.body.clone(),
                timeout: batch.calls.timeout,
            });
            let host = self.host.pop_front().unwrap_or(Host::Starts);
            self.step(|it, _| match host {
                Host::Starts => it.side_call_started(Some(token)),
                Host::Refuses => it.side_call_started(None),
                Host::LacksCluster => it.side_call_without_cluster(),
            });
        }
    }

    /// Starts the calls of other upstreams: after each event that was answered with a hold.
    pub(super) fn wait(&mut self) {
        loop {
            match self.step(Exchange::fail_over) {
                OnFailover::Call { batch, notices } => {
                    self.notices.extend(notices);
                    self.start_calls(&batch);
                }
                OnFailover::Reply(reply) => return self.reply(reply),
                OnFailover::Hold => return,
            }
        }
    }

    fn check(&mut self, question: Question) {
        let token = FIRST_CHECK + u32::try_from(self.checks.len()).unwrap();
        let Question { cluster, timeout, message } = question;
        self.checks.push(Check { cluster, timeout, message });
        let starts = self.host.pop_front().is_none_or(|host| host == Host::Starts);
        self.step(|it, _| it.question_started(starts.then_some(token)));
    }

    /// Does what the rate-limit service has decided so far.
    pub(super) fn decide(&mut self) {
        loop {
            match self.step(Exchange::verdict) {
                OnVerdict::Ask(question) => self.check(question),
                OnVerdict::Resume(batch) => return self.resume(batch),
                OnVerdict::Reply(reply) => return self.reply(reply),
                OnVerdict::Hold | OnVerdict::Pass => return,
            }
        }
    }
}

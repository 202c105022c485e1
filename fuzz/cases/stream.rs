//! An upstream's stream, whole and cut in two. If answers are held, both have the same single
//! answer. If they pass through, the client gets JSON or a broken transfer. Afterwards no memory is
//! held.

use imagegate::exchange::{BodyAccess, End, Exchange, OnRequestBody, OnResponseBody, ResponseHead};

use super::common;

/// What a client got.
#[derive(Debug, Default, PartialEq, Eq)]
struct Answer {
    status: u16,
    body: Vec<u8>,
    is_reset: bool,
}

impl Answer {
    /// Takes the outcome of `chunk`, of which the exchange was given a copy if `is_copied`.
    fn take(&mut self, outcome: OnResponseBody, chunk: &[u8], is_copied: bool) {
        let rest = if is_copied { chunk } else { &[] };
        match outcome {
            OnResponseBody::Hold => assert_eq!(self.status, 0, "held after the head"),
            OnResponseBody::Reply(reply) => {
                assert_eq!(self.status, 0, "two answers");
                (self.status, self.body) = (reply.status, reply.body);
            }
            OnResponseBody::Open(open) => {
                assert_eq!(self.status, 0, "two heads");
                (self.status, self.body) = (open.status, open.body);
            }
            OnResponseBody::Send(bytes) => self.body.extend([&bytes, rest].concat()),
            OnResponseBody::Replace(bytes) => self.body.extend(bytes),
            OnResponseBody::Reset(_) => self.is_reset = true,
            OnResponseBody::Pass => self.body.extend(rest),
        }
    }
}

fn answer(pieces: &[&[u8]], accept_last_partial: bool, delivery: &str) -> Answer {
    let (gate, budget) = common::gate(accept_last_partial, delivery);
    let mut exchange = Exchange::new(gate);
    exchange.request_headers(&common::head(), End::Open, common::NOW);
    let sent = exchange.request_body(br#"{"prompt":"a"}"#, End::Stream, common::NOW);
    assert!(matches!(sent, OnRequestBody::Forward(_)));
    let head = ResponseHead { status: 200, ..ResponseHead::default() };
    exchange.response_headers(head, End::Open, common::NOW);
    let mut answer = Answer::default();
    // The outcome is known with the terminal event, or at the end.
    let chunks = pieces.iter().map(|piece| (*piece, End::Open));
    for (chunk, end) in chunks.chain([(&b""[..], End::Stream)]) {
        let is_copied = exchange.body_access() == BodyAccess::Peek;
        let outcome = exchange.response_body(chunk.to_vec(), end, common::NOW);
        answer.take(outcome, chunk, is_copied);
        if answer.is_reset {
            break;
        }
    }
    drop(exchange);
    assert_eq!(budget.used(), 0);
    if !answer.is_reset {
        let body: serde_json::Value =
            serde_json::from_slice(&answer.body).expect("the answer is JSON");
        assert_eq!(answer.status == 200, body.get("data").is_some());
    }
    answer
}

/// Panics if the input breaks the property.
pub fn run(data: &[u8]) {
    let Some((first, stream)) = data.split_first() else { return };
    let accept = first & 1 == 1;
    let cut = stream.len() * usize::from(first >> 1) / 128;
    let (head, tail) = stream.split_at(cut.min(stream.len()));
    let [whole, parts] = [&[stream][..], &[head, tail]].map(|it| answer(it, accept, "hold"));
    assert!(!whole.is_reset);
    assert_eq!(parts, whole);
    let passed = answer(&[head, tail], accept, "pass");
    if passed.status == 200 && !passed.is_reset {
        let json = |it: &Answer| {
            let mut body: serde_json::Value = serde_json::from_slice(&it.body).unwrap();
            // Only the last event may say when the response began.
            body.as_object_mut().unwrap().remove("created");
            body
        };
        assert_eq!(json(&passed), json(&whole));
    }
}

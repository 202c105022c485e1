//! A client's body: refused in JSON, or sent upstream as JSON.

use imagegate::exchange::{End, Exchange, OnRequestBody};

use super::common;

/// Panics if the input breaks what holds of any.
pub fn run(data: &[u8]) {
    let (gate, budget) = common::gate(false);
    let mut exchange = Exchange::new(gate);
    exchange.request_headers(&common::head(), End::Open, common::NOW);
    let body = match exchange.request_body(data, End::Stream, common::NOW) {
        OnRequestBody::Forward(forward) => forward.body,
        OnRequestBody::Reply(reply) => reply.body,
        OnRequestBody::Hold | OnRequestBody::Pass | OnRequestBody::Consult(_) => {
            panic!("no answer")
        }
    };
    let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    assert!(body.is_object());
    drop(exchange);
    assert_eq!(budget.used(), 0);
}

//! The outcome does not depend on the listener.

use super::client::{Client, reply};
use super::{looped, request};
use crate::support::codex::{created, failed};
use crate::support::driver::Driver;
use crate::support::{NOW, gate, ok, png, stream};
use imagegate::exchange::{End, LocalReply};
use imagegate::loopback::OnCarried;
use proptest::prelude::*;
use serde_json::{Value, json};

/// How an upstream ends its answer after the last of its bytes.
#[derive(Debug, Clone, Copy)]
enum Ending {
    Clean,
    WithTrailers,
    Late,
    Cut,
}

/// What a client gets of `bytes` on its own stream, without the listener: status and body.
fn direct(bytes: &[u8]) -> (u16, Value) {
    let (gate, _) = gate(&json!({"upstreams": {"codex": {"authority": "chatgpt.example",
        "credential": "envoy", "timeout": "60s", "max_rest": "0s", "host_model": "gpt-6-luna"}}}));
    let mut driver = Driver::admitted(&gate, &request(1));
    driver.answer(&[bytes]);
    (driver.client.status, driver.client.json())
}

/// The same through the listener, where the bytes come in pieces.
fn carried(bytes: &[u8], cuts: &[usize], ending: Ending) -> (u16, Value, usize) {
    let (gate, budget) = looped(&json!({}));
    let mut client = Client::held(&gate, &request(1));
    let mut carrier = client.carrier(0);
    let mut outcome = carrier.response_headers(ok(), End::Open, NOW);
    let mut at = 0;
    for cut in cuts.iter().copied().chain([bytes.len()]) {
        if matches!(outcome, OnCarried::Hold) && cut > at {
            outcome = carrier.response_body(bytes[at..cut].to_vec(), End::Open, NOW);
            at = cut;
        }
    }
    let passed = LocalReply { status: 502, headers: Vec::new(), body: b"cut".to_vec(), code: "" };
    let ended = match (outcome, ending) {
        (OnCarried::Reply(reply), _) => reply,
        (_, Ending::Clean) => reply(carrier.response_body(Vec::new(), End::Stream, NOW)),
        (_, Ending::WithTrailers) => reply(carrier.response_trailers(NOW)),
        (_, Ending::Late | Ending::Cut) => passed,
    };
    client.side_end(0, &ended);
    let status = client.reply.as_ref().map_or(0, |it| it.status);
    let body = client.json();
    drop(client);
    (status, body, budget.used())
}

fn upstream_bytes() -> impl Strategy<Value = Vec<u8>> {
    let image = (1_usize..4000).prop_map(|more| stream(&png(16, 16, more)));
    let failure = prop::sample::select(vec!["server_error", "moderation_blocked"])
        .prop_map(|code| [created(), failed(code)].concat().into_bytes());
    prop_oneof![image, failure]
}

proptest! {
    #[test]
    fn the_outcome_is_that_of_the_same_bytes_on_the_clients_own_stream(
        bytes in upstream_bytes(),
        mut cuts in prop::collection::vec(0_usize..5000, 0..6),
        ending in prop::sample::select(vec![
            Ending::Clean, Ending::WithTrailers, Ending::Late, Ending::Cut,
        ]),
    ) {
        cuts.retain(|cut| *cut < bytes.len());
        cuts.sort_unstable();
        let (status, body, used) = carried(&bytes, &cuts, ending);
        prop_assert_eq!((status, body), direct(&bytes));
        prop_assert_eq!(used, 0);
    }
}

//! An upstream's stream, whole and cut in two: both have the same single answer, and afterwards no
//! memory is held.

use imagegate::exchange::{End, Exchange, OnRequestBody, OnResponseBody, ResponseHead};

use super::common;

fn answer(pieces: &[&[u8]], accept_last_partial: bool) -> (u16, Vec<u8>) {
    let (gate, budget) = common::gate(accept_last_partial);
    let mut exchange = Exchange::new(gate);
    exchange.request_headers(&common::head(), End::Open, common::NOW);
    let sent = exchange.request_body(br#"{"prompt":"a"}"#, End::Stream, common::NOW);
    assert!(matches!(sent, OnRequestBody::Forward(_)));
    let head = ResponseHead { status: 200, ..ResponseHead::default() };
    exchange.response_headers(head, End::Open, common::NOW);
    // The outcome is known with the terminal event, or at the end.
    let chunks = pieces.iter().map(|piece| (piece.to_vec(), End::Open));
    let answers: Vec<_> = chunks
        .chain([(Vec::new(), End::Stream)])
        .map(|(chunk, end)| exchange.response_body(chunk, end, common::NOW))
        .filter(|answer| !matches!(answer, OnResponseBody::Hold | OnResponseBody::Pass))
        .collect();
    let [OnResponseBody::Reply(reply)] = answers.as_slice() else {
        panic!("not one answer: {answers:?}");
    };
    drop(exchange);
    assert_eq!(budget.used(), 0);
    let body: serde_json::Value = serde_json::from_slice(&reply.body).expect("the answer is JSON");
    assert_eq!(reply.status == 200, body.get("data").is_some());
    (reply.status, reply.body.clone())
}

/// Panics if the input breaks the property.
pub fn run(data: &[u8]) {
    let Some((first, stream)) = data.split_first() else { return };
    let accept = first & 1 == 1;
    let whole = answer(&[stream], accept);
    let cut = stream.len() * usize::from(first >> 1) / 128;
    let (head, tail) = stream.split_at(cut.min(stream.len()));
    assert_eq!(answer(&[head, tail], accept), whole);
}

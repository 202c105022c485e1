//! What holds for all inputs.

use std::rc::Rc;
use std::time::Duration;

use crate::support::client::Client;
use crate::support::driver::{Driver, Host};
use crate::support::{TOKEN, gate, ok, stream};
use imagegate::exchange::{End, ResponseHead, Shared};
use imagegate::sse::{Decoder, Token, encode};
use proptest::prelude::*;
use serde_json::json;

type Event = (Vec<u8>, Vec<u8>);

/// Decodes a stream that arrives in pieces.
fn decode(pieces: &[Vec<u8>]) -> Vec<Event> {
    let (mut events, mut data) = (Vec::new(), Vec::new());
    let mut decoder = Decoder::new();
    let mut take = |chunk: &[u8], token: Token<'_>| match token {
        Token::Data(range) => data.extend_from_slice(&chunk[range]),
        Token::LineEnd => data.push(b'\n'),
        Token::Dispatch(name) => events.push((name.to_vec(), std::mem::take(&mut data))),
    };
    for piece in pieces {
        decoder.feed(piece, 0, |token| take(piece, token));
    }
    decoder.finish(|token| take(b"", token));
    events
}

/// The algorithm of the standard, on the whole stream at once, simple and slow.
fn naive(stream: &[u8]) -> Vec<Event> {
    let stream = stream.strip_prefix(b"\xef\xbb\xbf").unwrap_or(stream);
    let mut lines = vec![Vec::new()];
    let mut at = 0;
    while at < stream.len() {
        match (stream[at], stream.get(at + 1)) {
            (b'\r', Some(b'\n')) => {
                lines.push(Vec::new());
                at += 1;
            }
            (b'\r' | b'\n', _) => lines.push(Vec::new()),
            (byte, _) => lines.last_mut().unwrap().push(byte),
        }
        at += 1;
    }
    // The end of the stream ends the last line and dispatches the open event.
    lines.push(Vec::new());
    let (mut events, mut name, mut data) = (Vec::new(), Vec::new(), Vec::<Vec<u8>>::new());
    for line in lines {
        if line.is_empty() {
            if !data.is_empty() {
                events.push((std::mem::take(&mut name), data.join(&b'\n')));
            }
            (name, data) = (Vec::new(), Vec::new());
            continue;
        }
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let value = line.get(colon + 1..).unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match &line[..colon] {
            b"data" => data.push(value.to_vec()),
            b"event" => name = value.to_vec(),
            _ => {}
        }
    }
    events
}

/// Streams made of the pieces that real streams have.
fn streams() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "\n",
        "\r",
        "\r\n",
        "\n\n",
        "data:",
        "data: ",
        "data",
        "event: ",
        "event",
        ":",
        " ",
        "id: 1",
        "😀",
        "{\"a\":1}",
        "x",
        "\u{feff}",
    ]);
    prop::collection::vec(piece, 0..64).prop_map(|pieces| pieces.concat().into_bytes())
}

/// Cuts bytes at these places.
fn cut(bytes: &[u8], places: &[prop::sample::Index]) -> Vec<Vec<u8>> {
    let mut places: Vec<usize> = places.iter().map(|it| it.index(bytes.len() + 1)).collect();
    places.sort_unstable();
    let mut pieces = Vec::new();
    let mut from = 0;
    for place in places {
        pieces.push(bytes[from..place].to_vec());
        from = place;
    }
    pieces.push(bytes[from..].to_vec());
    pieces
}

fn places() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop::collection::vec(any::<prop::sample::Index>(), 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_decoder_gives_the_same_for_every_cut(stream in streams(), places in places()) {
        prop_assert_eq!(decode(&cut(&stream, &places)), decode(&[stream]));
    }

    #[test]
    fn the_decoder_agrees_with_a_naive_decoder(stream in streams()) {
        prop_assert_eq!(decode(std::slice::from_ref(&stream)), naive(&stream));
    }

    #[test]
    fn the_decoder_reads_what_was_encoded(
        events in prop::collection::vec(("[a-z_.]{0,20}", "[ -~\n😀]{0,40}"), 0..8),
        places in places(),
    ) {
        let mut stream = Vec::new();
        events.iter().for_each(|(name, data)| encode(name, data.as_bytes(), &mut stream));
        let wanted: Vec<Event> = events
            .iter()
            .map(|(name, data)| (name.clone().into_bytes(), data.clone().into_bytes()))
            .collect();
        prop_assert_eq!(decode(&cut(&stream, &places)), wanted);
    }

    #[test]
    fn the_decoder_survives_arbitrary_bytes(stream in any::<Vec<u8>>(), places in places()) {
        prop_assert_eq!(decode(&cut(&stream, &places)), naive(&stream));
    }

    #[test]
    fn an_answer_is_the_same_for_every_cut_of_its_stream(
        length in 0_usize..100_000,
        places in places(),
    ) {
        let stream = stream(&"QUJD".repeat(length / 4 + 1));
        let (gate, budget) = gate(&json!({}));
        let one = json!({"prompt": "a cat"});
        let whole = Driver::admitted(&gate, &one).answer(&[&stream]).clone();
        let pieces = cut(&stream, &places);
        let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        let in_pieces = Driver::admitted(&gate, &one).answer(&pieces).clone();
        prop_assert_eq!(whole.status, 200);
        prop_assert_eq!(whole.body, in_pieces.body);
        prop_assert_eq!(budget.used(), 0);
    }

    #[test]
    fn a_stream_with_bytes_changed_is_answered_and_leaves_nothing(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        places in places(),
        delivery in prop::sample::select(vec!["hold", "pass"]),
    ) {
        let mut stream = stream(&"QUJD".repeat(100));
        for (place, byte) in &changes {
            let at = place.index(stream.len());
            stream[at] = *byte;
        }
        let (gate, budget) = gate(&json!({"delivery": delivery}));
        let mut driver = Driver::admitted(&gate, &json!({"prompt": "a cat"}));
        let pieces = cut(&stream, &places);
        let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        let reply = driver.answer(&pieces).clone();
        drop(driver);
        prop_assert!(reply.status == 200 || reply.status >= 400);
        prop_assert_eq!(budget.used(), 0);
        if reply.reset {
            prop_assert_eq!(delivery, "pass");
            return Ok(());
        }
        // For each stream, the client gets JSON.
        let body = reply.json();
        prop_assert_eq!(reply.status == 200, body.get("data").is_some());
        prop_assert_eq!(budget.used(), 0);
    }

    #[test]
    fn a_request_of_arbitrary_bytes_is_answered(bytes in any::<Vec<u8>>()) {
        let (gate, budget) = gate(&json!({}));
        let mut driver = Driver::new(&gate);
        let client = driver.request(&crate::support::head(&[]), &bytes);
        prop_assert_eq!(client.status, 400);
        prop_assert_eq!(budget.used(), 0);
    }

    #[test]
    fn a_prompt_reaches_the_tool_as_the_client_wrote_it(
        prompt in "\\PC{1,200}|[\\x00-\\x7f]{1,200}",
    ) {
        let (gate, _) = gate(&json!({}));
        let sent = Driver::admitted(&gate, &json!({"prompt": prompt})).sent_json();
        let content = sent["input"][0]["content"].as_array().unwrap();
        prop_assert_eq!(content.last().unwrap()["text"].as_str(), Some(prompt.as_str()));
    }
}

/// A callback, or the absence of one that should have arrived.
#[derive(Debug, Clone)]
enum Step {
    Headers(bool),
    Body(Vec<u8>, bool),
    Trailers,
    Host(Host),
    ResponseHeaders(u16, bool),
    ResponseBody(Vec<u8>, bool),
    ResponseTrailers,
    CallHeaders(u32, bool),
    CallBody(u32, Vec<u8>),
    CallEnd(u32),
    Tick(u64),
    Log,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let request = prop::sample::select(vec![
        br#"{"prompt":"a cat","n":3}"#.to_vec(),
        br#"{"prompt":"a cat"}"#.to_vec(),
        br#"{"prompt":"a cat","stream":true,"partial_images":2}"#.to_vec(),
        b"{\"prompt\":".to_vec(),
        Vec::new(),
    ]);
    let whole = stream("QUJD");
    let response = (any::<prop::sample::Index>(), any::<bool>()).prop_map(move |(at, all)| {
        let at = if all { whole.len() } else { at.index(whole.len()) };
        whole[..at].to_vec()
    });
    let status =
        prop::sample::select(vec![200_u16, 200, 200, 204, 302, 400, 401, 429, 500, 503, 0]);
    let step = prop_oneof![
        any::<bool>().prop_map(Step::Headers),
        (request, any::<bool>()).prop_map(|(bytes, end)| Step::Body(bytes, end)),
        Just(Step::Trailers),
        prop::sample::select(vec![Host::Starts, Host::Refuses, Host::LacksCluster])
            .prop_map(Step::Host),
        (status, any::<bool>()).prop_map(|(status, end)| Step::ResponseHeaders(status, end)),
        (response.clone(), any::<bool>()).prop_map(|(bytes, end)| Step::ResponseBody(bytes, end)),
        Just(Step::ResponseTrailers),
        (0..3_u32, any::<bool>()).prop_map(|(call, reset)| Step::CallHeaders(call, reset)),
        (0..3_u32, response).prop_map(|(call, bytes)| Step::CallBody(call, bytes)),
        (0..3_u32).prop_map(Step::CallEnd),
        prop::sample::select(vec![0_u64, 1, 31, 61, 1_000]).prop_map(Step::Tick),
        Just(Step::Log),
    ];
    // The first steps are in order, so that most runs go upstream. The others are in any order.
    let request = prop::sample::select(vec![
        br#"{"prompt":"a cat","n":3}"#.to_vec(),
        br#"{"prompt":"a cat","stream":true,"partial_images":2}"#.to_vec(),
    ]);
    (any::<bool>(), request, prop::collection::vec(step, 0..40)).prop_map(
        |(ordered, request, steps)| {
            let start = match ordered {
                true => vec![Step::Headers(false), Step::Body(request, true)],
                false => Vec::new(),
            };
            start.into_iter().chain(steps).collect()
        },
    )
}

/// The result of a run of callbacks.
#[derive(Debug, Default)]
struct Seen {
    /// What each head of a request got. The driver asserts that it is one response at most.
    clients: Vec<Client>,
    forwards: usize,
    text: String,
}

fn run(gate: &Rc<Shared>, steps: Vec<Step>) -> Seen {
    let mut seen = Seen::default();
    let mut driver = Driver::new(gate);
    let end = |last: bool| if last { End::Stream } else { End::Open };
    for step in steps {
        let before = driver.forwarded;
        match step {
            Step::Headers(last) => {
                seen.clients.push(driver.client.clone());
                driver.request_head(&crate::support::head(&[]), end(last));
            }
            Step::Body(bytes, last) => _ = driver.request_body(&bytes, end(last)),
            Step::Trailers => _ = driver.request_trailers(),
            Step::Host(host) => driver.host.push_back(host),
            Step::ResponseHeaders(status, last) => {
                _ = driver.response_head(ResponseHead { status, ..ok() }, end(last));
            }
            Step::ResponseBody(bytes, last) => _ = driver.response_body(&bytes, end(last)),
            Step::ResponseTrailers => _ = driver.upstream_trailers(),
            Step::CallHeaders(call, reset) => driver.side_head(call, (!reset).then(ok)),
            Step::CallBody(call, bytes) => driver.side_bytes(call, &bytes),
            Step::CallEnd(call) => _ = driver.side_end(call),
            Step::Tick(secs) => _ = driver.tick(driver.now + Duration::from_secs(secs)),
            Step::Log => _ = driver.log(None),
        }
        if driver.forwarded && !before {
            seen.forwards += 1;
            assert!(!format!("{:?}", driver.sent().headers).contains("session=1"));
        }
    }
    seen.clients.push(driver.client.clone());
    seen.text = format!("{:?} {:?}", driver.exchange, driver.notices);
    for client in &seen.clients {
        seen.text += &format!("{:?} {}", client.headers, String::from_utf8_lossy(&client.body));
    }
    seen
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn callbacks_in_any_order_get_at_most_one_reply_and_leak_nothing(steps in steps()) {
        let (gate, budget) = gate(&json!({}));
        let heads = steps.iter().filter(|step| matches!(step, Step::Headers(_))).count();
        let seen = run(&gate, steps);
        if heads <= 1 {
            for client in &seen.clients {
                let events = String::from_utf8_lossy(&client.body);
                let ends = ["event: image_generation.completed", "event: error"];
                let outcomes: usize = ends.iter().map(|end| events.matches(end).count()).sum();
                prop_assert!(outcomes <= 1, "{events}");
                // Nothing follows the last event.
                if let Some((_, last)) = ends.iter().find_map(|end| events.split_once(end)) {
                    prop_assert!(last.ends_with("\n\n") && last.matches("\n\n").count() == 1);
                }
            }
        }
        prop_assert!(seen.forwards <= heads.max(1), "{seen:?}");
        prop_assert!(!seen.text.contains(TOKEN), "the upstream's credential shows");
        prop_assert!(!seen.text.contains(crate::support::KEY), "the client's credential shows");
        prop_assert_eq!(budget.used(), 0);
    }
}

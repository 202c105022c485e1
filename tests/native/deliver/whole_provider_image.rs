//! An image of a provider that has come whole is delivered and charged in each delivery, whatever
//! comes after it or beside it in the answer.

use crate::support::client::Client;
use crate::support::driver::Driver;
use crate::support::providers::{images, json_head, provider};
use crate::support::{after, png};
use imagegate::exchange::{End, ResponseHead, Shared};
use imagegate::memory::Budget;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::rc::Rc;

/// What an image costs, in nano-dollars.
const PRICE: u64 = 250_000_000;
/// Of 8 bytes, so that each differs from what is beside it.
const ONE: &str = "T05FT05F";
const TWO: &str = "VFdPVFdP";

fn gate_of(more: &Value) -> (Rc<Shared>, Budget) {
    let mut document = json!({"limits": []});
    crate::support::codex::lay_over(&mut document, more);
    provider(&json!({}), &document)
}

fn request(n: u32) -> Value {
    json!({"prompt": "a cat", "model": "gpt-image-2", "n": n})
}

/// How an answer of one call reaches a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Passes,
    IsCollected,
}

const HOW: [How; 2] = [How::Passes, How::IsCollected];

/// A request for `n` images at `gate`, whose answer is delivered in this way.
fn begun(gate: &Rc<Shared>, n: u32, how: How) -> Driver {
    let mut driver = Driver::admitted(gate, &request(n));
    driver.upstream_head(json_head(200));
    if how == How::IsCollected {
        // More than may be held before the first image.
        driver.upstream_bytes(" ".repeat(300_000).as_bytes());
    }
    driver
}

/// The images that a client got.
fn images_of(client: &Client) -> Vec<String> {
    let body = client.json();
    let data = body["data"].as_array().into_iter().flatten();
    data.filter_map(|it| it["b64_json"].as_str().map(str::to_owned)).collect()
}

/// How the upstream goes on after these pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Ends,
    Lingers,
}

/// What the client gets of an answer to a request for `n` images that comes in these pieces, and
/// the record.
fn answered(how: How, n: u32, pieces: &[&[u8]], then: Then) -> (Client, Value) {
    let (gate, budget) = gate_of(&json!({}));
    let mut driver = begun(&gate, n, how);
    for piece in pieces {
        driver.upstream_bytes(piece);
    }
    match then {
        Then::Ends => _ = driver.upstream_end(),
        Then::Lingers => _ = driver.tick(after(61)),
    }
    let record = driver.close(Some(driver.client.status));
    let client = driver.client.clone();
    drop(driver);
    assert_eq!(budget.used(), 0);
    (client, record)
}

/// Checks that the client got just `expected`, and that it is charged for it.
#[track_caller]
fn assert_got((client, record): &(Client, Value), expected: &[&str]) {
    assert_eq!((client.status, client.reset), (200, false), "{record}");
    assert_eq!(images_of(client), expected, "{}", client.text());
    let count = u64::try_from(expected.len()).unwrap();
    assert_eq!(record["images_delivered"], count, "{record}");
    assert_eq!(record["settled_nanodollars"], count * PRICE, "{record}");
    assert_eq!(record["code"], Value::Null, "{record}");
}

#[test]
fn an_answer_that_is_cut_after_an_image_is_completed() {
    let entry = format!(r#"{{"created":7,"data":[{{"b64_json":"{ONE}""#);
    for cut in ["", "}", "}]", ",\"revised_prompt\":\"a\"", "},{\"b64_json\":\"VFdPVFdP\""] {
        let answer = format!("{entry}{cut}");
        let expected = if answer.contains(TWO) { vec![ONE, TWO] } else { vec![ONE] };
        for how in HOW {
            let at = answer.find(ONE).unwrap() + 3;
            let (first, rest) = answer.as_bytes().split_at(at);
            for pieces in [&[answer.as_bytes()][..], &[first, rest]] {
                let got = answered(how, 2, pieces, Then::Ends);
                assert_got(&got, &expected);
                assert_eq!(got.0.json()["created"], 7, "{cut}");
            }
        }
    }
}

#[test]
fn an_answer_that_is_held_is_delivered_wherever_it_is_cut_after_an_image() {
    let answer = images(&[ONE, TWO]).to_string();
    let [first, second] = [ONE, TWO].map(|it| answer.find(it).unwrap() + it.len());
    for end in first + 1..answer.len() {
        let expected = if end > second { vec![ONE, TWO] } else { vec![ONE] };
        for how in HOW {
            let got = answered(how, 2, &[&answer.as_bytes()[..end]], Then::Ends);
            // Of an answer that passes, the head leaves with these bytes.
            assert!(got.0.reset || images_of(&got.0) == expected, "{end} {how:?}");
            if how == How::IsCollected {
                assert_got(&got, &expected);
                let got = answered(how, 2, &[&answer.as_bytes()[..end]], Then::Lingers);
                assert_got(&got, &expected);
            }
        }
    }
}

/// Then a client would take it for more than it is.
#[test]
fn an_answer_that_passes_and_is_cut_elsewhere_breaks_off_and_its_images_are_charged() {
    let entry = format!(r#"{{"data":[{{"b64_json":"{ONE}"}}"#);
    for cut in [",", ",{", ",{\"b64_json\":\"VF", "],\"created\":17", "],\"usage\":{\"x\":{}"] {
        let answer = format!("{entry}{cut}");
        let (first, rest) = answer.as_bytes().split_at(22);
        let (client, record) = answered(How::Passes, 2, &[first, rest], Then::Ends);
        assert!(client.reset, "{cut}");
        assert_eq!(
            (&record["images_delivered"], &record["code"]),
            (&json!(1), &json!("upstream_disconnected")),
            "{cut}"
        );
        assert_eq!(record["settled_nanodollars"], PRICE, "{cut}");
    }
}

#[test]
fn an_answer_whose_length_was_announced_is_not_completed() {
    let (gate, _) = gate_of(&json!({}));
    let answer = format!(r#"{{"data":[{{"b64_json":"{ONE}"}}"#);
    let mut driver = Driver::admitted(&gate, &request(1));
    let mut head = json_head(200);
    head.content_length = Some(1000);
    driver.upstream_head(head);
    driver.upstream_bytes(&answer.as_bytes()[..22]);
    driver.upstream_bytes(&answer.as_bytes()[22..]);
    driver.upstream_end();
    assert!(driver.client.reset);
    assert_eq!(driver.close(Some(200))["settled_nanodollars"], PRICE);
}

#[test]
fn trailers_complete_no_answer_and_its_images_are_charged() {
    let (gate, _) = gate_of(&json!({}));
    let answer = format!(r#"{{"data":[{{"b64_json":"{ONE}"}}"#);
    let mut driver = Driver::admitted(&gate, &request(1));
    driver.upstream_head(json_head(200));
    driver.upstream_bytes(&answer.as_bytes()[..22]);
    driver.upstream_bytes(&answer.as_bytes()[22..]);
    driver.upstream_trailers();
    assert!(driver.client.reset);
    assert_eq!(driver.close(Some(200))["settled_nanodollars"], PRICE);
}

#[test]
fn a_later_member_without_an_image_takes_none_away() {
    for last in ["\"data\":[]", "\"data\":null", "\"data\":[{}]", "\"data\":[{\"b64_json\":\"\"}]"]
    {
        let answer = format!(r#"{{"data":[{{"b64_json":"{ONE}"}}],{last}}}"#);
        let (first, rest) = answer.as_bytes().split_at(22);
        for how in HOW {
            assert_got(&answered(how, 1, &[answer.as_bytes()], Then::Ends), &[ONE]);
            let (client, record) = answered(how, 1, &[first, rest], Then::Ends);
            assert_eq!((client.status, client.reset), (200, false), "{last}");
            assert_eq!(record["images_delivered"], 1, "{last}");
            assert_eq!(record["settled_nanodollars"], PRICE, "{last}");
            assert_eq!(record["code"], Value::Null, "{last}");
        }
    }
}

#[test]
fn what_is_no_json_after_an_image_takes_none_away_if_the_head_is_held() {
    for rest in ["} x]}", "]}}", "}}}", "},{\"b64_json\":\"\u{1}", "},nul]}", "}],\"x\":\"\\q\"}"] {
        let answer = format!(r#"{{"data":[{{"b64_json":"{ONE}"{rest}"#);
        for how in HOW {
            assert_got(&answered(how, 2, &[answer.as_bytes()], Then::Ends), &[ONE]);
        }
    }
}

#[test]
fn an_image_without_room_or_beyond_its_limit_does_not_take_another_away() {
    let large = "QUJD".repeat(300_000);
    for (name, value) in [("max_buffered_bytes", "1MiB"), ("max_image_bytes", "64KiB")] {
        for list in [[ONE, &large, TWO], [&large, ONE, TWO], [ONE, TWO, &large]] {
            let answer = images(&list).to_string();
            let (gate, budget) = gate_of(&json!({ name: value }));
            // What others hold leaves room for little.
            let mut other = budget.lease(usize::MAX);
            other.cover(if name == "max_buffered_bytes" { 500_000 } else { 0 }).unwrap();
            let mut driver = begun(&gate, 3, How::IsCollected);
            for piece in answer.as_bytes().chunks(100_000) {
                driver.upstream_bytes(piece);
            }
            driver.upstream_end();
            let record = driver.close(Some(driver.client.status));
            assert_got(&(driver.client.clone(), record.clone()), &[ONE, TWO]);
            let client = &driver.client;
            assert_eq!(client.header("x-imagegate-images-failed"), Some("1"), "{name}");
            assert_eq!(client.json()["usage"]["output_tokens"], 1372);
            assert_eq!(record["images_failed"], 1);
        }
    }
}

#[test]
fn a_limit_that_is_told_beside_an_image_rests_the_provider() {
    let error = json!({"code": "rate_limit_exceeded", "message": "no"});
    let mut document = images(&[ONE]);
    document["error"] = error.clone();
    let typed = json!({"type": "image_generation.completed", "b64_json": ONE, "error": error});
    let document = document.to_string();
    let (first, rest) = document.split_at(document.find(ONE).unwrap() + 2);
    let server = json!({"type": "image_generation.completed", "b64_json": ONE,
        "error": {"code": "server_error"}});
    for (pieces, rests) in [
        (vec![document.clone()], true),
        (vec![first.to_owned(), rest.to_owned()], true),
        (vec![first.to_owned(), rest[..rest.len() - 1].to_owned()], true),
        (vec![format!("data: {document}\n\n")], true),
        (vec![format!("data: {typed}\n\n")], true),
        (vec![format!("data: {server}\n\n")], false),
    ] {
        for how in HOW {
            let (gate, _) = provider(&json!({"max_rest": "60s"}), &json!({"limits": []}));
            let mut driver = begun(&gate, 1, how);
            for piece in &pieces {
                driver.upstream_bytes(piece.as_bytes());
            }
            driver.upstream_end();
            assert_eq!(images_of(&driver.client), [ONE], "{pieces:?}");
            driver.close(Some(200));
            let next = Driver::ask(&gate, &request(1));
            assert_eq!(next.forwarded, !rests, "{pieces:?}");
        }
    }
}

/// The first request after a rest shows whether the provider serves again.
#[test]
fn an_image_of_an_answer_that_is_not_whole_ends_a_rest() {
    let document = images(&[ONE]).to_string();
    let (first, rest) = document.split_at(document.find(ONE).unwrap() + 2);
    for end in [rest.len(), rest.len() - 1, rest.find('"').unwrap() + 1] {
        let (gate, _) = provider(&json!({"max_rest": "60s"}), &json!({"limits": []}));
        let mut limited = Driver::admitted(&gate, &request(1));
        let head = json_head(429);
        limited.upstream_head(ResponseHead { retry_after: Some(b"1".to_vec()), ..head });
        limited.response_body(br#"{"error":{"code":"rate_limit_exceeded"}}"#, End::Stream);
        limited.close(Some(429));
        assert!(!Driver::ask(&gate, &request(1)).forwarded, "it rests");
        let at = |secs| Driver::ask_at(&gate, &request(1), after(secs));
        let mut driver = at(2);
        assert!(driver.forwarded, "{:?}", driver.client);
        driver.upstream_head(json_head(200));
        driver.upstream_bytes(first.as_bytes());
        driver.upstream_bytes(&rest.as_bytes()[..end]);
        driver.upstream_end();
        driver.close(Some(200));
        assert!(at(3).forwarded, "it rests again after {}", &rest[..end]);
    }
}

#[test]
fn an_image_that_is_too_large_does_not_take_away_those_after_it() {
    let large = "QUJD".repeat(1_000);
    for data in [[&large, ONE, TWO], [ONE, &large, TWO], [ONE, TWO, &large]] {
        let (gate, budget) = gate_of(&json!({"max_image_bytes": 1_500}));
        let mut driver = Driver::admitted(&gate, &request(3));
        driver.upstream_head(json_head(200));
        driver.upstream_bytes(images(&data).to_string().as_bytes());
        driver.upstream_end();
        assert_eq!(images_of(&driver.client), [ONE, TWO], "{data:?}");
        let record = driver.close(Some(200));
        assert_eq!((&record["images_delivered"], &record["images_failed"]), (&json!(2), &json!(1)));
        assert_eq!(record["settled_nanodollars"], 2 * PRICE);
        assert_eq!(budget.used(), 0);
    }
}

/// What an answer may have between its members.
fn any_part() -> impl Strategy<Value = String> {
    let png = png(8, 8, 30);
    let parts = [
        format!(r#""data":[{{"b64_json":"{png}"}}]"#),
        format!(r#""data":[{{"b64_json":"{ONE}","b64_json":"{TWO}"}}]"#),
        format!(r#""data":[{{"revised_prompt":"x","b64_json":"{ONE}"}},{{"b64_json":"!"}}]"#),
        format!(r#""data":[{{"url":"https://a.example/","b64_json":"{TWO}"}},{{}}]"#),
        r#""data":[]"#.to_owned(),
        r#""data":{"b64_json":"QUJD"}"#.to_owned(),
        r#""error":null"#.to_owned(),
        r#""error":{"code":"rate_limit_exceeded"}"#.to_owned(),
        r#""usage":{"input_tokens":1,"output_tokens":2,"total_tokens":3}"#.to_owned(),
        format!(r#""x":{}{}"#, "[".repeat(120), "]".repeat(120)),
        format!(r#""x":[{}0]"#, "0,".repeat(200_000)),
        r#""created":1.5e9,"size":"\u0061""#.to_owned(),
        "]".to_owned(),
        "\u{1}".to_owned(),
    ];
    prop::sample::select(parts.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// Whatever an answer has, and wherever it is cut: an image that is whole in the upstream's bytes
    /// reaches the client if the head is held, and what is charged is what has reached it.
    #[test]
    fn whatever_is_beside_an_image_what_is_delivered_is_charged(
        parts in prop::collection::vec(any_part(), 1..5),
        (end, size) in (any::<prop::sample::Index>(), prop::sample::select(vec![7, 100, 4096, 1 << 20])),
        (is_cut, is_marked, collects) in any::<(bool, bool, bool)>(),
        tail in prop::sample::select(vec!["", "\r\n", " x", "{}"]),
    ) {
        let mark = if is_marked { "\u{feff}" } else { "" };
        let answer = format!("{mark}{{{}}}{tail}", parts.join(",")).into_bytes();
        let end = if is_cut { end.index(answer.len()) + 1 } else { answer.len() };
        let bytes = &answer[..end];
        let how = HOW[usize::from(collects)];
        let pieces: Vec<_> = bytes.chunks(size).collect();
        let (client, record) = answered(how, 2, &pieces, Then::Ends);
        let delivered = record["images_delivered"].as_u64().unwrap();
        prop_assert_eq!(&record["settled_nanodollars"], &json!(delivered * PRICE));
        let text = String::from_utf8_lossy(bytes).into_owned();
        let first = text.find("\"b64_json\":\"").map(|at| at + 12);
        let has_whole = text.match_indices("[{\"b64_json\":\"").any(|(at, it)| {
            text[at + it.len()..].find('"').is_some_and(|len| len > 1)
        });
        prop_assert!(first.is_some() || delivered == 0);
        if collects && has_whole && !parts.contains(&"]".to_owned()) {
            prop_assert_eq!(client.status, 200, "{}", client.text());
        }
        if client.at_once && client.status == 200 {
            prop_assert_eq!(u64::try_from(images_of(&client).len()).unwrap(), delivered);
        }
        prop_assert!(client.reset || client.status != 0);
        prop_assert!(client.reset || serde_json::from_slice::<Value>(&client.body).is_ok());
    }
}

//! A provider's own events, for a client that streams and for one that does not.

use std::rc::Rc;

use crate::support::driver::Driver;
use crate::support::{event, gate};
use imagegate::exchange::{ResponseHead, Shared};
use imagegate::memory::Budget;
use proptest::prelude::*;
use serde_json::{Value, json};

const PREVIEW: &str = "image_generation.partial_image";
const COMPLETED: &str = "image_generation.completed";

fn provider(more: &Value) -> (Rc<Shared>, Budget) {
    let entry = json!({"api": "images", "authority": "provider.example", "stream": "send",
        "credential": {"bearer_env": "TOKEN"}, "timeout": "60s"});
    let mut document = json!({
        "upstreams": {"openai": entry},
        "prices": [{"model": "gpt-image-2", "usd": "0.25"}],
        "limits": [{"name": "budget", "per": "user", "unit": "usd", "max": "1", "window": "day"}],
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        document[key] = value.clone();
    }
    gate(&document)
}

/// An event as OpenAI sends it.
fn image_event(name: &str, base64: &str, more: &Value) -> String {
    let mut data = json!({"type": name, "b64_json": base64, "created_at": 1_778_832_973,
        "size": "1024x1024", "quality": "medium", "background": "opaque", "output_format": "png"});
    for (key, value) in more.as_object().into_iter().flatten() {
        data[key] = value.clone();
    }
    event(&data)
}

fn preview(index: u32) -> String {
    image_event(PREVIEW, "UFJFVklFVw==", &json!({"partial_image_index": index}))
}

fn completed() -> String {
    image_event(
        COMPLETED,
        "aGVsbG8=",
        &json!({"usage": {"input_tokens": 10,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": 10}, "output_tokens": 1572,
        "total_tokens": 1582}}),
    )
}

/// What a client got, and what the record says.
#[derive(Debug, PartialEq)]
struct Got {
    status: u16,
    events: Vec<(String, Value)>,
    error: Value,
    settled: Value,
}

impl Got {
    fn names(&self) -> Vec<&str> {
        self.events.iter().map(|(name, _)| name.as_str()).collect()
    }
}

fn head(status: u16, content_type: &str) -> ResponseHead {
    ResponseHead {
        status,
        content_type: Some(content_type.as_bytes().to_vec()),
        ..ResponseHead::default()
    }
}

/// What a client that wants this many `previews` gets from these pieces.
fn stream_of(more: &Value, previews: u32, head: ResponseHead, pieces: &[&[u8]]) -> Got {
    let (gate, budget) = provider(more);
    let request = json!({"prompt": "a cat", "model": "gpt-image-2", "stream": true,
        "partial_images": previews});
    let mut driver = Driver::admitted(&gate, &request);
    assert!(driver.upstream_head(head).waits());
    for piece in pieces {
        driver.upstream_bytes(piece);
    }
    let client = driver.upstream_end().clone();
    assert!(!client.reset);
    let settled = driver.close(Some(client.status))["settled_nanodollars"].clone();
    drop(driver);
    assert_eq!(budget.used(), 0, "nothing is left over");
    let (events, error) = match client.status {
        200 => (client.events(), Value::Null),
        _ => (Vec::new(), client.json()["error"].clone()),
    };
    Got { status: client.status, events, error, settled }
}

fn got(previews: u32, stream: &str) -> Got {
    stream_of(&json!({}), previews, head(200, "text/event-stream"), &[stream.as_bytes()])
}

#[test]
fn an_event_is_priced_by_its_model_and_the_size_of_its_bytes() {
    let prices = json!([{"model": "gpt-image-2", "usd": "0.25"},
        {"model": "other", "size": "1672x941", "usd": "0.75"}]);
    let image = crate::support::png(1672, 941, 100);
    let more = json!({"model": "other", "size": "auto", "output_format": "webp",
        "usage": {"output_tokens": 1572}});
    let stream = image_event(COMPLETED, &image, &more);
    let head = head(200, "text/event-stream");
    let got = stream_of(&json!({"prices": prices}), 0, head, &[stream.as_bytes()]);
    let event = &got.events[0].1;
    assert_eq!((&event["size"], &event["output_format"]), (&json!("1672x941"), &json!("png")));
    assert_eq!(
        event["usage"],
        json!({"input_tokens": 0, "output_tokens": 1572, "total_tokens": 1572,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": 0}})
    );
    assert_eq!(got.settled, 750_000_000);
}

#[test]
fn a_provider_streams_only_for_a_client_that_streams() {
    let sent = |request: &Value| {
        let (gate, _) = provider(&json!({}));
        let driver = Driver::admitted(&gate, request);
        let accept =
            driver.sent().headers.iter().find(|(name, _)| name == "accept").unwrap().1.clone();
        (driver.sent_json(), String::from_utf8(accept).unwrap())
    };
    let mut request = json!({"prompt": "a cat", "model": "gpt-image-2"});
    let (body, accept) = sent(&request);
    assert_eq!(body, request);
    assert_eq!(accept, "application/json");
    for previews in [0, 2] {
        request["stream"] = json!(true);
        request["partial_images"] = json!(previews);
        let (body, accept) = sent(&request);
        assert_eq!(body["stream"], true);
        assert_eq!(body.get("partial_images"), (previews > 0).then_some(&json!(2)));
        assert_eq!(accept, "text/event-stream, application/json");
    }
}

#[test]
fn previews_and_the_image_have_the_providers_fields() {
    let stream = [preview(0), preview(1), preview(2), completed()].concat();
    let got = got(2, &stream);
    assert_eq!(got.names(), [PREVIEW, PREVIEW, COMPLETED]);
    let (_, first) = &got.events[0];
    assert_eq!(
        *first,
        json!({"type": PREVIEW, "b64_json": "UFJFVklFVw==", "created_at": 1_778_832_973,
            "size": "1024x1024", "quality": "medium", "background": "opaque",
            "output_format": "png",
            "partial_image_index": 0, "sequence_number": 0})
    );
    let (_, last) = &got.events[2];
    assert_eq!(last["b64_json"], "aGVsbG8=");
    assert_eq!(last["usage"]["output_tokens"], 1572);
    assert_eq!(last["sequence_number"], 2);
    assert_eq!(got.settled, 250_000_000);
}

#[test]
fn events_of_other_spellings_are_read() {
    let after = json!({"b64_json": "aGVsbG8=", "size": "1024x1024"}).to_string();
    let of_edit =
        "event: image_edit.completed\ndata: {\"b64_json\":\"aGVsbG8=\"}\n\ndata: [DONE]\n\n";
    let type_last = |name: &str| {
        format!("data: {},\"type\":\"{name}\"}}\n\n", after.strip_suffix('}').unwrap())
    };
    let comments = format!(": OPENROUTER PROCESSING\n\n{}", completed());
    for (stream, previews) in [
        (of_edit.to_owned(), 0),
        (type_last(COMPLETED), 0),
        (type_last(PREVIEW) + &type_last(COMPLETED), 1),
        (format!("event: {PREVIEW}\ndata: {after}\n\n{}", completed()), 1),
        (comments, 0),
        (format!("event: image_generation.in_progress\ndata: {{}}\n\n{}", completed()), 0),
    ] {
        let got = got(3, &stream);
        assert_eq!(got.names().len(), previews + 1, "{stream}");
        assert_eq!(got.events[previews].0, COMPLETED, "{stream}");
        assert_eq!(got.events[previews].1["b64_json"], "aGVsbG8=", "{stream}");
        assert_eq!(got.settled, 250_000_000);
    }
}

#[test]
fn a_failure_has_its_status_before_a_preview_and_is_an_event_after_it() {
    let failure = |code: &str| {
        event(&json!({"type": "error", "error": {"code": code, "message": "m",
        "type": "image_generation_user_error", "param": null}}))
    };
    for (stream, status, code) in [
        (failure("moderation_blocked"), 400, "moderation_blocked"),
        (failure("model_not_found"), 404, "model_not_found"),
        (
            event(&json!({"type": "error", "code": "image_generation_failed", "message": "m"})),
            502,
            "upstream_error",
        ),
        (
            "data: {\"error\":{\"code\":\"rate_limit_exceeded\"}}\n\n".to_owned(),
            429,
            "rate_limit_exceeded",
        ),
        (image_event(COMPLETED, "", &json!({})), 502, "image_generation_failed"),
        (image_event(COMPLETED, "!not base64", &json!({})), 502, "upstream_invalid_response"),
        (
            image_event(COMPLETED, "", &json!({"url": "https://example.com/a.png"})),
            502,
            "upstream_invalid_response",
        ),
        (String::new(), 502, "upstream_disconnected"),
        ("data: [DONE]\n\n".to_owned(), 502, "upstream_disconnected"),
    ] {
        let alone = got(2, &stream);
        assert_eq!((alone.status, &alone.error["code"]), (status, &json!(code)), "{stream}");
        assert_eq!(alone.settled, 0);
        let late = got(2, &(preview(0) + &stream));
        assert_eq!(late.names(), [PREVIEW, "error"], "{stream}");
        assert_eq!(late.events[1].1["error"]["code"], code);
        assert_eq!(late.settled, 0);
    }
}

#[test]
fn a_preview_becomes_the_image_only_if_the_operator_accepts_it() {
    let accepts = json!({"accept_last_partial": true});
    let events = head(200, "text/event-stream; charset=utf-8");
    let got = stream_of(&accepts, 1, events, &[preview(0).as_bytes()]);
    assert_eq!(got.names(), [PREVIEW, COMPLETED]);
    assert_eq!(got.events[1].1["b64_json"], "UFJFVklFVw==");
}

#[test]
fn a_provider_that_answers_with_one_document_gives_one_event() {
    let answer = json!({"created": 1_778_832_973, "data": [{"b64_json": "aGVsbG8="}]}).to_string();
    let json = head(200, "application/json");
    let got = stream_of(&json!({}), 2, json, &[answer.as_bytes()]);
    assert_eq!(got.names(), [COMPLETED]);
    assert_eq!(got.events[0].1["b64_json"], "aGVsbG8=");
    assert_eq!(got.settled, 250_000_000);
}

#[test]
fn events_that_were_not_requested_give_the_image_as_well() {
    let (gate, budget) = provider(&json!({}));
    let mut driver = Driver::admitted(&gate, &json!({"prompt": "a cat", "model": "gpt-image-2"}));
    driver.upstream_head(head(200, "text/event-stream"));
    let client = driver.upstream_bytes((preview(0) + &completed()).as_bytes());
    assert_eq!(client.json()["data"], json!([{"b64_json": "aGVsbG8="}]));
    assert_eq!(client.json()["usage"]["output_tokens"], 1572);
    drop(driver);
    assert_eq!(budget.used(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// A stream gives the same events for every cut. If it ends before its image is whole, it gives
    /// no image, and nothing is charged.
    #[test]
    fn any_cut_gives_the_same_events_and_any_early_end_the_image_if_it_is_whole(
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
        end in any::<prop::sample::Index>(),
    ) {
        let whole = [preview(0), preview(1), completed()].concat();
        let events = || head(200, "text/event-stream");
        let uncut = got(2, &whole);
        prop_assert_eq!(uncut.names(), [PREVIEW, PREVIEW, COMPLETED]);
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(whole.len())).collect();
        places.extend([0, whole.len()]);
        places.sort_unstable();
        let bytes = whole.as_bytes();
        let pieces: Vec<&[u8]> = places.windows(2).map(|it| &bytes[it[0]..it[1]]).collect();
        prop_assert_eq!(stream_of(&json!({}), 2, events(), &pieces), uncut);
        // The end of a stream replaces the blank line after its last event.
        let end = end.index(whole.len() - 3);
        let early = got(2, whole.get(..end).unwrap());
        if whole[..end].contains("aGVsbG8=\"") {
            prop_assert_eq!(early.names(), [PREVIEW, PREVIEW, COMPLETED]);
            prop_assert_eq!(&early.events[2].1["b64_json"], "aGVsbG8=");
            prop_assert_eq!(early.settled, 250_000_000);
            return Ok(());
        }
        let last = match early.status {
            200 => early.events.last().unwrap().1["error"]["code"].clone(),
            _ => early.error["code"].clone(),
        };
        prop_assert_eq!(last, "upstream_disconnected");
        prop_assert_eq!(early.settled, 0);
    }
}

//! One image of a Codex upstream, which passes through to the client while it arrives.

mod charge;
mod endings;

use std::rc::Rc;

use crate::support::codex::{created, failed, preview};
use crate::support::driver::Driver;
use crate::support::{codex, gate, ok, png};
use imagegate::exchange::{BodyAccess, End, Shared};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A gate whose upstream has this `delivery`, with `more` laid over its configuration.
fn gate_with(delivery: &str, more: &Value) -> Rc<Shared> {
    let mut config = more.clone();
    config["delivery"] = json!(delivery);
    gate(&config).0
}

/// An image as an item, with its members in the order in which Codex sends them.
fn item(base64: &str) -> String {
    format!(
        r#"{{"id":"ig_1","type":"image_generation_call","status":"generating","background":"opaque","output_format":"png","quality":"low","result":"{base64}","revised_prompt":"a cat","size":"1024x1024"}}"#
    )
}

/// The event that an item is done.
fn done(item: &str) -> String {
    let kind = "response.output_item.done";
    format!("event: {kind}\ndata: {{\"type\":\"{kind}\",\"output_index\":0,\"item\":{item}}}\n\n")
}

/// The event that the response is done, with this image.
fn completed(base64: &str) -> String {
    let usage = json!({"input_tokens": 10, "output_tokens": 196, "total_tokens": 206,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": 10}});
    let kind = "response.completed";
    let item = item(base64);
    format!(
        "event: {kind}\ndata: {{\"type\":\"{kind}\",\"response\":{{\"id\":\"resp_1\",\"status\":\"completed\",\"output\":[{item}],\"tool_usage\":{{\"image_gen\":{usage}}}}}}}\n\n"
    )
}

fn request() -> Value {
    json!({"prompt": "a cat"})
}

/// A stream with this base64: the events before it, and the bytes of each of its three parts:
/// what comes before the base64, the base64, and what comes after it.
fn parts(base64: &str) -> [String; 3] {
    let image = done(&item(base64));
    let (before, after) = image.split_once(base64).unwrap();
    let before = [&created(), &preview(0, "UFJFVklFVw=="), before].concat();
    [before, base64.to_owned(), after.to_owned() + &completed(base64)]
}

/// What a client gets of an answer that is held.
fn held(stream: &str, request: &Value) -> Value {
    let gate = gate_with("hold", &json!({}));
    let mut driver = Driver::admitted(&gate, request);
    driver.answer(&[stream.as_bytes()]);
    assert!(driver.client.at_once);
    driver.client.json()
}

/// A driver whose client has the head and the first bytes of the image, and the rest of it.
fn begun(gate: &Rc<Shared>, base64: &str) -> (Driver, String, String) {
    let [before, image, after] = parts(base64);
    let mut driver = Driver::admitted(gate, &request());
    assert!(driver.upstream_head(ok()).waits());
    assert!(driver.upstream_bytes(before.as_bytes()).waits());
    let (first, rest) = image.split_at(4096);
    driver.upstream_bytes(first.as_bytes());
    assert_eq!(driver.client.status, 200);
    assert!(!driver.client.at_once);
    (driver, rest.to_owned(), after)
}

#[test]
fn the_head_leaves_with_the_first_bytes_and_the_rest_stays_in_envoys_buffer() {
    let image = png(1024, 1024, 90_000);
    let gate = gate_with("auto", &json!({}));
    let (mut driver, rest, after) = begun(&gate, &image);
    let opening = r#"{"created":1767225000,"data":[{"b64_json":""#;
    assert!(driver.client.text().starts_with(opening));
    for chunk in rest.as_bytes().chunks(16_384) {
        assert_eq!(driver.exchange.body_access(), BodyAccess::Peek);
        let len = driver.client.body.len();
        driver.upstream_bytes(chunk);
        assert_eq!(driver.client.body.len(), len + chunk.len());
    }
    driver.upstream_bytes(after.as_bytes());
    driver.upstream_end();
    assert!(!driver.client.reset);
    assert_eq!(driver.client.json(), held(&parts(&image).concat(), &request()));
    assert_eq!(driver.client.json()["data"][0]["revised_prompt"], "a cat");
    let record = driver.close(Some(200));
    assert_eq!(record["images_delivered"], 1);
    assert_eq!(record["bytes_out"], driver.client.body.len());
    assert_eq!((&record["size"], &record["code"]), (&json!("1024x1024"), &Value::Null));
}

#[test]
fn a_prompt_of_the_greatest_length_comes_back() {
    let prompt = "ü".repeat(32_000);
    let stream = parts(&png(8, 8, 3000)).concat().replace("a cat", &prompt);
    let request = json!({"prompt": prompt});
    for delivery in ["pass", "hold"] {
        let mut driver = Driver::admitted(&gate_with(delivery, &json!({})), &request);
        driver.answer(&[stream.as_bytes()]);
        assert_eq!(driver.client.json()["data"][0]["revised_prompt"], prompt, "{delivery}");
    }
}

#[test]
fn no_image_is_held() {
    let config = json!({"max_buffered_bytes": "64MiB"});
    let (gate, budget) = gate(&config);
    let image = png(1024, 1024, 3_000_000);
    let mut open: Vec<_> = (0..500).map(|_| begun(&gate, &image)).collect();
    assert!(budget.used() < 1_000_000, "{}", budget.used());
    let (driver, rest, after) = &mut open[17];
    driver.upstream_bytes(rest.as_bytes());
    driver.upstream_bytes(after.as_bytes());
    assert_eq!(driver.client.json()["data"][0]["b64_json"], image);
    drop(open);
    assert_eq!(budget.used(), 0);
}

#[test]
fn every_failure_before_the_image_has_its_status() {
    let before = [created(), preview(0, "UFJFVklFVw==")].concat();
    for (rest, status) in [
        (failed("rate_limit_exceeded"), 429),
        (failed("server_error"), 502),
        (codex::completed(&json!({})), 502),
        (done(&item("")) + &codex::completed(&json!({})), 502),
        (done(&item("no base64!")) + &codex::completed(&json!({})), 502),
        (String::new(), 502),
    ] {
        let mut driver = Driver::admitted(&gate_with("auto", &json!({})), &request());
        driver.answer(&[before.as_bytes(), rest.as_bytes()]);
        assert_eq!((driver.client.status, driver.client.at_once), (status, true), "{rest}");
    }
}

#[test]
fn a_url_passes_with_the_type_of_its_bytes() {
    for (image, mime) in [
        (png(8, 8, 5000), "image/png"),
        ("/9j/4AAQSkZJRgABAQ".to_owned() + &"A".repeat(4000), "image/jpeg"),
    ] {
        let request = json!({"prompt": "a cat", "response_format": "url", "model": "dall-e-3"});
        let gate = gate_with("auto", &json!({}));
        let mut driver = Driver::admitted(&gate, &request);
        let [before, base64, after] = parts(&image);
        driver.answer(&[before.as_bytes(), base64.as_bytes(), after.as_bytes()]);
        assert!(!driver.client.at_once);
        let url = driver.client.json()["data"][0]["url"].clone();
        assert_eq!(url, format!("data:{mime};base64,{image}"));
    }
}

#[test]
fn what_may_not_be_plain_base64_is_collected() {
    let plain = png(1024, 1024, 30_000);
    let lines = plain.as_bytes().chunks(76).map(|it| std::str::from_utf8(it).unwrap());
    let lines = lines.collect::<Vec<_>>().join("\\n");
    for odd in
        [plain.replace('+', "-").replace('/', "_"), format!("data:image/png;base64,{plain}"), lines]
    {
        let stream = done(&item(&odd)) + &codex::completed(&json!({}));
        let (first, rest) = stream.split_at(20_000);
        let mut driver = Driver::admitted(&gate_with("auto", &json!({})), &request());
        driver.answer(&[first.as_bytes(), rest.as_bytes()]);
        assert!(!driver.client.reset);
        let image = driver.client.json()["data"][0]["b64_json"].clone();
        assert_eq!(image.as_str().unwrap().trim_end_matches('='), plain.trim_end_matches('='));
    }
}

#[test]
fn only_the_event_that_counts_passes() {
    let image = png(1024, 1024, 30_000);
    let unknown = "A".repeat(30_000);
    let kind = "response.output_item.done";
    let data = |event: &str, members: &str| format!("event: {event}\ndata: {{{members}}}\n\n");
    let typed =
        |name: &str, of: &str| data(name, &format!(r#""type":"{of}","item":{}"#, item(&image)));
    let late = |image: &str| {
        data(kind, &format!(r#""item":{{"result":"{image}","type":"image_generation_call"}}"#))
    };
    let added = "response.output_item.added";
    for (event, leaves) in [
        (typed(added, added), false),
        (typed(kind, added), false),
        (typed("message", kind), true),
        (typed(kind, kind), true),
        // The types come after the image. Its first bytes say that it is one.
        (late(&image), true),
        (late(&unknown), false),
        (data("message", &format!(r#""item":{}"#, item(&image))), false),
    ] {
        let mut driver = Driver::admitted(&gate_with("auto", &json!({})), &request());
        driver.upstream_head(ok());
        driver.upstream_bytes(&event.as_bytes()[..20_000]);
        assert_eq!(!driver.client.waits(), leaves, "{}", &event[..120]);
    }
}

#[test]
fn an_item_that_turns_out_to_be_no_image_breaks_the_transfer() {
    let image = png(1024, 1024, 30_000);
    let other = format!(r#"{{"result":"{image}","type":"other_call"}}"#);
    let event = completed(&image).replacen("\"output\":[", &format!("\"output\":[{other},"), 1);
    let mut driver = Driver::admitted(&gate_with("auto", &json!({})), &request());
    driver.upstream_head(ok());
    assert!(!driver.upstream_bytes(&event.as_bytes()[..20_000]).waits());
    assert!(driver.upstream_bytes(&event.as_bytes()[20_000..]).reset);
    assert_eq!(driver.close(Some(200))["images_delivered"], 0);
}

#[test]
fn a_url_waits_for_the_end_if_its_bytes_do_not_show_its_type() {
    let drawing = "PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciPg".repeat(100);
    let stream = parts(&drawing).concat().replace("\"png\"", "\"svg\"");
    let request = json!({"prompt": "a cat", "response_format": "url", "model": "dall-e-3"});
    let mut driver = Driver::admitted(&gate_with("auto", &json!({})), &request);
    driver.answer(&[&stream.as_bytes()[..3000], &stream.as_bytes()[3000..]]);
    let url = driver.client.json()["data"][0]["url"].as_str().unwrap().to_owned();
    assert!(url.starts_with("data:image/svg+xml;base64,"), "{}", &url[..40]);
}

#[test]
fn a_long_image_that_was_collected_is_held_to_the_end() {
    let plain = png(1024, 1024, 300_000);
    let lines = plain.as_bytes().chunks(76).map(|it| std::str::from_utf8(it).unwrap());
    let odd = lines.collect::<Vec<_>>().join("\\n");
    let stream = done(&item(&odd)) + &codex::completed(&json!({}));
    let (gate, budget) = gate(&json!({}));
    let mut driver = Driver::admitted(&gate, &request());
    driver.upstream_head(ok());
    let end = stream.find("response.completed").unwrap();
    for chunk in stream.as_bytes()[..end - 7].chunks(50_000) {
        assert!(driver.upstream_bytes(chunk).waits());
    }
    assert!(budget.used() > plain.len());
    driver.upstream_bytes(&stream.as_bytes()[end - 7..]);
    assert_eq!(driver.client.json()["data"][0]["b64_json"], plain);
}

#[test]
fn images_that_cannot_pass_are_bounded_though_there_is_no_room() {
    let (gate, budget) = gate(&json!({"max_buffered_bytes": "1MiB"}));
    let odd = format!("-{}", "A".repeat(1_500_000));
    let event = done(&item(&odd));
    let mut open: Vec<_> = (0..60).map(|_| Driver::admitted(&gate, &request())).collect();
    for driver in &mut open {
        driver.upstream_head(ok());
        driver.upstream_bytes(event.as_bytes()[..1_400_000].as_ref());
    }
    assert!(budget.used() <= 33 << 20, "{}", budget.used());
    let refused = open.iter().filter(|it| it.client.status == 503).count();
    assert!((20..60).contains(&refused), "{refused} of 60 are refused");
    drop(open);
    assert_eq!(budget.used(), 0);
}

#[test]
fn an_image_that_only_the_last_event_has_passes() {
    let image = png(1024, 1024, 30_000);
    let stream = created() + &completed(&image);
    let mut driver = Driver::admitted(&gate_with("auto", &json!({})), &request());
    let (first, rest) = stream.split_at(20_000);
    driver.upstream_head(ok());
    assert!(!driver.upstream_bytes(first.as_bytes()).waits());
    driver.upstream_bytes(rest.as_bytes());
    assert_eq!(driver.client.json()["data"][0]["b64_json"], image);
}

#[test]
fn a_small_answer_leaves_with_its_head_and_as_a_reply_if_the_upstream_has_ended() {
    let stream = parts(&png(8, 8, 3000)).concat();
    for (end, at_once) in [(End::Open, false), (End::Stream, true)] {
        let mut driver = Driver::admitted(&gate_with("auto", &json!({})), &request());
        driver.upstream_head(ok());
        driver.response_body(stream.as_bytes(), end);
        assert_eq!((driver.client.status, driver.client.at_once), (200, at_once));
        assert_eq!(driver.client.json(), held(&stream, &request()));
        if end == End::Open {
            // What comes after the answer is dropped.
            driver.upstream_bytes(b"data: [DONE]\n\n");
            driver.upstream_end();
        }
        assert_eq!(driver.client.json(), held(&stream, &request()));
        let record = driver.close(Some(200));
        assert_eq!((&record["images_delivered"], &record["code"]), (&json!(1), &Value::Null));
    }
}

#[test]
fn white_space_may_come_before_an_image_that_passes() {
    let image = png(1024, 1024, 30_000);
    let [before, base64, after] = parts(&image);
    let gate = gate_with("auto", &json!({"keepalive": "5s"}));
    let mut driver = Driver::admitted(&gate, &request());
    driver.upstream_head(ok());
    driver.now = crate::support::after(6);
    driver.upstream_bytes(before.as_bytes());
    assert_eq!((driver.client.status, driver.client.text()), (200, " "));
    for chunk in [base64.as_bytes(), after.as_bytes(), b""] {
        driver.upstream_bytes(chunk);
    }
    assert_eq!(driver.client.json()["data"][0]["b64_json"], image);
    // A failure before the image is reported in the body.
    let mut driver = Driver::admitted(&gate, &request());
    driver.upstream_head(ok());
    driver.now = crate::support::after(12);
    driver.upstream_bytes(created().as_bytes());
    driver.upstream_bytes(failed("server_error").as_bytes());
    assert!(driver.client.error("code").is_string() && !driver.client.reset);
}

#[test]
fn a_held_image_that_finds_no_room_passes_and_one_that_cannot_is_refused() {
    let config = json!({"max_buffered_bytes": "8MiB"});
    let image = png(1024, 1024, 2_500_000);
    let gate = gate_with("hold", &config);
    let sized = json!({"prompt": "a cat", "size": "1024x1024"});
    let [before, base64, after] = parts(&image);
    let mut holders: Vec<_> = (0..2).map(|_| Driver::admitted(&gate, &sized)).collect();
    for driver in &mut holders {
        driver.upstream_head(ok());
        driver.upstream_bytes(before.as_bytes());
        driver.upstream_bytes(&base64.as_bytes()[..20_000]);
    }
    // The first has taken the room for its end, the second finds none.
    assert!(holders[0].client.waits());
    assert!(!holders[1].client.waits());
    let mut pair = Driver::admitted(&gate, &json!({"prompt": "p", "size": "1024x1024", "n": 2}));
    let token = pair.call().token;
    pair.side(token, Some(ok()), parts(&image).concat().as_bytes());
    pair.answer(&[parts(&image).concat().as_bytes()]);
    assert_eq!(pair.client.status, 503);
    for driver in &mut holders {
        driver.upstream_bytes(&base64.as_bytes()[20_000..]);
        driver.upstream_bytes(after.as_bytes());
        assert_eq!(driver.client.json()["data"][0]["b64_json"], image);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// However the stream is cut, the client gets what it gets of an answer that is held, and the
    /// record says the same.
    #[test]
    fn any_cut_gives_the_same_answer(
        len in 0_usize..12_000,
        cuts in prop::collection::vec(1_usize..9_000, 1..12),
        slashes in any::<bool>(),
    ) {
        let image = png(1024, 1024, len);
        let mut stream = parts(&image).concat();
        if slashes {
            // As encoders that escape each slash write it.
            stream = stream.replace(&image, &image.replace('/', "\\/"));
        }
        let mut driver = Driver::admitted(&gate_with("auto", &json!({})), &request());
        driver.upstream_head(ok());
        let (mut rest, mut turn) = (stream.as_bytes(), cuts.iter().cycle());
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(*turn.next().unwrap()));
            driver.upstream_bytes(now);
            rest = later;
        }
        driver.upstream_end();
        prop_assert!(!driver.client.reset);
        prop_assert_eq!(driver.client.json(), held(&stream, &request()));
        let record = driver.close(Some(200));
        prop_assert_eq!(&record["images_delivered"], &json!(1));
        prop_assert_eq!(&record["size"], &json!("1024x1024"));
        prop_assert_eq!(&record["output_tokens"], &json!(196));
    }
}

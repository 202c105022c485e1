//! An image of Codex that has come whole is delivered and charged in each delivery, whatever the
//! upstream says after it, and however it ends.

use crate::support::codex::{self, created, event, failed, item, lay_over, preview};
use crate::support::driver::Driver;
use crate::support::money::PRICE;
use crate::support::{after, gate, ok, png};
use imagegate::exchange::Shared;
use serde_json::{Value, json};
use std::rc::Rc;

/// How an upstream goes on after an image.
#[derive(Debug, Clone, Copy)]
enum Then<'a> {
    /// With these bytes. They are an outcome.
    Says(&'a str),
    /// With these bytes and its end.
    Ends(&'a str),
    /// With nothing until its time is over, and then with these bytes.
    Lingers(&'a str),
}

/// How the image reaches the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Passes,
    IsHeld,
    Streams,
    IsKeptAlive,
    IsOneOfTwo,
    IsSmall,
}

const HOW: [How; 6] =
    [How::Passes, How::IsHeld, How::Streams, How::IsKeptAlive, How::IsOneOfTwo, How::IsSmall];

fn usage() -> Value {
    json!({"input_tokens": 10, "output_tokens": 196, "total_tokens": 206,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": 10}})
}

/// An event that ends the response in another way than `completed`, with these members.
fn ended(kind: &str, members: &Value) -> String {
    let mut response = json!({"id": "resp_1", "output": [],
        "tool_usage": {"image_gen": usage()}});
    lay_over(&mut response, members);
    event(&json!({"type": kind, "response": response}))
}

fn incomplete(reason: &str) -> String {
    let details = json!({"reason": reason});
    ended("response.incomplete", &json!({"status": "incomplete", "incomplete_details": details}))
}

fn failing(code: &str) -> String {
    let error = json!({"code": code, "message": "no"});
    ended("response.failed", &json!({"status": "failed", "error": error}))
}

fn gate_for(how: How) -> Rc<Shared> {
    let mut more = json!({"prices": [{"model": "*", "usd": "0.211"}], "limits": []});
    match how {
        How::IsHeld => more["delivery"] = json!("hold"),
        How::IsKeptAlive => more["keepalive"] = json!("5s"),
        How::Passes | How::Streams | How::IsOneOfTwo | How::IsSmall => {}
    }
    gate(&more).0
}

fn request_for(how: How) -> Value {
    match how {
        How::Streams => json!({"prompt": "a cat", "stream": true}),
        How::IsOneOfTwo => json!({"prompt": "a cat", "n": 2}),
        How::Passes | How::IsHeld | How::IsKeptAlive | How::IsSmall => json!({"prompt": "a cat"}),
    }
}

/// The image that the client gets, the usage, and the record, of an image that is whole.
fn delivered(how: How, then: Then<'_>) -> (Value, Value, Value) {
    let image = png(1024, 1024, if how == How::IsSmall { 300 } else { 30_000 });
    let gate = gate_for(how);
    let mut driver = Driver::admitted(&gate, &request_for(how));
    driver.upstream_head(ok());
    if how == How::IsKeptAlive {
        driver.now = after(6);
    }
    driver.upstream_bytes((created() + &preview(0, "QUJD")).as_bytes());
    let done = codex::done(&item("ig_1", &image));
    let (first, rest) = done.split_at(done.len() / 2);
    driver.upstream_bytes(first.as_bytes());
    driver.upstream_bytes(rest.as_bytes());
    if how == How::IsOneOfTwo {
        // The other call has failed.
        let token = driver.call().token;
        driver.side(token, Some(ok()), failed("server_error").as_bytes());
    }
    match then {
        Then::Says(bytes) => _ = driver.upstream_bytes(bytes.as_bytes()),
        Then::Ends(bytes) => {
            driver.upstream_bytes(bytes.as_bytes());
            driver.upstream_end();
        }
        Then::Lingers(bytes) => {
            driver.tick(after(61));
            driver.upstream_bytes(bytes.as_bytes());
        }
    }
    let client = driver.client.clone();
    let about = format!("{how:?} {then:?} {:.300}", client.text());
    assert_eq!((client.status, client.reset), (200, false), "{about}");
    let (base64, usage) = match how {
        How::Streams => {
            let (name, last) = client.events().pop().unwrap();
            assert_eq!(name, "image_generation.completed", "{about}");
            (last["b64_json"].clone(), last["usage"].clone())
        }
        _ => (client.json()["data"][0]["b64_json"].clone(), client.json()["usage"].clone()),
    };
    assert_eq!(base64, image, "{about}");
    let record = driver.close(Some(200));
    assert_eq!(record["images_delivered"], 1, "{about}");
    assert_eq!(record["settled_nanodollars"], PRICE, "{about}");
    (base64, usage, record)
}

#[test]
fn it_is_delivered_with_the_usage_of_the_event_that_ends_the_response() {
    for how in HOW {
        for last in [
            incomplete("max_output_tokens"),
            incomplete("content_filter"),
            failing("server_error"),
            failing("rate_limit_exceeded"),
            codex::completed(&json!({"tool_usage": {"image_gen": usage()}})),
        ] {
            let (_, reported, record) = delivered(how, Then::Says(&last));
            assert_eq!(reported["output_tokens"], 196, "{how:?} {last}");
            assert_eq!(record["output_tokens"], 196, "{how:?} {last}");
        }
    }
}

#[test]
fn it_is_delivered_though_nothing_ends_the_response_well() {
    let error = event(&json!({"type": "error", "error": {"code": "server_error"}}));
    let flat = event(&json!({"type": "error", "code": "rate_limit_exceeded", "message": "no"}));
    let done = "data: [DONE]\n\n";
    let cut = codex::completed(&json!({"tool_usage": {}}));
    let cut = &cut[..cut.len() / 2];
    let long = format!("data: {{\"type\":\"x\",\"output\":[{}0]}}\n\n", "0,".repeat(200_000));
    for how in HOW {
        for then in [
            Then::Says(&error),
            Then::Says(&flat),
            Then::Says(done),
            Then::Says(&long),
            Then::Ends(""),
            Then::Ends(": bye\n\n"),
            Then::Ends("data: {\n\n"),
            Then::Ends(cut),
            Then::Lingers(": still here\n\n"),
            Then::Lingers(cut),
        ] {
            delivered(how, then);
        }
    }
}

#[test]
fn it_is_delivered_though_only_the_event_that_reports_a_failure_has_it() {
    for delivery in ["pass", "hold"] {
        for (kind, members) in [
            ("response.incomplete", json!({"status": "incomplete"})),
            ("response.failed", json!({"status": "failed", "error": {"code": "server_error"}})),
        ] {
            let mut members = members;
            let image = png(8, 8, 300);
            members["output"] = json!([item("ig_1", &image)]);
            let stream = created() + &ended(kind, &members);
            let document = json!({"type": kind, "response": members}).to_string();
            for answer in [stream, document, members.to_string()] {
                let gate = gate(&json!({"delivery": delivery})).0;
                let mut driver = Driver::admitted(&gate, &json!({"prompt": "a cat"}));
                driver.answer(&[answer.as_bytes()]);
                assert_eq!(driver.client.json()["data"][0]["b64_json"], image, "{answer}");
            }
        }
    }
}

#[test]
fn half_an_image_and_a_preview_are_not_delivered() {
    let image = png(1024, 1024, 30_000);
    let done = codex::done(&item("ig_1", &image));
    let (half, _) = done.split_at(done.len() / 2);
    let shown = created() + &preview(0, "QUJD");
    for before in [shown.clone() + half, shown] {
        for last in ["\n\n".to_owned() + &incomplete("max_output_tokens"), String::new()] {
            for delivery in ["pass", "hold"] {
                let more = json!({"delivery": delivery, "limits": [],
                    "prices": [{"model": "*", "usd": "0.211"}]});
                let mut driver = Driver::admitted(&gate(&more).0, &json!({"prompt": "a cat"}));
                driver.answer(&[before.as_bytes(), last.as_bytes()]);
                let passes = delivery == "pass" && before.len() > 2_000;
                assert_eq!((driver.client.reset, driver.client.status == 502), (passes, !passes));
                let record = driver.close(Some(driver.client.status));
                assert_eq!(record["settled_nanodollars"], 0, "{record}");
            }
        }
    }
}

/// The last event lacks its blank line.
#[test]
fn an_image_whose_event_only_the_end_of_the_stream_ends_is_whole() {
    let image = png(1024, 1024, 30_000);
    let done = codex::done(&item("ig_1", &image));
    let stream = done.trim_end();
    for delivery in ["pass", "hold"] {
        let gate = gate(&json!({"delivery": delivery})).0;
        let mut driver = Driver::admitted(&gate, &json!({"prompt": "a cat"}));
        let (first, rest) = stream.split_at(20_000);
        driver.answer(&[first.as_bytes(), rest.as_bytes()]);
        assert!(!driver.client.reset);
        assert_eq!(driver.client.json()["data"][0]["b64_json"], image);
    }
}

#[test]
fn a_limit_that_is_told_after_an_image_does_not_send_the_call_elsewhere() {
    let upstream =
        |authority: &str| json!({"authority": authority, "credential": "envoy", "timeout": "60s"});
    let more = json!({
        "upstreams": {"codex": upstream("a.example"), "second": upstream("b.example")},
        "models": [{"match": "*", "upstream": ["codex", "second"]}],
    });
    let mut driver = Driver::admitted(&gate(&more).0, &json!({"prompt": "a cat"}));
    let stream = codex::done(&item("ig_1", "QUJD")) + &failed("rate_limit_exceeded");
    driver.upstream_head(ok());
    driver.upstream_bytes(stream.as_bytes());
    assert!(driver.calls.is_empty());
    assert_eq!(driver.client.json()["data"][0]["b64_json"], "QUJD");
}

#[test]
fn a_limit_that_is_told_after_an_image_rests_the_upstream() {
    let upstream = json!({"codex": {"authority": "a.example", "credential": "envoy"}});
    let more = json!({"upstreams": upstream, "models": [{"match": "*", "upstream": "codex"}]});
    let mut refused = item("ig_0", "");
    refused["error"] = json!({"code": "rate_limit_exceeded"});
    let image = codex::done(&item("ig_1", "QUJD"));
    for (stream, rests) in [
        (image.clone() + &failed("rate_limit_exceeded"), true),
        (image.clone() + &failed("server_error"), false),
        // The tool is tried again.
        (codex::done(&refused) + &image + &codex::completed(&json!({})), false),
    ] {
        let gate = gate(&more).0;
        let mut driver = Driver::admitted(&gate, &json!({"prompt": "a cat"}));
        driver.upstream_head(ok());
        driver.upstream_bytes(stream.as_bytes());
        assert_eq!(driver.client.json()["data"][0]["b64_json"], "QUJD");
        let next = Driver::ask(&gate, &json!({"prompt": "a cat"}));
        assert_eq!(next.forwarded, !rests, "{stream}");
    }
}

#[test]
fn other_images_are_reported_as_dropped_however_the_response_ends() {
    let both = codex::done(&item("ig_1", "QUJD")) + &codex::done(&item("ig_2", "REVG"));
    for last in [codex::completed(&json!({})), failed("server_error"), String::new()] {
        for delivery in ["pass", "hold"] {
            let gate = gate(&json!({"delivery": delivery})).0;
            let mut driver = Driver::admitted(&gate, &json!({"prompt": "a cat"}));
            driver.answer(&[both.as_bytes(), last.as_bytes()]);
            let record = driver.close(Some(200));
            assert_eq!(record["images_delivered"], 1, "{last}");
            assert_eq!(record["images_dropped"], 1, "{last}");
        }
    }
}

#[test]
fn trailers_end_an_image_that_is_held() {
    let gate = gate(&json!({"delivery": "hold"})).0;
    let mut driver = Driver::admitted(&gate, &json!({"prompt": "a cat"}));
    driver.upstream_head(ok());
    driver.upstream_bytes(codex::done(&item("ig_1", "QUJD")).as_bytes());
    driver.upstream_trailers();
    assert_eq!(driver.client.json()["data"][0]["b64_json"], "QUJD");
}

//! Several images of a provider that answers one request with events, in any of the forms that
//! providers have for it, or with images that cannot pass through as they are.

use crate::support::driver::Driver;
use crate::support::event;
use crate::support::money::Counted;
use crate::support::providers::{images, json_head, provider};
use crate::support::{NOW, after};
use imagegate::exchange::{End, ResponseHead};
use serde_json::{Value, json};

const THREE: [&str; 3] = ["Zmlyc3Q=", "c2Vjb25k", "dGhpcmQh"];
/// What an image costs, in nano-dollars.
const PRICE: u64 = 250_000_000;
const DONE: &str = "data: [DONE]\n\n";

fn completed(base64: &str, more: &Value) -> String {
    let mut data = json!({"type": "image_generation.completed", "b64_json": base64,
        "created_at": 1_778_832_973, "size": "1024x1024", "quality": "low"});
    for (name, value) in more.as_object().into_iter().flatten() {
        data[name] = value.clone();
    }
    event(&data)
}

fn all(list: &[&str]) -> String {
    list.iter().map(|it| completed(it, &json!({}))).collect()
}

fn data(document: &Value) -> String {
    format!("data: {document}\n\n")
}

fn list(images: &[&str]) -> Vec<String> {
    images.iter().map(|it| (*it).to_owned()).collect()
}

/// The header that says how many images failed.
fn failed(count: &str) -> Option<String> {
    Some(count.to_owned())
}

fn usage(output: u64) -> Value {
    json!({"input_tokens": 10, "output_tokens": output, "total_tokens": 10 + output})
}

/// What a client that wants `n` images gets of an answer, and the record.
struct Got {
    images: Vec<String>,
    body: Value,
    record: Value,
    failed: Option<String>,
}

fn driver(n: u32) -> Driver {
    let (gate, _) = provider(&json!({}), &json!({"limits": []}));
    Driver::admitted(&gate, &json!({"prompt": "a cat", "model": "gpt-image-2", "n": n}))
}

fn events_head() -> ResponseHead {
    ResponseHead { content_type: Some(b"text/event-stream".to_vec()), ..json_head(200) }
}

fn got(mut driver: Driver) -> Got {
    let client = driver.client.clone();
    assert_eq!((client.status, client.reset), (200, false), "{}", client.text());
    let body = client.json();
    let images = body["data"].as_array().unwrap().iter();
    let images: Vec<_> = images.map(|it| it["b64_json"].as_str().unwrap().to_owned()).collect();
    let record = driver.close(Some(200));
    let count = u64::try_from(images.len()).unwrap();
    assert_eq!(record["images_delivered"], count, "{record}");
    assert_eq!(record["settled_nanodollars"], count * PRICE, "{record}");
    let failed = client.header("x-imagegate-images-failed").map(str::to_owned);
    Got { images, body, record, failed }
}

/// The same of a whole answer, which comes in pieces of `size` bytes.
fn whole(n: u32, head: ResponseHead, answer: &[u8], size: usize) -> Got {
    let mut driver = driver(n);
    driver.upstream_head(head);
    for piece in answer.chunks(size) {
        driver.upstream_bytes(piece);
    }
    driver.upstream_end();
    got(driver)
}

#[test]
fn each_completed_event_brings_one_image() {
    for size in [1, 7, 4096] {
        let both = whole(2, events_head(), all(&THREE[..2]).as_bytes(), size);
        assert_eq!((both.images, both.failed), (list(&THREE[..2]), None));
        let more = whole(2, events_head(), all(&THREE).as_bytes(), size);
        assert_eq!(more.images, THREE[..2]);
        let fewer = whole(3, events_head(), all(&THREE[..2]).as_bytes(), size);
        assert_eq!((fewer.images, fewer.failed), (list(&THREE[..2]), failed("1")));
    }
}

#[test]
fn the_answer_leaves_with_the_last_image_or_once_the_upstream_says_that_no_more_come() {
    for (n, stream) in [(2, all(&THREE[..2])), (3, all(&THREE[..2]) + DONE)] {
        let mut driver = driver(n);
        driver.upstream_head(events_head());
        let (first, rest) = stream.split_at(stream.len() / 3);
        assert!(driver.upstream_bytes(first.as_bytes()).waits());
        driver.upstream_bytes(rest.as_bytes());
        assert_eq!(got(driver).images, THREE[..2]);
    }
}

#[test]
fn what_has_come_is_delivered_however_the_rest_fails() {
    let error = event(&json!({"type": "error", "error": {"code": "server_error"}}));
    let garbled = completed("!", &json!({}));
    let hosted = completed("", &json!({"url": "https://example.com/a.png"}));
    let half = completed(THREE[1], &json!({}));
    let half = half.split_once(&THREE[1][2..]).unwrap().0;
    for rest in [&error, &(garbled.clone() + DONE), &(hosted + DONE), half, ""] {
        let answer = completed(THREE[0], &json!({})) + rest;
        let got = whole(2, events_head(), answer.as_bytes(), 50);
        assert_eq!((got.images, got.failed), (list(&THREE[..1]), failed("1")), "{rest}");
    }
    // The order does not matter.
    let answer = garbled + &completed(THREE[0], &json!({}));
    assert_eq!(whole(2, events_head(), answer.as_bytes(), 50).images, THREE[..1]);
    // The upstream is silent until its time is over.
    let mut driver = driver(2);
    driver.upstream_head(events_head());
    assert!(driver.upstream_bytes(all(&THREE[..1]).as_bytes()).waits());
    driver.tick(after(61));
    assert_eq!(got(driver).images, THREE[..1]);
}

#[test]
fn without_an_image_the_failure_of_the_first_is_that_of_the_request() {
    let error = event(&json!({"type": "error", "error": {"code": "rate_limit_exceeded"}}));
    let blocked = event(&json!({"type": "error", "error": {"code": "moderation_blocked"}}));
    let garbled = completed("!", &json!({}));
    for (answer, code) in [
        (error, "rate_limit_exceeded"),
        (garbled.clone() + &completed("", &json!({})), "upstream_invalid_response"),
        (garbled + DONE, "upstream_invalid_response"),
        (completed("", &json!({})) + &blocked, "moderation_blocked"),
        (data(&json!({"error": {"code": "rate_limit_exceeded"}})), "rate_limit_exceeded"),
        (data(&json!({"created": 1, "data": []})), "image_generation_failed"),
        (data(&json!({"type": "ping", "data": []})), "upstream_disconnected"),
    ] {
        let mut driver = driver(2);
        driver.upstream(events_head(), &[answer.as_bytes()]);
        assert_eq!(driver.client.code(), code, "{answer}");
        assert_eq!(driver.close(Some(502))["settled_nanodollars"], 0);
    }
}

#[test]
fn the_usage_is_that_of_all_images() {
    let each = THREE.map(|it| completed(it, &json!({"usage": usage(100)}))).concat();
    let last = all(&THREE[..2]) + &completed(THREE[2], &json!({"usage": usage(300)}));
    let document = {
        let mut answer = images(&THREE);
        answer["usage"] = usage(300);
        data(&answer)
    };
    for (answer, input) in [(each, 30), (last, 10), (document, 10)] {
        let tokens = json!({"text_input": "5", "image_input": "8", "image_output": "30"});
        let price = json!({"model": "*", "usd": "9", "usd_per_million_tokens": tokens});
        let (gate, _) = provider(&json!({}), &json!({"prices": [price], "limits": []}));
        let request = json!({"prompt": "a cat", "model": "gpt-image-2", "n": 3});
        let mut driver = Driver::admitted(&gate, &request);
        driver.upstream(events_head(), &[answer.as_bytes()]);
        let reported = driver.client.json()["usage"].clone();
        assert_eq!(reported["output_tokens"], 300, "{answer}");
        assert_eq!(reported["input_tokens"], input, "{answer}");
        let record = driver.close(Some(200));
        assert_eq!(record["settled_nanodollars"], input * 8_000 + 300 * 30_000, "{record}");
    }
}

#[test]
fn a_whole_answer_may_come_as_the_data_of_an_event() {
    let answer = images(&THREE[..2]);
    let typed = {
        let mut answer = answer.clone();
        answer["type"] = json!("image_generation.completed");
        answer
    };
    let named = format!("event: message\ndata: {answer}\n\n");
    let after_done = format!(": hi\n\nevent: ping\ndata: {{}}\n\n{}{DONE}", data(&answer));
    for stream in [data(&answer), data(&typed), named, after_done, format!("data:{answer}")] {
        for head in
            [events_head(), json_head(200), ResponseHead { content_type: None, ..json_head(200) }]
        {
            for size in [1, 30, 4096] {
                for n in [1, 2, 3] {
                    let got = whole(n, head.clone(), stream.as_bytes(), size);
                    let count = usize::try_from(n.min(2)).unwrap();
                    assert_eq!(got.images, THREE[..count], "{stream}");
                    assert_eq!(got.body["created"], 1_778_832_973, "{stream}");
                    assert_eq!(got.body["size"], "1024x1536", "{stream}");
                    assert_eq!(got.record["output_tokens"], 1372, "{stream}");
                    assert_eq!(got.record["images_dropped"], 2 - count, "{stream}");
                }
            }
        }
    }
}

/// Some upstreams send an answer for each image, or change the form.
#[test]
fn several_answers_may_come_as_the_data_of_events() {
    let answers = THREE.map(|it| data(&images(&[it])));
    let mixed = all(&THREE[..2]) + &answers[2];
    let pair = data(&images(&THREE[..2])) + &data(&images(&THREE[2..]));
    for (stream, output) in [(answers.concat(), 3 * 1372), (mixed, 1372), (pair, 2 * 1372)] {
        for n in [2, 3, 4] {
            let got = whole(n, events_head(), stream.as_bytes(), 100);
            let count = THREE.len().min(usize::try_from(n).unwrap());
            assert_eq!(got.images, THREE[..count], "{stream}");
            let tokens = got.record["output_tokens"].as_u64();
            assert!(n == 2 || tokens == Some(output), "{tokens:?} {stream}");
        }
    }
}

#[test]
fn a_preview_stands_in_for_its_own_image_only() {
    let shown = data(&json!({"type": "image_generation.partial_image", "b64_json": "UFJF"}));
    let empty = completed("", &json!({}));
    let stream = shown.clone() + &completed(THREE[0], &json!({})) + &empty;
    for (stream, expected) in [(stream, THREE[0]), (shown + &empty + DONE, "UFJF")] {
        let (gate, _) = provider(&json!({}), &json!({"limits": [], "accept_last_partial": true}));
        let request = json!({"prompt": "a cat", "model": "gpt-image-2", "n": 2});
        let mut driver = Driver::admitted(&gate, &request);
        driver.upstream(events_head(), &[stream.as_bytes()]);
        assert_eq!(got(driver).images, [expected], "{stream}");
    }
}

/// For a client that streams, and for one that wants a URL.
#[test]
fn such_an_answer_is_delivered_in_each_form() {
    let stream = data(&images(&THREE[..1]));
    let (gate, _) = provider(&json!({"stream": "send"}), &json!({}));
    let request = json!({"prompt": "a cat", "model": "gpt-image-2", "stream": true});
    let mut driver = Driver::admitted(&gate, &request);
    driver.upstream(events_head(), &[stream.as_bytes()]);
    let (name, event) = driver.client.events().pop().unwrap();
    assert_eq!(
        (name.as_str(), &event["b64_json"]),
        ("image_generation.completed", &json!(THREE[0]))
    );
    let request = json!({"prompt": "a cat", "model": "gpt-image-2", "response_format": "url"});
    let mut driver = Driver::admitted(&gate, &request);
    driver.upstream(events_head(), &[stream.as_bytes()]);
    let url = driver.client.json()["data"][0]["url"].clone();
    assert_eq!(url, format!("data:image/png;base64,{}", THREE[0]));
}

#[test]
fn images_that_are_not_plain_base64_are_all_delivered_if_none_has_left() {
    let line = format!("{}\\n{}", &THREE[1][..4], &THREE[1][4..]);
    let odd = [format!("data:image/png;base64,{}", THREE[0]), line, THREE[2].to_owned()];
    let odd = odd.map(|it| format!(r#"{{"b64_json":"{it}","revised_prompt":"a"}}"#)).join(",");
    let answer = format!(r#"{{"created":1,"data":[{odd}],"size":"1024x1024"}}"#);
    let got = whole(3, json_head(200), answer.as_bytes(), 4096);
    assert_eq!(got.images, THREE);
    assert_eq!(got.body["data"][2]["revised_prompt"], "a");
    // One that is no base64 at all is missing.
    let answer = answer.replacen("data:image", "x:image", 1);
    let got = whole(3, json_head(200), answer.as_bytes(), 4096);
    assert_eq!((got.images, got.failed), (list(&THREE[1..]), failed("1")));
}

#[test]
fn much_before_the_first_image_is_dropped_as_it_comes() {
    let blank = " \n".repeat(200_000);
    let mut answer = images(&THREE[..2]).to_string();
    let text = "x".repeat(15_000);
    let first: String = (0..30).map(|it| format!(r#""x{it}":"{text}{text}","#)).collect();
    answer.insert_str(1, &first);
    let ping = event(&json!({"type": "ping", "text": text})).repeat(40);
    let list = format!("event: x\ndata: [{}0]\n\n", "0,".repeat(300_000));
    let events = all(&THREE[..2]);
    for (head, answer) in [
        (json_head(200), answer.clone()),
        (json_head(200), format!("{blank}{answer}")),
        (events_head(), format!("{blank}{events}")),
        (events_head(), format!("{ping}{events}")),
        (events_head(), format!(": {blank}\n{events}").replace("\n: ", "\n:")),
        (events_head(), format!("{list}{events}")),
    ] {
        for size in [4096, 1 << 20] {
            let (gate, budget) = provider(&json!({}), &json!({"limits": []}));
            let request = json!({"prompt": "a cat", "model": "gpt-image-2", "n": 2});
            let mut driver = Driver::admitted(&gate, &request);
            driver.upstream_head(head.clone());
            let mut most = 0;
            for piece in answer.as_bytes().chunks(size) {
                driver.upstream_bytes(piece);
                most = most.max(budget.used());
            }
            driver.response_body(b"", End::Stream);
            assert!(most < 1 << 20, "{most} bytes are held");
            assert_eq!(got(driver).images, THREE[..2], "{}", &answer[..20]);
            assert_eq!(budget.used(), 0);
        }
    }
}

/// As `on_abandon` says.
#[test]
fn a_client_that_leaves_pays_for_all_that_were_asked_for() {
    let more = json!({"limits": [], "on_abandon": "charge"});
    let (gate, _) = provider(&json!({}), &more);
    let request = json!({"prompt": "a cat", "model": "gpt-image-2", "n": 3});
    let mut driver = Driver::admitted(&gate, &request);
    driver.now = NOW;
    driver.upstream_head(events_head());
    driver.upstream_bytes(all(&THREE[..1]).as_bytes());
    let record = driver.close(None);
    assert_eq!(record["settled_nanodollars"], 3 * PRICE, "{record}");
    let mut counted = Counted::default();
    counted.take(&mut driver);
    assert_eq!(counted.of("imagegate_images_abandoned_total"), 3);
}

#[test]
fn images_share_the_budget_of_memory() {
    let (gate, budget) = provider(
        &json!({}),
        &json!({"limits": [], "max_buffered_bytes": "1MiB", "max_image_bytes": "1MiB"}),
    );
    let request = json!({"prompt": "a cat", "model": "gpt-image-2", "n": 2});
    let mut driver = Driver::admitted(&gate, &request);
    driver.upstream_head(events_head());
    let image = "QUJD".repeat(170_000);
    for piece in all(&[&image, &image]).as_bytes().chunks(100_000) {
        driver.upstream_bytes(piece);
    }
    driver.upstream_end();
    let got = got(driver);
    assert_eq!((got.images.len(), got.failed.as_deref()), (1, Some("1")));
    assert_eq!(budget.used(), 0);
}

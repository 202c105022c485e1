//! Events and documents with more beside their image than is kept of them.

use crate::support::codex::{self, created, item};
use crate::support::driver::Driver;
use crate::support::providers::{images, json_head, provider};
use crate::support::{event, gate, ok, png};
use serde_json::{Value, json};

/// Members that nobody reads, of more than 256 KiB.
fn junk() -> Vec<Value> {
    let long = "x".repeat(12_000);
    let entry = json!({"type": "image_generation_call", "output": [long], "data": "\"]}"});
    vec![
        json!(vec![0; 200_000]),
        json!({"a": vec![1.5; 100_000], "b": vec![Value::Null; 50_000]}),
        json!(vec![entry; 40]),
        (0..40).map(|at| (format!("m{at}"), json!(long))).collect(),
        json!(vec![vec![0; 40]; 6_000]),
    ]
}

/// `event` with a member of this name in front, or at the end, or in its item.
fn with(place: usize, junk: &Value, image: &str) -> String {
    let mut image = item("ig_1", image);
    let kind = "response.output_item.done";
    let data = match place {
        // Members are in the order of their names.
        0 => json!({"type": kind, "item": image, "a": junk}),
        1 => json!({"type": kind, "item": image, "z": junk}),
        2 => {
            image["a"] = junk.clone();
            json!({"type": kind, "item": image})
        }
        _ => {
            image["z"] = junk.clone();
            json!({"type": kind, "item": image})
        }
    };
    event(&data)
}

#[test]
fn an_image_is_delivered_however_much_is_beside_it() {
    let image = png(1024, 1024, 30_000);
    let usage = json!({"input_tokens": 10, "output_tokens": 196, "total_tokens": 206});
    let completed = codex::completed(&json!({"tool_usage": {"image_gen": usage}}));
    for junk in junk() {
        for place in 0..4 {
            let stream = [created(), with(place, &junk, &image), completed.clone()].concat();
            for (delivery, streams) in [("pass", false), ("hold", false), ("hold", true)] {
                let (gate, budget) = gate(&json!({"delivery": delivery}));
                let mut driver =
                    Driver::admitted(&gate, &json!({"prompt": "a cat", "stream": streams}));
                driver.upstream_head(ok());
                for piece in stream.as_bytes().chunks(100_000) {
                    driver.upstream_bytes(piece);
                }
                driver.upstream_end();
                let client = &driver.client;
                assert_eq!((client.status, client.reset), (200, false), "{place} {delivery}");
                let last = if streams { client.events().pop().unwrap().1 } else { client.json() };
                let data = if streams { &last } else { &last["data"][0] };
                assert_eq!(data["b64_json"], image, "{place} {delivery}");
                assert_eq!(last["usage"]["output_tokens"], 196);
                assert_eq!(driver.close(Some(200))["images_delivered"], 1);
                drop(driver);
                assert_eq!(budget.used(), 0);
            }
        }
    }
}

#[test]
fn an_image_whose_event_ends_the_response_is_delivered_however_much_is_beside_it() {
    let image = png(8, 8, 300);
    for junk in junk() {
        for (name, in_response) in [("a", false), ("z", false), ("a", true), ("z", true)] {
            let mut response = json!({"id": "resp_1", "output": [item("ig_1", &image)]});
            let mut data = json!({"type": "response.completed"});
            let place = if in_response { &mut response } else { &mut data };
            place[name] = junk.clone();
            data["response"] = response;
            let stream = created() + &event(&data);
            for answer in [stream, data.to_string(), data["response"].to_string()] {
                let mut driver = Driver::admitted(&gate(&json!({})).0, &json!({"prompt": "a cat"}));
                driver.answer(&[answer.as_bytes()]);
                assert_eq!(driver.client.json()["data"][0]["b64_json"], image, "{name}");
            }
        }
    }
}

#[test]
fn a_providers_images_are_delivered_however_much_is_beside_them() {
    let list = ["T05FT05F", "VFdPVFdP"];
    for junk in junk() {
        for (name, in_entry) in [("a", false), ("z", false), ("a", true), ("z", true)] {
            let mut answer = images(&list);
            let place = if in_entry { &mut answer["data"][1] } else { &mut answer };
            place[name] = junk.clone();
            for answer in [answer.to_string(), format!("data: {answer}\n\n")] {
                let (gate, _) = provider(&json!({}), &json!({"limits": []}));
                let request = json!({"prompt": "a cat", "model": "gpt-image-2", "n": 2});
                let mut driver = Driver::admitted(&gate, &request);
                driver.upstream_head(json_head(200));
                for piece in answer.as_bytes().chunks(60_000) {
                    driver.upstream_bytes(piece);
                }
                driver.upstream_end();
                let client = &driver.client;
                assert_eq!((client.status, client.reset), (200, false), "{name}");
                let data = client.json()["data"].clone();
                let got: Vec<_> =
                    data.as_array().unwrap().iter().map(|it| &it["b64_json"]).collect();
                assert_eq!(got, list, "{name}");
                let record = driver.close(Some(200));
                assert_eq!(record["output_tokens"], 1372);
                assert_eq!(record["settled_nanodollars"], 500_000_000);
            }
        }
    }
}

/// There is no room even for what is read.
#[test]
fn an_image_that_is_whole_is_delivered_though_the_rest_of_its_event_is_too_long() {
    let image = png(1024, 1024, 30_000);
    let done = codex::done(&item("ig_1", &image));
    let done = done.trim_end().strip_suffix('}').unwrap();
    for junk in ["0,".repeat(200_000), "{\"type\":\"x\"},".repeat(30_000)] {
        let event = format!("{done},\"output\":[{junk}0]}}\n\n");
        for delivery in ["pass", "hold"] {
            let (gate, _) = gate(&json!({"delivery": delivery}));
            let mut driver = Driver::admitted(&gate, &json!({"prompt": "a cat"}));
            driver.upstream_head(ok());
            for piece in event.as_bytes().chunks(20_000) {
                driver.upstream_bytes(piece);
            }
            driver.upstream_end();
            assert!(!driver.client.reset);
            assert_eq!(driver.client.json()["data"][0]["b64_json"], image, "{delivery}");
        }
    }
}

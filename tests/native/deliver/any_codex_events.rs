//! Whatever events Codex sends, however they are cut and whatever ends their lines: an image that
//! is whole is delivered in each delivery, and what is delivered is charged.

use crate::support::codex::{completed, created, done, failed, item, lay_over, preview};
use crate::support::driver::Driver;
use crate::support::money::PRICE;
use crate::support::{after, event, gate, ok, png};
use imagegate::exchange::{ResponseHead, Shared};
use imagegate::memory::Budget;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::rc::Rc;

/// What an event means for the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Means {
    Image,
    End,
    Nothing,
}

fn any_event() -> impl Strategy<Value = (Means, String)> {
    let (small, large) = (png(8, 8, 30), png(1024, 1024, 20_000));
    let cut = |image: &str| {
        let text = done(&item("ig_1", image));
        // Members are in the order of their names, and a cut item has to say what it is.
        let text = text.replace("\"item\":{", "\"item\":{\"type\":\"image_generation_call\",");
        text.split_inclusive(image).next().unwrap().to_owned()
    };
    let odd = |members: &Value| {
        let mut item = item("ig_2", &small);
        lay_over(&mut item, members);
        done(&item)
    };
    let twice =
        done(&item("ig_5", &large)).replace("\"output_index\"", "\"item\":{},\"output_index\"");
    let untyped = json!({"item": item("ig_3", &small)});
    let last = completed(&json!({"output": [item("ig_4", &large)]}));
    let zeros = "0,".repeat(140_000);
    let events = vec![
        (Means::Image, done(&item("ig_1", &small))),
        (Means::Image, done(&item("ig_1", &large))),
        (Means::Image, odd(&json!({"result": format!("data:image/png;base64,{small}")}))),
        (Means::Image, odd(&json!({"a": "x".repeat(20_000), "error": {"code": "server_error"}}))),
        (
            Means::Image,
            done(&item("ig_1", &small)).replace("\"result\":", "\"result\":\"\",\"result\":"),
        ),
        // The JSON of the event is cut after the image, or is none.
        (Means::Image, cut(&large) + "\"\n\n"),
        (Means::Image, cut(&small) + "\",nul}}\n\n"),
        (Means::Image, format!("event: response.output_item.done\ndata: {untyped}\n\n")),
        (Means::Image, last),
        (Means::Image, twice),
        // Before its last byte. It is too small to have begun to pass.
        (Means::Nothing, cut(&small) + "\n\n"),
        (Means::Nothing, odd(&json!({"result": "!"}))),
        (Means::Nothing, odd(&json!({"type": "message", "content": []}))),
        (Means::Nothing, preview(0, "UFJFVklFVw==")),
        (Means::Nothing, created()),
        (Means::Nothing, ": comment\n\nevent: x\n\ndata\n\ndata: [1]\n\n".to_owned()),
        (Means::Nothing, format!("data: {{\"type\":\"x\",\"y\":[{zeros}0]}}\n\n")),
        (Means::Nothing, "data: [DONE]\n\n".to_owned()),
        (Means::End, failed("server_error")),
        (Means::End, event(&json!({"type": "error", "code": "server_error"}))),
        (Means::End, completed(&json!({}))),
        (Means::End, event(&json!({"type": "response.incomplete", "response": {}}))),
    ];
    prop::sample::select(events)
}

/// How the image reaches the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Passes,
    IsHeld,
    Streams,
    IsKeptAlive,
    IsUrl,
}

const HOW: [How; 5] = [How::Passes, How::IsHeld, How::Streams, How::IsKeptAlive, How::IsUrl];

fn gate_for(how: How) -> (Rc<Shared>, Budget) {
    let mut more = json!({"prices": [{"model": "*", "usd": "0.211"}], "limits": []});
    match how {
        How::IsHeld => more["delivery"] = json!("hold"),
        How::IsKeptAlive => more["keepalive"] = json!("5s"),
        How::IsUrl => more["default_response_format"] = json!("url"),
        How::Passes | How::Streams => {}
    }
    gate(&more)
}

/// What an upstream does after its events.
#[derive(Debug, Clone, Copy)]
enum Then {
    Ends,
    Lingers,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn an_image_that_is_whole_is_delivered_and_charged(
        events in prop::collection::vec(any_event(), 0..6),
        (how, size) in (prop::sample::select(HOW.to_vec()),
            prop::sample::select(vec![3, 700, 4096, 1 << 20])),
        (line, mark) in prop::sample::select(vec![("\n", ""), ("\r\n", "\u{feff}"), ("\r", "")]),
        then in prop::sample::select(vec![Then::Ends, Then::Lingers]),
        lacks_blank in any::<bool>(),
    ) {
        let (gate, budget) = gate_for(how);
        let request = match how {
            How::Streams => json!({"prompt": "a cat", "stream": true}),
            _ => json!({"prompt": "a cat"}),
        };
        let mut driver = Driver::admitted(&gate, &request);
        driver.upstream_head(ok());
        driver.now = after(6);
        let mut text: String = events.iter().map(|(_, it)| it.as_str()).collect();
        if lacks_blank {
            text.truncate(text.trim_end_matches('\n').len());
        }
        let text = mark.to_owned() + &text.replace('\n', line);
        for piece in text.as_bytes().chunks(size) {
            driver.upstream_bytes(piece);
        }
        match then {
            Then::Ends => _ = driver.upstream_end(),
            Then::Lingers => {
                driver.tick(after(70));
                driver.upstream_bytes(b":\n");
            }
        }
        let client = driver.client.clone();
        let record = driver.close(Some(client.status));
        let expected = events.iter().map(|(means, _)| *means).find(|it| *it != Means::Nothing);
        let delivered = record["images_delivered"].as_u64().unwrap();
        prop_assert_eq!(&record["settled_nanodollars"], &json!(delivered * PRICE));
        let about = format!("{record} {:.300}", client.text());
        if expected == Some(Means::Image) {
            prop_assert_eq!((client.status, client.reset, delivered), (200, false, 1), "{}", about);
            let has_image = match how {
                How::Streams => client.events().iter().any(|it| it.0 == "image_generation.completed"),
                How::IsUrl => client.json()["data"][0]["url"].is_string(),
                _ => client.json()["data"][0]["b64_json"].is_string(),
            };
            prop_assert!(has_image, "{}", about);
        } else {
            prop_assert_eq!(delivered, 0, "{}", about);
            prop_assert!(record["code"].is_string(), "{}", about);
        }
        drop(driver);
        prop_assert_eq!(budget.used(), 0);
    }
}

/// An upstream that does not stream.
#[test]
fn a_document_that_is_cut_after_its_image_is_delivered() {
    let image = png(8, 8, 30);
    let item = item("ig_1", &image).to_string();
    let item = item.replacen('{', "{\"type\":\"image_generation_call\",", 1);
    let response = format!(r#"{{"created_at":7,"output":[{item}],"status":"completed"}}"#);
    let event = format!(r#"{{"type":"response.completed","response":{response}}}"#);
    for document in [response, event] {
        let whole = document.find(&image).unwrap() + image.len();
        for end in [whole - 1, whole].into_iter().chain(whole + 1..=document.len()) {
            for size in [1 << 20, 50] {
                let (gate, budget) = gate(&json!({}));
                let mut driver = Driver::admitted(&gate, &json!({"prompt": "a cat"}));
                let head =
                    ResponseHead { content_type: Some(b"application/json".to_vec()), ..ok() };
                let pieces: Vec<_> = document.as_bytes()[..end].chunks(size).collect();
                driver.upstream(head, &pieces);
                if end > whole {
                    assert_eq!(driver.client.json()["data"][0]["b64_json"], image, "{end}");
                    assert_eq!(driver.client.json()["created"], 7, "{end}");
                } else {
                    assert_eq!(driver.client.code(), "upstream_disconnected", "{end}");
                }
                drop(driver);
                assert_eq!(budget.used(), 0);
            }
        }
    }
}

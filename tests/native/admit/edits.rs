//! Edits through whole exchanges: both encodings, and every cut.

mod damaged;

use std::rc::Rc;

use crate::support::client::Client;
use crate::support::driver::Driver;
use crate::support::{gate, head, ok, stream};
use imagegate::exchange::{End, ResponseHead, Shared};
use proptest::prelude::*;
use serde_json::{Value, json};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\r\n--b\r\n--\0\xff";
const FORM: &str = "multipart/form-data; boundary=boundary-1";

/// A part: its name, whether it is a file, its data.
type Field<'a> = (&'a str, bool, &'a [u8]);

fn form(fields: &[Field<'_>]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, file, data) in fields {
        let file = if *file { "; filename=\"f.png\"\r\nContent-Type: image/png" } else { "" };
        let head = format!(
            "--boundary-1\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(data);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--boundary-1--\r\n");
    body
}

fn edit() -> Vec<u8> {
    let prompt = "Größe 🦊".as_bytes();
    form(&[
        ("prompt", false, prompt),
        ("n", false, b"3"),
        ("image[]", true, PNG),
        ("image[]", true, b"\xff\xd8\xff"),
        ("mask", true, PNG),
    ])
}

/// The result of a head alone.
fn open(path: &str, content_type: &str) -> Result<Driver, Client> {
    let (gate, _) = gate(&json!({}));
    opened(&gate, path, content_type)
}

fn opened(gate: &Rc<Shared>, path: &str, content_type: &str) -> Result<Driver, Client> {
    let mut driver = Driver::new(gate);
    driver.request_head(&head(&[(":path", path), ("content-type", content_type)]), End::Open);
    assert!(driver.stripped.is_none(), "not ours");
    if driver.client.waits() { Ok(driver) } else { Err(driver.client) }
}

/// What went upstream.
#[derive(Debug)]
struct Sent {
    upstream: String,
    body: Vec<u8>,
}

/// Sends an edit in these pieces.
fn send(gate: &Rc<Shared>, content_type: &str, pieces: &[&[u8]]) -> (Driver, Result<Sent, Client>) {
    let mut driver = opened(gate, "/v1/images/edits", content_type).unwrap();
    let pieces = pieces.iter().map(|it| (*it, End::Open)).chain([(&b""[..], End::Stream)]);
    for (piece, end) in pieces {
        if !driver.request_body(piece, end).waits() {
            let client = driver.client.clone();
            return (driver, Err(client));
        }
    }
    let forward = driver.sent();
    let sent = Sent { upstream: forward.upstream.clone(), body: forward.body.to_vec() };
    (driver, Ok(sent))
}

fn fault(reply: &Client) -> (u16, Value, Value) {
    (reply.status, reply.code(), reply.error("param"))
}

#[test]
fn each_endpoint_says_which_encodings_it_takes() {
    let message = |reply: &Client| reply.error("message").to_string();
    for content_type in ["application/json; charset=utf-8", FORM] {
        assert!(open("/v1/images/edits", content_type).is_ok(), "{content_type}");
    }
    let reply = open("/v1/images/edits", "text/plain").unwrap_err();
    assert_eq!(reply.status, 415);
    assert!(message(&reply).contains("multipart/form-data"));
    let reply = open("/v1/images/edits", "multipart/form-data").unwrap_err();
    assert_eq!(fault(&reply), (400, json!("invalid_form"), Value::Null));
    let reply = open("/v1/images/generations", FORM).unwrap_err();
    assert_eq!(reply.status, 415);
    assert!(!message(&reply).contains("multipart"));
    let reply = open("/v1/images/variations", FORM).unwrap_err();
    assert_eq!(fault(&reply), (404, json!("unknown_url"), Value::Null));
    assert!(message(&reply).contains("retired"));
}

#[test]
fn an_edit_goes_upstream_with_its_images_before_its_words() {
    let (gate, budget) = gate(&json!({}));
    let (mut driver, forward) = send(&gate, FORM, &[&edit()]);
    let forward = forward.unwrap();
    assert_eq!(driver.calls.len(), 2);
    let sent: Value = serde_json::from_slice(&forward.body).unwrap();
    let png = "data:image/png;base64,iVBORw0KGgoNCi0tYg0KLS0A/w==";
    let content = json!([
        {"type": "input_image", "image_url": png},
        {"type": "input_image", "image_url": "data:image/jpeg;base64,/9j/"},
        {"type": "input_text", "text": "Größe 🦊"},
    ]);
    assert_eq!(sent["input"][0]["content"], content);
    let tool = json!({"type": "image_generation", "action": "edit", "model": "gpt-image-2",
        "input_image_mask": {"image_url": png}});
    assert_eq!(sent["tools"], json!([tool]));
    // All three images come, and the record knows the endpoint.
    let image = stream("QUJD");
    for token in [0, 1] {
        assert!(driver.side(token, Some(ok()), &image).waits());
    }
    let client = driver.answer(&[&image]);
    assert_eq!((client.status, client.json()["data"].as_array().unwrap().len()), (200, 3));
    let record = driver.close(Some(200));
    assert_eq!((&record["endpoint"], &record["images_delivered"]), (&json!("edits"), &json!(3)));
    drop(driver);
    assert_eq!(budget.used(), 0);
}

#[test]
fn an_upstreams_error_names_the_clients_own_field() {
    let single = form(&[("prompt", false, b"p"), ("image", true, PNG)]);
    let list = form(&[("prompt", false, b"p"), ("image[]", true, PNG), ("image[]", true, PNG)]);
    let image = json!([{"image_url": "https://a/b"}, {"image_url": "https://a/c"}]);
    let object = json!({"prompt": "p", "images": image, "mask": image[0]}).to_string();
    let of_image = "input[0].content[1].image_url";
    for (content_type, body, code, param, wanted) in [
        (FORM, &single[..], "invalid_image", "input[0].content[0].image_url", "image"),
        (FORM, &list, "invalid_image", of_image, "image[1]"),
        (FORM, &list, "string_above_max_length", of_image, "image[1]"),
        (FORM, &list, "invalid_image", "", "image"),
        ("application/json", object.as_bytes(), "invalid_image", of_image, "images[1]"),
        (
            "application/json",
            object.as_bytes(),
            "invalid_image",
            "tools[0].input_image_mask",
            "mask",
        ),
    ] {
        let (gate, _) = gate(&json!({}));
        let (mut driver, forward) = send(&gate, content_type, &[body]);
        forward.unwrap();
        let head = ResponseHead { status: 400, ..ResponseHead::default() };
        assert!(driver.upstream_head(head).waits());
        let error = json!({"error": {"code": code, "type": "invalid_request_error", "param": param,
            "message": "The image is not one."}});
        let reply = driver.response_body(error.to_string().as_bytes(), End::Stream).clone();
        let (status, _, param) = fault(&reply);
        assert_eq!((status, param), (400, json!(wanted)), "{code} {param}", param = wanted);
    }
}

#[test]
fn the_operator_sets_the_response_format_if_the_client_does_not() {
    let (gate, _) = gate(&json!({"default_response_format": "url"}));
    for (format, field) in [(None, "url"), (Some("b64_json"), "b64_json"), (Some("url"), "url")] {
        let mut object = json!({"prompt": "p", "images": [{"image_url": "https://a/b"}]});
        if let Some(format) = format {
            object["response_format"] = format.into();
        }
        let (mut driver, forward) =
            send(&gate, "application/json", &[object.to_string().as_bytes()]);
        forward.unwrap();
        let data = &driver.answer(&[&stream("QUJD")]).json()["data"][0];
        assert!(data[field].is_string(), "{format:?}: {data}");
    }
}

#[test]
fn the_budget_counts_a_form_and_the_request_made_from_it() {
    const FILE: usize = 3_000_000;
    let mut file = PNG.to_vec();
    file.resize(FILE, 0);
    let whole = form(&[("prompt", false, b"p"), ("image", true, &file)]);
    let (gate, budget) = gate(&json!({"max_image_bytes": 1000}));
    let mut driver = opened(&gate, "/v1/images/edits", FORM).unwrap();
    for piece in whole.chunks(16 * 1024) {
        assert!(driver.request_body(piece, End::Open).waits());
    }
    // The client's body, and the upstream's, in base64.
    assert!(budget.used() >= FILE + FILE * 4 / 3, "{}", budget.used());
    assert!(budget.used() <= whole.len() * 7 / 3 + 8, "{}", budget.used());
    driver.request_body(b"", End::Stream);
    let sent = driver.sent().body.len();
    assert!(sent > FILE * 4 / 3);
    assert!(budget.used() >= sent);
    drop(driver);
    assert_eq!(budget.used(), 0);
}

#[test]
fn images_that_json_escapes_are_counted_once_more() {
    // PHP escapes each slash, so that the text has to be copied to be read.
    let url = format!("data:image\\/png;base64,{}", "A".repeat(3_000_000));
    let object = format!(r#"{{"prompt":"p","images":[{{"image_url":"{url}"}}]}}"#);
    let small = json!({"max_buffered_bytes": 8_000_000, "max_image_bytes": 1000});
    let (gate, budget) = gate(&small);
    let (other, _) = send(&gate, FORM, &[&form(&[("prompt", false, b"p"), ("image", true, PNG)])]);
    let (driver, outcome) = send(&gate, "application/json", &[object.as_bytes()]);
    assert_eq!(outcome.unwrap_err().status, 503);
    drop((driver, other));
    let (driver, outcome) = send(&gate, "application/json", &[object.as_bytes()]);
    assert!(outcome.is_ok());
    drop(driver);
    assert_eq!(budget.used(), 0);
}

#[test]
fn an_overlay_that_json_escapes_is_counted_once_more() {
    let url = format!("data:image\\/png;base64,iVBORw0KGgo{}", "A".repeat(3_000_001));
    let upstream = json!({"api": "images", "authority": "provider.example",
        "credential": {"bearer_env": "TOKEN"}, "timeout": "60s", "edits": "json"});
    let small = json!({"max_buffered_bytes": 8_000_000, "max_image_bytes": 1000,
        "upstreams": {"openai": upstream}, "default_model": "gpt-image-9"});
    let (gate, budget) = gate(&small);
    let other = form(&[("prompt", false, b"p"), ("image", true, PNG)]);
    for name in ["mask", "markup"] {
        let images = r#""images":[{"image_url":"https://a/b"}]"#;
        let object = format!(r#"{{"prompt":"p",{images},"{name}":{{"image_url":"{url}"}}}}"#);
        let (other, _) = send(&gate, FORM, &[&other]);
        let (_, outcome) = send(&gate, "application/json", &[object.as_bytes()]);
        assert_eq!(outcome.unwrap_err().status, 503, "{name}");
        drop(other);
        let (_, outcome) = send(&gate, "application/json", &[object.as_bytes()]);
        assert!(outcome.is_ok(), "{name}");
    }
    assert_eq!(budget.used(), 0);
}

/// Upstreams of both APIs under these names.
fn both_apis(models: &Value) -> Rc<Shared> {
    let codex = json!({"authority": "chatgpt.example", "timeout": "60s",
        "credential": {"bearer_env": "TOKEN", "account_id_env": "ACCOUNT"}});
    let provider = json!({"api": "images", "authority": "provider.example", "timeout": "60s",
        "credential": {"bearer_env": "TOKEN"}});
    let mut bare = provider.clone();
    bare["masks"] = json!(false);
    let upstreams = json!({"codex": codex, "openai": provider, "bare": bare});
    gate(&json!({"upstreams": upstreams, "models": [{"match": "*", "upstream": models}]})).0
}

#[test]
fn a_markup_goes_to_an_upstream_that_takes_it() {
    let with = |model: &'static str, more: &[Field<'_>]| {
        let fields = [("prompt", false, &b"p"[..]), ("model", false, model.as_bytes())];
        form(&[&fields[..], &[("image", true, PNG), ("markup", true, PNG)], more].concat())
    };
    let markup = with("gpt-image-2.6-flare", &[]);
    for list in [json!(["codex", "openai"]), json!(["bare", "openai"]), json!("openai")] {
        let forward = send(&both_apis(&list), FORM, &[&markup]).1.unwrap();
        assert_eq!(forward.upstream, "openai", "{list}");
        let written = String::from_utf8_lossy(&forward.body);
        let head = "name=\"markup\"; filename=\"markup.png\"\r\nContent-Type: image/png\r\n\r\n";
        assert_eq!(written.matches(head).count(), 1, "{written}");
    }
    for (list, body, code) in [
        (json!("codex"), &markup, "unsupported_parameter"),
        (json!(["codex", "bare"]), &markup, "unsupported_parameter"),
        (json!("bare"), &markup, "unsupported_parameter"),
        (json!(["codex", "openai"]), &with("gpt-image-2", &[]), "invalid_value"),
        (json!("openai"), &with("gpt-image-2.5-flare", &[("mask", true, PNG)]), "invalid_value"),
    ] {
        let reply = send(&both_apis(&list), FORM, &[body]).1.unwrap_err();
        assert_eq!(fault(&reply), (400, json!(code), json!("markup")), "{list}");
    }
}

#[test]
fn an_upstreams_error_about_the_markup_names_the_markup() {
    let body = form(&[
        ("prompt", false, b"p"),
        ("model", false, b"gpt-image-2.6-flare"),
        ("image", true, PNG),
        ("markup", true, PNG),
    ]);
    for (code, kind, param, wanted) in [
        ("invalid_image_file", "invalid_request_error", "markup", "invalid_image"),
        ("unsupported_file_mimetype", "x", "markup", "unsupported_image_media_type"),
        ("invalid_value", "image_generation_user_error", "", "invalid_value"),
    ] {
        let (mut driver, forward) = send(&both_apis(&json!("openai")), FORM, &[&body]);
        forward.unwrap();
        let head = ResponseHead { status: 400, ..ResponseHead::default() };
        driver.upstream_head(head);
        let param = if param.is_empty() { Value::Null } else { json!(param) };
        let error = json!({"error": {"code": code, "type": kind, "param": param,
            "message": "Invalid markup: it is not of the size of the image."}});
        let reply = driver.response_body(error.to_string().as_bytes(), End::Stream).clone();
        assert_eq!(fault(&reply), (400, json!(wanted), json!("markup")), "{code}");
    }
}

/// The body cut in these places.
fn cut<'b>(bytes: &'b [u8], places: &[prop::sample::Index]) -> Vec<&'b [u8]> {
    let mut places: Vec<usize> = places.iter().map(|it| it.index(bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

#[test]
fn a_form_is_the_same_cut_at_each_of_its_bytes() {
    let (gate, budget) = gate(&json!({}));
    let whole = edit();
    let wanted = send(&gate, FORM, &[&whole]).1.unwrap().body;
    for place in 0..=whole.len() {
        let (one, two) = whole.split_at(place);
        assert_eq!(send(&gate, FORM, &[one, two]).1.unwrap().body, wanted, "cut at {place}");
    }
    let bytes: Vec<&[u8]> = whole.chunks(1).collect();
    assert_eq!(send(&gate, FORM, &bytes).1.unwrap().body, wanted);
    assert_eq!(budget.used(), 0);
}

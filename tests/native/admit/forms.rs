//! Edits as forms: what is sent to a provider that takes images as files.

use crate::support::client::Client;
use crate::support::driver::Driver;
use crate::support::{gate, head};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use imagegate::config::Edits;
use imagegate::memory::Budget;
use imagegate::multipart::{Boundary, Kind, Parts};
use imagegate::openai::request::{Encoding, ImageRequest, Limits};
use imagegate::translate::request::{Target, max_len, translate};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Sends `request` to an endpoint before a provider with `upstream` laid over its entry.
fn send(
    path: &str,
    upstream: &Value,
    content_type: &str,
    request: &[u8],
) -> (Result<Driver, Client>, Budget) {
    let mut entry = json!({"api": "images", "authority": "provider.example",
        "credential": {"key_env": "TOKEN"}, "timeout": "60s"});
    for (key, value) in upstream.as_object().into_iter().flatten() {
        entry[key] = value.clone();
    }
    let (gate, budget) = gate(&json!({"upstreams": {"openai": entry}}));
    let mut driver = Driver::new(&gate);
    driver.request(&head(&[(":path", path), ("content-type", content_type)]), request);
    let sent = if driver.forwarded { Ok(driver) } else { Err(driver.client) };
    (sent, budget)
}

fn edit(upstream: &Value, request: &Value) -> Result<Driver, Client> {
    send("/v1/images/edits", upstream, "application/json", request.to_string().as_bytes()).0
}

fn header<'f>(headers: &'f [(String, Vec<u8>)], name: &str) -> &'f str {
    let (_, value) = headers.iter().find(|(it, _)| it == name).unwrap();
    std::str::from_utf8(value).unwrap()
}

/// The fields of a form in order: text as it is, files as what they hold.
fn fields(content_type: &str, body: &[u8]) -> Vec<(String, Kind, Vec<u8>)> {
    let boundary = Boundary::of_content_type(content_type.as_bytes()).unwrap().unwrap();
    Parts::new(body, &boundary)
        .map(|part| part.unwrap())
        .map(|part| (String::from_utf8(part.name.to_vec()).unwrap(), part.kind, part.data.to_vec()))
        .collect()
}

fn text(name: &str, value: &str) -> (String, Kind, Vec<u8>) {
    (name.to_owned(), Kind::Text, value.as_bytes().to_vec())
}

fn file(name: &str, bytes: &[u8]) -> (String, Kind, Vec<u8>) {
    (name.to_owned(), Kind::File, bytes.to_vec())
}

fn png(seed: u8) -> Vec<u8> {
    [b"\x89PNG\r\n\x1a\n".as_slice(), &[seed; 9], b"\r\n--imagegate-form-00000000--\r\n"].concat()
}

fn url(bytes: &[u8]) -> String {
    format!("data:image/png;base64,{}", STANDARD.encode(bytes))
}

#[test]
fn an_edit_becomes_a_form_with_its_images_as_files() {
    let request = json!({"prompt": " a \"fox\"\r\n🦊", "model": "gpt-image-1.5", "n": 2,
        "size": "1024x1024", "output_format": "webp", "output_compression": 80,
        "safety_identifier": "acme",
        "input_fidelity": "high", "response_format": "url",
        "images": [{"image_url": url(&png(1))}, {"image_url": url(b"\xff\xd8\xff\xe0")}],
        "mask": {"image_url": url(&png(2))}});
    let driver = edit(&json!({"response_format": "send"}), &request).unwrap();
    let content_type = header(&driver.sent().headers, "content-type");
    let expected = [
        text("input_fidelity", "high"),
        text("model", "gpt-image-1.5"),
        text("output_compression", "80"),
        text("output_format", "webp"),
        text("prompt", " a \"fox\"\r\n🦊"),
        text("response_format", "b64_json"),
        text("safety_identifier", "acme"),
        text("size", "1024x1024"),
        file("image[]", &png(1)),
        file("image[]", b"\xff\xd8\xff\xe0"),
        file("mask", &png(2)),
    ];
    assert_eq!(fields(content_type, &driver.sent().body), expected);
    assert_eq!(header(&driver.sent().headers, ":path"), "/v1/images/edits");
    let length = driver.sent().body.len().to_string();
    assert_eq!(header(&driver.sent().headers, "content-length"), length);
    let written = String::from_utf8_lossy(&driver.sent().body);
    for line in [
        "name=\"image[]\"; filename=\"image-1.png\"\r\nContent-Type: image/png\r\n",
        "name=\"image[]\"; filename=\"image-2.jpeg\"\r\nContent-Type: image/jpeg\r\n",
        "name=\"mask\"; filename=\"mask.png\"\r\nContent-Type: image/png\r\n",
    ] {
        assert!(written.contains(line), "{line}");
    }
    // The second image's call is the same, with the same boundary.
    let of_call = driver.calls[0].header("content-type");
    assert_eq!(of_call, Some(content_type));
}

#[test]
fn one_image_is_called_image_and_nested_options_are_spelt_as_clients_do() {
    let request = json!({"prompt": "p", "model": "gpt-image-2.6-flare", "output_format": "svg",
        "svg": {"model": "gpt-5", "reasoning": {"effort": "low"}},
        "images": [{"image_url": url(&png(1))}]});
    let driver = edit(&json!({}), &request).unwrap();
    let expected = [
        text("model", "gpt-image-2.6-flare"),
        text("output_format", "svg"),
        text("prompt", "p"),
        text("svg[model]", "gpt-5"),
        text("svg[reasoning][effort]", "low"),
        file("image", &png(1)),
    ];
    assert_eq!(
        fields(header(&driver.sent().headers, "content-type"), &driver.sent().body),
        expected
    );
}

#[test]
fn an_edit_in_json_names_its_markup_as_its_mask() {
    let request = json!({"prompt": "p", "model": "gpt-image-2.6-flare",
        "images": [{"image_url": url(&png(1))}], "markup": {"image_url": url(&png(2))}});
    let driver = edit(&json!({"edits": "json"}), &request).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&driver.sent().body).unwrap(), request);
}

#[test]
fn a_clients_form_is_rewritten_and_never_passed_on() {
    let theirs = b"--x\r\ncontent-disposition: form-data; name=\"prompt\"\r\n\r\np\r\n\
        --x\r\ncontent-disposition: form-data; name=\"user\"\r\n\r\nacme\r\n\
        --x\r\ncontent-disposition: form-data; name=\"image\"; filename=\"/home/me/secret.exe\"\r\n\
        content-type: text/html\r\nx-odd: 1\r\n\r\nGIF89a\r\n--x--\r\n";
    let content_type = "multipart/form-data; boundary=x";
    let (sent, _) = send("/v1/images/edits", &json!({}), content_type, theirs);
    let driver = sent.unwrap();
    let content_type = header(&driver.sent().headers, "content-type");
    let expected = [text("model", "gpt-image-2"), text("prompt", "p"), file("image", b"GIF89a")];
    assert_eq!(fields(content_type, &driver.sent().body), expected);
    let written = String::from_utf8_lossy(&driver.sent().body);
    assert!(written.contains("filename=\"image-1.gif\"\r\nContent-Type: image/gif\r\n"));
    for theirs in ["secret", "x-odd", "text/html", "acme"] {
        assert!(!written.contains(theirs), "{theirs}");
    }
}

#[test]
fn a_generation_with_images_is_a_form_and_one_without_is_json() {
    let ask = |request: Value| {
        let request = request.to_string();
        let path = "/v1/images/generations";
        send(path, &json!({}), "application/json", request.as_bytes()).0.unwrap()
    };
    let driver = ask(json!({"prompt": "p", "images": [STANDARD.encode(png(1))]}));
    assert_eq!(header(&driver.sent().headers, ":path"), "/v1/images/edits");
    let content_type = header(&driver.sent().headers, "content-type");
    assert_eq!(fields(content_type, &driver.sent().body).pop(), Some(file("image", &png(1))));
    let driver = ask(json!({"prompt": "p"}));
    assert_eq!(header(&driver.sent().headers, "content-type"), "application/json");
}

#[test]
fn an_image_that_cannot_be_a_file_is_rejected_by_name() {
    let hosted = "https://example.com/a.png";
    let data = url(&png(1));
    let cut = "data:image/png;base64,iVBORw0KG";
    let other = "data:image/png;base64,AAAA";
    let images = |second: &str| {
        json!({"prompt": "p",
        "images": [{"image_url": data}, {"image_url": second}]})
    };
    for (request, code, param, words) in [
        (images(hosted), "invalid_image_url", "images[1].image_url", "takes no images by URL"),
        (images(cut), "invalid_base64_image", "images[1].image_url", "leaves one character over"),
        (images(other), "invalid_image", "images[1].image_url", "not those of a PNG"),
        (
            json!({"prompt": "p", "images": [{"image_url": data}], "mask": {"image_url": hosted}}),
            "invalid_image_url",
            "mask.image_url",
            "takes no images by URL",
        ),
    ] {
        let reply = edit(&json!({}), &request).unwrap_err();
        let error = &reply.json()["error"];
        assert_eq!((reply.status, error["code"].as_str().unwrap()), (400, code));
        assert_eq!(error["param"], param);
        assert!(error["message"].as_str().unwrap().contains(words), "{error}");
        // No bytes encode to this text.
        let is_cut = words.contains("one character over");
        assert_eq!(edit(&json!({"edits": "json"}), &request).is_err(), is_cut, "{request}");
    }
    let request = json!({"prompt": "p", "images": [hosted]}).to_string();
    let path = "/v1/images/generations";
    let (sent, budget) = send(path, &json!({}), "application/json", request.as_bytes());
    assert_eq!(sent.unwrap_err().error("param"), "images[0]");
    assert_eq!(budget.used(), 0);
}

fn target(edits: Edits) -> Target<'static> {
    Target::Images {
        image_model: "gpt-image-2",
        names_format: true,
        edits,
        streams: true,
        sends_safety_identifier: true,
        n: 1,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// The memory that is reserved for a form before it is written is enough, and little more.
    #[test]
    fn a_form_fits_the_vector_that_was_made_for_it(
        prompt in "(\\PC|\r\n--imagegate-form-0|\"|\\\\){1,200}",
        sizes in proptest::collection::vec(0_usize..20_000, 1..=16),
        overlay in proptest::option::of((
            0_usize..20_000,
            prop::sample::select(&["mask", "markup"]),
        )),
        named in proptest::option::of("([^\\x00-\\x1f\\x7f-\\x9f]|\"|\\\\){1,200}"),
        from_json in any::<bool>(),
    ) {
        let png = |len: usize| [b"\x89PNG\r\n\x1a\n".as_slice(), &vec![b'-'; len]].concat();
        let files: Vec<Vec<u8>> = sizes.iter().map(|len| png(*len)).collect();
        let overlay = overlay.map(|(len, name)| (png(len), name));
        let (encoding, request) = match from_json {
            true => {
                let images: Vec<_> = files.iter().map(|it| json!({"image_url": url(it)})).collect();
                let mut request = json!({"prompt": prompt, "images": images, "quality": "high",
                    "size": "1024x1024", "background": "opaque", "moderation": "low"});
                if let Some(named) = &named {
                    request["safety_identifier"] = json!(named);
                }
                if let Some((file, name)) = &overlay {
                    request[*name] = json!({"image_url": url(file)});
                }
                (Encoding::Json, request.to_string().into_bytes())
            }
            false => {
                let mut form = imagegate::multipart::writer::Writer::new(0);
                form.text("prompt", &prompt);
                named.iter().for_each(|it| form.text("safety_identifier", it));
                for file in &files {
                    form.file("image[]", "a", "image/png", |out| out.extend_from_slice(file));
                }
                if let Some((file, name)) = &overlay {
                    form.file(name, "a", "image/png", |out| out.extend_from_slice(file));
                }
                let form = form.finish();
                let boundary = Boundary::of_content_type(form.content_type.as_bytes());
                (Encoding::Form(boundary.unwrap().unwrap()), form.body)
            }
        };
        let request = ImageRequest::parse_edit(&request, &encoding, &Limits::default()).unwrap();
        for edits in [Edits::Form, Edits::Json] {
            let written = translate(&request, &target(edits));
            let most = max_len(&request, &target(edits));
            prop_assert!(written.bytes.len() <= most, "{} > {most}", written.bytes.len());
            prop_assert!(written.bytes.capacity() == most);
            prop_assert!(most - written.bytes.len() < 9000);
        }
        let written = translate(&request, &target(Edits::Form));
        let read = fields(&written.content_type, &written.bytes);
        let read: Vec<_> = read.iter().filter(|it| it.1 == Kind::File).map(|it| &it.2).collect();
        let overlay = overlay.as_ref().map(|(file, _)| file);
        prop_assert_eq!(read, files.iter().chain(overlay).collect::<Vec<_>>());
    }
}

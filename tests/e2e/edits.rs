//! Edits: uploads as clients send them, cut and broken as networks and clients do.

use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::harness::{
    Connection, Envoy, Generation, Key, Request, Response, Sim, Step, Upstream, eventually,
};

const BOUNDARY: &str = "------------------------boundary0815";

/// A part: its name, whether it is a file, its data.
type Field<'a> = (&'a str, bool, &'a [u8]);

fn form(fields: &[Field<'_>]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, file, data) in fields {
        let file = if *file { "; filename=\"f.png\"\r\nContent-Type: image/png" } else { "" };
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n"
        );
        body.extend(head.into_bytes());
        body.extend_from_slice(data);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{BOUNDARY}--\r\n").into_bytes());
    body
}

fn edit(body: Vec<u8>) -> Request {
    Request::new("POST", "/v1/images/edits")
        .bearer(Key::WEB)
        .header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"))
        .body(body)
}

/// Bytes that begin as a PNG does and look like noise after that.
fn png(length: usize, seed: u32) -> Vec<u8> {
    let mut state = seed | 1;
    let noise = std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_be_bytes()[0]
    });
    b"\x89PNG\r\n\x1a\n".iter().copied().chain(noise).take(length.max(8)).collect()
}

fn url(file: &[u8]) -> String {
    format!("data:image/png;base64,{}", STANDARD.encode(file))
}

/// The `image_url`s that the upstream got.
fn images(request: &Value) -> Vec<&str> {
    let content = request["input"][0]["content"].as_array().unwrap();
    content.iter().filter_map(|part| part["image_url"].as_str()).collect()
}

fn assert_lives(envoy: &Envoy, generation: &Generation) {
    let response = Request::generation(&json!({"prompt": "a square"})).send(envoy);
    assert_eq!(response.image(), generation.base64);
}

fn buffered(envoy: &Envoy) -> u64 {
    envoy.metric("wasmcustom.imagegate_buffered_bytes").unwrap_or(0)
}

#[test]
fn a_form_reaches_the_upstream_as_an_edit() {
    let generation = Generation::small(1);
    let upstream = Upstream::generating(&generation);
    let envoy = Envoy::start(upstream.port());
    let (file, mask) = (png(3000, 1), png(500, 2));
    let body = form(&[
        ("prompt", false, "Größe \"A\" 🦊".as_bytes()),
        ("model", false, b"gpt-image-1.5"),
        ("input_fidelity", false, b"high"),
        ("image", true, &file),
        ("mask", true, &mask),
    ]);
    assert_eq!(edit(body).send(&envoy).image(), generation.base64);
    let request = upstream.only();
    assert_eq!(request.header("content-type").as_deref(), Some("application/json"));
    assert_eq!(request.header("content-length"), Some(request.body.len().to_string()));
    let request = request.json();
    assert_eq!(images(&request), [url(&file)]);
    assert_eq!(request["input"][0]["content"][1]["text"], "Größe \"A\" 🦊");
    let tool = json!({"type": "image_generation", "action": "edit", "model": "gpt-image-1.5",
        "input_fidelity": "high", "input_image_mask": {"image_url": url(&mask)}});
    assert_eq!(request["tools"], json!([tool]));
}

#[test]
fn an_edit_in_json_keeps_its_urls() {
    let generation = Generation::small(1);
    let upstream = Upstream::generating(&generation);
    let envoy = Envoy::start(upstream.port());
    let data = url(&png(100, 1));
    let body = json!({"prompt": "p", "images": [{"image_url": data}, {"image_url": "https://a.test/b.png"}]});
    let request = Request::new("POST", "/v1/images/edits").bearer(Key::WEB).json(&body);
    assert_eq!(request.send(&envoy).image(), generation.base64);
    assert_eq!(images(&upstream.only().json()), [data.as_str(), "https://a.test/b.png"]);
    let hosted = json!({"prompt": "p", "images": [{"file_id": "file-1"}]});
    let response =
        Request::new("POST", "/v1/images/edits").bearer(Key::WEB).json(&hosted).send(&envoy);
    response.assert_error(400, "unsupported_parameter");
    assert_eq!(response.json()["error"]["param"], "images[0].file_id");
    let response =
        edit(Vec::new()).without("content-type").header("content-type", "text/plain").send(&envoy);
    response.assert_error(415, "unsupported_media_type");
    let retired = Request::new("POST", "/v1/images/variations").bearer(Key::WEB).json(&hosted);
    retired.send(&envoy).assert_error(404, "unknown_url");
}

#[test]
fn sixteen_images_and_two_of_10_mb_come_whole() {
    let generation = Generation::small(1);
    let upstream = Upstream::generating(&generation);
    let envoy = Envoy::start(upstream.port());
    let large = [png(10_000_000, 1), png(10_000_000, 2)];
    let many: Vec<Vec<u8>> = (0..16).map(|seed| png(300_000 + seed as usize, seed)).collect();
    for files in [&large[..], &many] {
        let mut fields: Vec<Field<'_>> = vec![("prompt", false, b"p")];
        fields.extend(files.iter().map(|file| ("image[]", true, file.as_slice())));
        for request in [edit(form(&fields)), edit(form(&fields)).chunked()] {
            assert_eq!(request.send(&envoy).image(), generation.base64);
            let request = upstream.received().pop().unwrap().json();
            let found = images(&request);
            assert_eq!(found.len(), files.len());
            for (found, file) in found.iter().zip(files) {
                assert!(*found == url(file), "a file differs");
            }
        }
    }
    let mut fields: Vec<Field<'_>> = vec![("prompt", false, b"p")];
    fields.extend(vec![("image[]", true, many[0].as_slice()); 17]);
    let response = edit(form(&fields)).send(&envoy);
    response.assert_error(400, "array_above_max_length");
    let whole = png(33 << 20, 1);
    let body = form(&[("prompt", false, b"p"), ("image", true, &whole)]);
    edit(body).send(&envoy).assert_error(413, "request_too_large");
    eventually("nothing is held", || buffered(&envoy) == 0);
    assert_lives(&envoy, &generation);
}

#[test]
fn three_edits_are_made_of_one_form() {
    let generation = Generation::of_bytes(200_000, 1);
    let upstream = Upstream::generating(&generation);
    let envoy = Envoy::start(upstream.port());
    let file = png(2_000_000, 1);
    let body = form(&[("n", false, b"3"), ("image[]", true, &file), ("prompt", false, b"p")]);
    assert_eq!(edit(body).send(&envoy).images().len(), 3);
    let request = upstream.received();
    assert_eq!(request.len(), 3);
    for request in request {
        assert!(images(&request.json()) == [url(&file)], "a file differs");
    }
}

/// Writes the body in these pieces, one write each, and reads the answer.
fn send_cut(envoy: &Envoy, body: &[u8], places: &[usize]) -> Response {
    let request = edit(body.to_vec());
    let mut connection = Connection::open(envoy.port());
    connection.write(&request.head()).unwrap();
    let mut from = 0;
    for place in places.iter().copied().chain([body.len()]) {
        thread::sleep(Duration::from_millis(3));
        connection.write(&body[from..place]).unwrap();
        from = place;
    }
    connection.read()
}

#[test]
fn a_form_may_be_cut_anywhere() {
    let generation = Generation::small(1);
    let upstream = Upstream::generating(&generation);
    let envoy = Envoy::start(upstream.port());
    let file = [&png(60, 1)[..], b"\r\n--", &BOUNDARY.as_bytes()[..10], b"\r\n"].concat();
    let body =
        form(&[("prompt", false, "Größe".as_bytes()), ("image", true, &file), ("n", false, b"1")]);
    let at = |text: &str| body.windows(text.len()).position(|it| it == text.as_bytes()).unwrap();
    let delimiter = format!("\r\n--{BOUNDARY}\r\n");
    let (first, last) = (at(&delimiter), body.len() - BOUNDARY.len() - 6);
    // In the first line, in the head of a part, between its two line ends, in a character, around
    // and in each kind of delimiter, and in what only looks like one.
    let places = [
        1,
        20,
        BOUNDARY.len() + 3,
        BOUNDARY.len() + 4,
        at("form-data"),
        at("name=\"image"),
        at("\r\n\r\n") + 1,
        at("\r\n\r\n") + 2,
        at("\r\n\r\n") + 3,
        at("\r\n\r\n") + 4,
        at("ö") + 1,
        first,
        first + 1,
        first + 2,
        first + 4,
        first + 20,
        first + delimiter.len() - 1,
        first + delimiter.len(),
        at("\x1a") + 1,
        last - 2,
        last - 1,
        last,
        last + 2,
        last + 2 + BOUNDARY.len(),
        last + 3 + BOUNDARY.len(),
        last + 4 + BOUNDARY.len(),
        body.len() - 1,
    ];
    for place in places {
        assert_eq!(send_cut(&envoy, &body, &[place]).image(), generation.base64, "cut at {place}");
    }
    let each: Vec<usize> = (1..body.len()).collect();
    assert_eq!(send_cut(&envoy, &body, &each).image(), generation.base64);
    for request in upstream.received() {
        assert_eq!(images(&request.json()), [url(&file)]);
    }
}

/// The form, broken in a way that `seed` chooses.
fn broken(body: &[u8], seed: u32) -> Vec<u8> {
    let mut body = body.to_vec();
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as usize % below.max(1)
    };
    let pieces: [&[u8]; 8] =
        [b"\r\n", b"--", b"\0", b"\xff\xfe", b"\"", b"\r\n\r\n", b"\r\n--", BOUNDARY.as_bytes()];
    for _ in 0..=next(4) {
        let at = next(body.len() + 1);
        let to = (at + next(300)).min(body.len());
        match next(6) {
            0 => body.truncate(at.max(1)),
            1 => drop(body.drain(at..to)),
            2 => drop(body.splice(at..at, pieces[next(pieces.len())].iter().copied())),
            3 => {
                let again = body[at..to].to_vec();
                drop(body.splice(at..at, again));
            }
            4 => body[at..to].fill(b"\r\n-x\0"[next(5)]),
            _ => body[at..to].reverse(),
        }
    }
    body.resize(body.len().max(1), b'-');
    body
}

#[test]
fn a_hundred_broken_forms_are_rejected_and_the_vm_lives() {
    let generation = Generation::small(1);
    let upstream = Upstream::generating(&generation);
    let envoy = Envoy::start(upstream.port());
    // Small files, so that most breaks are in the form.
    let file = png(30, 1);
    let whole = form(&[
        ("prompt", false, b"p"),
        ("n", false, b"2"),
        ("image[]", true, &file),
        ("image[]", true, &file),
        ("mask", true, &file),
        ("size", false, b"1024x1024"),
    ]);
    let mut rejected = 0;
    for seed in 1..=150 {
        let response = edit(broken(&whole, seed)).send(&envoy);
        match response.status {
            200 => assert!(!response.images().is_empty()),
            _ => {
                assert_eq!(response.status, 400, "seed {seed}: {}", response.json());
                response.error_code();
                rejected += 1;
            }
        }
    }
    assert!(rejected > 100, "only {rejected} were broken");
    assert_lives(&envoy, &generation);
    eventually("nothing is held", || buffered(&envoy) == 0);
}

#[test]
fn clients_that_leave_in_the_middle_of_a_form_leave_no_memory_held() {
    let generation = Generation::small(1);
    let upstream = Upstream::generating(&generation);
    let envoy = Envoy::start(upstream.port());
    let body = form(&[("prompt", false, b"p"), ("image", true, &png(5_000_000, 1))]);
    let request = edit(body.clone());
    let mut open: Vec<Connection> = (0..4).map(|_| Connection::open(envoy.port())).collect();
    for connection in &mut open {
        connection.write(&[request.head(), body[..4_000_000].to_vec()].concat()).unwrap();
    }
    eventually("the forms are held", || buffered(&envoy) >= 4 * 4_000_000);
    drop(open);
    eventually("nothing is held", || buffered(&envoy) == 0);
    assert_lives(&envoy, &generation);
}

#[test]
fn an_upstreams_fault_names_the_file() {
    let fault = json!({"error": {"code": "invalid_image", "type": "invalid_request_error",
        "param": "input[0].content[1].image_url", "message": "The image is not one."}});
    let upstream = Upstream::always(Step::json(400, &fault));
    let envoy = Envoy::start(upstream.port());
    let file = png(100, 1);
    let files = [("image[]", true, &file[..]), ("image[]", true, &file), ("prompt", false, b"p")];
    let response = edit(form(&files)).send(&envoy);
    response.assert_error(400, "invalid_image");
    assert_eq!(response.json()["error"]["param"], "image[1]");
}

#[test]
fn codex_sim_takes_what_an_edit_becomes() {
    let sim = Sim::start();
    let envoy = Envoy::start(sim.port());
    let generated = Request::generation(&json!({"prompt": "a lighthouse"})).send(&envoy).image();
    let file = STANDARD.decode(&generated).unwrap();
    let plain = form(&[("prompt", false, b"a hat"), ("image", true, &file)]);
    let masked =
        form(&[("prompt", false, b"a hat"), ("image", true, &file), ("mask", true, &file)]);
    let images = [plain, masked].map(|body| edit(body).send(&envoy));
    let [plain, masked] = images.map(|response| {
        assert!(
            response.json()["usage"]["input_tokens_details"]["image_tokens"].as_u64() > Some(0)
        );
        response.image()
    });
    assert!(plain != generated && plain != masked, "the images and the mask do not show");
    let request = sim.received().pop().unwrap();
    assert_eq!(request["body"]["tools"][0]["action"], "edit");
}

//! The manifests of `deploy/`, in the configuration that the mesh itself makes of them.
//!
//! `make test-mesh` starts the mesh, its Envoy, and codex-sim with TLS and HTTP/2, and runs these
//! cases once for each mesh. All cases share one Envoy, so each has words of its own in its prompt.

use std::env;
use std::fs;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::harness::{Connection, Request, Response, eventually};

const KEY: &str = "sk-imagegate-demo";
/// The hostname of the manifests.
const HOST: &str = "images.example.com";
/// codex-sim with its TLS, as `tools/mesh/run.sh` starts it.
const SIM: u16 = 10001;

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is set by: make test-mesh"))
}

fn open() -> Connection {
    Connection::open(variable("MESH_PORT").parse().unwrap())
}

fn to(target: &str) -> Request {
    Request::new("POST", target).without("host").header("host", HOST)
}

fn generation(body: &Value) -> Request {
    to("/v1/images/generations").bearer(KEY).json(body)
}

/// A request of this method, with the key of the manifests.
pub(crate) fn to_with(method: &str, target: &str) -> Request {
    Request::new(method, target).without("host").header("host", HOST).bearer(KEY)
}

pub(crate) fn send(request: &Request) -> Response {
    request.send_on(&mut open())
}

pub(crate) fn image_of(prompt: &str) -> Response {
    send(&generation(&json!({"prompt": prompt, "model": "gpt-image-2", "size": "1024x1024"})))
}

/// What Envoy's admin interface says.
pub(crate) fn admin(path: &str) -> String {
    let address = fs::read_to_string(variable("MESH_ADMIN")).unwrap();
    let port = address.trim().rsplit(':').next().unwrap().parse().unwrap();
    String::from_utf8(Request::new("GET", path).send_on(&mut Connection::open(port)).body).unwrap()
}

/// The requests that codex-sim has received and whose text has `words`.
fn received(words: &str) -> Vec<Value> {
    let stats = Request::new("GET", "/stats").send_on(&mut Connection::open(SIM)).json();
    let recent = stats["recent"].as_array().unwrap().clone();
    recent.into_iter().filter(|it| it.to_string().contains(words)).collect()
}

/// The lines of the access log with `words`.
fn access_log(words: &str) -> Vec<Value> {
    let log = fs::read_to_string(variable("MESH_LOG")).unwrap();
    let lines = log.lines().filter(|line| line.starts_with('{') && line.contains(words));
    lines.filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn bytes_of(image: &str) -> Vec<u8> {
    STANDARD.decode(image).unwrap()
}

#[test]
#[ignore = "needs a mesh: make test-mesh"]
fn an_image_comes_over_tls_and_http2_with_the_credential_of_the_secret() {
    let response = image_of("a lighthouse");
    assert!(bytes_of(&response.image()).starts_with(b"\x89PNG"));
    assert!(response.header("x-request-id").is_some());
    // The upstream of the mesh speaks HTTP/2 alone, and only to chatgpt.com.
    let received = received("a lighthouse").remove(0).to_string();
    assert!(received.contains("codex_cli_rs"), "{received}");
    let headers = ["x-forwarded-for", "x-envoy-external-address", "x-envoy-original-path"];
    for of_the_client in [KEY, HOST, "/v1/images"].iter().chain(&headers) {
        assert!(!received.contains(of_the_client), "{of_the_client}: {received}");
    }
}

#[test]
#[ignore = "needs a mesh: make test-mesh"]
fn a_key_is_asked_on_every_route_and_no_header_goes_past_it() {
    let paths = ["/v1/images/generations", "/v1/images/edits"];
    let upstreams =
        ["/backend-api/codex/responses", "/v1/responses", "/responses", "/", "//", "/x"];
    let headers = [
        ("x-probe", "none"),
        ("x-imagegate-upstream", "codex"),
        ("x-envoy-original-path", "/v1/images/generations"),
        ("x-envoy-internal", "true"),
        ("x-envoy-decorator-operation", "codex"),
    ];
    for (name, value) in headers {
        let body = json!({"prompt": "a way past the key", "model": "gpt-image-2", "stream": true,
            "store": false, "instructions": "Draw.", "input": "a way past the key"});
        for path in paths {
            let request = to(path).json(&body).header(name, value);
            send(&request).assert_error(401, "invalid_api_key");
            let wrong = request.bearer("sk-imagegate-other");
            send(&wrong).assert_error(401, "invalid_api_key");
        }
        for path in upstreams {
            for host in [HOST, "chatgpt.com", "127.0.0.1"] {
                let request = to(path).bearer(KEY).json(&body).header(name, value);
                let answer = send(&request.without("host").header("host", host));
                assert!([400, 404].contains(&answer.status), "{host}{path} {name}: {answer:?}");
            }
        }
    }
    assert_eq!(received("a way past the key"), Vec::<Value>::new());
}

#[test]
#[ignore = "needs a mesh: make test-mesh"]
fn several_images_of_one_request_are_calls_of_their_own() {
    let body = json!({"prompt": "three boats", "model": "gpt-image-2", "n": 3});
    assert_eq!(send(&generation(&body)).images().len(), 3);
    assert_eq!(received("three boats").len(), 3);
}

#[test]
#[ignore = "needs a mesh: make test-mesh"]
fn an_image_of_16_mb_comes_and_twenty_megabytes_go_up_as_an_edit() {
    // The directive is the length in base64. An upstream takes 20 MiB of it in one image.
    let [large, half] = [22, 14].map(|megabytes| {
        let prompt = format!("a heavy anchor [[sim:bytes={megabytes}MB]]");
        bytes_of(&image_of(&prompt).image())
    });
    assert!(large.len() > 16_000_000, "{}", large.len());
    let boundary = "a-boundary-of-the-test";
    let mut form = Vec::new();
    let mut part = |head: &str, value: &[u8]| {
        let head = format!("--{boundary}\r\ncontent-disposition: form-data; {head}\r\n\r\n");
        form.extend([head.as_bytes(), value, b"\r\n"].concat());
    };
    part("name=\"prompt\"", b"the anchor again");
    part("name=\"model\"", b"gpt-image-2");
    for name in ["one.png", "two.png"] {
        let head = format!("name=\"image[]\"; filename=\"{name}\"\r\ncontent-type: image/png");
        part(&head, &half);
    }
    form.extend(format!("--{boundary}--\r\n").into_bytes());
    assert!(form.len() > 20_000_000);
    let kind = format!("multipart/form-data; boundary={boundary}");
    let edit = to("/v1/images/edits").bearer(KEY).header("content-type", kind).body(form);
    for edit in [edit.clone(), edit.chunked()] {
        assert!(!send(&edit).image().is_empty());
    }
    assert_eq!(received("the anchor again").len(), 2);
}

#[test]
#[ignore = "needs a mesh: make test-mesh"]
fn a_stream_has_its_previews_while_the_image_is_generated() {
    let body = json!({"prompt": "a bridge [[sim:delay=3s]]", "model": "gpt-image-2",
        "stream": true, "partial_images": 2});
    let mut connection = open();
    let request = generation(&body);
    connection.write(&[request.head(), request.framed_body()].concat()).unwrap();
    let head = connection.read_head();
    assert_eq!(head.status, 200);
    assert!(head.header("content-type").unwrap().starts_with("text/event-stream"));
    let (mut stream, mut begun_before_the_end) = (String::new(), false);
    while let Some(chunk) = connection.read_chunk().unwrap() {
        stream.push_str(&String::from_utf8(chunk).unwrap());
        let has = |name: &str| stream.contains(&format!("event: image_generation.{name}"));
        begun_before_the_end |= has("partial_image") && !has("completed");
    }
    assert!(begun_before_the_end, "the first preview has waited for the image");
    assert_eq!(stream.matches("event: image_generation.partial_image").count(), 2);
    assert_eq!(stream.matches("event: image_generation.completed").count(), 1);
}

#[test]
#[ignore = "needs a mesh: make test-mesh"]
fn a_minute_of_silence_is_no_reason_to_give_up() {
    let body = json!({"prompt": "a snail [[sim:delay=65s]] [[sim:previews=0]]",
        "model": "gpt-image-2"});
    let request = generation(&body);
    let mut connection = open();
    connection.write(&[request.head(), request.framed_body()].concat()).unwrap();
    assert!(connection.is_silent_for(Duration::from_secs(61)));
    assert!(!connection.read().image().is_empty());
}

#[test]
#[ignore = "needs a mesh: make test-mesh"]
fn every_error_has_the_shape_of_openai() {
    let named = |path: &str| send(&to(path).bearer(KEY).json(&json!({})));
    named("/v1/chat/completions").assert_error(404, "unknown_url");
    // Envoy refuses it before it gives the request an id.
    let escaped = named("/v1/images/%2e%2e%2fgenerations");
    let code = escaped.json()["error"]["code"].clone();
    assert_eq!((escaped.status, code), (400, json!("invalid_headers")));
    let unknown = json!({"prompt": "p", "model": "gpt-image-2", "colour": "red"});
    send(&generation(&unknown)).assert_error(400, "unknown_parameter");
    // None after which the upstream would rest, for all cases.
    for (fault, status, code) in [
        ("reset", 502, "upstream_disconnected"),
        ("preview_then_cut", 502, "upstream_disconnected"),
        ("server_error", 502, "upstream_error"),
        ("moderation", 400, "moderation_blocked"),
    ] {
        let response = image_of(&format!("a fault [[sim:{fault}]]"));
        assert_eq!((response.status, response.error_code()), (status, code.to_owned()), "{fault}");
    }
    let body = vec![b' '; 33 << 20];
    let large = to("/v1/images/generations").bearer(KEY).header("content-type", "application/json");
    send(&large.body(body)).assert_error(413, "request_too_large");
}

#[test]
#[ignore = "needs a mesh: make test-mesh"]
fn the_access_log_has_the_usage_record() {
    let response = image_of("a logbook");
    assert_eq!(response.status, 200);
    let id = response.header("x-request-id").unwrap();
    eventually("both lines are written", || access_log(&id).len() == 2);
    let lines = access_log(&id);
    let of_usage = lines.iter().find(|it| it.get("usage").is_some()).unwrap();
    assert_eq!(of_usage["usage"]["consumer"], "acme-web");
    assert_eq!(of_usage["usage"]["images_delivered"], 1);
    let of_request = lines.iter().find(|it| it.get("path").is_some()).unwrap();
    assert_eq!(of_request["path"], "/v1/images/generations");
    let log = fs::read_to_string(variable("MESH_LOG")).unwrap();
    for secret in [KEY, "the-access-token", "a logbook"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

#[test]
#[ignore = "needs a mesh: make test-mesh"]
fn the_metrics_have_their_labels() {
    assert_eq!(image_of("a barometer").status, 200);
    // A label of its own, and a bucket of its own.
    let wanted = [
        "imagegate_requests_total{endpoint=\"generations\",status=\"200\",code=\"ok\"} ",
        "imagegate_time_to_image_ms_bucket{le=\"7500\"} ",
    ];
    eventually("the image is counted", || {
        let metrics = admin("/stats/prometheus");
        let value = |name: &str| metrics.lines().find_map(|it| it.strip_prefix(name));
        wanted.iter().all(|name| value(name).is_some_and(|it| it != "0"))
    });
}

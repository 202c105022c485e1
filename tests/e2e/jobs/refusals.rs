//! What the service refuses, and what it answers although it is full. A scripted server stands for
//! the gate.

use std::net::{Ipv6Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;

use imagegate_testkit::program::Program;
use serde_json::{Value, json};

use super::{Jobs, wish};
use crate::harness::{Connection, Gate, Key, Request, Response, Step, Upstream, eventually};

/// A gate that answers the question for limits with a status, and each other request with an image.
struct ScriptedGate {
    upstream: Upstream,
    limits: Arc<AtomicU16>,
}

impl ScriptedGate {
    fn start() -> Self {
        let gate = Gate::default();
        gate.open();
        Self::held(gate)
    }

    /// Its images come when `gate` opens.
    fn held(gate: Gate) -> Self {
        let limits = Arc::new(AtomicU16::new(200));
        let status = Arc::clone(&limits);
        let upstream = Upstream::choosing(move |request| match request.method.as_str() {
            "GET" => Step::json(status.load(Ordering::SeqCst), &limits_answer(&status)),
            _ => {
                let mut steps = vec![Step::Wait(gate.clone())];
                steps.extend(Step::json(200, &json!({"data": [{"b64_json": "AAAA"}]})));
                steps
            }
        });
        Self { upstream, limits }
    }

    fn answer_limits_with(&self, status: u16) {
        self.limits.store(status, Ordering::SeqCst);
    }

    /// The requests for images that have come.
    fn asked(&self) -> usize {
        self.upstream.received().iter().filter(|it| it.method == "POST").count()
    }
}

/// The answer of the gate to a key with this status.
fn limits_answer(status: &AtomicU16) -> Value {
    let code = match status.load(Ordering::SeqCst) {
        200 => return json!({"object": "list", "data": []}),
        400 => "missing_required_parameter",
        _ => "another",
    };
    json!({"error": {"code": code, "message": "m", "param": null, "type": "t"}})
}

fn form(fields: &[(&str, &str)]) -> Request {
    let mut body: String = fields
        .iter()
        .map(|(name, value)| {
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        })
        .collect();
    body.push_str("--b--\r\n");
    let form = Request::new("POST", "/jobs/edits").bearer(Key::WEB);
    form.header("content-type", "multipart/form-data; boundary=b").body(body.into())
}

fn location(response: &Response) -> String {
    assert_eq!(response.status, 202, "{response:?}");
    response.header("location").unwrap()
}

#[test]
fn a_request_that_is_sent_again_gets_its_job_whatever_is_full_or_down() {
    let gate = Gate::default();
    let server = ScriptedGate::held(gate.clone());
    // There is room for one job, with its entry of 2 KiB.
    let jobs = Jobs::at(server.upstream.port(), &[("MAX_KEPT_BYTES", "3000")]);
    let wished = wish(Key::WEB).header("idempotency-key", "order-4711");
    let first = location(&jobs.send(&wished));
    jobs.send(&wish(Key::WEB)).assert_error(503, "queue_full");
    assert_eq!(location(&jobs.send(&wished)), first);
    server.answer_limits_with(503);
    assert_eq!(jobs.send(&wish(Key::WEB)).status, 503);
    assert_eq!(location(&jobs.send(&wished)), first);
    assert_eq!(jobs.send(&wished.bearer(Key::WEB_SECOND)).status, 503, "another key's");
    gate.open();
    assert_eq!(jobs.result(&first).status, 200);
    assert_eq!(server.asked(), 1);
}

#[test]
fn requests_with_one_idempotency_key_that_come_at_once_make_one_job() {
    let server = ScriptedGate::start();
    let jobs = Jobs::at(server.upstream.port(), &[]);
    let wished = wish(Key::WEB).header("idempotency-key", "order-4711");
    let locations: Vec<_> = thread::scope(|scope| {
        let sent: Vec<_> = (0..8).map(|_| scope.spawn(|| location(&jobs.send(&wished)))).collect();
        sent.into_iter().map(|it| it.join().unwrap()).collect()
    });
    assert!(locations.iter().all(|it| *it == locations[0]), "{locations:?}");
    assert_eq!(jobs.result(&locations[0]).status, 200);
    assert_eq!(server.asked(), 1);
}

#[test]
fn a_job_cannot_be_a_stream() {
    let server = ScriptedGate::start();
    let jobs = Jobs::at(server.upstream.port(), &[]);
    let post = |body: &Value| Request::new("POST", "/jobs").bearer(Key::WEB).json(body);
    let file = "\r\nContent-Disposition: form-data; name=\"stream\"\r\n\r\ntrue";
    for refused in [
        post(&json!({"prompt": "p", "stream": true})),
        post(&json!({"prompt": "p", "stream": true})).without("content-type"),
        form(&[("prompt", "p"), ("stream", "true")]),
        form(&[("stream", "true"), ("prompt", "p")]),
        form(&[("image", &"x".repeat(40_000)), ("stream", "true")]),
    ] {
        let response = jobs.send(&refused);
        response.assert_error(400, "invalid_value");
        let error = &response.json()["error"];
        assert_eq!(
            (&error["type"], &error["param"]),
            (&"invalid_request_error".into(), &"stream".into())
        );
        let words = error["message"].as_str().unwrap();
        assert!(words.contains("Leave 'stream' out, or set it to false"), "{words}");
    }
    let mut accepted = 0;
    for request in [
        post(&json!({"prompt": "p", "stream": false})),
        post(&json!({"prompt": "{\"stream\": true}", "svg": {"stream": true}})),
        form(&[("prompt", "p"), ("stream", "false")]),
        form(&[("prompt", "stream"), ("n", "true")]),
        form(&[("image", file)]),
        // The gate says what is wrong with these.
        Request::new("POST", "/jobs").bearer(Key::WEB).body(b"no JSON".to_vec()),
        Request::new("POST", "/jobs").bearer(Key::WEB).body(vec![b'['; 200_000]),
    ] {
        let job = location(&jobs.send(&request));
        assert_eq!(jobs.result(&job).status, 200);
        accepted += 1;
    }
    assert_eq!(server.asked(), accepted);
}

#[test]
fn a_client_that_leaves_within_its_body_leaves_no_job() {
    let server = ScriptedGate::start();
    let jobs = Jobs::at(server.upstream.port(), &[("MAX_KEPT_BYTES", "3000")]);
    let wished = wish(Key::WEB);
    let mut leaving = Connection::open(jobs.program.port());
    let half = wished.framed_body().len() / 2;
    leaving.write(&[&wished.head()[..], &wished.framed_body()[..half]].concat()).unwrap();
    eventually("its key is checked", || server.upstream.received().len() == 1);
    drop(leaving);
    let mut job = None;
    eventually("its room is free again", || {
        let response = jobs.send(&wished);
        job = response.header("location");
        response.status == 202
    });
    assert_eq!(jobs.result(&job.unwrap()).status, 200);
    assert_eq!(server.asked(), 1, "half a body has become a job");
}

#[test]
fn each_spelling_of_a_key_is_the_same_key() {
    let server = ScriptedGate::start();
    let jobs = Jobs::at(server.upstream.port(), &[]);
    let job = jobs.add(Key::WEB);
    for scheme in ["bearer", "BEARER", "Bearer  "] {
        let authorization = format!("{scheme} {}", Key::WEB);
        let get = Request::new("GET", &job).header("authorization", authorization);
        assert_eq!(jobs.send(&get).status, 200, "{scheme}");
    }
}

#[test]
fn only_a_key_of_the_gate_gets_a_place() {
    let server = ScriptedGate::start();
    let jobs = Jobs::at(server.upstream.port(), &[]);
    for status in [301, 400, 401, 403, 404, 429, 500] {
        server.answer_limits_with(status);
        let expected = if status == 400 { 202 } else { status };
        assert_eq!(jobs.send(&wish(Key::WEB)).status, expected, "{status}");
    }
}

#[test]
fn what_the_service_refuses_itself_has_the_shape_of_an_error() {
    let server = ScriptedGate::start();
    let jobs = Jobs::at(server.upstream.port(), &[("MAX_BODY_BYTES", "10")]);
    let named = |key: String| wish(Key::WEB).header("idempotency-key", key);
    let at = |path: &str| Request::new("POST", path).bearer(Key::WEB).body(b"{}".to_vec());
    for (request, status, code) in [
        (wish(Key::WEB).chunked(), 411, "length_required"),
        (wish(Key::WEB).header("transfer-encoding", "chunked"), 411, "length_required"),
        (Request::new("PUT", "/jobs").bearer(Key::WEB), 405, "method_not_allowed"),
        (Request::new("GET", "/jobs/x").header("a", "b".repeat(70_000)), 431, "bad_request"),
        (named(String::new()), 400, "invalid_idempotency_key"),
        (named("k".repeat(256)), 400, "invalid_idempotency_key"),
        (wish(Key::WEB), 413, "request_too_large"),
        (at("/jobs/"), 404, "unknown_url"),
        (Request::new("GET", "/a/jobs/x").bearer(Key::WEB), 404, "unknown_url"),
        (Request::new("GET", "/").bearer(Key::WEB), 404, "unknown_url"),
    ] {
        jobs.send(&request).assert_error(status, code);
    }
    assert_eq!(server.asked(), 0);
}

#[test]
fn a_refusal_does_not_wait_for_the_body() {
    let server = ScriptedGate::start();
    let jobs = Jobs::at(server.upstream.port(), &[]);
    let mut connection = Connection::open(jobs.program.port());
    connection.write(&wish(Key::WEB).without("authorization").head()).unwrap();
    connection.read().assert_error(401, "invalid_api_key");
}

#[test]
fn a_setting_that_cannot_be_used_is_named() {
    for (name, value) in [
        ("WORKERS", "0"),
        ("TTL_SECONDS", "an hour"),
        ("MAX_BODY_BYTES", "32MiB"),
        ("GATE_URL", "gate:10000"),
        ("GATE_URL", "http://127.0.0.1:port"),
        ("LISTEN", "8090"),
        ("LISTEN", "127.0.0.1:99999"),
    ] {
        let mut command = Jobs::command(1, &[(name, value)]);
        let output = command.output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{name}");
        assert!(
            words.starts_with(&format!("{name}: invalid value '{value}', accepted:")),
            "{words}"
        );
        assert!(!words.contains("Traceback"), "{words}");
    }
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = Jobs::command(1, &[("LISTEN", &address)]).output().unwrap();
    assert!(!output.status.success());
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(words.trim(), format!("LISTEN: {address} cannot be used: Address already in use"));
}

#[test]
fn it_listens_on_ipv6_too() {
    let program = Program::start(&mut Jobs::command(1, &[("LISTEN", "[::1]:0")]));
    assert!(TcpStream::connect((Ipv6Addr::LOCALHOST, program.port())).is_ok());
}

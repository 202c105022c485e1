//! `deploy/jobs/jobs.py` in front of Envoy: an image is fetched long after it was asked for, by the
//! key that asked for it, and is generated once.

mod refusals;

use std::process::Command;
use std::thread;
use std::time::Duration;

use imagegate_testkit::program::Program;
use serde_json::{Value, json};

use crate::harness::sse::event;
use crate::harness::{
    Connection, Envoy, Gate, Generation, Key, Request, Response, Sim, Step, Upstream, config,
    eventually, needed, root,
};

/// The service. It ends when this is dropped.
struct Jobs {
    program: Program,
}

impl Jobs {
    fn before(envoy: &Envoy, settings: &[(&str, &str)]) -> Self {
        Self::at(envoy.port(), settings)
    }

    /// In front of what listens on this port.
    fn at(gate: u16, settings: &[(&str, &str)]) -> Self {
        Self { program: Program::start(&mut Self::command(gate, settings)) }
    }

    fn command(gate: u16, settings: &[(&str, &str)]) -> Command {
        let mut command = Command::new("python3");
        command
            .arg(needed("deploy/jobs/jobs.py", "git checkout deploy/jobs"))
            .env("GATE_URL", format!("http://127.0.0.1:{gate}"))
            .env("LISTEN", "127.0.0.1:0")
            .envs(settings.iter().copied())
            .current_dir(root());
        command
    }

    fn send(&self, request: &Request) -> Response {
        request.send_on(&mut Connection::open(self.program.port()))
    }

    /// Asks for an image with this key, and returns the path of the accepted job.
    fn add(&self, key: &str) -> String {
        let response = self.send(&wish(key));
        assert_eq!(response.status, 202, "{response:?}");
        response.header("location").unwrap()
    }

    fn get(&self, path: &str, key: &str) -> Response {
        self.send(&Request::new("GET", path).bearer(key))
    }

    fn status(&self, path: &str) -> Value {
        self.get(path, Key::WEB).json()["status"].clone()
    }

    /// The job's result, as soon as it has one.
    fn result(&self, path: &str) -> Response {
        let ended = || ["succeeded", "failed"].iter().any(|it| self.status(path) == *it);
        eventually("the job ends", ended);
        self.get(&format!("{path}/result"), Key::WEB)
    }

    /// Asks it to stop, as Docker and Kubernetes do.
    fn stop(&self) {
        let id = self.program.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    }

    fn is_up(&self) -> bool {
        std::net::TcpStream::connect(("127.0.0.1", self.program.port())).is_ok()
    }
}

fn wish(key: &str) -> Request {
    let body = json!({"prompt": "a square", "model": "gpt-image-2", "size": "1024x1024"});
    Request::new("POST", "/jobs").bearer(key).json(&body)
}

/// An image that comes when the gate opens.
fn held(generation: &Generation) -> (Gate, Upstream) {
    let gate = Gate::default();
    let mut script = Step::generate(generation);
    script.insert(0, Step::Wait(gate.clone()));
    (gate, Upstream::always(script))
}

#[test]
fn a_job_is_accepted_at_once_and_its_image_is_fetched_later() {
    let generation = Generation::of_bytes(1_500_000, 1);
    let (gate, upstream) = held(&generation);
    let envoy = Envoy::start(upstream.port());
    let jobs = Jobs::before(&envoy, &[]);
    let job = jobs.add(Key::WEB);
    gate.wait_for(1);
    assert_eq!(jobs.status(&job), "running", "no answer has come");
    let early = jobs.get(&format!("{job}/result"), Key::WEB);
    assert_eq!((early.status, early.header("retry-after").as_deref()), (202, Some("2")));
    gate.open();
    let result = jobs.result(&job);
    assert_eq!(result.status, 200);
    assert_eq!(result.image(), generation.base64);
    assert_eq!(jobs.get(&job, Key::WEB).json()["http_status"], 200);
    assert!(result.header("x-request-id").is_some(), "the gate's own");
    assert_eq!(upstream.received().len(), 1, "an image that is asked for twice is paid twice");
}

#[test]
fn jobs_reach_codex_sim_and_edits_may_be_forms() {
    let sim = Sim::start();
    let envoy = Envoy::start(sim.port());
    let jobs = Jobs::before(&envoy, &[]);
    let image = jobs.result(&jobs.add(Key::WEB)).image();
    assert!(image.starts_with("iVBORw0KGgo"), "a PNG");
    let form = "--b\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\np\r\n--b\r\n\
        Content-Disposition: form-data; name=\"image\"; filename=\"f.png\"\r\n\
        Content-Type: image/png\r\n\r\n\u{0}\r\n--b--\r\n";
    let edit = Request::new("POST", "/jobs/edits").bearer(Key::WEB);
    let edit = edit.header("content-type", "multipart/form-data; boundary=b");
    let accepted = jobs.send(&edit.body(form.into()));
    let result = jobs.result(&accepted.header("location").unwrap());
    // The form has arrived whole: imagegate rejects its file, which is no image.
    result.assert_error(400, "invalid_image");
}

#[test]
fn only_the_key_that_asked_sees_its_job() {
    let upstream = Upstream::generating(&Generation::small(1));
    let envoy = Envoy::start(upstream.port());
    let jobs = Jobs::before(&envoy, &[]);
    let job = jobs.add(Key::WEB);
    assert_eq!(jobs.result(&job).images().len(), 1);
    for path in [job.clone(), format!("{job}/result")] {
        jobs.get(&path, Key::WEB_SECOND).assert_error(404, "job_not_found");
        jobs.send(&Request::new("GET", &path)).assert_error(401, "invalid_api_key");
    }
    jobs.send(&wish(Key::UNKNOWN)).assert_error(401, "invalid_api_key");
    jobs.send(&wish(Key::WEB).without("authorization")).assert_error(401, "invalid_api_key");
    assert_eq!(upstream.received().len(), 1);
}

#[test]
fn an_error_of_the_gate_is_the_result() {
    let error = json!({"error": {"code": "moderation_blocked", "param": null, "message": "m",
        "type": "image_generation_user_error"}});
    let upstream = Upstream::always(Step::json(400, &error));
    let envoy = Envoy::start(upstream.port());
    let jobs = Jobs::before(&envoy, &[]);
    let job = jobs.add(Key::WEB);
    jobs.result(&job).assert_error(400, "moderation_blocked");
    assert_eq!(jobs.status(&job), "failed");
}

#[test]
fn an_error_after_a_200_fails_the_job() {
    let failed = event(&json!({"type": "response.failed", "response": {"error":
        {"code": "server_is_overloaded", "message": "m"}}}));
    let upstream = Upstream::always(vec![
        Step::StreamHead,
        Step::Chunk(Generation { previews: 0, ..Generation::small(1) }.opening()),
        // Longer than `keepalive`.
        Step::Pause(Duration::from_millis(1500)),
        Step::Chunk(b": ping\n\n".to_vec()),
        Step::Pause(Duration::from_millis(100)),
        Step::Chunk(failed),
        Step::End,
    ]);
    let mut config = config();
    config["keepalive"] = json!("1s");
    let envoy = Envoy::with(upstream.port(), &config);
    let jobs = Jobs::before(&envoy, &[]);
    let job = jobs.add(Key::WEB);
    let result = jobs.result(&job);
    assert_eq!((result.status, result.body[0]), (200, b' '), "white space came first");
    assert_eq!(result.json()["error"]["code"], "server_is_overloaded");
    assert_eq!(jobs.status(&job), "failed");
}

#[test]
fn the_queue_is_bounded_and_so_is_each_key() {
    let (gate, upstream) = held(&Generation::small(1));
    let envoy = Envoy::start(upstream.port());
    let settings = [("WORKERS", "1"), ("MAX_WAITING", "2"), ("MAX_PER_KEY", "2")];
    let jobs = Jobs::before(&envoy, &settings);
    let first = jobs.add(Key::WEB);
    gate.wait_for(1);
    let second = jobs.add(Key::WEB);
    jobs.send(&wish(Key::WEB)).assert_error(429, "too_many_jobs");
    jobs.add(Key::WEB_SECOND);
    let full = jobs.send(&wish(Key::NARROW));
    full.assert_error(503, "queue_full");
    assert_eq!(full.header("retry-after").as_deref(), Some("10"));
    gate.open();
    for job in [first, second] {
        assert_eq!(jobs.result(&job).images().len(), 1);
    }
    jobs.add(Key::WEB);
}

#[test]
fn a_body_takes_its_room_before_it_comes() {
    let upstream = Upstream::generating(&Generation::small(1));
    let envoy = Envoy::start(upstream.port());
    // Room for one job, with its entry of 2 KiB.
    let jobs = Jobs::before(&envoy, &[("MAX_KEPT_BYTES", "3000")]);
    let mut slow = Connection::open(jobs.program.port());
    slow.write(&wish(Key::WEB).head()).unwrap();
    // Until the service has asked for the key's limits and reads the body, of which nothing is seen.
    thread::sleep(Duration::from_secs(2));
    jobs.send(&wish(Key::WEB)).assert_error(503, "queue_full");
    slow.write(&wish(Key::WEB).framed_body()).unwrap();
    assert_eq!(slow.read_head().status, 202);
}

#[test]
fn a_request_that_is_sent_again_makes_no_second_job() {
    let upstream = Upstream::generating(&Generation::small(1));
    let envoy = Envoy::start(upstream.port());
    let jobs = Jobs::before(&envoy, &[]);
    let wished = |key| wish(key).header("idempotency-key", "order-4711");
    let [first, again, other] = [Key::WEB, Key::WEB, Key::WEB_SECOND]
        .map(|key| jobs.send(&wished(key)).header("location").unwrap());
    assert_eq!(first, again);
    assert_ne!(first, other, "another key's job");
    assert_eq!(jobs.result(&first).images().len(), 1);
    upstream.wait_for(2);
    assert_eq!(upstream.received().len(), 2);
}

#[test]
fn a_result_is_kept_for_its_time_only() {
    let upstream = Upstream::generating(&Generation::small(1));
    let envoy = Envoy::start(upstream.port());
    let jobs = Jobs::before(&envoy, &[("TTL_SECONDS", "1")]);
    let job = jobs.add(Key::WEB);
    upstream.wait_for(1);
    let gone = || jobs.get(&job, Key::WEB).status == 404;
    eventually("the job is forgotten", gone);
}

#[test]
fn a_service_that_stops_ends_what_is_running_and_sends_nothing_new() {
    let (gate, upstream) = held(&Generation::small(1));
    let envoy = Envoy::start(upstream.port());
    let jobs = Jobs::before(&envoy, &[("WORKERS", "1")]);
    let [running, waiting] = [jobs.add(Key::WEB), jobs.add(Key::WEB)];
    gate.wait_for(1);
    jobs.stop();
    let stopping = || jobs.send(&Request::new("GET", "/healthz")).status == 503;
    eventually("it stops", stopping);
    jobs.send(&wish(Key::WEB)).assert_error(503, "stopping");
    gate.open();
    assert_eq!(jobs.result(&running).images().len(), 1);
    // Long enough for it to end, if it did not wait for the second one to be fetched.
    thread::sleep(Duration::from_secs(2));
    jobs.result(&waiting).assert_error(503, "stopping");
    eventually("it ends after both are fetched", || !jobs.is_up());
    assert_eq!(upstream.received().len(), 1);
}

//! A page in a real browser, whose origin is not the gate's: it reads what `envoy/cors.yaml` lets it
//! read.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::harness::config::sha256;
use crate::harness::{Envoy, Key, Setup, Sim, Step, Upstream, config, eventually, needed, root};

/// A headless Chromium, which ends when this is dropped.
struct Browser {
    process: Child,
    profile: PathBuf,
}

impl Browser {
    fn open(url: &str) -> Self {
        let program = needed(".tools/chromium/bin/chromium", "make test-browser");
        let profile = root().join(format!("build/e2e/chromium-{}", std::process::id()));
        let process = Command::new(program)
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg("--remote-debugging-port=0")
            .arg(url)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { process, profile }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.profile);
    }
}

/// Serves the page, and takes its report.
fn page_server() -> Upstream {
    let page = fs::read(root().join(Path::new("tests/browser/page.html"))).unwrap();
    Upstream::choosing(move |request| {
        let (status, body) = match (request.method.as_str(), request.path.split('?').next()) {
            ("GET", Some("/page")) => (200, page.clone()),
            ("POST", Some("/report")) => (200, Vec::new()),
            _ => (404, Vec::new()),
        };
        vec![Step::Whole(status, vec![("content-type", "text/html".to_owned())], body)]
    })
}

/// What a page reports that is served by `server` under the name `host`.
fn report(server: &Upstream, host: &str, envoy: &Envoy) -> Value {
    let (gate, key, limited) = (envoy.port(), Key::WEB, Key::LIMITED);
    let before = server.received().len();
    let _browser = Browser::open(&format!(
        "http://{host}:{}/page?gate=http://127.0.0.1:{gate}&key={key}&limited={limited}",
        server.port(),
    ));
    let mut report = None;
    eventually("the page reports", || {
        let received = server.received().split_off(before);
        report = received.iter().find(|it| it.path == "/report").map(|it| it.json());
        report.is_some()
    });
    report.unwrap()
}

fn configuration() -> Value {
    let mut config = config();
    config["upstreams"]["provider"] = json!({"api": "images", "authority": "provider.test",
        "credential": {"bearer_env": "CODEX_ACCESS_TOKEN"}, "timeout": "60s"});
    config["models"] = json!([{"match": "gpt-image-1", "upstream": "provider"},
        {"match": "*", "upstream": "codex"}]);
    config["response_headers_to_keep"] = json!(["vary", "x-content-type-options"]);
    config["consumers"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "limited", "key_sha256": [sha256(Key::LIMITED)], "user": "acme"}));
    config["limits"] = json!([{"name": "once-an-hour", "per": "key", "unit": "requests", "max": 1,
        "window": "1h", "consumers": ["limited"]}]);
    config
}

#[test]
#[ignore = "needs Chromium: make test-browser"]
fn a_page_of_a_listed_origin_shows_images_and_reads_streams_and_errors() {
    let (sim, server) = (Sim::start(), page_server());
    let origin = format!("http://127.0.0.1:{}", server.port());
    let envoy = Setup::of("envoy/cors.yaml", sim.port())
        .replace("exact: \"https://app.example.com\"", &format!("exact: \"{origin}\""))
        .replace("in ['https://app.example.com'", &format!("in ['{origin}'"))
        .beside("provider", sim.port())
        .configure(&configuration())
        .start();
    let got = report(&server, "127.0.0.1", &envoy);
    for case in ["image", "url", "several", "provider", "stream"] {
        let got = &got[case];
        assert_eq!(got["status"], 200, "{case}: {got}");
        assert_eq!((&got["width"], &got["height"]), (&json!(1024), &json!(1024)), "{case}: {got}");
        assert!(got["headers"]["x-request-id"].is_string(), "{case}: {got}");
    }
    assert_eq!(got["stream"]["type"], "image_generation.completed");
    for (case, status, code) in [
        ("wrong_key", 401, "invalid_api_key"),
        ("wrong_size", 400, "invalid_value"),
        ("refused_by_a_rule", 429, "rate_limit_exceeded"),
        ("refused_by_the_upstream", 429, "rate_limit_exceeded"),
    ] {
        let got = &got[case];
        assert_eq!((&got["status"], &got["code"]), (&json!(status), &json!(code)), "{case}: {got}");
        assert!(got["headers"]["x-request-id"].is_string(), "{case}: {got}");
        assert_eq!(got["headers"]["retry-after"].is_string(), status == 429, "{case}: {got}");
    }
    assert_eq!(got["refused_by_a_rule"]["headers"]["x-ratelimit-limit-requests"], "1");
    // The same page under another name is of another origin.
    let got = report(&server, "localhost", &envoy);
    for (case, got) in got.as_object().unwrap() {
        assert_eq!(got["fault"], "TypeError: Failed to fetch", "{case}: {got}");
    }
}

//! Clients as they are published, with nothing set but their address and key.
//!
//! Each runs its cases in `tests/clients/cases/`; this is the other end of them: what a prompt leads to, and what of a retry can only be
//! seen from here. Which client has which case is the table in `tests/clients/README.md`, and each test holds its client's column.

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::config::sha256;
use crate::harness::{
    Drawing, Envoy, Key, Received, Setup, Step, Upstream, config, eventually, needed, root,
};

/// What the upstream of `fail 429 once` asks a client to wait: longer than the clients wait by themselves.
const WAIT: Duration = Duration::from_millis(2300);

/// Has the table of clients and cases.
const CASES: &str = "tests/clients/README.md";

#[test]
fn openai_python_is_served() {
    Client::python("clients", "openai_sdk.py").holds("openai 3 (Python)");
}

#[test]
fn openai_python_1_is_served() {
    Client::python("clients-openai-1", "openai_sdk.py").holds("openai 1 (Python)");
}

#[test]
fn openai_node_is_served() {
    Client::node("openai_sdk.mjs", "").holds("openai 7 (Node)");
}

#[test]
fn the_ai_sdk_is_served() {
    Client::node("ai_sdk.mjs", "openai").holds("@ai-sdk/openai");
}

#[test]
fn the_compatible_ai_sdk_is_served() {
    Client::node("ai_sdk.mjs", "compatible").holds("@ai-sdk/openai-compatible");
}

#[test]
fn litellm_is_served() {
    Client::python("clients-frameworks", "litellm_sdk.py").holds("LiteLLM");
}

#[test]
fn langchain_is_served() {
    let mut client = Client::python("clients-frameworks", "langchain_dalle.py");
    client.config["default_response_format"] = json!("url");
    client.holds("LangChain");
}

#[test]
fn async_openai_is_served() {
    let program = ".tools/async-openai/debug/async-openai-client";
    Client::of(needed(program, "make setup").to_str().unwrap(), &[]).holds("async-openai");
}

/// A client's cases and how they are run.
struct Client {
    command: Command,
    config: Value,
}

impl Client {
    fn of(program: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(root().join(program));
        command.args(arguments).current_dir(root());
        Self { command, config: configuration() }
    }

    fn python(environment: &str, script: &str) -> Self {
        let program = format!(".tools/{environment}/bin/python");
        needed(&program, "make setup");
        Self::of(&program, &[&format!("tests/clients/cases/{script}")])
    }

    fn node(script: &str, argument: &str) -> Self {
        needed(".tools/node/node_modules/ai", "make setup");
        Self::of(".tools/node/bin/node", &[&format!("tests/clients/cases/{script}"), argument])
    }

    /// Runs the cases: they must be those of this column of the table, and hold.
    fn holds(mut self, column: &str) {
        let log = Arc::new(Log::default());
        let of_upstream = Arc::clone(&log);
        let upstream = Upstream::choosing(move |asked| of_upstream.answer(asked));
        // This file's access log has the usage records.
        let envoy = Setup::production(upstream.port()).configure_struct(&self.config).start();
        let told = self.run(&envoy);
        let faults: Vec<_> = told.iter().filter(|it| !it["fault"].is_null()).collect();
        for it in &faults {
            eprintln!("--- {} {}\n{}", column, it["case"], it["fault"].as_str().unwrap());
        }
        assert!(faults.is_empty(), "{} cases do not hold", faults.len());
        let cases: Vec<_> = told.iter().map(|it| it["case"].as_str().unwrap()).collect();
        assert_eq!(cases, documented(column), "{CASES}, {column}");
        log.check(&cases);
        check_tries(&envoy, &cases, column);
    }

    /// The lines that the client's cases told.
    fn run(&mut self, envoy: &Envoy) -> Vec<Value> {
        let address = format!("http://127.0.0.1:{}/v1", envoy.port());
        let output = self
            .command
            .env("OPENAI_BASE_URL", address)
            .env("OPENAI_API_KEY", Key::WEB)
            .env("IMAGEGATE_NARROW_KEY", Key::NARROW)
            .env("IMAGEGATE_LIMITED_KEY", Key::LIMITED)
            .env("IMAGEGATE_SPENT_KEY", Key::SPENT)
            .output()
            .unwrap();
        let [out, err] = [output.stdout, output.stderr].map(|it| String::from_utf8(it).unwrap());
        assert!(output.status.success(), "{}\n{out}\n{err}", output.status);
        let lines = out.lines().filter(|line| line.starts_with("{\"case\""));
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// The configuration of the harness, with a key that may send one request an hour and one whose budget covers nothing.
fn configuration() -> Value {
    let mut config = config();
    let consumers = config["consumers"].as_array_mut().unwrap();
    consumers
        .push(json!({"name": "limited", "key_sha256": [sha256(Key::LIMITED)], "user": "acme"}));
    consumers.push(json!({"name": "spent", "key_sha256": [sha256(Key::SPENT)], "user": "acme"}));
    config["prices"] = json!([{"model": "gpt-image-*", "usd": "0.211"}]);
    config["limits"] = json!([
        {"name": "once-an-hour", "per": "key", "unit": "requests", "max": 1, "window": "1h", "consumers": ["limited"]},
        {"name": "a-cent", "per": "key", "unit": "usd", "max": "0.01", "window": "day", "consumers": ["spent"]}
    ]);
    config
}

/// What reached the upstream.
#[derive(Default)]
struct Log {
    seed: AtomicU32,
    /// When requests with the prompt `fail 429 once` came.
    once: Mutex<Vec<Instant>>,
    for_good: AtomicU32,
}

impl Log {
    fn answer(&self, asked: &Received) -> Vec<Step> {
        let request = asked.json();
        let prompt = prompt_of(&request);
        let error = |status, code: &str, kind: &str, message: &str| {
            Step::json(
                status,
                &json!({"error": {"code": code, "type": kind, "message": message, "param": null}}),
            )
        };
        match prompt.as_str() {
            "fail 400" => Step::json(400, &refusal()),
            "fail 429 once" => {
                let mut came = self.once.lock().unwrap();
                came.push(Instant::now());
                match came.len() {
                    1 => {
                        let words = format!("Please try again in {}ms.", WAIT.as_millis());
                        error(429, "rate_limit_exceeded", "requests", &words)
                    }
                    _ => self.draw(),
                }
            }
            "fail 429 for good" => {
                self.for_good.fetch_add(1, Ordering::Relaxed);
                error(429, "insufficient_quota", "insufficient_quota", "m")
            }
            "fail 502" => vec![Step::StreamHead, Step::Close],
            "fail 503" => Step::json(
                503,
                &json!({"error": {
                "code": "server_is_overloaded", "type": "server_error", "message": "Please try again in 1s.", "param": null}}),
            ),
            "edit of 1" => self.edit(&request, 1, false),
            "edit of 2 masked" => self.edit(&request, 2, true),
            "stream" => {
                let seed = self.seed.fetch_add(1, Ordering::Relaxed);
                Step::draw(&Drawing { previews: 2, ..Drawing::of_bytes(200_000, seed) })
            }
            // Cut short behind its preview.
            "break" => Step::stream(Drawing::of_bytes(200_000, 0).opening()),
            _ => self.draw(),
        }
    }

    /// A picture that no other answer has.
    fn draw(&self) -> Vec<Step> {
        Step::draw(&Drawing::of_bytes(200_000, self.seed.fetch_add(1, Ordering::Relaxed)))
    }

    /// A picture, if the images of the edit came.
    fn edit(&self, request: &Value, images: usize, masked: bool) -> Vec<Step> {
        let tool = &request["tools"][0];
        let is_png = |url: &Value| {
            url.as_str().is_some_and(|url| url.starts_with("data:image/png;base64,iVBORw0KGgo"))
        };
        let came = parts(request).filter(|part| is_png(&part["image_url"])).count();
        let holds = tool["action"] == "edit"
            && came == images
            && is_png(&tool["input_image_mask"]["image_url"]) == masked;
        if holds { self.draw() } else { Step::json(418, &json!({"asked": request})) }
    }

    /// What of the retries is seen here.
    fn check(&self, cases: &[&str]) {
        let came = self.once.lock().unwrap();
        if cases.contains(&"retry_waits_as_told") {
            assert_eq!(came.len(), 2, "one answer says when to come back, and one try follows");
            let waited = came[1].duration_since(came[0]);
            assert!(waited >= WAIT, "the client was told to wait {WAIT:?} and waited {waited:?}");
        }
        if cases.contains(&"no_retry_as_told") {
            let tries = self.for_good.load(Ordering::Relaxed);
            assert_eq!(tries, 1, "the client was told not to try again");
        }
    }
}

/// Checks by the usage records how often requests came that were refused before any upstream was asked.
fn check_tries(envoy: &Envoy, cases: &[&str], column: &str) {
    let refused = |consumer: &str| {
        let log = envoy.log();
        let records = log.lines().filter(|line| line.starts_with('{')).filter_map(|line| {
            let line: Value = serde_json::from_str(line).ok()?;
            serde_json::from_str::<Value>(line["usage"].as_str()?).ok()
        });
        records.filter(|record| record["consumer"] == consumer && record["status"] == 429).count()
    };
    for (case, consumer) in [("spent_rate_is_429", "limited"), ("spent_budget_is_429", "spent")] {
        if cases.contains(&case) {
            eventually(&format!("the records of {consumer}"), || refused(consumer) > 0);
            assert_eq!(refused(consumer), 1, "{column}, {case}: tries");
        }
    }
}

fn refusal() -> Value {
    json!({"error": {"code": "moderation_blocked", "type": "image_generation_user_error", "param": null,
        "message": "Your request was rejected by the safety system.",
        "moderation_details": {"moderation_stage": "input", "categories": ["violence"]}}})
}

fn parts(request: &Value) -> impl Iterator<Item = &Value> {
    let messages = request["input"].as_array().into_iter().flatten();
    messages.flat_map(|message| message["content"].as_array().into_iter().flatten())
}

fn prompt_of(request: &Value) -> String {
    let text = parts(request).find(|part| part["type"] == "input_text");
    text.and_then(|part| part["text"].as_str()).unwrap_or_default().to_owned()
}

/// The cases that the table says a client has.
fn documented(column: &str) -> Vec<String> {
    let page = fs::read_to_string(root().join(CASES)).unwrap();
    let mut rows = page.lines().filter(|line| line.starts_with('|')).map(|line| {
        line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>()
    });
    let place = rows.next().unwrap().iter().position(|it| it == column);
    let place = place.unwrap_or_else(|| panic!("{CASES} has no column '{column}'"));
    let cases = rows.filter(|row| row[place] == "yes");
    cases.map(|row| row[0].trim_matches('`').to_owned()).collect()
}

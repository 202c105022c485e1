//! Published clients, with only their address and key set.
//!
//! Each runs its cases in `tests/clients/cases/`, first with a scripted Codex, then those that
//! concern the upstream with a provider of the Images API. Both are upstreams of the same Envoy.
//! This is the other end of them: the outcome of a prompt, and the part of a retry that a client
//! cannot see. The table in `tests/clients/README.md` has the cases of each client. Each test
//! checks its client's column.

mod codex;

use std::fs;
use std::process::Command;
use std::sync::Arc;

use serde_json::{Value, json};

use self::codex::Codex;
use crate::harness::config::sha256;
use crate::harness::{Envoy, Key, Setup, Sim, Upstream, config, eventually, needed, root};

/// Has the table of clients and cases.
const CASES: &str = "tests/clients/README.md";

/// In the table: the case holds over a provider as well.
const BOTH: &str = "both";

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

#[test]
#[ignore = "needs Go: make test-client-go"]
fn openai_go_is_served() {
    let program = needed(".tools/openai_go/bin/openai_go", "make test-client-go");
    Client::of(program.to_str().unwrap(), &[]).holds("openai 3 (Go)");
}

#[test]
#[ignore = "needs a JDK and Maven: make test-client-java"]
fn openai_java_is_served() {
    let program = needed(".tools/openai_java/bin/openai_java", "make test-client-java");
    Client::of(program.to_str().unwrap(), &[]).holds("openai 4 (Java)");
}

/// A client's cases and how they are run.
struct Client {
    program: String,
    arguments: Vec<String>,
    config: Value,
}

/// One run of a client's script.
struct Run<'c> {
    /// Leads to the upstream.
    model: &'static str,
    /// The cases to run; without any, all.
    sent: &'c str,
    /// Those that the table says it has.
    cases: &'c [String],
}

impl Client {
    fn of(program: &str, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|&it| it.to_owned()).collect();
        Self { program: program.to_owned(), arguments, config: configuration() }
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
    fn holds(&self, column: &str) {
        let codex = Arc::new(Codex::default());
        let of_upstream = Arc::clone(&codex);
        let upstream = Upstream::choosing(move |sent| of_upstream.answer(sent));
        let provider = Sim::start();
        // This file's access log has the usage records.
        let envoy = Setup::production(upstream.port())
            .beside("provider", provider.port())
            .configure_struct(&self.config)
            .start();
        let cases = documented(column, &["yes", BOTH]);
        let all = Run { model: "gpt-image-2", sent: "", cases: &cases };
        self.run(&envoy, &all);
        codex.check_tries(&cases);
        check_records(&envoy, &cases, column);
        assert!(provider.received().is_empty(), "what is Codex's went to the provider");
        let (of_codex, cases) = (upstream.received().len(), documented(column, &[BOTH]));
        let sent = cases.join(" ");
        let some = Run { model: "gpt-image-1", sent: &sent, cases: &cases };
        self.run(&envoy, &some);
        assert_eq!(upstream.received().len(), of_codex, "what is the provider's went to Codex");
        check_provider(&provider.received(), &cases);
    }

    /// Runs the client's script, whose cases must be these, and hold.
    fn run(&self, envoy: &Envoy, run: &Run<'_>) {
        let address = format!("http://127.0.0.1:{}/v1", envoy.port());
        // A client that hangs is ended, and fails; a run takes one to two minutes.
        let output = Command::new("timeout")
            .args(["--kill-after=10", "900"])
            .arg(root().join(&self.program))
            .args(&self.arguments)
            .current_dir(root())
            .env("OPENAI_BASE_URL", address)
            .env("OPENAI_API_KEY", Key::WEB)
            .env("IMAGEGATE_NARROW_KEY", Key::NARROW)
            .env("IMAGEGATE_LIMITED_KEY", Key::LIMITED)
            .env("IMAGEGATE_SPENT_KEY", Key::SPENT)
            .env("IMAGEGATE_MODEL", run.model)
            .env("IMAGEGATE_CASES", run.sent)
            .output()
            .unwrap();
        let [out, err] = [output.stdout, output.stderr].map(|it| String::from_utf8(it).unwrap());
        assert!(output.status.success(), "{}\n{out}\n{err}", output.status);
        let lines = out.lines().filter(|line| line.starts_with("{\"case\""));
        let reported: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
        let faults: Vec<_> = reported.iter().filter(|it| !it["fault"].is_null()).collect();
        for it in &faults {
            eprintln!("--- {} {}\n{}", run.model, it["case"], it["fault"].as_str().unwrap());
        }
        assert!(faults.is_empty(), "{} cases do not hold", faults.len());
        let reported: Vec<_> = reported.iter().map(|it| it["case"].as_str().unwrap()).collect();
        assert_eq!(reported, run.cases, "{CASES}, {}", run.model);
    }
}

/// The configuration of the harness, with a provider, with white space before late answers, with a
/// key that may send one request an hour, and with one whose budget is too small for an image.
fn configuration() -> Value {
    let mut config = config();
    config["upstreams"]["provider"] = json!({"api": "images", "authority": "provider.test",
        "stream": "send",
        "credential": {"bearer_env": "CODEX_ACCESS_TOKEN"}, "timeout": "60s"});
    config["models"]
        .as_array_mut()
        .unwrap()
        .insert(0, json!({"match": "gpt-image-1", "upstream": "provider"}));
    config["keepalive"] = json!("1s");
    config["models_endpoint"] = json!({"names": ["gpt-image-1.5"]});
    let consumers = config["consumers"].as_array_mut().unwrap();
    consumers
        .push(json!({"name": "limited", "key_sha256": [sha256(Key::LIMITED)], "user": "acme"}));
    consumers.push(json!({"name": "spent", "key_sha256": [sha256(Key::SPENT)], "user": "acme"}));
    config["prices"] = json!([{"model": "gpt-image-*", "usd": "0.211"}]);
    config["limits"] = json!([
        {"name": "once-an-hour", "per": "key", "unit": "requests", "max": 1, "window": "1h",
        "consumers": ["limited"]},
        {"name": "a-cent", "per": "key", "unit": "usd", "max": "0.01", "window": "day",
        "consumers": ["spent"]}
    ]);
    config
}

/// Checks by the usage records what no client can see: the number of requests that were rejected
/// before any upstream was called, and that the head of late answers left before their outcome was
/// known.
fn check_records(envoy: &Envoy, cases: &[String], column: &str) {
    let ran = |case: &str| cases.iter().any(|it| it == case);
    let count = |holds: &dyn Fn(&Value) -> bool| {
        envoy.records().iter().filter(|record| holds(record)).count()
    };
    for (case, consumer) in [("spent_rate_is_429", "limited"), ("spent_budget_is_429", "spent")] {
        if ran(case) {
            let rejected = |it: &Value| it["consumer"] == consumer && it["status"] == 429;
            eventually(&format!("the records of {consumer}"), || count(&rejected) > 0);
            assert_eq!(count(&rejected), 1, "{column}, {case}: tries");
        }
    }
    let committed = |it: &Value| it["committed"] == true;
    // On a slow machine the white space may come before another answer too.
    eventually("the records of late answers", || count(&committed) >= 3);
    let late = |it: &Value| committed(it) && it["code"] == "server_is_overloaded";
    assert_eq!(count(&late), 1, "{column}: late errors");
    let cut = |it: &Value| committed(it) && it["code"] == "upstream_disconnected";
    assert_eq!(count(&cut), 1, "{column}: late cuts");
    let charged = |it: &Value| committed(it) && it["settled_nanodollars"] != 0;
    assert_eq!(count(&charged), count(&committed) - 2, "{column}: the images are charged");
}

/// Checks the requests of the provider: they have all parts of an edit in its own API, and there
/// are no more attempts than expected.
fn check_provider(received: &[Value], cases: &[String]) {
    let ran = |case: &str| cases.iter().any(|it| it == case);
    let of = |start: &str| {
        received
            .iter()
            .filter(|it| it["body"]["prompt"].as_str().is_some_and(|it| it.starts_with(start)))
            .collect::<Vec<_>>()
    };
    for request in received {
        assert_eq!(request["body"]["model"], "gpt-image-1", "{request}");
        let edits = request["body"]["prompt"].as_str().unwrap().starts_with("edit of");
        let path = if edits { "/v1/images/edits" } else { "/v1/images/generations" };
        assert_eq!(request["path"], path);
    }
    for (case, prompt, images, masked) in
        [("edit", "edit of 1", 1, false), ("edit_with_mask", "edit of 2 masked", 2, true)]
    {
        for request in of(prompt) {
            assert_eq!(images_of(&request["body"]), (images, masked), "{case}: {request}");
        }
        assert_eq!(!of(prompt).is_empty(), ran(case), "{case}");
    }
    for (case, prompt, tries) in [
        ("retry_waits_as_requested", "fail 429 once", 2),
        ("no_retry_as_requested", "fail 429 for good", 1),
    ] {
        assert_eq!(of(prompt).len(), if ran(case) { tries } else { 0 }, "{case}: tries");
    }
}

/// How many images an edit has, and whether it has a mask: as JSON, or as the files of a form.
fn images_of(body: &Value) -> (usize, bool) {
    match body["files"].as_array() {
        Some(files) => {
            let masks = files.iter().filter(|it| it["name"] == "mask").count();
            (files.len() - masks, masks == 1)
        }
        None => (body["images"].as_array().map_or(0, Vec::len), body["mask"].is_object()),
    }
}

/// The cases for which the table says one of `words` of a client.
fn documented(column: &str, words: &[&str]) -> Vec<String> {
    let page = fs::read_to_string(root().join(CASES)).unwrap();
    let mut rows = page.lines().filter(|line| line.starts_with('|')).map(|line| {
        line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>()
    });
    let place = rows.next().unwrap().iter().position(|it| it == column);
    let place = place.unwrap_or_else(|| panic!("{CASES} has no column '{column}'"));
    let cases = rows.filter(|row| words.contains(&row[place].as_str()));
    cases.map(|row| row[0].trim_matches('`').to_owned()).collect()
}

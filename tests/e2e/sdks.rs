//! OpenAI's own clients, unchanged.
//!
//! The scripts in `tests/clients/` name the outcome of each prompt. This is the upstream for them.

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::sse::event;
use crate::harness::{Envoy, Generation, Key, Received, Sim, Step, Upstream, needed, root};

/// The upstream of the scripts: a prompt `fail 429` gets that, any other an image.
fn by_prompt(request: &Received) -> Vec<Step> {
    let text = String::from_utf8_lossy(&request.body).into_owned();
    let failing = |status| text.contains(&format!("fail {status}"));
    let error = |code: &str, kind: &str| {
        json!({"error": {"code": code, "type": kind,
        "message": "m", "param": null}})
    };
    if let Some(fault) = edit_fault(request, &text) {
        return Step::json(400, &error("invalid_value", &fault));
    }
    let generation = Generation::of_bytes(1_500_000, 1);
    match () {
        () if failing(400) => {
            Step::json(400, &error("moderation_blocked", "image_generation_user_error"))
        }
        () if failing(429) => Step::json(429, &error("insufficient_quota", "insufficient_quota")),
        () if failing(503) => Step::json(503, &error("server_is_overloaded", "server_error")),
        () if failing(502) => vec![Step::StreamHead, Step::Close],
        () if text.contains("fail late") => {
            let failed = json!({"type": "response.failed", "response": {"error":
                {"code": "server_is_overloaded", "message": "m"}}});
            vec![
                Step::StreamHead,
                Step::Chunk([generation.opening(), event(&failed)].concat()),
                Step::End,
            ]
        }
        () if text.contains("end early") => {
            vec![Step::StreamHead, Step::Chunk(generation.opening()), Step::End]
        }
        () => Step::generate(&generation),
    }
}

/// How an edit differs from its prompt, such as `edit images=3 mask=1`.
fn edit_fault(request: &Received, text: &str) -> Option<String> {
    let request = text.contains("edit images=").then(|| request.json())?;
    let content = request["input"][0]["content"].as_array().unwrap();
    let images = content.iter().filter(|part| part["type"] == "input_image").count();
    let mask = request["tools"][0].get("input_image_mask").is_some();
    let got = format!("edit images={images} mask={}", u8::from(mask));
    let wanted = content.last().unwrap()["text"].as_str().unwrap();
    let edits = request["tools"][0]["action"] == "edit";
    (got != wanted || !edits).then(|| format!("{got}, edits: {edits}"))
}

fn run(program: &str, script: &str, envoy: &Envoy, mode: &str) {
    let output = Command::new(needed(program, "make setup"))
        .arg(needed(script, "git checkout tests/clients"))
        .arg(mode)
        .current_dir(root())
        .env("OPENAI_BASE_URL", format!("http://127.0.0.1:{}/v1", envoy.port()))
        .env("OPENAI_API_KEY", Key::WEB)
        .env("IMAGEGATE_MASTER_KEY", Key::MASTER)
        .env("IMAGEGATE_NARROW_KEY", Key::NARROW)
        .output()
        .unwrap();
    let output_text =
        [output.stdout, output.stderr].map(|it| String::from_utf8_lossy(&it).into_owned()).concat();
    assert!(output.status.success(), "{script} {mode}: {}\n{output_text}", output.status);
    let summary: Value = serde_json::from_str(output_text.lines().next_back().unwrap()).unwrap();
    assert!(summary["checks"].as_u64().unwrap() > 0, "{output_text}");
}

#[test]
fn the_python_client_is_served() {
    let upstream = Upstream::choosing(by_prompt);
    let envoy = Envoy::start(upstream.port());
    run(".tools/clients/bin/python", "tests/clients/openai_python.py", &envoy, "all");
}

#[test]
fn the_node_client_is_served() {
    let upstream = Upstream::choosing(by_prompt);
    let envoy = Envoy::start(upstream.port());
    run(".tools/node/bin/node", "tests/clients/openai_node.mjs", &envoy, "all");
}

#[test]
fn the_requests_of_open_webui_are_served() {
    let upstream = Upstream::choosing(by_prompt);
    let envoy = Envoy::start(upstream.port());
    let python = ".tools/clients-frameworks/bin/python";
    run(python, "tests/clients/open_webui_requests.py", &envoy, "all");
}

#[test]
fn both_clients_get_real_images_from_codex_sim() {
    let sim = Sim::start();
    let envoy = Envoy::start(sim.port());
    run(".tools/clients/bin/python", "tests/clients/openai_python.py", &envoy, "image");
    run(".tools/node/bin/node", "tests/clients/openai_node.mjs", &envoy, "image");
}

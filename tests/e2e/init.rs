//! What `imagegatectl init --for envoy` prints, in Envoy.

use std::process::Command;

use serde_json::json;

use crate::harness::{Request, Setup, Sim, needed, program, root};

/// The configuration, and its key.
fn init(upstream: &str, more: &[&str]) -> (String, String) {
    let program = needed("target/debug/imagegatectl", "cargo test --workspace --no-run");
    let output = Command::new(program)
        .args(["init", "--for", "envoy", "--module", "build/imagegate.wasm"])
        .args(["--upstream", upstream])
        .args(more)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (yaml, rest) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{rest}");
    let key = rest.lines().map(str::trim).find(|line| line.starts_with("imagegate_")).unwrap();
    (yaml, key.to_owned())
}

#[test]
fn a_key_of_init_gets_an_image_and_the_demo_key_does_not() {
    let (yaml, key) = init("codex", &["--host", "images.acme.test"]);
    let sim = Sim::start();
    let envoy = Setup::printed(&yaml, sim.port()).start();
    let body = json!({"prompt": "a square", "model": "gpt-image-2", "size": "1024x1024", "n": 2});
    let request = Request::generation(&body).without("authorization");
    for host in ["images.acme.test", "images.acme.test:8443"] {
        let request = request.clone().without("host").header("host", host).bearer(&key);
        assert_eq!(request.send(&envoy).images().len(), 2, "{host}");
    }
    let demo = request.without("host").header("host", "images.acme.test");
    demo.bearer("sk-imagegate-demo").send(&envoy).assert_error(401, "invalid_api_key");
    assert_eq!(sim.received().len(), 4);
}

#[test]
fn envoy_and_the_filter_accept_every_upstream() {
    for (upstream, more) in [
        ("codex", &[][..]),
        ("openai", &["--host", "images.acme.test"]),
        ("azure", &["--authority", "acme.openai.azure.com"]),
    ] {
        let (yaml, _) = init(upstream, more);
        let folder = root().join("build/e2e");
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join(format!("init-{}-{upstream}.yaml", std::process::id()));
        std::fs::write(&file, yaml.replace("path: /run/imagegate/", "path: envoy/credential/"))
            .unwrap();
        let output = Command::new(program())
            .args(["--mode", "validate", "--log-level", "error", "-c"])
            .arg(&file)
            .env("OPENAI_API_KEY", "any")
            .env("AZURE_OPENAI_KEY", "any")
            .current_dir(root())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{upstream}: {said}");
        let _ = std::fs::remove_file(file);
    }
}

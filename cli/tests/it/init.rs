//! `init`: each configuration that it prints passes `check`.

use sha2::{Digest, Sha256};

use crate::program::{Folder, Outcome, run};

const TARGETS: [&str; 4] = ["envoy", "envoy-gateway", "istio", "compose"];
const UPSTREAMS: [(&str, &str); 3] =
    [("codex", "chatgpt.com"), ("openai", "api.openai.com"), ("azure", "acme.openai.azure.com")];

fn init(target: &str, upstream: &str, more: &[&str]) -> Outcome {
    let mut arguments = vec!["init", "--for", target, "--upstream", upstream];
    if upstream == "azure" {
        arguments.extend(["--authority", "acme.openai.azure.com"]);
    }
    arguments.extend(more);
    let outcome = run(&arguments);
    assert_eq!(outcome.code, Some(0), "{arguments:?}: {}", outcome.err);
    outcome
}

/// The key on standard error.
fn key(outcome: &Outcome) -> &str {
    outcome.err.lines().map(str::trim).find(|line| line.starts_with("imagegate_")).unwrap()
}

#[test]
fn every_combination_passes_the_check() {
    let folder = Folder::new();
    for target in TARGETS {
        for (upstream, authority) in UPSTREAMS {
            for host in [None, Some("images.acme.test"), Some("no")] {
                let more: Vec<_> = host.iter().flat_map(|host| ["--host", host]).collect();
                let outcome = init(target, upstream, &more);
                let file = folder.file("gate.yaml", &outcome.out);
                let check = run(&["check", "--strict", &file]);
                let case = format!("{target} {upstream} {host:?}");
                assert_eq!(check.code, Some(0), "{case}: {}", check.err);
                assert!(check.err.contains("1 configuration, 0 errors, 0 warnings"), "{case}");
                assert!(!check.err.contains("only the filter is seen"), "{case}: {}", check.err);
                assert!(outcome.out.contains(authority), "{case}");
                let quoted = host.is_some_and(|it| outcome.out.contains(&format!("\"{it}\"")));
                assert_eq!(host.is_some(), quoted, "{case}");
            }
        }
    }
}

#[test]
fn nothing_of_another_upstream_or_of_the_templates_is_left() {
    for target in TARGETS {
        for (upstream, _) in UPSTREAMS {
            let text = init(target, upstream, &["--host", "images.acme.test"]).out;
            let case = format!("{target} {upstream}");
            let has = |word: &str| text.to_lowercase().contains(word);
            assert_eq!(has("codex"), upstream == "codex", "{case}");
            assert_eq!(has("chatgpt"), upstream == "codex", "{case}");
            assert_eq!(has("openai_api_key"), upstream == "openai", "{case}");
            assert_eq!(has("azure"), upstream == "azure", "{case}");
            for word in [">>>", "<<<", "NAMESPACE", "sk-imagegate-demo", "example.com"] {
                let text = text.replace("registry.example.com", "");
                assert!(!text.contains(word), "{case}: {word}");
            }
        }
    }
}

#[test]
fn an_upstream_with_an_api_key_needs_its_variable_and_no_name_for_envoy() {
    for (upstream, variable) in [("openai", "OPENAI_API_KEY"), ("azure", "AZURE_OPENAI_KEY")] {
        let text = init("envoy", upstream, &[]).out;
        let command =
            format!("#     imagegatectl check envoy.yaml && {variable}=… envoy -c envoy.yaml\n");
        assert!(text.contains(&command), "{upstream}");
        assert!(!text.contains("SDS") && !text.contains("\nnode:"), "{upstream}");
    }
    let text = init("envoy", "codex", &[]).out;
    assert!(text.contains("#     imagegatectl check envoy.yaml && envoy -c envoy.yaml\n"));
    assert!(text.contains("# SDS needs a name for this Envoy.\nnode: { "));
}

#[test]
fn the_key_is_new_each_time_and_only_its_digest_is_in_the_configuration() {
    let (first, second) = (init("envoy", "openai", &[]), init("envoy", "openai", &[]));
    assert_ne!(key(&first), key(&second));
    for outcome in [&first, &second] {
        let digest = Sha256::digest(key(outcome));
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(outcome.out.contains(&format!("key_sha256: [{digest}]")));
        assert!(!outcome.out.contains(key(outcome)));
    }
}

#[test]
fn the_module_and_the_host_of_the_upstream_can_be_named() {
    let outcome = init("envoy", "codex", &["--module", "build/imagegate.wasm"]);
    assert!(outcome.out.contains("filename: build/imagegate.wasm"));
    let outcome = init("istio", "openai", &["--authority", "openai.proxy.test"]);
    assert!(outcome.out.contains("host_rewrite_literal: \"openai.proxy.test\""));
    assert!(!outcome.out.contains("api.openai.com"));
}

#[test]
fn a_module_is_text_whatever_its_name() {
    let folder = Folder::new();
    for target in TARGETS {
        for name in ["-", "--", "true", "null", "no", "1.5", "1e3", ".inf", "2026-12-01", ".", "a"]
        {
            let text = init(target, "openai", &[&format!("--module={name}")]).out;
            let case = format!("{target} {name}");
            let check = run(&["check", "--strict", &folder.file("gate.yaml", &text)]);
            assert_eq!(check.code, Some(0), "{case}: {}", check.err);
            let file = match target {
                "compose" => format!(
                    "      - {}:/etc/imagegate/",
                    if name.starts_with('.') { name.to_owned() } else { format!("./{name}") }
                ),
                _ => format!("local: {{ filename: \"{name}\" }}"),
            };
            assert!(text.contains(&file), "{case}");
        }
    }
}

#[test]
fn the_host_of_the_api_may_be_that_of_the_provider() {
    let folder = Folder::new();
    for target in TARGETS {
        for (upstream, authority) in [("openai", "no"), ("codex", "images.example.com")] {
            let host = UPSTREAMS.iter().find(|it| it.0 == upstream).unwrap().1;
            let text = init(target, upstream, &["--host", host, "--authority", authority]).out;
            let case = format!("{target} {upstream}");
            assert!(text.contains(&format!("\"{host}\"")), "{case}");
            assert!(text.contains(&format!("host_rewrite_literal: \"{authority}\"")), "{case}");
            assert!(text.contains(&format!("sni: \"{authority}\"")), "{case}");
            let check = run(&["check", "--strict", &folder.file("gate.yaml", &text)]);
            assert_eq!(check.code, Some(0), "{case}: {}", check.err);
        }
    }
}

/// The bootstrap without the comments at its top, and with the same digest in every one.
fn comparable(bootstrap: &str) -> String {
    let lines = bootstrap.lines().skip_while(|line| line.starts_with('#') || line.is_empty());
    let digest = digest_in(bootstrap);
    lines.map(|line| line.replace(&digest, "DIGEST") + "\n").collect()
}

/// The SHA-256 of the only key.
fn digest_in(text: &str) -> String {
    let (_, rest) = text.split_once("key_sha256: [").unwrap();
    rest.split_once(']').unwrap().0.to_owned()
}

#[test]
fn a_compose_file_has_the_bootstrap_in_it() {
    for (upstream, _) in UPSTREAMS {
        let outcome = init("compose", upstream, &["--host", "images.acme.test"]);
        let file: serde_json::Value = serde_yaml_ng::from_str(&outcome.out).unwrap();
        let content = file["configs"]["envoy"]["content"].as_str().unwrap();
        // Compose reads a single dollar as the begin of a variable.
        assert!(content.contains('$') && !content.replace("$$", "").contains('$'));
        let listener = "socket_address: { address: 0.0.0.0, port_value: 10000 }";
        assert_eq!(content.matches("0.0.0.0").count(), 1);
        let here =
            content.replace("$$", "$").replace(listener, &listener.replace("0.0.0.0", "127.0.0.1"));
        let bootstrap = init("envoy", upstream, &["--host", "images.acme.test"]).out;
        assert_eq!(comparable(&here), comparable(&bootstrap), "{upstream}");
        let service = &file["services"]["envoy"];
        assert_eq!(service["ports"][0], "127.0.0.1:10000:10000");
        let module = "./imagegate.wasm:/etc/imagegate/imagegate.wasm:ro";
        assert_eq!(service["volumes"][0], module, "{upstream}");
    }
    let outcome = init("compose", "openai", &["--module", "build/imagegate.wasm"]);
    assert!(outcome.out.contains("- ./build/imagegate.wasm:/etc/imagegate/imagegate.wasm:ro"));
}

#[test]
fn a_fault_in_a_compose_file_has_its_place() {
    let text = init("compose", "openai", &[]).out;
    let line = text.lines().position(|line| line.contains("stream: send")).unwrap() + 1;
    let text = text.replace("stream: send", "stream: sent");
    let check = run(&["check", &Folder::new().file("compose.yaml", &text)]);
    assert_eq!(check.code, Some(1), "{}", check.err);
    assert!(check.err.contains(&format!("compose.yaml:{line}:")), "{}", check.err);
    assert!(check.err.contains("`configs.envoy.content` of the Compose file"), "{}", check.err);
}

#[test]
fn wrong_arguments_are_refused() {
    for (arguments, message) in [
        (&["--for", "envoy"][..], "--upstream"),
        (&["--for", "docker", "--upstream", "codex"], "possible values: envoy, envoy-gateway"),
        (&["--for", "envoy", "--upstream", "azure"], "--authority"),
        (
            &["--for", "envoy", "--upstream", "codex", "--host", "images.test:443"],
            "accepted: a host name in lower case, without a port",
        ),
        (&["--for", "istio", "--upstream", "codex", "--host", "1.5"], "accepted: a host name"),
        (&["--for", "istio", "--upstream", "codex", "--host=-a.test"], "accepted: a host name"),
        (
            &["--for", "envoy-gateway", "--upstream", "codex", "--host", "10.0.0.1"],
            "--host: 10.0.0.1 is an IP address, which an HTTPRoute",
        ),
        (&["--for", "envoy", "--upstream", "codex", "--module", "a b"], "accepted: a path"),
    ] {
        let outcome = run(&[&["init"], arguments].concat());
        assert_eq!((outcome.code, outcome.out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(outcome.err.contains(message), "{arguments:?}: {}", outcome.err);
    }
}

//! A list of consumers that the filter fetches (`consumers_from`), read by the filter's own code.

use imagegate::config::Config;
use imagegate::feed::{self, Refusal};

use super::configurations::value;
use super::finding::Finding;
use super::plugin::Outcome;
use super::tree::Node;

/// Checks the list. Whether it names what a configuration names is not known here.
pub(crate) fn check(document: &Node) -> Outcome {
    let mut outcome = Outcome { tree: Some(document.clone()), ..Outcome::default() };
    let Ok(config) = Config::parse(ALONE.as_bytes(), &|_| None) else { return outcome };
    let bytes = serde_json::to_vec(&value(document)).unwrap_or_default();
    if let Err(refusal) = feed::check(&config, bytes) {
        outcome.findings.push(finding(document, &refusal));
    }
    outcome
}

fn finding(document: &Node, refusal: &Refusal) -> Finding {
    let Refusal::Entry(error) = refusal else {
        return Finding::error(refusal.to_string(), document.locate(""));
    };
    let words = error.fault.to_string();
    let (title, accepted) =
        words.split_once(", accepted: ").unwrap_or((&words, "what docs/keys.md says"));
    let finding = Finding::error(title, document.locate(&error.pointer));
    finding.with("at", error.pointer.clone()).with("accepted", accepted)
}

/// A configuration that knows nobody.
const ALONE: &str = r#"{
    "upstreams": { "codex": { "authority": "codex.invalid", "credential": "envoy" } },
    "identity": { "header": "x-caller" },
    "consumers_from": { "cluster": "keys", "authority": "keys.invalid", "path": "/" }
}"#;

//! A list of consumers that the filter fetches (`consumers_from`), read by the filter's own code.

use imagegate::config::Config;
use imagegate::feed::{self, Refusal};

use super::configurations::value;
use super::finding::Finding;
use super::plugin::Outcome;
use super::tree::Node;

/// Checks a list in a file with this text. Whether it names what a configuration names is not known
/// here.
pub(crate) fn check(document: &Node, source: &str) -> Outcome {
    let mut outcome = Outcome { tree: Some(document.clone()), ..Outcome::default() };
    let Ok(config) = Config::parse(ALONE.as_bytes(), &|_| None) else { return outcome };
    // The filter reads the bytes of the file. Another program may write those of YAML anew.
    let bytes = match is_json(source) {
        true => source.as_bytes().to_vec(),
        false => serde_json::to_vec(&value(document)).unwrap_or_default(),
    };
    if !is_json(source) {
        let title = "the filter reads a list in JSON only, and this is none";
        outcome.findings.push(Finding::note(title, document.locate("")));
    }
    if let Err(refusal) = feed::check(&config, bytes) {
        outcome.findings.push(finding(document, source, &refusal));
    }
    outcome
}

/// Whether a file is meant as JSON.
pub(super) fn is_json(source: &str) -> bool {
    source.trim_start().starts_with('{')
}

fn finding(document: &Node, source: &str, refusal: &Refusal) -> Finding {
    let error = match refusal {
        Refusal::Entry(error) => error,
        Refusal::Syntax { at, .. } | Refusal::Field { at, .. } if is_json(source) => {
            let next = source.get(*at..).and_then(|rest| rest.chars().next());
            let end = at.saturating_add(next.map_or(0, char::len_utf8));
            return Finding::error(refusal.to_string(), *at..end);
        }
        _ => return Finding::error(refusal.to_string(), document.locate("")),
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

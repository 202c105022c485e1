//! A list of consumers that the filter fetches (`consumers_from`), read by the filter's own code.

use std::ops::Range;
use std::path::Path;

use imagegate::config::Config;
use imagegate::feed::{self, Refusal};

use super::configurations::value;
use super::finding::Finding;
use super::input;
use super::plugin::Outcome;
use super::tree::{Kind, Node, Text};

/// Checks the lists of a document: it is one, or a ConfigMap that has them. None in other resources
/// of Kubernetes. `source` is the text of the file.
pub(crate) fn all(document: &Node, source: &str) -> Vec<Outcome> {
    if document.get("kind").is_none() {
        return vec![check(document, source)];
    }
    let lists = input::data(document).iter().filter_map(|field| match &field.value.kind {
        Kind::Text(text) if text.value.contains("consumers") => Some((field, text)),
        _ => None,
    });
    lists.map(|(field, text)| check_inside(&field.name, &field.value, text)).collect()
}

/// Checks a list that is a text of a ConfigMap.
fn check_inside(name: &str, node: &Node, text: &Text) -> Outcome {
    let place = |span: Range<usize>| match (text.place(span.start), text.place(span.end)) {
        (Some(start), Some(end)) => start..end,
        _ => node.span.clone(),
    };
    // The filter reads JSON, whatever the name.
    let path = if is_json(&text.value) { "list.json" } else { "" };
    let mut outcome = match input::parse(&text.value, Path::new(path)) {
        Ok(parsed) => {
            let document = parsed.documents.into_iter().next();
            document.map(|it| check(&it, &text.value)).unwrap_or_default()
        }
        Err(error) => Outcome { findings: vec![error], ..Outcome::default() },
    };
    if text.lines.is_empty() {
        (outcome.tree, outcome.unread) = (None, Some(node.span.clone()));
    }
    if let Some(tree) = &mut outcome.tree {
        tree.relocate(&place);
    }
    let key = format!("`data.{name}` of the ConfigMap");
    outcome.findings = std::mem::take(&mut outcome.findings)
        .into_iter()
        .map(|it| input::inside(Finding { span: place(it.span.clone()), ..it }, &key))
        .collect();
    outcome
}

/// Checks a list in a file with this text. Whether it names what a configuration names is not known
/// here.
fn check(document: &Node, source: &str) -> Outcome {
    let mut outcome = Outcome { tree: Some(document.clone()), ..Outcome::default() };
    let Ok(config) = Config::parse(ALONE.as_bytes(), &|_| None) else { return outcome };
    // The filter reads the bytes of the file. Another program may write those of YAML anew.
    let bytes = match is_json(source) {
        true => source.as_bytes().to_vec(),
        false => serde_json::to_vec(&value(document)).unwrap_or_default(),
    };
    if !is_json(source) {
        let title = "this list is not JSON, and the filter reads JSON only";
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

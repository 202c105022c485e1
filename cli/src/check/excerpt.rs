//! The source with its secrets hidden, for excerpts beside findings.
//!
//! It hides digests, values of headers, values of fields whose names suggest secrets, text in
//! places where the plugin configuration has none, and every word that looks like a key, also in
//! comments. Of a file that cannot be read, only names and measures are shown. Hidden text keeps
//! its number of bytes, so that columns stay the same.

use std::ops::Range;

use super::fields::Fields;
use super::tree::{Field, Kind, Node};
use super::words::{is_secret_place, is_shown};
use super::{secret, suggest};

/// What a file is known to hold.
#[derive(Default)]
pub(crate) struct Values<'t> {
    /// All documents, those of ConfigMaps too.
    pub(crate) documents: Vec<&'t Node>,
    /// The plugin configurations among them or inside their texts.
    pub(crate) configurations: Vec<&'t Node>,
    /// Parts of configurations, with the pointers to their places.
    pub(crate) parts: Vec<(&'t Node, &'t str)>,
    /// The places of plugin configurations that cannot be read, and of values that are in no
    /// document.
    pub(crate) unread: Vec<Range<usize>>,
}

/// `source` without its secrets.
pub(crate) fn mask(source: &str, values: &Values<'_>) -> String {
    if values.documents.is_empty() {
        return mask_unread(source);
    }
    let mut secrets = secret::find(source);
    // Text that is a document of its own is judged as one.
    let read = values.documents.iter().chain(&values.configurations);
    let read: Vec<Range<usize>> = read.map(|it| it.span.clone()).collect();
    let mut hide = |node: &Node| {
        let holds_read = read
            .iter()
            .any(|it| node.span.start <= it.start && it.end <= node.span.end && node.span != *it);
        if !holds_read && !values.unread.contains(&node.span) {
            secrets.push(node.span.clone());
        }
    };
    for document in &values.documents {
        of_envoy(document, false, &mut hide);
    }
    for configuration in &values.configurations {
        of_configuration(configuration, "", &mut hide);
    }
    for (part, pointer) in &values.parts {
        of_configuration(part, pointer, &mut hide);
    }
    let secrets = merged(secrets);
    let shown = |at: usize, c: char| c.is_whitespace() || !within(&secrets, at);
    let mut masked: String =
        source.char_indices().map(|(at, c)| if shown(at, c) { c } else { hidden(c) }).collect();
    for range in &values.unread {
        let words = masked.get(range.clone()).map(mask_unread).unwrap_or_default();
        if words.len() == range.len() {
            masked.replace_range(range.clone(), &words);
        }
    }
    masked
}

/// Values of Envoy and of Kubernetes: those under names that suggest secrets, and those of headers.
fn of_envoy(node: &Node, is_secret: bool, hide: &mut impl FnMut(&Node)) {
    match &node.kind {
        Kind::List(items) => items.iter().for_each(|item| of_envoy(item, is_secret, hide)),
        Kind::Object(fields) => {
            let is_header = node.get("key").is_some() && node.get("value").is_some();
            let is_variable =
                node.get("name").and_then(Node::text).is_some_and(secret::is_secret_name);
            let is_kind = node.get("kind").and_then(Node::text) == Some("Secret");
            for field in fields {
                let name = field.name.as_str();
                let hidden = is_secret
                    || secret::is_secret_name(name)
                    || ((is_header || is_variable) && name == "value")
                    || (is_kind && (name == "data" || name == "stringData"))
                    || name == "key_values";
                of_envoy(&field.value, hidden, hide);
            }
        }
        // A search may not find a secret in text with escapes.
        Kind::Text(text) if is_secret || (text.lines.is_empty() && is_suspicious(&text.value)) => {
            hide(node);
        }
        Kind::Number(_) if is_secret => hide(node),
        _ => {}
    }
}

/// Whether a text that is written with escapes has to be hidden as a whole.
fn is_suspicious(text: &str) -> bool {
    text.len() > MAX_ESCAPED || !secret::find(text).is_empty()
}

/// Values of a plugin configuration.
fn of_configuration(node: &Node, pointer: &str, hide: &mut impl FnMut(&Node)) {
    match &node.kind {
        Kind::List(items) => {
            for (index, item) in items.iter().enumerate() {
                of_configuration(item, &format!("{pointer}/{index}"), hide);
            }
        }
        Kind::Object(fields) => {
            for field in fields {
                let name = meant(pointer, field).replace('~', "~0").replace('/', "~1");
                of_configuration(&field.value, &format!("{pointer}/{name}"), hide);
            }
        }
        Kind::Text(text) if !is_shown(pointer, &text.value) => hide(node),
        Kind::Number(_) if is_secret_place(pointer) => hide(node),
        _ => {}
    }
}

/// The name of a field. If it is unknown and its value has fields or elements, the name that was
/// meant, since these are then known. A single value under a wrong name may be anything.
fn meant(pointer: &str, field: &Field) -> String {
    let fields = Fields::get();
    let names = fields.names(pointer);
    let is_single = field.value.fields().is_empty() && field.value.items().is_empty();
    let is_known = is_single || names.contains(&field.name.as_str());
    let meant = if is_known { None } else { suggest::nearest(&field.name, names) };
    meant.unwrap_or(&field.name).to_owned()
}

/// A file that is neither YAML nor JSON. It shows names before a `:`, common words, and measures.
fn mask_unread(source: &str) -> String {
    let mut masked = String::with_capacity(source.len());
    let mut rest = source;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let is_name = after.trim_start_matches(['"', '\'']).starts_with(':');
        let is_plain = ["true", "false", "null"].contains(&word) || super::words::is_measure(word);
        let is_shown = (is_name || is_plain) && !secret::is_secret(word);
        masked.extend(word.chars().map(|c| if is_shown { c } else { hidden(c) }));
        let next = after.chars().next();
        masked.extend(next);
        rest = after.get(next.map_or(0, char::len_utf8)..).unwrap_or_default();
    }
    masked
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || "-_.+/~|@%$!?=".contains(c)
}

/// Ranges in order, none touching another.
fn merged(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.retain(|range| !range.is_empty());
    ranges.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

fn within(ranges: &[Range<usize>], at: usize) -> bool {
    let after = ranges.partition_point(|range| range.start <= at);
    after.checked_sub(1).and_then(|index| ranges.get(index)).is_some_and(|range| at < range.end)
}

/// A mark of the same length.
fn hidden(c: char) -> char {
    match c.len_utf8() {
        1 => '*',
        2 => '·',
        3 => '•',
        _ => '\u{1F512}',
    }
}

/// Longer text with escapes is a program or a document, and not a name.
const MAX_ESCAPED: usize = 80;

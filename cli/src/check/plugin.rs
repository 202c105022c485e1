//! One plugin configuration, read by the filter's own parser from the bytes that Envoy would hand
//! it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use base64::Engine;
use base64::prelude::BASE64_STANDARD as STANDARD;
use imagegate::config::{ConfigError, Fault};

use super::errors::{self, Located, Reading};
use super::facts::Facts;
use super::find::Plugin;
use super::finding::{Finding, Level};
use super::secret::is_secret;
use super::tree::{Kind, Node, Text};
use super::words::{self, printable};
use super::{Environment, encode, json, limits, prices, retirement};

/// How the configuration is written.
pub(crate) enum Written<'t> {
    /// JSON text, here with its place.
    Json(Cow<'t, Text>, Range<usize>),
    /// The whole file is JSON text.
    File(&'t str),
    /// YAML or JSON in place, which Envoy makes a `google.protobuf.Struct` of.
    Struct(&'t Node),
}

/// What became of a configuration.
#[derive(Default)]
pub(crate) struct Outcome {
    /// What it requires of Envoy. `None` if it cannot be read at all.
    pub(crate) facts: Option<Facts>,
    /// Its values, if they have places in the file.
    pub(crate) tree: Option<Node>,
    /// The place of the text, if its parts have none: it cannot be read, or is written with
    /// escapes.
    pub(crate) unread: Option<Range<usize>>,
    /// The environment variables that it names, and their places.
    pub(crate) variables: Vec<(String, Range<usize>)>,
    /// Those that are not set here.
    pub(crate) assumed: BTreeSet<String>,
    /// What there is to say.
    pub(crate) findings: Vec<Finding>,
}

impl<'t> Written<'t> {
    /// A file that is the configuration itself.
    pub(crate) fn bare(document: &'t Node, source: &'t str) -> Self {
        let is_json = serde_json::from_str::<serde::de::IgnoredAny>(source).is_ok();
        // Text of YAML is no JSON, and Envoy makes no configuration of it.
        let is_text = matches!(&document.kind, Kind::Text(text) if text.lines.is_empty());
        if is_json || is_text { Self::File(source) } else { Self::Struct(document) }
    }

    fn of(configuration: &'t Node) -> Result<Self, Finding> {
        let Some(kind) = configuration.field("@type") else {
            return Ok(Self::Struct(configuration));
        };
        let value = configuration.get("value");
        let kind_is = |name: &str| kind.value.text().is_some_and(|it| it.ends_with(name));
        match value.map(|value| (&value.kind, value)) {
            Some((Kind::Text(text), node)) if kind_is(STRING_VALUE) => {
                Ok(Self::Json(Cow::Borrowed(text), node.span.clone()))
            }
            Some((Kind::Text(text), node)) if kind_is(BYTES_VALUE) => {
                let decoded =
                    STANDARD.decode(&text.value).ok().and_then(|it| String::from_utf8(it).ok());
                let text = decoded.ok_or_else(|| {
                    let title = "a BytesValue that is not the base64 of JSON text";
                    Finding::error(title, node.span.clone()).with("accepted", STRING_VALUE)
                })?;
                Ok(Self::Json(Cow::Owned(Text::opaque(text)), node.span.clone()))
            }
            Some((Kind::Object(_), node)) if kind_is(STRUCT) => Ok(Self::Struct(node)),
            _ => {
                let title = "a plugin configuration that Envoy does not take for text or an object";
                let accepted =
                    format!("{STRING_VALUE} with JSON text as `value`, or {STRUCT} with an object");
                let error = Finding::error(title, kind.span.clone()).with("accepted", accepted);
                Err(if kind_is(".TypedStruct") {
                    error.why("Envoy unwraps a TypedStruct only where the filter itself is in it")
                } else {
                    error
                })
            }
        }
    }
}

/// Checks the configuration of a filter.
pub(crate) fn check_plugin(plugin: &Plugin<'_>, environment: Environment<'_>) -> Outcome {
    let written = match plugin.configuration.map(Written::of) {
        Some(Ok(written)) => written,
        Some(Err(error)) => return Outcome { findings: vec![error], ..Outcome::default() },
        None => {
            let error = Finding::error("no plugin configuration", plugin.owner.locate(""));
            let accepted = format!("`configuration` with a {STRING_VALUE} or a {STRUCT}");
            let findings = vec![error.with("accepted", accepted)];
            return Outcome { findings, ..Outcome::default() };
        }
    };
    check(&written, environment.with(plugin.given()))
}

/// Checks a configuration.
pub(crate) fn check(written: &Written<'_>, environment: Environment<'_>) -> Outcome {
    let (bytes, tree, as_struct) = match written {
        Written::Json(text, _) => (text.value.as_bytes().to_vec(), json::parse(&text.value), false),
        Written::File(text) => (text.as_bytes().to_vec(), json::parse(text), false),
        Written::Struct(node) => (encode::as_struct(node), Some((*node).clone()), true),
    };
    let reading = errors::read(&bytes, tree.as_ref(), as_struct, &environment);
    let mut findings: Vec<_> =
        reading.errors.iter().map(|it| finding(it, written, tree.as_ref())).collect();
    // What is wrong with the whole document hides the rest anyway.
    let is_whole = reading.errors.iter().any(|it| it.error.pointer.is_empty());
    if reading.gave_up && !is_whole {
        let title = "there may be more errors than those listed";
        findings.push(Finding::note(title, place(written, tree.as_ref())));
    }
    findings.extend(age_of_prices(&reading, written, tree.as_ref(), environment));
    let tree = tree.map(|mut tree| {
        tree.relocate(&|span| written.place(span));
        tree
    });
    if let Some(tree) = &tree {
        retirement::check(tree, environment.now, &mut findings);
        limits::check(tree, &mut findings);
    }
    let variables = places_of(&reading, tree.as_ref());
    let names = reading.variables.iter().filter(|name| environment.is_assumed(name));
    let assumed = names.cloned().collect();
    // Text with escapes has no places of its own.
    let has_places = !matches!(written, Written::Json(text, _) if text.lines.is_empty());
    let tree = tree.filter(|_| has_places);
    let unread = if tree.is_some() { None } else { written.whole() };
    Outcome { facts: reading.facts, tree, unread, variables, assumed, findings }
}

fn place(written: &Written<'_>, tree: Option<&Node>) -> Range<usize> {
    written.place(tree.map_or(0..0, |tree| tree.locate("")))
}

/// How old the prices are. That they have no date is not worth knowing beside an error.
fn age_of_prices(
    reading: &Reading,
    written: &Written<'_>,
    tree: Option<&Node>,
    environment: Environment<'_>,
) -> Option<Finding> {
    let found = prices::check(reading.facts.as_ref()?, tree?, environment.now)?;
    let is_worth_it = found.level > Level::Note || reading.errors.is_empty();
    is_worth_it.then(|| Finding { span: written.place(found.span.clone()), ..found })
}

/// The filter's error, at its place.
fn finding(located: &Located, written: &Written<'_>, tree: Option<&Node>) -> Finding {
    let ConfigError { pointer, fault } = &located.error;
    let inner = match fault {
        Fault::Syntax(error) => written.offset(error.line(), error.column()),
        _ => located.span.clone(),
    };
    let mut finding = words::finding(located, written.place(inner.clone()), tree);
    let mut places = Vec::new();
    if !pointer.is_empty() {
        // A key may be in the place of a name.
        let shown = pointer.split('/').map(|name| if is_secret(name) { "…" } else { name });
        places.push(("at", printable(&shown.collect::<Vec<_>>().join("/"))));
    }
    if let Some((line, column)) = written.inner_position(&inner) {
        places.push(("in", format!("line {line}, column {column} of the JSON text")));
    }
    finding.notes.splice(0..0, places);
    finding
}

impl Written<'_> {
    /// The place of the text.
    fn whole(&self) -> Option<Range<usize>> {
        match self {
            Self::Json(_, span) => Some(span.clone()),
            Self::File(text) => Some(0..text.len()),
            Self::Struct(_) => None,
        }
    }

    /// The place in the file of a span of the configuration.
    fn place(&self, span: Range<usize>) -> Range<usize> {
        match self {
            Self::File(_) | Self::Struct(_) => span,
            Self::Json(text, whole) => match (text.place(span.start), text.place(span.end)) {
                (Some(start), Some(end)) => start..end,
                _ => whole.clone(),
            },
        }
    }

    /// The byte at a line and column of serde_json, which count from one, the column in bytes.
    fn offset(&self, line: usize, column: usize) -> Range<usize> {
        let text = match self {
            Self::Json(text, _) => text.value.as_str(),
            Self::File(text) => text,
            Self::Struct(_) => "",
        };
        let before =
            text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum::<usize>();
        let mut at = (before + column.saturating_sub(1)).min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at..at
    }

    /// Line and column inside the JSON text, if they differ from those of the file.
    fn inner_position(&self, span: &Range<usize>) -> Option<(usize, usize)> {
        let Self::Json(text, _) = self else { return None };
        let before = text.value.get(..span.start).filter(|_| text.lines.is_empty())?;
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        Some((before.matches('\n').count() + 1, before.get(line_start..)?.chars().count() + 1))
    }
}

/// Where each variable is named.
fn places_of(reading: &Reading, tree: Option<&Node>) -> Vec<(String, Range<usize>)> {
    let names: &BTreeSet<String> = &reading.variables;
    let place = |name: &String| tree.map_or(0..0, |tree| place_of(tree, name));
    names.iter().map(|name| (name.clone(), place(name))).collect()
}

fn place_of(tree: &Node, name: &str) -> Range<usize> {
    let mut span = None;
    tree.walk(&mut |node| {
        if span.is_none() && node.text() == Some(name) {
            span = Some(node.span.clone());
        }
    });
    span.unwrap_or_else(|| tree.locate(""))
}

const BYTES_VALUE: &str = "type.googleapis.com/google.protobuf.BytesValue";
const STRING_VALUE: &str = "type.googleapis.com/google.protobuf.StringValue";
const STRUCT: &str = "type.googleapis.com/google.protobuf.Struct";

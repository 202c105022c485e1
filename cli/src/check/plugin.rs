//! One plugin configuration, read by the filter's own parser from the bytes that Envoy would hand it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::env;
use std::ops::Range;

use imagegate::config::{Config, ConfigError, Fault};
use prost::Message;
use prost_types::value::Kind as ProtoKind;
use prost_types::{ListValue, Struct, Value as ProtoValue};

use super::find::Plugin;
use super::tree::{Kind, Node, Text};
use super::{Environment, Finding, Level, json};

/// How the configuration is written.
pub(crate) enum Written<'t> {
    /// JSON text, here with its place.
    Json(&'t Text, Range<usize>),
    /// The whole file is JSON text.
    File(&'t str),
    /// YAML or JSON in place, which Envoy makes a `google.protobuf.Struct` of.
    Struct(&'t Node),
}

/// What became of a configuration.
#[derive(Default)]
pub(crate) struct Outcome {
    /// The configuration, if it is valid.
    pub(crate) config: Option<Config>,
    /// The values of JSON text, with their places in the file.
    pub(crate) tree: Option<Node>,
    /// What is to be told.
    pub(crate) findings: Vec<Finding>,
}

impl<'t> Written<'t> {
    /// A file that is the configuration itself.
    pub(crate) fn bare(document: &'t Node, source: &'t str) -> Self {
        let is_json = serde_json::from_str::<serde::de::IgnoredAny>(source).is_ok();
        let is_text = matches!(document.kind, Kind::Text(_));
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
                Ok(Self::Json(text, node.span.clone()))
            }
            Some((Kind::Object(_), node)) if kind_is(STRUCT) => Ok(Self::Struct(node)),
            _ => {
                let title = "a plugin configuration that Envoy does not take for text or an object";
                let mut fault = Finding::fault(title, kind.span.clone());
                let accepted =
                    format!("{STRING_VALUE} with JSON text as `value`, or {STRUCT} with an object");
                fault.notes.push(("accepted", accepted));
                Err(fault)
            }
        }
    }
}

/// Checks the configuration of a filter.
pub(crate) fn check_plugin(plugin: &Plugin<'_>, environment: Environment) -> Outcome {
    let written = match plugin.configuration.map(Written::of) {
        Some(Ok(written)) => written,
        Some(Err(fault)) => return Outcome { findings: vec![fault], ..Outcome::default() },
        None => {
            let fault = Finding::fault("no plugin configuration", plugin.owner.locate(""));
            return Outcome { findings: vec![fault], ..Outcome::default() };
        }
    };
    check(&written, plugin.settings, environment)
}

/// Checks a configuration; `settings` are those of the filter that holds it.
pub(crate) fn check(
    written: &Written<'_>,
    settings: Option<&Node>,
    environment: Environment,
) -> Outcome {
    let variables = RefCell::new(BTreeSet::new());
    let look_up = |name: &str| {
        variables.borrow_mut().insert(name.to_owned());
        match environment {
            Environment::Assumed => Some("assumed".to_owned()),
            Environment::Here => env::var_os(name).map(|it| it.to_string_lossy().into_owned()),
        }
    };
    let (parsed, tree) = match written {
        Written::Json(text, _) => {
            (Config::parse(text.value.as_bytes(), &look_up), json::parse(&text.value))
        }
        Written::File(text) => (Config::parse(text.as_bytes(), &look_up), json::parse(text)),
        Written::Struct(node) => (Config::parse(&encode(node), &look_up), Some((*node).clone())),
    };
    let mut outcome = Outcome { config: None, tree: None, findings: Vec::new() };
    match parsed {
        Ok(config) => outcome.config = Some(config),
        Err(error) => outcome.findings.push(fault(&error, written, tree.as_ref())),
    }
    let tree = tree.map(|mut tree| {
        tree.relocate(&|span| written.place(span));
        tree
    });
    for name in variables.into_inner() {
        let span = tree.as_ref().map_or(0..0, |tree| place_of(tree, &name));
        outcome.findings.extend(variable(&name, span, settings, environment));
    }
    // A Struct is a part of its document; text that is escaped has no names that could be shown.
    outcome.tree =
        tree.filter(|_| matches!(written, Written::Json(text, _) if !text.lines.is_empty()));
    outcome
}

/// The filter's words, at their place.
fn fault(error: &ConfigError, written: &Written<'_>, tree: Option<&Node>) -> Finding {
    let words = error.fault.to_string();
    // Every fault says what is accepted, behind this word.
    let (title, accepted) = words.split_once(", accepted: ").unwrap_or((&words, ""));
    let inner = match (&error.fault, tree) {
        (Fault::Syntax(error), _) => written.offset(error.line(), error.column()),
        (_, Some(tree)) => tree.locate(&error.pointer),
        (_, None) => 0..0,
    };
    let mut finding = Finding::fault(title, written.place(inner.clone()));
    if !error.pointer.is_empty() {
        // Displayed, control characters of a name are escaped.
        let shown = error.to_string();
        let pointer = shown.strip_suffix(&format!(": {words}")).unwrap_or_default();
        finding.notes.push(("at", pointer.to_owned()));
    }
    if let Some((line, column)) = written.inner_position(&inner) {
        finding.notes.push(("in", format!("line {line}, column {column} of the JSON text")));
    }
    if !accepted.is_empty() {
        finding.notes.push(("accepted", accepted.to_owned()));
    }
    finding
}

impl Written<'_> {
    /// Where a span of the configuration stands in the file.
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

    /// Line and column inside of the JSON text, where they are not those of the file.
    fn inner_position(&self, span: &Range<usize>) -> Option<(usize, usize)> {
        let Self::Json(text, _) = self else { return None };
        let before = text.value.get(..span.start).filter(|_| text.lines.is_empty())?;
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        Some((before.matches('\n').count() + 1, before.get(line_start..)?.chars().count() + 1))
    }
}

/// What is to be said about a variable that a credential names.
fn variable(
    name: &str,
    span: Range<usize>,
    settings: Option<&Node>,
    environment: Environment,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(settings) = settings {
        let variables = settings.at(&["vm_config", "environment_variables"]);
        let keys =
            variables.and_then(|it| it.get("host_env_keys")).map(Node::items).unwrap_or_default();
        let values =
            variables.and_then(|it| it.get("key_values")).map(Node::fields).unwrap_or_default();
        let passed = keys.iter().any(|key| key.text() == Some(name))
            || values.iter().any(|it| it.name == name);
        if !passed {
            findings.push(Finding::warning(
                format!("the environment variable {name} is not passed into the VM"),
                span.clone(),
                "a VM sees only what vm_config.environment_variables lists under host_env_keys; without it the filter \
                 refuses the configuration",
            ));
        }
    }
    if environment == Environment::Assumed && env::var_os(name).is_none() {
        findings.push(Finding {
            level: Level::Note,
            title: format!("the environment variable {name} is not set here"),
            span,
            notes: vec![(
                "why",
                "it has to be set where Envoy starts; --env makes this a fault".to_owned(),
            )],
        });
    }
    findings
}

/// Where the variable is named.
fn place_of(tree: &Node, name: &str) -> Range<usize> {
    let mut span = None;
    tree.walk(&mut |node| {
        if span.is_none() && node.text() == Some(name) {
            span = Some(node.span.clone());
        }
    });
    span.unwrap_or_else(|| tree.locate(""))
}

/// The bytes of the `google.protobuf.Struct` that Envoy makes of an object.
fn encode(node: &Node) -> Vec<u8> {
    match proto(node) {
        ProtoKind::StructValue(document) => document.encode_to_vec(),
        // Envoy makes no plugin configuration of it; as JSON the filter says what it is.
        ProtoKind::ListValue(_) => b"[]".to_vec(),
        ProtoKind::BoolValue(_) | ProtoKind::NumberValue(_) => b"0".to_vec(),
        ProtoKind::StringValue(_) => b"\"\"".to_vec(),
        ProtoKind::NullValue(_) => Vec::new(),
    }
}

fn proto(node: &Node) -> ProtoKind {
    let value = |node: &Node| ProtoValue { kind: Some(proto(node)) };
    match &node.kind {
        Kind::Null => ProtoKind::NullValue(0),
        Kind::Bool(truth) => ProtoKind::BoolValue(*truth),
        Kind::Number(number) => ProtoKind::NumberValue(*number),
        Kind::Text(text) => ProtoKind::StringValue(text.value.clone()),
        Kind::List(items) => {
            ProtoKind::ListValue(ListValue { values: items.iter().map(value).collect() })
        }
        Kind::Object(fields) => ProtoKind::StructValue(Struct {
            fields: fields.iter().map(|field| (field.name.clone(), value(&field.value))).collect(),
        }),
    }
}

const STRING_VALUE: &str = "type.googleapis.com/google.protobuf.StringValue";
const STRUCT: &str = "type.googleapis.com/google.protobuf.Struct";

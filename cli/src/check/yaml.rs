//! YAML as a tree, with the types that Envoy's own loader (yaml-cpp) gives to plain scalars.
//!
//! A digest that is all digits is a number there, `yes` is a truth value, and `12e3` is text: an
//! error that the filter reports in Envoy has to be reported here for the same reason. In what is
//! not a file of Envoy's, such as a resource of Kubernetes, `12e3` is 12000.

mod padded;
mod plain;

use std::collections::HashMap;
use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};

use super::tree::{Field, Kind, Node, Text};
use padded::Padding;
use plain::{decimal, resolve};

/// YAML that cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Not YAML. The parser's message is about syntax only.
    #[error("not YAML: {1}")]
    Syntax(usize, String),
    /// The name of a field is a list or an object.
    #[error("the name of a field must be text")]
    Name(usize),
    /// Deeper or larger than any configuration.
    #[error("nested deeper than {MAX_DEPTH}, or more than {MAX_NODES} values with their aliases")]
    Size(usize),
}

impl Error {
    /// Its place in the file.
    pub(crate) fn span(&self) -> Range<usize> {
        match self {
            Self::Syntax(at, _) | Self::Name(at) | Self::Size(at) => *at..*at,
        }
    }
}

/// What a file holds.
#[derive(Debug)]
pub(crate) struct Parsed {
    /// Its documents; of a name that an object has twice only the first.
    pub(crate) documents: Vec<Node>,
    /// Names that an object has twice, which is an error in Envoy, and their values.
    pub(crate) repeated: Vec<(Range<usize>, Range<usize>)>,
}

/// The documents of a file.
pub(crate) fn parse(source: &str) -> Result<Parsed, Error> {
    let mut padding = Padding::default();
    loop {
        match parse_padded(source, &padding) {
            Err(Error::Syntax(at, words)) if padding.grow(source, at, &words) => {}
            result => return result,
        }
    }
}

fn parse_padded(source: &str, padding: &Padding) -> Result<Parsed, Error> {
    let read = |decimals| {
        let (text, bytes) = padding.apply(source);
        let mut builder = Builder::new(source, bytes, decimals);
        let mut parser = Parser::new_from_str(&text);
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|error| builder.syntax(&error))?;
            builder.take(event, span)?;
        }
        Ok(builder)
    };
    let Builder { mut documents, repeated, has_decimals, .. } = read(Decimals::Numbers)?;
    if has_decimals && documents.iter().any(is_envoys) {
        let as_text = read(Decimals::Text)?.documents;
        let pairs = documents.iter_mut().zip(as_text);
        pairs.filter(|(it, _)| is_envoys(it)).for_each(|(it, as_text)| *it = as_text);
    }
    Ok(Parsed { documents, repeated })
}

/// Whether Envoy itself reads the document: a bootstrap, or resources in a file.
fn is_envoys(document: &Node) -> bool {
    let has = |name: &&str| document.get(name).is_some();
    !has(&"apiVersion") && ["static_resources", "dynamic_resources", "resources"].iter().any(has)
}

/// What a plain scalar with a point or an exponent is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Decimals {
    Numbers,
    Text,
}

struct Builder<'s> {
    source: &'s str,
    /// The byte in the file of each character that the parser is given: it counts characters.
    bytes: Vec<usize>,
    /// Where each line starts, in bytes.
    lines: Vec<usize>,
    documents: Vec<Node>,
    repeated: Vec<(Range<usize>, Range<usize>)>,
    open: Vec<Open>,
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
    decimals: Decimals,
    has_decimals: bool,
}

/// A list or an object that is not complete.
struct Open {
    start: usize,
    anchor: usize,
    /// How many values there were before it.
    before: usize,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Node>),
    Object(Vec<Field>, Option<(String, Range<usize>)>),
}

impl<'s> Builder<'s> {
    fn new(source: &'s str, bytes: Vec<usize>, decimals: Decimals) -> Self {
        let ends = source.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            source,
            bytes,
            lines: std::iter::once(0).chain(ends).collect(),
            documents: Vec::new(),
            repeated: Vec::new(),
            open: Vec::new(),
            anchors: HashMap::new(),
            nodes: 0,
            decimals,
            has_decimals: false,
        }
    }

    fn byte(&self, char: usize) -> usize {
        self.bytes.get(char).copied().unwrap_or(self.source.len())
    }

    fn range(&self, span: Span) -> Range<usize> {
        self.byte(span.start.index())..self.byte(span.end.index())
    }

    fn syntax(&self, error: &ScanError) -> Error {
        Error::Syntax(self.byte(error.marker().index()), words(error.info()))
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Error> {
        let range = self.range(span);
        match event {
            Event::Scalar(value, style, anchor, tag) => {
                let node = self.scalar(&value, style, tag.as_deref(), span);
                self.add(node, anchor, 1)
            }
            Event::Alias(anchor) => {
                let unknown = || Error::Syntax(range.start, "an alias of nothing".to_owned());
                let (mut node, size) = self.anchors.get(&anchor).cloned().ok_or_else(unknown)?;
                // Errors in it are reported where it is used.
                node.relocate(&|_| range.clone());
                self.add(node, 0, size)
            }
            Event::SequenceStart(anchor, _) => {
                self.start(&range, anchor, OpenKind::List(Vec::new()))
            }
            Event::MappingStart(anchor, _) => {
                self.start(&range, anchor, OpenKind::Object(Vec::new(), None))
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(&range),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn start(&mut self, range: &Range<usize>, anchor: usize, kind: OpenKind) -> Result<(), Error> {
        if self.open.len() >= MAX_DEPTH {
            return Err(Error::Size(range.start));
        }
        self.open.push(Open { start: range.start, anchor, before: self.nodes, kind });
        Ok(())
    }

    fn end(&mut self, range: &Range<usize>) -> Result<(), Error> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let kind = match open.kind {
            OpenKind::List(items) => Kind::List(items),
            OpenKind::Object(fields, _) => Kind::Object(fields),
        };
        let size = self.nodes - open.before + 1;
        self.nodes = open.before;
        self.add(Node { span: open.start..range.end.max(open.start), kind }, open.anchor, size)
    }

    /// Adds a complete value, with `size` values in it, to its owner.
    fn add(&mut self, node: Node, anchor: usize, size: usize) -> Result<(), Error> {
        self.nodes += size;
        if self.nodes > MAX_NODES {
            return Err(Error::Size(node.span.start));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
        match self.open.last_mut().map(|open| &mut open.kind) {
            None => self.documents.push(node),
            Some(OpenKind::List(items)) => items.push(node),
            Some(OpenKind::Object(fields, name)) => match name.take() {
                None => *name = Some(name_of(node, self.source)?),
                Some((name, span)) if fields.iter().any(|it| it.name == name) => {
                    self.repeated.push((span, node.span));
                }
                Some((name, span)) => fields.push(Field { name, span, value: node }),
            },
        }
        Ok(())
    }

    fn scalar(&mut self, value: &str, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Node {
        let range = self.range(span);
        let text = |lines| Kind::Text(Text { value: value.to_owned(), lines });
        let plain = style == ScalarStyle::Plain && tag.is_none();
        let kind = match style {
            _ if plain => resolve(value)
                .or_else(|| self.number(value))
                .unwrap_or_else(|| text(vec![range.start])),
            ScalarStyle::Literal => text(self.lines_of(value, span)),
            _ => text(self.line_of(value, &range)),
        };
        Node { span: range, kind }
    }

    /// A plain scalar with a point or an exponent as a number, if such are numbers here.
    fn number(&mut self, value: &str) -> Option<Kind> {
        let number = decimal(value).filter(|_| self.decimals == Decimals::Numbers);
        self.has_decimals |= number.is_some();
        number
    }

    /// Quoted text without escapes is one line of the file.
    fn line_of(&self, value: &str, range: &Range<usize>) -> Vec<usize> {
        let start = range.start + 1;
        let as_written = self.source.get(start..start + value.len()) == Some(value);
        if as_written && !value.contains('\n') { vec![start] } else { Vec::new() }
    }

    /// Where the lines of a literal block start, after their indentation.
    fn lines_of(&self, value: &str, span: Span) -> Vec<usize> {
        let blank = value.len() - value.trim_start_matches('\n').len();
        let first = span.start.line().saturating_sub(1 + blank);
        let lines = self.lines.iter().skip(first).take(value.matches('\n').count() + 1);
        lines.map(|start| start + span.start.col()).collect()
    }
}

/// The name of a field.
fn name_of(node: Node, source: &str) -> Result<(String, Range<usize>), Error> {
    let Node { span, kind } = node;
    let name = match kind {
        Kind::Text(text) => text.value,
        Kind::List(_) | Kind::Object(_) => return Err(Error::Name(span.start)),
        // `on:` and `1:` are names as they are written.
        Kind::Null | Kind::Bool(_) | Kind::Number(_) => {
            source.get(span.clone()).unwrap_or_default().to_owned()
        }
    };
    Ok((name, span))
}

/// The parser's message without its quotes, which may hold a value.
fn words(info: &str) -> String {
    let mut quoted = false;
    info.chars()
        .filter(|c| {
            let quote = matches!(c, '\'' | '"' | '`');
            quoted ^= quote;
            !quote && !quoted && !c.is_control()
        })
        .collect()
}

/// Deeper than any configuration of Envoy, and shallow enough for recursion.
pub(crate) const MAX_DEPTH: usize = 100;
/// Far more than any configuration has. An alias counts as much as its target, so that aliases
/// cannot multiply without limit.
pub(crate) const MAX_NODES: usize = 200_000;

#[cfg(test)]
mod tests;

//! A document as a tree of values with their places in the file.
//!
//! Spans are byte ranges of the file. Text keeps how its own characters lie in the file, so that
//! JSON inside a YAML block (the usual form of a plugin configuration) has lines and columns of the
//! file too.

use std::ops::Range;

/// A value and its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Its place. For a block of YAML, only its beginning.
    pub(crate) span: Range<usize>,
    /// What it is.
    pub(crate) kind: Kind,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// `null`.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number, as a `google.protobuf.Struct` has it.
    Number(f64),
    /// Text.
    Text(Text),
    /// A list.
    List(Vec<Node>),
    /// An object, in the order of the file; a name may be there twice.
    Object(Vec<Field>),
}

/// Text, and how it lies in the file.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    /// What it says.
    pub(crate) value: String,
    /// For each of its lines where that line starts in the file; empty where the characters of the
    /// file are not those of the text (escapes, folded lines).
    pub(crate) lines: Vec<usize>,
}

/// A field of an object.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    /// Its name.
    pub(crate) name: String,
    /// The place of the name.
    pub(crate) span: Range<usize>,
    /// Its value.
    pub(crate) value: Node,
}

impl Node {
    /// The field of this name, in either spelling that Envoy takes: `snake_case` or `camelCase`.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        self.field(name).map(|field| &field.value)
    }

    /// As [`Node::get`], with the place of the name.
    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        let is = |field: &&Field| field.name == name || field.name == camel_case(name);
        self.fields().iter().rfind(is)
    }

    /// The value at the end of several names.
    pub(crate) fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, name| node.get(name))
    }

    /// The fields. Empty if this is not an object.
    pub(crate) fn fields(&self) -> &[Field] {
        match &self.kind {
            Kind::Object(fields) => fields,
            _ => &[],
        }
    }

    /// The elements. Empty if this is not a list.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.kind {
            Kind::List(items) => items,
            _ => &[],
        }
    }

    /// The text, if it is text.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(&text.value),
            _ => None,
        }
    }

    /// Whether this is `true`.
    pub(crate) fn is_true(&self) -> bool {
        matches!(self.kind, Kind::Bool(true))
    }

    /// Whether this is `false`.
    pub(crate) fn is_false(&self) -> bool {
        matches!(self.kind, Kind::Bool(false))
    }

    /// Calls `visit` for this value and everything in it.
    pub(crate) fn walk<'t>(&'t self, visit: &mut dyn FnMut(&'t Self)) {
        visit(self);
        self.items().iter().for_each(|item| item.walk(visit));
        self.fields().iter().for_each(|field| field.value.walk(visit));
    }

    /// The value at the JSON pointer; of a name that is there twice the last.
    pub(crate) fn pointed(&self, pointer: &str) -> Option<&Self> {
        segments(pointer).try_fold(self, |node, segment| match &node.kind {
            Kind::Object(fields) => {
                fields.iter().rfind(|field| field.name == segment).map(|field| &field.value)
            }
            Kind::List(items) => segment.parse().ok().and_then(|at: usize| items.get(at)),
            _ => None,
        })
    }

    /// As [`Node::pointed`], to change it.
    pub(crate) fn pointed_mut(&mut self, pointer: &str) -> Option<&mut Self> {
        segments(pointer).try_fold(self, |node, segment| match &mut node.kind {
            Kind::Object(fields) => {
                fields.iter_mut().rfind(|it| it.name == segment).map(|it| &mut it.value)
            }
            Kind::List(items) => segment.parse().ok().and_then(|at: usize| items.get_mut(at)),
            _ => None,
        })
    }

    /// The place of the name of the field at the JSON pointer. `None` for an element of a list.
    pub(crate) fn locate_name(&self, pointer: &str) -> Option<Range<usize>> {
        let (owner, name) = split(pointer)?;
        let fields = self.pointed(owner)?.fields();
        fields.iter().rfind(|field| field.name == name).map(|field| field.span.clone())
    }

    /// The place of the value at the JSON pointer, or of the last part of the pointer that exists.
    /// It is the name of the field if its value has several lines or is not known, else the value.
    pub(crate) fn locate(&self, pointer: &str) -> Range<usize> {
        let (mut node, mut name) = (self, None);
        for segment in segments(pointer) {
            let next = match &node.kind {
                // The last of two: the parser reads on until it finds it.
                Kind::Object(fields) => fields.iter().rfind(|field| field.name == segment),
                Kind::List(items) => {
                    let Some(item) = segment.parse().ok().and_then(|at: usize| items.get(at))
                    else {
                        break;
                    };
                    (node, name) = (item, None);
                    continue;
                }
                _ => None,
            };
            let Some(field) = next else { break };
            (node, name) = (&field.value, Some(&field.span));
        }
        match (&node.kind, name) {
            (Kind::Object(_) | Kind::List(_), Some(name)) => name.clone(),
            (Kind::Object(fields), None) => {
                fields.first().map_or_else(|| node.span.clone(), |field| field.span.clone())
            }
            (Kind::Null, Some(name)) if node.span.is_empty() => name.clone(),
            _ => node.span.clone(),
        }
    }

    /// Moves every span to `place`. If that returns a range for a single byte, the byte has no
    /// place of its own.
    pub(crate) fn relocate(&mut self, place: &dyn Fn(Range<usize>) -> Range<usize>) {
        self.span = place(self.span.clone());
        match &mut self.kind {
            Kind::Text(text) => {
                let lines = text.lines.iter().map(|start| place(*start..*start));
                let lines = lines.map(|it| it.is_empty().then_some(it.start));
                text.lines = lines.collect::<Option<_>>().unwrap_or_default();
            }
            Kind::List(items) => items.iter_mut().for_each(|item| item.relocate(place)),
            Kind::Object(fields) => {
                for field in fields {
                    field.span = place(field.span.clone());
                    field.value.relocate(place);
                }
            }
            Kind::Null | Kind::Bool(_) | Kind::Number(_) => {}
        }
    }
}

impl Text {
    /// Text of a file whose characters are not the text's own.
    pub(crate) fn opaque(value: String) -> Self {
        Self { value, lines: Vec::new() }
    }

    /// The place in the file of the byte `at` of the text.
    pub(crate) fn place(&self, at: usize) -> Option<usize> {
        let before = self.value.get(..at)?;
        let line = before.matches('\n').count();
        let column = before.len() - before.rfind('\n').map_or(0, |end| end + 1);
        self.lines.get(line).map(|start| start + column)
    }
}

/// The names of a JSON pointer, without escapes.
pub(crate) fn segments(pointer: &str) -> impl Iterator<Item = String> {
    pointer.split('/').skip(1).map(unescaped)
}

fn unescaped(segment: &str) -> String {
    segment.replace("~1", "/").replace("~0", "~")
}

/// The pointer to the owner of the value at `pointer`, and the value's name there. `None` for the
/// document.
pub(crate) fn split(pointer: &str) -> Option<(&str, String)> {
    pointer.rsplit_once('/').map(|(owner, name)| (owner, unescaped(name)))
}

/// A name of protobuf as its JSON has it.
pub(crate) fn camel_case(name: &str) -> String {
    let mut parts = name.split('_');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |mut text, part| {
        let mut chars = part.chars();
        text.extend(chars.next().map(|c| c.to_ascii_uppercase()));
        text.push_str(chars.as_str());
        text
    })
}

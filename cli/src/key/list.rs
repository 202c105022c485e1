//! The list of consumers in a file.

use std::path::{Path, PathBuf};

use serde::de::IgnoredAny;

use super::error::KeyError;
use crate::check::tree::{Field, Kind, Node};
use crate::check::{ConsumerLists, same};

/// A consumer as the file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) user: Option<String>,
    pub(crate) groups: Vec<String>,
    pub(crate) digests: Vec<String>,
    pub(crate) disabled: bool,
    pub(crate) expires_at: Option<String>,
    /// It may call without a key.
    pub(crate) has_identities: bool,
}

/// A list of consumers, and the file around it.
pub(crate) struct List {
    /// Its place.
    pub(crate) node: Node,
    /// Its consumers.
    pub(crate) entries: Vec<Entry>,
    file: ConsumerLists,
}

impl List {
    /// Reads a list with its consumers, which have their form.
    ///
    /// # Errors
    ///
    /// If there is no list, or more than one, or if a consumer is no consumer.
    pub(crate) fn read(source: &str, path: &Path) -> Result<Self, KeyError> {
        let mut file = read(source, path)?;
        let mut lists = std::mem::take(&mut file.lists).into_iter();
        let escaped = file.escaped.first().map(|text| line_of(source, text.start));
        let path = || path.to_owned();
        match (lists.next(), lists.next(), escaped) {
            (Some(node), None, None) => {
                if let Some(fault) = fault(&node) {
                    return Err(fault.error(source, path()));
                }
                let entries = node.items().iter().map(entry).collect();
                Ok(Self { node, entries, file })
            }
            (None, _, Some(line)) => Err(KeyError::Escaped { path: path(), line }),
            (None, _, None) => Err(match file.others.first().and_then(fault) {
                Some(fault) => fault.error(source, path()),
                None => KeyError::NoList(path()),
            }),
            (Some(_), Some(_), _) | (Some(_), None, Some(_)) => Err(KeyError::SeveralLists(path())),
        }
    }

    /// Whether the files are the same but for the consumer at `place`: one of them lacks it, or it
    /// has other keys.
    pub(super) fn differs_only_at(&self, place: usize, other: &Self) -> bool {
        let [one, two] = [self.node.items(), other.node.items()];
        let longest = one.len().max(two.len());
        let is_kept = |items: &[Node], at: usize| at != place || items.len() < longest;
        let kept = |items: &'_ [Node]| {
            (0..items.len()).filter(|at| is_kept(items, *at)).collect::<Vec<_>>()
        };
        let [first, second] = [one, two].map(kept);
        let mut pairs = first.iter().zip(&second).filter_map(|(a, b)| one.get(*a).zip(two.get(*b)));
        let both = if one.len() == two.len() { one.get(place).zip(two.get(place)) } else { None };
        self.file.differ_in_items_only(&other.file)
            && first.len() == second.len()
            && pairs.all(|(one, other)| same(one, other))
            && both.is_none_or(|(one, other)| differ_in_keys_only(one, other))
    }
}

/// The lists of a file.
fn read(source: &str, path: &Path) -> Result<ConsumerLists, KeyError> {
    if path.extension().is_some_and(|end| end == "json")
        && let Err(error) = serde_json::from_str::<IgnoredAny>(source)
    {
        return Err(not_json(source, path, &error));
    }
    let file = ConsumerLists::read(source, path).map_err(|finding| {
        let line = line_of(source, finding.span.start);
        KeyError::NotAList { path: path.to_owned(), line, title: finding.title }
    })?;
    match file.is_empty() {
        true => Err(KeyError::NothingInIt(path.to_owned())),
        false => Ok(file),
    }
}

/// Why a file of this name is not JSON.
fn not_json(source: &str, path: &Path, error: &serde_json::Error) -> KeyError {
    let path = path.to_owned();
    if source.trim().is_empty() {
        return KeyError::NothingInIt(path);
    }
    if source.starts_with('\u{feff}') {
        return KeyError::ByteOrderMark(path);
    }
    let words = error.to_string();
    // The place follows.
    let words = words.split(" at line ").next().unwrap_or_default();
    KeyError::NotAList { path, line: error.line(), title: format!("not JSON: {words}") }
}

/// What is not as a consumer has it.
struct Fault<'n> {
    node: &'n Node,
    pointer: String,
    found: &'static str,
    accepted: &'static str,
}

impl Fault<'_> {
    fn error(self, source: &str, path: PathBuf) -> KeyError {
        let Self { node, pointer, found, accepted } = self;
        KeyError::Entry { path, line: line_of(source, node.span.start), pointer, found, accepted }
    }
}

/// The first thing in a list that is not as a consumer has it. What is left out here is the
/// filter's to judge.
fn fault(list: &Node) -> Option<Fault<'_>> {
    let Kind::List(items) = &list.kind else {
        return Some(wrong(list, "/consumers".to_owned(), "an array of consumers"));
    };
    items.iter().enumerate().find_map(|(at, item)| fault_in(item, &format!("/consumers/{at}")))
}

fn fault_in<'n>(item: &'n Node, pointer: &str) -> Option<Fault<'n>> {
    if !matches!(item.kind, Kind::Object(_)) {
        let accepted = "an object with `name`, and `key_sha256` or `identities`";
        return Some(wrong(item, pointer.to_owned(), accepted));
    }
    let (name, accepted) = (format!("{pointer}/name"), "1 to 128 visible ASCII characters");
    match item.get("name") {
        None => return Some(Fault { node: item, pointer: name, found: "missing", accepted }),
        Some(node) if node.text().is_none() => return Some(wrong(node, name, accepted)),
        Some(_) => {}
    }
    let keys = item.get("key_sha256").filter(|it| !matches!(it.kind, Kind::Null))?;
    let pointer = format!("{pointer}/key_sha256");
    let Kind::List(digests) = &keys.kind else {
        return Some(wrong(keys, pointer, "an array of digests"));
    };
    let (at, digest) = digests.iter().enumerate().find(|(_, it)| it.text().is_none())?;
    Some(wrong(digest, format!("{pointer}/{at}"), "64 hexadecimal digits in quotes"))
}

/// That a value is of another type.
fn wrong<'n>(node: &'n Node, pointer: String, accepted: &'static str) -> Fault<'n> {
    let found = match node.kind {
        Kind::Null => "null",
        Kind::Bool(_) => "a boolean",
        Kind::Number(_) => "a number",
        Kind::Text(_) => "a string",
        Kind::List(_) => "an array",
        Kind::Object(_) => "an object",
    };
    Fault { node, pointer, found, accepted }
}

fn differ_in_keys_only(one: &Node, other: &Node) -> bool {
    let [one, other] = [one, other].map(Node::fields);
    let is_keys = |field: &Field| matches!(field.name.as_str(), "key_sha256" | "keySha256");
    one.len() == other.len()
        && one.iter().zip(other).all(|(one, other)| {
            one.name == other.name && (is_keys(one) || same(&one.value, &other.value))
        })
}

/// The number of the line with the byte `at`, from 1 on.
pub(super) fn line_of(source: &str, at: usize) -> usize {
    source.get(..at).map_or(1, |before| before.matches('\n').count() + 1)
}

fn entry(node: &Node) -> Entry {
    let text = |name| node.get(name).and_then(Node::text).map(str::to_owned);
    let texts = |name| {
        let items = node.get(name).map(Node::items).unwrap_or_default();
        items.iter().filter_map(Node::text).map(str::to_owned).collect()
    };
    Entry {
        name: text("name").unwrap_or_default(),
        user: text("user"),
        groups: texts("groups"),
        digests: texts("key_sha256"),
        disabled: node.get("disabled").is_some_and(Node::is_true),
        expires_at: text("expires_at"),
        has_identities: node.get("identities").is_some(),
    }
}

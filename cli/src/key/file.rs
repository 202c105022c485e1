//! A file with one list of consumers, read and replaced as a whole.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::error::KeyError;
use super::lock::Wait;
use crate::check::tree::{Field, Node};
use crate::check::{ConsumerLists, refusal, same};
use crate::exit::CommandError;
use crate::pipe;
use crate::token::atomic_file::AtomicFile;

/// The file to edit, locked against other processes of this program.
pub(crate) struct ListFile {
    path: PathBuf,
    mode: u32,
    /// What it holds.
    pub(crate) source: String,
    _lock: File,
}

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

impl ListFile {
    /// Reads the file. A link leads to the file that is read, and later replaced.
    ///
    /// # Errors
    ///
    /// If it cannot be read, locked or replaced.
    pub(crate) fn open(path: &Path) -> Result<Self, CommandError> {
        let fail = |error| CommandError::file(path, error);
        // Before it is opened: a named pipe would wait for a writer.
        if !std::fs::metadata(path).map_err(fail)?.is_file() {
            return Err(KeyError::NotRegular(path.to_owned()).into());
        }
        let real = path.canonicalize().map_err(fail)?;
        let mut wait = Wait::new();
        loop {
            let file = File::open(&real).map_err(fail)?;
            wait.lock(&file, path)?;
            let ours = file.metadata().map_err(fail)?;
            let now = std::fs::metadata(&real).map_err(fail)?;
            // Whoever had the lock may have replaced the file.
            if (ours.dev(), ours.ino()) != (now.dev(), now.ino()) {
                continue;
            }
            // They would keep the old list, and with it a key that was revoked.
            if ours.nlink() > 1 {
                return Err(KeyError::HardLinks { path: real, count: ours.nlink() }.into());
            }
            let source = text(&file, path)?;
            let mode = ours.permissions().mode() & 0o7777;
            return Ok(Self { path: real, mode, source, _lock: file });
        }
    }

    /// The list and its consumers.
    ///
    /// # Errors
    ///
    /// If there is no list, or more than one.
    pub(crate) fn list(&self) -> Result<List, KeyError> {
        List::read(&self.source, &self.path)
    }

    /// That this value cannot be edited as it is written.
    pub(crate) fn form(&self, node: &Node) -> KeyError {
        let line = line_of(&self.source, node.span.start);
        KeyError::Form { path: self.path.clone(), line }
    }

    /// That this consumer has no array of keys.
    pub(crate) fn no_keys(&self, consumer: &Node, name: String) -> KeyError {
        let line = line_of(&self.source, consumer.span.start);
        KeyError::NoKeys { path: self.path.clone(), line, name }
    }

    /// Why the filter refuses a configuration in `text`.
    fn refusal(&self, text: &str) -> Option<String> {
        refusal(text, &self.path)
    }

    /// Makes everything ready to replace the file by an edited text.
    ///
    /// # Errors
    ///
    /// If the text says anything else than it should, or is a configuration that the filter no
    /// longer takes, or if there is no space for it. The file is as it was.
    pub(crate) fn prepare(self, list: &List, edit: Edit<'_>) -> Result<Replacement, CommandError> {
        let form = || self.form(edit.node);
        let text = edit.text.ok_or_else(form)?;
        let found = List::read(&text, &self.path).map_err(|_| form())?;
        if found.entries != edit.expected || !found.differs_only_at(edit.place, list) {
            return Err(form().into());
        }
        // Envoy would keep the configuration that it has, and with it a key that was removed.
        let fault = self.refusal(&text).filter(|_| self.refusal(&self.source).is_none());
        if let Some(fault) = fault {
            return Err(KeyError::Refused { path: self.path.clone(), fault }.into());
        }
        let fail = |error| CommandError::file(&self.path, error);
        let draft = AtomicFile::open(&self.path, self.mode, text.len()).map_err(fail)?;
        Ok(Replacement { file: self, draft, text })
    }
}

/// The list in a file or a pipe that is not edited, so without a lock.
///
/// # Errors
///
/// If it cannot be read, or has no list, or more than one.
pub(crate) fn read(path: &Path) -> Result<List, CommandError> {
    let file = pipe::open(path).map_err(|error| CommandError::file(path, error))?;
    Ok(List::read(&text(&file, path)?, path)?)
}

/// All of a file.
fn text(file: &File, path: &Path) -> Result<String, CommandError> {
    let mut source = String::new();
    let read = file.take(MAX_BYTES + 1).read_to_string(&mut source);
    read.map_err(|error| CommandError::file(path, error))?;
    if source.len() as u64 > MAX_BYTES {
        return Err(KeyError::ListTooLarge(path.to_owned()).into());
    }
    Ok(source)
}

/// A file that is about to be replaced. It stays as it is if this is dropped.
pub(crate) struct Replacement {
    file: ListFile,
    draft: AtomicFile,
    text: String,
}

impl Replacement {
    /// Replaces the file.
    ///
    /// # Errors
    ///
    /// The system's error.
    pub(crate) fn commit(mut self) -> Result<(), CommandError> {
        let done = self.draft.commit(self.text.as_bytes());
        done.map_err(|error| CommandError::file(&self.file.path, error))
    }
}

/// An edited text.
pub(crate) struct Edit<'e> {
    /// The text; `None` if the file is written in a way that cannot be edited.
    pub(crate) text: Option<String>,
    /// The value that was edited.
    pub(crate) node: &'e Node,
    /// The only consumer that differs, or that only one of the texts has.
    pub(crate) place: usize,
    /// The consumers that the text should have.
    pub(crate) expected: Vec<Entry>,
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
    fn read(source: &str, path: &Path) -> Result<Self, KeyError> {
        let path = || path.to_owned();
        let mut file = ConsumerLists::read(source, &path()).map_err(|finding| {
            let line = line_of(source, finding.span.start);
            KeyError::NotAList { path: path(), line, title: finding.title }
        })?;
        let mut lists = std::mem::take(&mut file.lists).into_iter();
        let escaped = file.escaped.first().map(|text| line_of(source, text.start));
        match (lists.next(), lists.next(), escaped) {
            (Some(node), None, None) => {
                let entries = node.items().iter().map(entry).collect();
                Ok(Self { node, entries, file })
            }
            (None, _, Some(line)) => Err(KeyError::Escaped { path: path(), line }),
            (None, _, None) => Err(KeyError::NoList(path())),
            (Some(_), Some(_), _) | (Some(_), None, Some(_)) => Err(KeyError::SeveralLists(path())),
        }
    }

    /// Whether the files are the same but for the consumer at `place`: one of them lacks it, or it
    /// has other keys.
    fn differs_only_at(&self, place: usize, other: &Self) -> bool {
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

fn differ_in_keys_only(one: &Node, other: &Node) -> bool {
    let [one, other] = [one, other].map(Node::fields);
    let is_keys = |field: &Field| matches!(field.name.as_str(), "key_sha256" | "keySha256");
    one.len() == other.len()
        && one.iter().zip(other).all(|(one, other)| {
            one.name == other.name && (is_keys(one) || same(&one.value, &other.value))
        })
}

/// The number of the line with the byte `at`, from 1 on.
fn line_of(source: &str, at: usize) -> usize {
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

/// As much as the filter takes.
const MAX_BYTES: u64 = 32 << 20;

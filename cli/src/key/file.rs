//! A file with one list of consumers, read and replaced as a whole.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::error::KeyError;
use crate::check::consumer_lists;
use crate::check::tree::Node;
use crate::exit::CommandError;
use crate::token::atomic_file::AtomicFile;

/// The file, locked against other processes of this program.
pub(crate) struct ListFile {
    path: PathBuf,
    mode: u32,
    /// What it holds.
    pub(crate) source: String,
    _lock: File,
}

/// A consumer as the file has it.
#[derive(Debug, PartialEq, Eq)]
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
    /// If it cannot be read or locked.
    pub(crate) fn open(path: &Path) -> Result<Self, CommandError> {
        let fail = |error| CommandError::file(path, error);
        let real = path.canonicalize().map_err(fail)?;
        loop {
            let mut file = File::open(&real).map_err(fail)?;
            flock(&file, FlockOperation::LockExclusive).map_err(|error| fail(error.into()))?;
            let ours = file.metadata().map_err(fail)?;
            let now = std::fs::metadata(&real).map_err(fail)?;
            // Whoever had the lock may have replaced the file.
            if (ours.dev(), ours.ino()) != (now.dev(), now.ino()) {
                continue;
            }
            let mut source = String::new();
            file.by_ref().take(MAX_BYTES + 1).read_to_string(&mut source).map_err(fail)?;
            if source.len() as u64 > MAX_BYTES {
                return Err(KeyError::ListTooLarge(path.to_owned()).into());
            }
            let mode = ours.permissions().mode() & 0o7777;
            return Ok(Self { path: real, mode, source, _lock: file });
        }
    }

    /// The list and its consumers.
    ///
    /// # Errors
    ///
    /// If there is no list, or more than one.
    pub(crate) fn list(&self) -> Result<(Node, Vec<Entry>), KeyError> {
        list_of(&self.source, &self.path)
    }

    /// Replaces the file by `source`, which must have these consumers.
    ///
    /// # Errors
    ///
    /// If the edited text has other consumers, or the file cannot be replaced. Then it is as it was.
    pub(crate) fn replace(self, source: &str, expected: &[Entry]) -> Result<(), CommandError> {
        let form = || KeyError::Form(self.path.clone());
        let (_, found) = list_of(source, &self.path).map_err(|_| form())?;
        if found != expected {
            return Err(form().into());
        }
        let fail = |error| CommandError::file(&self.path, error);
        let mut file = AtomicFile::open(&self.path, self.mode, source.len()).map_err(fail)?;
        file.commit(source.as_bytes()).map_err(fail)
    }
}

fn list_of(source: &str, path: &Path) -> Result<(Node, Vec<Entry>), KeyError> {
    let lists = consumer_lists(source, path)
        .map_err(|title| KeyError::NotAList { path: path.to_owned(), title })?;
    let mut lists = lists.into_iter();
    match (lists.next(), lists.next()) {
        (Some(list), None) => {
            let entries = list.items().iter().map(entry).collect();
            Ok((list, entries))
        }
        (None, _) => Err(KeyError::NoList(path.to_owned())),
        (Some(_), Some(_)) => Err(KeyError::SeveralLists(path.to_owned())),
    }
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

//! A file with one list of consumers, read and replaced as a whole.

use std::fs::File;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::error::KeyError;
use super::list::{Entry, List, line_of};
use super::lock::Wait;
use crate::check::refusal;
use crate::check::tree::Node;
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
    let read = pipe::text(file, MAX_BYTES);
    let source = read.map_err(|error| CommandError::file(path, error))?;
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

/// As much as the filter takes.
const MAX_BYTES: u64 = 32 << 20;

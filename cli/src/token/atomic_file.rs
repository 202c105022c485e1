//! A file that is replaced as a whole or not at all, and that others can never read.
//!
//! The new content is written to a draft beside the file, with the final mode from the first byte
//! on. The draft's space is reserved first, so that a full or read-only disk is found before
//! anything is lost.
//!
//! ```text
//! open: create (0600), fill, fsync ──▶ commit: write, cut, fsync, rename, fsync the folder
//! ```

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

/// Where the draft of a file is.
fn draft_of(target: &Path) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    target.with_file_name(format!(".{name}.imagegatectl.new"))
}

/// The folder that a file is in.
fn folder_of(target: &Path) -> io::Result<File> {
    let parent = target.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or_else(|| Path::new(".")))
}

/// The draft that a killed process left, perhaps only half of it.
pub(crate) fn leftover(target: &Path) -> Option<Vec<u8>> {
    fs::read(draft_of(target)).ok()
}

/// Moves the leftover draft into the file's place, on the disk.
///
/// # Errors
///
/// The system's error.
pub(crate) fn adopt(target: &Path) -> io::Result<()> {
    let path = draft_of(target);
    File::open(&path)?.sync_all()?;
    fs::rename(&path, target)?;
    folder_of(target)?.sync_all()
}

/// A file that is being replaced.
pub(crate) struct AtomicFile {
    file: File,
    folder: File,
    path: PathBuf,
    target: PathBuf,
    /// The draft is the file now. Another process may already have a draft of its own.
    is_committed: bool,
}

impl AtomicFile {
    /// Opens a draft of `target` with room for this many bytes. Removes the draft of an earlier
    /// process: only one process works on a file at a time.
    ///
    /// # Errors
    ///
    /// The system's error. Then nothing has changed.
    pub(crate) fn open(target: &Path, mode: u32, room: usize) -> io::Result<Self> {
        let path = draft_of(target);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let folder = folder_of(target)?;
        // Never opens an existing file or the target of a link.
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let mut draft = Self { file, folder, path, target: target.to_owned(), is_committed: false };
        if let Ok(old) = fs::metadata(target) {
            let new = draft.file.metadata()?;
            if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
                fchown(&draft.file, Some(old.uid()), Some(old.gid()))?;
            }
        }
        draft.file.set_permissions(Permissions::from_mode(mode))?;
        draft.file.write_all(&vec![b' '; room])?;
        draft.file.sync_all()?;
        Ok(draft)
    }

    /// Replaces the file with `content`, which is on the disk when this returns. May be repeated.
    ///
    /// # Errors
    ///
    /// The system's error. Then the file is unchanged, or new if only the last step failed.
    pub(crate) fn commit(&mut self, content: &[u8]) -> io::Result<()> {
        self.file.rewind()?;
        self.file.write_all(content)?;
        self.file.set_len(content.len() as u64)?;
        self.file.sync_all()?;
        match fs::rename(&self.path, &self.target) {
            // An earlier attempt has renamed it already.
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.is_in_place() => {}
            renamed => renamed?,
        }
        self.is_committed = true;
        self.folder.sync_all()
    }

    /// Whether the file in place is this one.
    fn is_in_place(&self) -> bool {
        let (Ok(ours), Ok(theirs)) = (self.file.metadata(), fs::metadata(&self.target)) else {
            return false;
        };
        (ours.dev(), ours.ino()) == (theirs.dev(), theirs.ino())
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if !self.is_committed {
            let _ = fs::remove_file(&self.path);
        }
    }
}

//! A file that is replaced as a whole or not at all, and that others can never read.
//!
//! The draft is written beside it, with its final mode from the first byte on, and its room is on the disk before
//! it is needed: a disk that is full or read-only is found out while nothing is lost yet.
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

/// What a process that was killed had written and not put in place; perhaps half of it.
pub(crate) fn left_behind(target: &Path) -> Option<Vec<u8>> {
    fs::read(draft_of(target)).ok()
}

/// Puts what was left behind in its place, on the disk.
///
/// # Errors
///
/// What the system says.
pub(crate) fn adopt(target: &Path) -> io::Result<()> {
    let path = draft_of(target);
    File::open(&path)?.sync_all()?;
    fs::rename(&path, target)?;
    folder_of(target)?.sync_all()
}

/// The next content of a file.
pub(crate) struct Draft {
    file: File,
    folder: File,
    path: PathBuf,
    target: PathBuf,
}

impl Draft {
    /// Opens a draft of `target` with room for so many bytes. What an earlier process left is removed: only one
    /// works on a file at a time.
    ///
    /// # Errors
    ///
    /// What the system says; nothing has changed then.
    pub(crate) fn open(target: &Path, mode: u32, room: usize) -> io::Result<Self> {
        let path = draft_of(target);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let folder = folder_of(target)?;
        // Never an existing file, nor where a link points to.
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let mut draft = Self { file, folder, path, target: target.to_owned() };
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

    /// Puts `content` in the file's place; when this returns it is on the disk. May be tried again.
    ///
    /// # Errors
    ///
    /// What the system says. The file is then what it was, or the new one where only the last step failed.
    pub(crate) fn commit(&mut self, content: &[u8]) -> io::Result<()> {
        self.file.rewind()?;
        self.file.write_all(content)?;
        self.file.set_len(content.len() as u64)?;
        self.file.sync_all()?;
        match fs::rename(&self.path, &self.target) {
            // An earlier attempt got that far.
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.is_in_place() => {}
            renamed => renamed?,
        }
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

impl Drop for Draft {
    fn drop(&mut self) {
        // Where it was committed there is nothing to remove.
        let _ = fs::remove_file(&self.path);
    }
}

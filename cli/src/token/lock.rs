//! One process at a time works with a credential. It locks a file beside the credential (`flock`).
//! The system releases the lock when the process ends, in any way.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::stop::Stop;

/// Holds the lock until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "holds the lock")] File);

/// Why the lock was not acquired.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    /// The process has to stop.
    #[error("stopped by a signal")]
    Stopped,
    /// Another process has held it for longer than a refresh can take.
    #[error("another process holds the lock")]
    Busy,
    /// The system's error.
    #[error(transparent)]
    System(io::Error),
}

impl Lock {
    /// Waits for the lock of `path`.
    ///
    /// # Errors
    ///
    /// See [`LockError`].
    pub(crate) fn acquire(path: &Path, stop: &Stop) -> Result<Self, LockError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // A rename replaces the credential itself, so a lock on it would be one on a deleted file.
        // The lock file stays: without it, two processes could lock two files of the same name.
        let beside = path.with_file_name(format!(".{name}.imagegatectl.lock"));
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true).mode(0o600);
        let file = options.open(beside).map_err(LockError::System)?;
        for _ in 0..ATTEMPTS {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self(file)),
                Err(Errno::WOULDBLOCK | Errno::INTR) => {}
                Err(error) => return Err(LockError::System(error.into())),
            }
            if stop.wait(PAUSE) {
                return Err(LockError::Stopped);
            }
        }
        Err(LockError::Busy)
    }
}

/// 45 seconds together: longer than a refresh can take.
const ATTEMPTS: u32 = 450;
const PAUSE: Duration = Duration::from_millis(100);

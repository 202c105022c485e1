//! One process at a time works with a credential: a lock on a file beside it (`flock`), which the system gives back
//! however a process ends.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::stop::Stop;

/// The right to work with the credential, until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "holds the lock")] File);

/// Why there is no lock.
#[derive(Debug)]
pub(crate) enum Unlocked {
    /// The process was told to stop.
    Stopped,
    /// Another process works with the credential, for longer than a refresh can take.
    Busy,
    /// The system does not let us.
    System(io::Error),
}

impl Lock {
    /// Waits for the lock of `path`.
    ///
    /// # Errors
    ///
    /// See [`Unlocked`].
    pub(crate) fn acquire(path: &Path, stop: &Stop) -> Result<Self, Unlocked> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // The credential itself is replaced by a rename, so a lock on it would be one on a file that is gone. The lock's
        // file stays: to remove it would let two processes lock two files of one name.
        let beside = path.with_file_name(format!(".{name}.imagegatectl.lock"));
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true).mode(0o600);
        let file = options.open(beside).map_err(Unlocked::System)?;
        for _ in 0..ATTEMPTS {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self(file)),
                Err(Errno::WOULDBLOCK | Errno::INTR) => {}
                Err(error) => return Err(Unlocked::System(error.into())),
            }
            if stop.wait(PAUSE) {
                return Err(Unlocked::Stopped);
            }
        }
        Err(Unlocked::Busy)
    }
}

/// 45 seconds together: longer than a refresh can take.
const ATTEMPTS: u32 = 450;
const PAUSE: Duration = Duration::from_millis(100);

//! One process at a time edits a list: it locks the file (`flock`). The system releases the lock
//! when the process ends, in any way.

use std::fs::File;
use std::path::Path;
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::error::KeyError;
use crate::exit::CommandError;
use crate::output;

/// How long to wait for others: for the lock of one file, or of several in a row that replaced each
/// other.
pub(crate) struct Wait {
    tried: u32,
    pause: Duration,
}

impl Wait {
    pub(crate) fn new() -> Self {
        Self { tried: 0, pause: PAUSE }
    }

    /// Locks the file at `path`, until it is closed. Says so if that takes longer than a second.
    ///
    /// # Errors
    ///
    /// If another process has the lock all the time, or the system's error.
    pub(crate) fn lock(&mut self, file: &File, path: &Path) -> Result<(), CommandError> {
        loop {
            match flock(file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(()),
                Err(Errno::WOULDBLOCK | Errno::INTR) => {}
                Err(error) => return Err(CommandError::file(path, error.into())),
            }
            self.tried += 1;
            if self.tried == NOTICE {
                let path = path.display();
                output::say(&format!("{path}: waiting for another process, which has locked it"));
            }
            if self.tried > ATTEMPTS {
                return Err(KeyError::Locked(path.to_owned()).into());
            }
            thread::sleep(self.pause);
        }
    }
}

/// 30 seconds together.
const ATTEMPTS: u32 = 300;
/// One second.
const NOTICE: u32 = 10;
const PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_is_never_released_is_an_error() {
        let path = std::env::temp_dir().join(format!("imagegatectl-lock-{}", std::process::id()));
        let held = File::create(&path).unwrap();
        flock(&held, FlockOperation::LockExclusive).unwrap();
        let mut wait = Wait { tried: 0, pause: Duration::ZERO };
        let error = wait.lock(&File::open(&path).unwrap(), &path).unwrap_err();
        assert!(error.to_string().contains("another process has locked it"), "{error}");
        flock(&held, FlockOperation::Unlock).unwrap();
        assert!(wait.lock(&File::open(&path).unwrap(), &path).is_ok());
        std::fs::remove_file(&path).unwrap();
    }
}

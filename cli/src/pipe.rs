//! Files to read that may be named pipes, which wait for a process that writes.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::output;

/// Opens a file to read. If it is a named pipe that nobody has opened to write, says so after a
/// second, and gives up after half a minute. What comes through it may take any time, as on
/// standard input.
///
/// # Errors
///
/// The system's error, or that nobody writes.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    open_within(path, [NOTICE, MOST])
}

/// Reads a file to its end.
///
/// # Errors
///
/// As [`open`].
pub(crate) fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads text to its end, but no more than one byte more than `most`.
///
/// # Errors
///
/// The system's error, or that it is not UTF-8.
pub(crate) fn text(from: impl Read, most: u64) -> io::Result<String> {
    let mut bytes = Vec::new();
    from.take(most + 1).read_to_end(&mut bytes)?;
    // Cut inside of a character, it is too long in any case.
    if bytes.len() as u64 > most {
        return Ok(String::from_utf8_lossy(&bytes).into_owned());
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let words = format!("not UTF-8 at byte {at}, accepted: text in UTF-8");
        io::Error::new(io::ErrorKind::InvalidData, words)
    })
}

fn open_within(path: &Path, [notice, most]: [Duration; 2]) -> io::Result<File> {
    if !fs::metadata(path)?.file_type().is_fifo() {
        return File::open(path);
    }
    let (sender, receiver) = mpsc::channel();
    let name = path.to_owned();
    // If nobody comes, the thread waits until the process ends.
    thread::spawn(move || sender.send(File::open(name)));
    let mut opened = receiver.recv_timeout(notice);
    if opened.is_err() {
        output::say(&format!("{}: waiting for a process that writes to this pipe", path.display()));
        opened = receiver.recv_timeout(most);
    }
    opened.unwrap_or_else(|error| {
        Err(match error {
            RecvTimeoutError::Timeout => io::Error::new(
                io::ErrorKind::TimedOut,
                "a pipe that no process writes to, accepted: a file, or a pipe with a writer",
            ),
            RecvTimeoutError::Disconnected => io::Error::other("it cannot be opened"),
        })
    })
}

const NOTICE: Duration = Duration::from_secs(1);
const MOST: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_without_a_writer_is_given_up() {
        let path = std::env::temp_dir().join(format!("imagegatectl-pipe-{}", std::process::id()));
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let error = open_within(&path, [Duration::ZERO, Duration::from_millis(1)]).unwrap_err();
        fs::remove_file(&path).unwrap();
        assert!(error.to_string().contains("a pipe that no process writes to"), "{error}");
    }
}

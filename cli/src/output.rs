//! What the program prints. A result that cannot be written is an error, and so is a key that
//! nobody would see.

use std::fs::{self, File};
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use anstream::AutoStream;

use crate::check::printable;
use crate::exit::{CommandError, RED, RESET};

/// Writes a result to standard output.
///
/// # Errors
///
/// If not all of it can be written.
pub(crate) fn print(text: &str) -> Result<(), CommandError> {
    let written = stdout().and_then(|mut out| out.write_all(text.as_bytes()));
    written.map_err(CommandError::stdout)
}

/// Writes a result with a key in it, which nothing else keeps.
///
/// # Errors
///
/// As [`print()`], and if standard output is `/dev/null`.
pub(crate) fn print_secret(text: &str) -> Result<(), CommandError> {
    let kept = stdout().and_then(|out| is_null(&out));
    if kept.map_err(CommandError::stdout)? {
        return Err(CommandError::stdout(io::Error::other(
            "closed, or /dev/null: nobody would have the key, accepted: a terminal, a pipe or a \
             file",
        )));
    }
    print(text)
}

/// Writes to standard error what the caller needs: findings, or what a key belongs to. Colours are
/// left out if it is no terminal, or `NO_COLOR` is set.
///
/// # Errors
///
/// If not all of it can be written.
pub(crate) fn report(text: &str) -> Result<(), CommandError> {
    let error = io::stderr().as_fd().try_clone_to_owned();
    let written =
        error.and_then(|error| AutoStream::auto(File::from(error)).write_all(text.as_bytes()));
    written.map_err(|error| CommandError::file(Path::new("standard error"), error))
}

/// Writes a line to standard error. What was done stays done if nobody can read that.
pub(crate) fn say(line: &str) {
    let _ = report(&format!("{}\n", printable(line)));
}

/// The same for an error.
pub(crate) fn say_error(message: &str) {
    let _ = report(&format!("{RED}error:{RESET} {}\n", printable(message)));
}

/// Whether standard output is a terminal.
pub(crate) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Standard output without the library's buffer. The library also takes it for a success if the
/// descriptor is not open for writing.
fn stdout() -> io::Result<File> {
    Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
}

/// Whether a file is `/dev/null`. If standard output is closed, Rust's runtime has opened it in its
/// place before `main`.
fn is_null(file: &File) -> io::Result<bool> {
    let ours = file.metadata()?;
    let null = fs::metadata("/dev/null");
    Ok(ours.file_type().is_char_device() && null.is_ok_and(|null| null.rdev() == ours.rdev()))
}

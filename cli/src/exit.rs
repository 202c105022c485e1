//! Why a command fails, and the exit codes that scripts may rely on.

use std::io;
use std::path::{Path, PathBuf};

/// The styles of messages; anstream drops them where the output is no terminal or `NO_COLOR` is set.
pub(crate) const RED: &str = "\x1b[1;31m";
/// As above.
pub(crate) const RESET: &str = "\x1b[0m";

/// A command that did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// What was checked has faults, which were told already.
    #[error("")]
    Faults,
    /// What was given has a fault.
    #[error("{0}")]
    Refused(String),
    /// An argument that cannot be used.
    #[error("{0}")]
    Usage(String),
    /// A credential that needs a person.
    #[error(
        "{0}; log in anew with `codex login`, for the folder that --auth-file or CODEX_HOME names"
    )]
    Login(String),
    /// The other side may work later.
    #[error("{0}")]
    Transient(String),
    /// A file that cannot be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

impl Failure {
    /// The code of the process: see `docs/imagegatectl.md`.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Faults | Self::Refused(_) => 1,
            Self::Usage(_) | Self::File { .. } => 2,
            Self::Login(_) => 3,
            Self::Transient(_) => 4,
        }
    }

    /// The failure to read or write `path`.
    pub(crate) fn file(path: &Path, error: io::Error) -> Self {
        Self::File { path: path.to_owned(), error }
    }

    /// The failure to read the credential at `path`.
    pub(crate) fn no_login(path: &Path, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => {
                Self::Login(format!("{}: there is no such file", path.display()))
            }
            _ => Self::file(path, error),
        }
    }
}

//! Why a command fails, and its exit code, on which scripts may rely.

use std::io;
use std::path::{Path, PathBuf};

use crate::check::InputError;
use crate::http::UrlError;
use crate::key::KeyError;
use crate::token::{LoginError, ParseError, SettingsError, TransientError};
use crate::upstream::{CatalogueError, TargetError};

/// The styles of messages. anstream drops them if the output is not a terminal or `NO_COLOR` is
/// set.
pub(crate) const RED: &str = "\x1b[1;31m";
/// As above.
pub(crate) const RESET: &str = "\x1b[0m";

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// The checked input has errors, and they are printed already.
    #[error("")]
    ErrorsFound,
    /// A file cannot be used, and the error is printed already.
    #[error("")]
    Reported,
    /// A key, or an argument of `key`.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A URL in an argument.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The host that `init` got.
    #[error(
        "--host: {0} is an IP address, which an HTTPRoute of the Gateway API does not accept; \
         accepted for envoy-gateway: a host name, or no --host for every host"
    )]
    HostIsAddress(String),
    /// A file to check.
    #[error(transparent)]
    Input(#[from] InputError),
    /// An argument of `token`, or its environment.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The configuration or the credential files of `upstream check`.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A credential that needs a person.
    #[error("{error}; to log in again, run: {}", login_command(file))]
    Login {
        /// What is wrong, without a value of the file.
        error: LoginError,
        /// The `auth.json`.
        file: PathBuf,
    },
    /// The token server may work later.
    #[error("{error}; gave up after {attempts} attempts")]
    TokenServer {
        /// The last attempt's error.
        error: TransientError,
        /// How many there were.
        attempts: u32,
    },
    /// An upstream may work later.
    #[error("upstream {name}: {error}")]
    Upstream {
        /// The upstream's name in the configuration.
        name: String,
        /// What happened. In a box, since most results carry no such error.
        error: Box<CatalogueError>,
    },
    /// A list that could not be replaced after its new key was printed.
    #[error("{0}; the key on standard output may not be in the file, see `imagegatectl key list`")]
    KeyNotAdded(Box<Self>),
    /// A file that cannot be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

impl CommandError {
    /// The code of the process: see `docs/imagegatectl.md`.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::ErrorsFound | Self::Target(_) => INVALID,
            Self::Key(error) if error.is_usage() => USAGE,
            Self::Key(_) => INVALID,
            Self::Input(error) if error.is_usage() => USAGE,
            Self::Input(_) => INVALID,
            Self::Url(_)
            | Self::HostIsAddress(_)
            | Self::Settings(_)
            | Self::Reported
            | Self::KeyNotAdded(_)
            | Self::File { .. } => USAGE,
            Self::Login { .. } => LOGIN,
            Self::TokenServer { .. } | Self::Upstream { .. } => TRANSIENT,
        }
    }

    /// The failure to read or write `path`.
    pub(crate) fn file(path: &Path, error: io::Error) -> Self {
        Self::File { path: path.to_owned(), error }
    }

    /// The failure to write to standard output.
    pub(crate) fn stdout(error: io::Error) -> Self {
        Self::file(Path::new("standard output"), error)
    }

    /// A credential at `path` that needs a person.
    pub(crate) fn login(path: &Path, error: LoginError) -> Self {
        Self::Login { error, file: path.to_owned() }
    }

    /// A file at `path` that holds no credential.
    pub(crate) fn unusable(path: &Path, error: ParseError) -> Self {
        Self::login(path, LoginError::Parse { path: path.to_owned(), error })
    }

    /// The failure to read the credential at `path`.
    pub(crate) fn no_login(path: &Path, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::login(path, LoginError::NoFile(path.to_owned())),
            _ => Self::file(path, error),
        }
    }
}

const INVALID: u8 = 1;
/// Also what clap rejects.
pub(crate) const USAGE: u8 = 2;
const LOGIN: u8 = 3;
const TRANSIENT: u8 = 4;

/// The shell command that logs in again. `codex login` always writes [`CODEX_FILE`].
fn login_command(file: &Path) -> String {
    let folder =
        file.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let login = format!("CODEX_HOME={} codex login", quoted(folder));
    if file.file_name().is_none_or(|name| name == CODEX_FILE) {
        return login;
    }
    format!("{login} && mv {} {}", quoted(&folder.join(CODEX_FILE)), quoted(file))
}

/// A path, quoted as one word for a shell.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:@%".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The name that Codex gives its credential.
const CODEX_FILE: &str = "auth.json";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_login_command_can_be_pasted_into_a_shell() {
        for (file, line) in [
            ("/var/lib/imagegate/auth.json", "CODEX_HOME=/var/lib/imagegate codex login"),
            ("auth.json", "CODEX_HOME=. codex login"),
            ("/a b/it's/auth.json", r"CODEX_HOME='/a b/it'\''s' codex login"),
            ("/x/team.json", "CODEX_HOME=/x codex login && mv /x/auth.json /x/team.json"),
        ] {
            let error = LoginError::Rejected("c".to_owned());
            let message = CommandError::login(Path::new(file), error).to_string();
            let (_, command) = message.split_once("; to log in again, run: ").unwrap();
            assert_eq!(command, line);
        }
    }
}

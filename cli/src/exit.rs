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
    /// A file that cannot be used, which was reported already.
    #[error("")]
    Reported,
    /// What was given has a fault.
    #[error("{0}")]
    Refused(String),
    /// An argument that cannot be used.
    #[error("{0}")]
    Usage(String),
    /// A credential that needs a person.
    #[error("{words}; to log in again, run: {}", login_command(file))]
    Login {
        /// What is wrong, without a value of the file.
        words: String,
        /// The `auth.json`.
        file: PathBuf,
    },
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
            Self::Usage(_) | Self::Reported | Self::File { .. } => 2,
            Self::Login { .. } => 3,
            Self::Transient(_) => 4,
        }
    }

    /// The failure to read or write `path`.
    pub(crate) fn file(path: &Path, error: io::Error) -> Self {
        Self::File { path: path.to_owned(), error }
    }

    /// A credential at `path` that needs a person, who is told this.
    pub(crate) fn login(path: &Path, words: impl Into<String>) -> Self {
        Self::Login { words: words.into(), file: path.to_owned() }
    }

    /// The failure to read the credential at `path`.
    pub(crate) fn no_login(path: &Path, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => {
                Self::login(path, format!("{}: there is no such file", path.display()))
            }
            _ => Self::file(path, error),
        }
    }
}

/// What writes the credential anew, as a line for a shell. `codex login` names its file itself.
fn login_command(file: &Path) -> String {
    let folder =
        file.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let login = format!("CODEX_HOME={} codex login", quoted(folder));
    if file.file_name().is_none_or(|name| name == CODEX_FILE) {
        return login;
    }
    format!("{login} && mv {} {}", quoted(&folder.join(CODEX_FILE)), quoted(file))
}

/// A path as one word of a shell.
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
    fn the_way_to_a_new_login_is_a_line_for_a_shell() {
        for (file, line) in [
            ("/var/lib/imagegate/auth.json", "CODEX_HOME=/var/lib/imagegate codex login"),
            ("auth.json", "CODEX_HOME=. codex login"),
            ("/a b/it's/auth.json", r"CODEX_HOME='/a b/it'\''s' codex login"),
            ("/x/team.json", "CODEX_HOME=/x codex login && mv /x/auth.json /x/team.json"),
        ] {
            let words = Failure::login(Path::new(file), "w").to_string();
            assert_eq!(words, format!("w; to log in again, run: {line}"));
        }
    }
}

//! Why a credential cannot be used or refreshed.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::auth_file::ParseError;
use super::oauth::TokenError;
use crate::exit::CommandError;

/// Why a pass failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RefreshError {
    /// The process has to stop.
    #[error("stopped by a signal")]
    Stopped,
    /// It may work later.
    #[error(transparent)]
    Transient(#[from] TransientError),
    /// A person has to do something.
    #[error(transparent)]
    Final(#[from] CommandError),
}

/// An error that may be gone at the next attempt.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransientError {
    /// The token server.
    #[error(transparent)]
    Server(TokenError),
    /// The lock is held for longer than a refresh can take.
    #[error("another process holds the credential's lock")]
    Locked,
    /// The new token is due already.
    #[error("the new access token has expired already, or this machine's clock is wrong")]
    Ended,
    /// The refresh token was replaced, but there is no access token.
    #[error("the token server answered without an access token")]
    NoAccessToken,
}

impl TransientError {
    /// How long the token server wants no further request.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Server(error) => error.retry_after(),
            Self::Locked | Self::Ended | Self::NoAccessToken => None,
        }
    }
}

/// Why a person has to log in again. No message holds a token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoginError {
    /// There is no file.
    #[error("{}: there is no such file", .0.display())]
    NoFile(PathBuf),
    /// The file holds no credential.
    #[error("{}: {error}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: ParseError,
    },
    /// There is nothing to refresh with.
    #[error("{}: the access token is due and there is no refresh token in it", .0.display())]
    NoRefreshToken(PathBuf),
    /// The token server rejects the refresh token, with this code or status.
    #[error("the refresh token is no longer accepted: {0}")]
    Rejected(String),
    /// The token server's answer makes no credential.
    #[error("the token server's answer: {0}")]
    Reply(ParseError),
    /// The refresh token is spent, and the next one is lost.
    #[error(
        "{}: the refresh token was spent and its successor cannot be written: {error}",
        path.display()
    )]
    NotSaved {
        /// The file.
        path: PathBuf,
        /// The last attempt's error.
        error: SaveError,
    },
}

/// Why the new credential is not on the disk.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SaveError {
    /// It cannot be written as JSON.
    #[error(transparent)]
    Encode(#[from] ParseError),
    /// The system's error.
    #[error(transparent)]
    System(#[from] io::Error),
}

/// Arguments or an environment with which `token` cannot start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// `--sds-dir` is not a folder.
    #[error("--sds-dir: {} is no folder, accepted: one that exists", .0.display())]
    NoFolder(PathBuf),
    /// The credential is a pipe, a device or a folder.
    #[error(
        "{}: no regular file, accepted: the auth.json of a login, which is replaced",
        .0.display()
    )]
    NotRegular(PathBuf),
    /// No argument and no variable names the credential.
    #[error("--auth-file is missing, and neither CODEX_HOME nor HOME is set")]
    NoAuthFile,
    /// The system rejects the signal handlers.
    #[error("signals cannot be handled: {0}")]
    Signals(io::Error),
}

//! Why a key cannot be minted or hashed.

use std::path::PathBuf;

use super::token::BODY_CHARS;

/// An argument or a key that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    /// `--prefix` is invalid.
    #[error(
        "--prefix: invalid value, accepted: 2 to 32 of a to z, digits and _, a letter first, \
         no _ last"
    )]
    Prefix,
    /// `--name` is invalid.
    #[error("--name: invalid value, accepted: 1 to 128 visible ASCII characters")]
    Name,
    /// The operating system returned no random bytes.
    #[error("the system gives no randomness: {0}")]
    NoRandomness(getrandom::Error),
    /// The checksum of the key is wrong.
    #[error(
        "the key was mistyped or cut: it starts like a key of `imagegatectl key new` and its \
         checksum does not fit, accepted: {prefix}_ and {BODY_CHARS} letters and digits as they \
         were minted"
    )]
    Mistyped {
        /// The prefix of our keys.
        prefix: String,
    },
    /// There is no key in the input.
    #[error("{}: empty, accepted: a key", .0.display())]
    Empty(PathBuf),
    /// The key is longer than a header can be.
    #[error("{}: too long, accepted: a key of up to 4096 characters", .0.display())]
    TooLong(PathBuf),
    /// The key has a character that a header cannot carry.
    #[error(
        "{}: a character that no client can send in a header, accepted: visible ASCII without \
         spaces, on one line",
        .0.display()
    )]
    NotVisible(PathBuf),
}

impl KeyError {
    /// Whether an argument is wrong, and not the key.
    pub(crate) fn is_usage(&self) -> bool {
        match self {
            Self::Prefix | Self::Name => true,
            Self::NoRandomness(_)
            | Self::Mistyped { .. }
            | Self::Empty(_)
            | Self::TooLong(_)
            | Self::NotVisible(_) => false,
        }
    }
}

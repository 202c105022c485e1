//! Why a key cannot be minted, hashed, added or revoked.

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
    /// `--user` is invalid.
    #[error("--user: invalid value, accepted: 1 to 128 visible ASCII characters")]
    User,
    /// `--group` is invalid.
    #[error(
        "--group: invalid value, accepted: up to 16 names of 1 to 128 visible ASCII characters, \
         each once"
    )]
    Groups,
    /// `--sha256` is invalid.
    #[error("--sha256: invalid value, accepted: the first 8 to 64 hexadecimal digits of a digest")]
    Digest,
    /// The file is neither JSON nor YAML.
    #[error("{}:{line}: {title}; run `imagegatectl check`", path.display())]
    NotAList {
        /// The file.
        path: PathBuf,
        /// The line at which that shows.
        line: usize,
        /// What is wrong with it.
        title: String,
    },
    /// There is no list of consumers in the file.
    #[error(
        "{}: there is no array `consumers`, accepted: a list such as {{\"consumers\": []}}, or a \
         configuration",
        .0.display()
    )]
    NoList(PathBuf),
    /// There is nothing in the file.
    #[error(
        "{}: there is nothing in it, accepted: a list, without consumers {{\"consumers\": []}}, or \
         a configuration",
        .0.display()
    )]
    NothingInIt(PathBuf),
    /// The file begins with a byte order mark.
    #[error(
        "{}: it begins with a byte order mark, which JSON does not have and the filter refuses, \
         accepted: the file without it",
        .0.display()
    )]
    ByteOrderMark(PathBuf),
    /// Something in the list is not as a consumer has it.
    #[error("{}:{line}: {pointer}: {found}, accepted: {accepted}", path.display())]
    Entry {
        /// The file.
        path: PathBuf,
        /// The line of the value.
        line: usize,
        /// Where it is in the configuration.
        pointer: String,
        /// What it is.
        found: &'static str,
        /// What it may be.
        accepted: &'static str,
    },
    /// There is more than one list of consumers in the file.
    #[error("{}: there are several arrays `consumers`, accepted: a file with one", .0.display())]
    SeveralLists(PathBuf),
    /// The file is larger than a list can be.
    #[error("{}: larger than 32 MiB, accepted: a list of consumers", .0.display())]
    ListTooLarge(PathBuf),
    /// The file cannot be replaced: it is a pipe, a device or a folder.
    #[error(
        "{}: no regular file, accepted for an edit: a file; `key list` and `check` read pipes, too",
        .0.display()
    )]
    NotRegular(PathBuf),
    /// The file has other names, which would keep the old list.
    #[error(
        "{}: a file with {count} names (hard links), and the others would keep the old list, because \
         the file is replaced as a whole; accepted: one name, and symbolic links to it",
        path.display()
    )]
    HardLinks {
        /// The file.
        path: PathBuf,
        /// How many there are.
        count: u64,
    },
    /// Another process does not release the file.
    #[error(
        "{}: another process has locked it for 30 seconds, so the file is left as it is; try again \
         when that process has ended",
        .0.display()
    )]
    Locked(PathBuf),
    /// The text of the list cannot be edited.
    #[error(
        "{}:{line}: this is written in a way that cannot be edited here, so the file is left as it \
         is, accepted: JSON, or YAML in brackets or in lines that begin with `-`, without aliases",
        path.display()
    )]
    Form {
        /// The file.
        path: PathBuf,
        /// The line of what cannot be edited.
        line: usize,
    },
    /// The list is in a text that is folded or escaped.
    #[error(
        "{}:{line}: the text with the list is folded or escaped, so it cannot be edited here, \
         accepted: a block of lines after `|`",
        path.display()
    )]
    Escaped {
        /// The file.
        path: PathBuf,
        /// The line of the text.
        line: usize,
    },
    /// The consumer has no list of keys.
    #[error(
        "{}:{line}: consumer `{name}` has no array `key_sha256`, accepted: an array, also an \
         empty one",
        path.display()
    )]
    NoKeys {
        /// The file.
        path: PathBuf,
        /// The line of the consumer.
        line: usize,
        /// Its name.
        name: String,
    },
    /// A consumer of this name has a user and groups already.
    #[error(
        "there is a consumer `{0}`, accepted: without --user and --group one more key for it, or \
         another name"
    )]
    Exists(String),
    /// The filter does not take the edited configuration.
    #[error(
        "{}: the file is left as it is: without this consumer the filter refuses the \
         configuration, and a running Envoy keeps the old one: {fault}; set \"disabled\": true on \
         the consumer instead",
        path.display()
    )]
    Refused {
        /// The file.
        path: PathBuf,
        /// What is wrong with the edited configuration.
        fault: String,
    },
    /// No digest starts with these digits.
    #[error(
        "no key of the file has a digest that starts with these digits, see `imagegatectl key list`"
    )]
    NoSuchKey,
    /// No consumer has this name.
    #[error("there is no consumer `{0}`, see `imagegatectl key list`")]
    NoSuchConsumer(String),
    /// Several keys are meant.
    #[error("several keys have a digest that starts with these digits, accepted: more digits")]
    SeveralKeys,
    /// Several consumers have the name.
    #[error(
        "several consumers have the name `{0}`, which the filter refuses: rename or remove one by \
         hand, or remove a key of theirs with `key revoke --sha256`"
    )]
    SameName(String),
    /// The same key is there twice.
    #[error(
        "the key is there twice, at `{0}` and at `{1}`, which the filter refuses: remove one of \
         the digests by hand, or a consumer with --name"
    )]
    SameKey(String, String),
    /// The key is the last of a consumer that the mesh names too.
    #[error(
        "this is the only key of `{0}`, which also has `identities`: remove `key_sha256` by hand, or \
         the whole consumer with --name"
    )]
    LastKey(String),
    /// The operating system returned no random bytes.
    #[error("the operating system returned no random bytes: {0}")]
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
    /// Whether an argument is wrong, or the file that it names, and not the key.
    pub(crate) fn is_usage(&self) -> bool {
        match self {
            Self::Prefix
            | Self::Name
            | Self::User
            | Self::Groups
            | Self::Digest
            | Self::NotRegular(_)
            | Self::HardLinks { .. }
            | Self::Locked(_) => true,
            Self::NoRandomness(_)
            | Self::NotAList { .. }
            | Self::NoList(_)
            | Self::NothingInIt(_)
            | Self::ByteOrderMark(_)
            | Self::Entry { .. }
            | Self::SeveralLists(_)
            | Self::ListTooLarge(_)
            | Self::Form { .. }
            | Self::Escaped { .. }
            | Self::NoKeys { .. }
            | Self::Refused { .. }
            | Self::Exists(_)
            | Self::NoSuchKey
            | Self::NoSuchConsumer(_)
            | Self::SeveralKeys
            | Self::SameName(_)
            | Self::SameKey(..)
            | Self::LastKey(_)
            | Self::Mistyped { .. }
            | Self::Empty(_)
            | Self::TooLong(_)
            | Self::NotVisible(_) => false,
        }
    }
}

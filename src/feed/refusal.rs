//! Why a list was not taken.

use std::fmt;

use crate::config::ConfigError;

/// What is wrong. It says nothing of the values in the document: one in the wrong place may be a
/// secret.
#[derive(Debug)]
pub enum Refusal {
    /// Envoy does not know the cluster.
    NoCluster(String),
    /// Envoy did not start the request.
    NotStarted,
    /// The answer broke off, or Envoy did not buffer it.
    Cut,
    /// No answer came.
    Late,
    /// The status is neither 200 nor an expected 304.
    Status(u16),
    /// The body is compressed.
    Encoded,
    /// The body is empty.
    Empty,
    /// The body has too many bytes.
    TooLarge(usize),
    /// There is no memory to read it in.
    NoMemory,
    /// The document is not JSON, or no list.
    Syntax {
        /// The byte at which that shows.
        at: usize,
        /// What is expected there.
        expected: &'static str,
    },
    /// A field of the document that a list does not have, or has once.
    Field {
        /// The byte after its name.
        at: usize,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// There are too many entries.
    TooMany {
        /// `consumers` or `users`.
        field: &'static str,
        /// How many there may be.
        most: usize,
    },
    /// An entry has too many bytes.
    EntryTooLarge {
        /// `consumers` or `users`.
        field: &'static str,
        /// Its place there.
        place: usize,
        /// How many bytes it may have.
        most: usize,
    },
    /// What is to be stored has too many bytes.
    TooWide(usize),
    /// An entry breaks a rule.
    Entry(ConfigError),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCluster(name) => write!(f, "Envoy has no cluster `{name}`"),
            Self::NotStarted => f.write_str("Envoy did not start the request"),
            Self::Cut => f.write_str(
                "the answer broke off, or is larger than Envoy buffers \
                 (`http.async_response_buffer_limit`)",
            ),
            Self::Late => f.write_str("no answer came in time"),
            Self::Status(status) => write_status(f, *status),
            Self::Encoded => f.write_str(
                "the answer has a `content-encoding`, accepted: none, as the request says \
                 `accept-encoding: identity`",
            ),
            Self::Empty => f.write_str("the document is empty"),
            Self::TooLarge(most) => write!(f, "the document has more than {most} bytes"),
            Self::NoMemory => f.write_str("there is no memory to read the document in"),
            Self::Syntax { at, expected } => {
                write!(f, "the document: byte {at} is not {expected}")
            }
            Self::Field { at, fault } => write!(
                f,
                "the document: the field before byte {at} is {fault}, accepted: `consumers` and \
                 `users`, each once"
            ),
            Self::TooMany { field, most } => {
                write!(f, "/{field}: out of range, accepted: up to {most} entries")
            }
            Self::EntryTooLarge { field, place, most } => {
                write!(
                    f,
                    "/{field}/{place}: out of range, accepted: an entry of up to {most} bytes"
                )
            }
            Self::TooWide(most) => write!(
                f,
                "the consumers, each once for every key, take more than {most} bytes: shorten the \
                 lists of consumers with many keys"
            ),
            Self::Entry(error) => error.fmt(f),
        }
    }
}

fn write_status(f: &mut fmt::Formatter<'_>, status: u16) -> fmt::Result {
    match status {
        503..=504 => write!(
            f,
            "the answer has status {status}, which is also Envoy's own if the cluster cannot be \
             reached or does not answer within `timeout`"
        ),
        _ => write!(f, "the answer has status {status}, accepted: 200"),
    }
}

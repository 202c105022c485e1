//! What `check` has to say about a file.

use std::ops::Range;

/// Something to say about a file.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    /// How bad it is.
    pub(crate) level: Level,
    /// What it is; never a value that may be a secret.
    pub(crate) title: String,
    /// Its place, in bytes of the file.
    pub(crate) span: Range<usize>,
    /// More about it: a label and words.
    pub(crate) notes: Vec<(&'static str, String)>,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Worth knowing.
    Note,
    /// The filter serves, but not as well as it should.
    Warning,
    /// The filter or Envoy rejects this, no request can succeed, or a client gets in without a key.
    Error,
}

impl Level {
    /// Its name in every format.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl Finding {
    /// An error at `span`; the notes are the caller's to add.
    pub(crate) fn error(title: impl Into<String>, span: Range<usize>) -> Self {
        Self { level: Level::Error, title: title.into(), span, notes: Vec::new() }
    }

    /// A warning at `span`; the notes are the caller's to add.
    pub(crate) fn warning(title: impl Into<String>, span: Range<usize>) -> Self {
        Self { level: Level::Warning, ..Self::error(title, span) }
    }

    /// Something that cannot be seen, or is worth knowing.
    pub(crate) fn note(title: impl Into<String>, span: Range<usize>) -> Self {
        Self { level: Level::Note, ..Self::error(title, span) }
    }

    /// With the reason why it matters.
    pub(crate) fn why(self, words: impl Into<String>) -> Self {
        self.with("why", words)
    }

    /// Adds how to correct it.
    pub(crate) fn help(self, words: impl Into<String>) -> Self {
        self.with("help", words)
    }

    /// With a note of this label.
    pub(crate) fn with(mut self, label: &'static str, words: impl Into<String>) -> Self {
        self.notes.push((label, words.into()));
        self
    }
}

//! What the shell does for a list.

/// What is to be done for the list.
#[derive(Debug, PartialEq, Eq)]
pub enum Order {
    /// Ask for it; [`Watch::started`](super::Watch::started) takes what became of it.
    Fetch {
        /// The version that need not be sent again.
        etag: Option<String>,
    },
    /// Tell the operator.
    Log(Severity, String),
    /// Count an attempt that failed.
    CountFailure,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// As it should be.
    Info,
    /// The operator has to look.
    Warn,
}

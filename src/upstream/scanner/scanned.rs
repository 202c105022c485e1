//! What comes of a scan.

use crate::memory::{BudgetError, Pieces};

/// A skeleton may have this many bytes. The recorded ones stay below 6 KB.
pub const MAX_SKELETON_BYTES: usize = 256 * 1024;

/// Why an event cannot be scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// The base64 of an image is longer than the limit.
    #[error("an image of more than {limit} bytes of base64")]
    ImageTooLarge {
        /// The limit, in bytes of base64.
        limit: usize,
    },
    /// An event's JSON is longer than [`MAX_SKELETON_BYTES`] without its large strings, and without
    /// much that nobody reads.
    #[error("an event of more than {MAX_SKELETON_BYTES} bytes beside its image")]
    EventTooLarge,
    /// What is passed through unchanged is not base64, and may not even be JSON, or is no image.
    #[error("an image that is not base64")]
    NotBase64,
    /// The byte budget of the VM is used up.
    #[error(transparent)]
    OverBudget(#[from] BudgetError),
}

/// A string that was kept.
#[derive(Debug)]
pub struct Kept {
    /// Its ordinal among the diverted strings of the event, from 0.
    pub ordinal: usize,
    /// Its content: bytes of the base64 alphabet only.
    pub base64: Pieces,
}

/// The result of a scan.
#[derive(Debug, Default)]
pub struct Scanned {
    /// The event's JSON with each diverted string replaced by its ordinal.
    pub skeleton: Vec<u8>,
    /// The images that were kept.
    pub images: Vec<Kept>,
    /// The first bytes of each image, if those were kept.
    pub passed: Vec<Kept>,
    /// The preview, if one was kept.
    pub preview: Option<Kept>,
    /// Why the first of several images was dropped, if one was.
    pub missed: Option<ScanError>,
}

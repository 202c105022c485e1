//! Events without an image, which are most of a stream: they are copied, and not scanned.
//!
//! Only the value of a member with one of a few names is diverted. So a short event without these
//! names, and without an escape that may stand for one of their letters, is its own skeleton.

use std::rc::Rc;
use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::{Kind, Lease, ScanError, Scanner, State};
use crate::upstream::path::{BASE64, PARTIAL_IMAGE, RESULT};

/// Longer events are scanned. In a shorter one each string is short enough for the skeleton.
const MAX_BYTES: usize = 4096;

/// The names of members whose value may be diverted, and the beginning of an escaped letter.
static NAMES: LazyLock<[Finder<'static>; 4]> =
    LazyLock::new(|| [RESULT, PARTIAL_IMAGE, BASE64, b"\\u00"].map(Finder::new));

impl Scanner {
    /// Takes the first bytes of an event if none of the names is in them. Returns whether it did so.
    pub(super) fn skips(&mut self, first: &[u8]) -> bool {
        let is_first = matches!(self.state, State::Structure) && self.scanned.skeleton.is_empty();
        let skips = is_first
            && (1..=MAX_BYTES).contains(&first.len())
            && !self.path.document().is_whole_answer()
            && NAMES.iter().all(|name| name.find(first).is_none());
        if skips {
            self.scanned.skeleton.extend_from_slice(first);
            self.state = State::Unscanned;
        }
        skips
    }

    /// Scans the bytes that were copied, because more of their event has come.
    pub(super) fn scan_late(
        &mut self,
        lease: &mut dyn FnMut(Kind) -> Lease,
    ) -> Result<(), ScanError> {
        if !matches!(self.state, State::Unscanned) {
            return Ok(());
        }
        self.state = State::Structure;
        let taken = Rc::new(std::mem::take(&mut self.scanned.skeleton));
        self.scan(&taken, 0..taken.len(), lease)
    }
}

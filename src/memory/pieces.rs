//! A long string of bytes that arrives in pieces and is read once.
//!
//! A vector that doubles holds up to three times its content while it grows. Pieces hold only their
//! content. A chunk that is mostly needed is kept as it is, without a copy. Small pieces are
//! gathered into segments, so that a stream of single bytes costs little more than its length.

use std::collections::VecDeque;
use std::ops::Range;
use std::rc::Rc;

use super::{Budget, BudgetError, Lease};

/// Shorter pieces are copied: below this a chunk's own overhead matters more than a copy.
const MIN_SHARED_BYTES: usize = 16 * 1024;
/// The first segment for small pieces, in bytes; each further one is twice as long…
const MIN_SEGMENT_BYTES: usize = 1024;
/// …up to this.
const MAX_SEGMENT_BYTES: usize = 64 * 1024;

/// Bytes in the order in which they arrived.
///
/// Invariant: the memory of the pieces, including spare room and unneeded parts of chunks, is
/// covered by the lease. It is at most twice `len` plus one segment.
#[derive(Debug)]
pub struct Pieces {
    parts: VecDeque<Part>,
    len: usize,
    pinned: usize,
    lease: Lease,
}

#[derive(Debug)]
enum Part {
    Shared(Rc<Vec<u8>>, Range<usize>),
    Copied(Vec<u8>),
}

impl Part {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Shared(chunk, range) => chunk.get(range.clone()).unwrap_or_default(),
            Self::Copied(segment) => segment,
        }
    }
}

impl Pieces {
    /// No bytes yet. `lease` will cover them.
    pub fn new(lease: Lease) -> Self {
        Self { parts: VecDeque::new(), len: 0, pinned: 0, lease }
    }

    /// How many bytes are kept.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Keeps the bytes of `chunk` in `range`. A range beyond the chunk keeps nothing.
    ///
    /// # Errors
    ///
    /// [`BudgetError`] if the budget does not cover them.
    pub fn push(&mut self, chunk: &Rc<Vec<u8>>, range: Range<usize>) -> Result<(), BudgetError> {
        let Some(bytes) = chunk.get(range.clone()) else { return Ok(()) };
        if bytes.len() < MIN_SHARED_BYTES || bytes.len() < chunk.len() / 2 {
            return self.push_copy(bytes);
        }
        self.pin(chunk.capacity())?;
        self.len = self.len.saturating_add(bytes.len());
        self.parts.push_back(Part::Shared(Rc::clone(chunk), range));
        Ok(())
    }

    /// Keeps a copy of `bytes`.
    ///
    /// # Errors
    ///
    /// [`BudgetError`] if the budget does not cover them.
    pub fn push_copy(&mut self, mut bytes: &[u8]) -> Result<(), BudgetError> {
        while !bytes.is_empty() {
            let spare = match self.parts.back() {
                Some(Part::Copied(segment)) => segment.capacity().saturating_sub(segment.len()),
                Some(Part::Shared(..)) | None => 0,
            };
            if spare == 0 {
                self.open_segment(bytes.len())?;
                continue;
            }
            let (now, later) = bytes.split_at_checked(spare).unwrap_or((bytes, &[]));
            if let Some(Part::Copied(segment)) = self.parts.back_mut() {
                segment.extend_from_slice(now);
            }
            self.len = self.len.saturating_add(now.len());
            bytes = later;
        }
        Ok(())
    }

    /// Takes everything out. A copy of the first `most` bytes stays; no lease covers it.
    pub fn take_all_but(&mut self, most: usize) -> Vec<u8> {
        let head = self.head(most);
        let mut all = Vec::with_capacity(self.len);
        let mut rest = Self::new(Budget::new().lease(usize::MAX));
        // A lease without a limit covers everything.
        let _ = rest.push_copy(&head);
        std::mem::replace(self, rest).drain_into(&mut all);
        all
    }

    /// Drops everything that is kept.
    pub fn clear(&mut self) {
        self.parts.clear();
        (self.len, self.pinned) = (0, 0);
    }

    fn open_segment(&mut self, wanted: usize) -> Result<(), BudgetError> {
        let size = wanted.max(self.len).clamp(MIN_SEGMENT_BYTES, MAX_SEGMENT_BYTES);
        self.pin(size)?;
        self.parts.push_back(Part::Copied(Vec::with_capacity(size)));
        Ok(())
    }

    fn pin(&mut self, bytes: usize) -> Result<(), BudgetError> {
        let pinned = self.pinned.saturating_add(bytes);
        self.lease.cover(pinned)?;
        self.pinned = pinned;
        Ok(())
    }

    /// Moves everything to the end of `out`. Drops each piece as soon as it is copied.
    pub fn drain_into(mut self, out: &mut Vec<u8>) {
        while let Some(part) = self.parts.pop_front() {
            out.extend_from_slice(part.bytes());
        }
    }

    /// Like [`drain_into`](Self::drain_into), but copies if the pieces are shared.
    pub fn drain_shared_into(self: Rc<Self>, out: &mut Vec<u8>) {
        match Rc::try_unwrap(self) {
            Ok(pieces) => pieces.drain_into(out),
            Err(pieces) => pieces.copy_into(out),
        }
    }

    /// Copies everything to the end of `out`.
    pub fn copy_into(&self, out: &mut Vec<u8>) {
        self.parts.iter().for_each(|part| out.extend_from_slice(part.bytes()));
    }

    /// A copy of the first bytes, at most `max`.
    pub fn head(&self, max: usize) -> Vec<u8> {
        let mut head = Vec::with_capacity(max.min(self.len));
        for part in &self.parts {
            let bytes = part.bytes();
            let room = max.saturating_sub(head.len()).min(bytes.len());
            head.extend_from_slice(bytes.get(..room).unwrap_or_default());
        }
        head
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drained(pieces: Pieces) -> Vec<u8> {
        let mut out = Vec::new();
        pieces.drain_into(&mut out);
        out
    }

    #[test]
    fn pieces_come_out_as_they_went_in() {
        let budget = Budget::new();
        let mut pieces = Pieces::new(budget.lease(usize::MAX));
        let chunk = Rc::new(vec![7_u8; 100_000]);
        pieces.push_copy(b"start").unwrap();
        pieces.push(&chunk, 0..100_000).unwrap();
        pieces.push(&chunk, 10..20).unwrap();
        assert_eq!(pieces.len(), 100_015);
        assert_eq!(pieces.head(6), b"start\x07");
        let mut wanted = b"start".to_vec();
        wanted.extend(vec![7_u8; 100_010]);
        assert_eq!(drained(pieces), wanted);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn a_chunk_that_is_mostly_kept_is_not_copied() {
        let mut pieces = Pieces::new(Budget::new().lease(usize::MAX));
        let chunk = Rc::new(vec![7_u8; 100_000]);
        pieces.push(&chunk, 100..100_000).unwrap();
        assert_eq!(Rc::strong_count(&chunk), 2);
    }

    #[test]
    fn a_small_part_of_a_large_chunk_does_not_pin_it() {
        let mut pieces = Pieces::new(Budget::new().lease(usize::MAX));
        let chunk = Rc::new(vec![7_u8; 100_000]);
        pieces.push(&chunk, 0..20_000).unwrap();
        assert_eq!(Rc::strong_count(&chunk), 1);
    }

    #[test]
    fn single_bytes_cost_little_more_than_their_number() {
        let budget = Budget::new();
        let mut pieces = Pieces::new(budget.lease(usize::MAX));
        for _ in 0..1_000_000 {
            pieces.push_copy(b"x").unwrap();
        }
        assert!(budget.used() < 1_000_000 + 2 * MAX_SEGMENT_BYTES, "{}", budget.used());
    }

    #[test]
    fn a_range_beyond_the_chunk_keeps_nothing() {
        let mut pieces = Pieces::new(Budget::new().lease(usize::MAX));
        pieces.push(&Rc::new(vec![1]), 0..2).unwrap();
        assert!(pieces.is_empty());
    }

    #[test]
    fn bytes_that_the_budget_does_not_cover_are_rejected() {
        let budget = Budget::new();
        let mut pieces = Pieces::new(budget.lease(50_000));
        let chunk = Rc::new(vec![7_u8; 40_000]);
        pieces.push(&chunk, 0..40_000).unwrap();
        assert_eq!(pieces.push(&chunk, 0..40_000), Err(BudgetError));
    }
}

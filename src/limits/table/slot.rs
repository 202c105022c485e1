//! The bytes of a slot: the entries of some scopes.
//!
//! All integers are little-endian. A slot starts with the version of its layout (one byte) and the
//! step that has last stored holds in several slots (8 bytes). Each entry has a head of fixed
//! length, so that the others are skipped:
//!
//! | bytes | what |
//! |---|---|
//! | 16 | the scope |
//! | 4 | when it was last written, in seconds since the Unix epoch |
//! | 4 | when nothing in it counts any more |
//! | 4 | when the last of its holds expires; 0 if it has none |
//! | 4 | the length of what follows: the states of the rules (`entry.rs`) |

use super::id::ScopeId;

/// Entries in one slot. All slots together hold 2.6 million. With a million scopes a slot has 16 on
/// average, and more than 40 in one of ten million.
pub(super) const MAX_ENTRIES: usize = 40;
/// The version of the layout.
const VERSION: u8 = 3;
/// Bytes before the first entry.
const SLOT_HEAD: usize = 9;
/// Bytes before the states of an entry.
const ENTRY_HEAD: usize = 32;

/// The head of an entry, and its states.
#[derive(Debug, Clone, Copy)]
pub(super) struct Raw<'a> {
    pub(super) scope: ScopeId,
    pub(super) written: u32,
    pub(super) expires: u32,
    pub(super) held_until: u32,
    pub(super) states: &'a [u8],
}

/// A slot without entries, with room for this many bytes of them.
pub(super) fn empty(room: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(SLOT_HEAD.saturating_add(room));
    bytes.push(VERSION);
    bytes.resize(SLOT_HEAD, 0);
    bytes
}

/// The bytes of a slot if they have this layout; else those of an empty one.
pub(super) fn checked(bytes: Option<Vec<u8>>) -> Vec<u8> {
    let is_slot = |bytes: &Vec<u8>| bytes.first() == Some(&VERSION) && bytes.len() >= SLOT_HEAD;
    bytes.filter(is_slot).unwrap_or_else(|| empty(0))
}

/// The step that has last stored holds in several slots.
pub(super) fn step(bytes: &[u8]) -> u64 {
    let step = bytes.get(1..SLOT_HEAD).and_then(|it| it.first_chunk().copied());
    u64::from_le_bytes(step.unwrap_or_default())
}

/// Notes the step that stores holds in several slots.
pub(super) fn mark(bytes: &mut [u8], step: u64) {
    if let Some(place) = bytes.get_mut(1..SLOT_HEAD) {
        place.copy_from_slice(&step.to_le_bytes());
    }
}

/// The entries in a slot. Ends at bytes that are none.
pub(super) fn entries(bytes: &[u8]) -> Entries<'_> {
    Entries(bytes.get(SLOT_HEAD..).unwrap_or_default())
}

/// Adds an entry.
pub(super) fn push(bytes: &mut Vec<u8>, entry: &Raw<'_>) {
    let Raw { scope, written, expires, held_until, states } = *entry;
    let start = open(bytes, scope);
    bytes.extend_from_slice(states);
    close(bytes, start, [written, expires, held_until]);
}

/// Starts an entry. Its states come next, then [`close`] or [`cancel`]. Returns where they start.
pub(super) fn open(bytes: &mut Vec<u8>, scope: ScopeId) -> usize {
    bytes.extend_from_slice(&scope.0);
    bytes.extend_from_slice(&[0; ENTRY_HEAD - 16]);
    bytes.len()
}

/// Ends the last entry, whose states start at `start`: when it was written, when nothing in it
/// counts any more, and when the last of its holds expires.
pub(super) fn close(bytes: &mut [u8], start: usize, [written, expires, held_until]: [u32; 3]) {
    let len = u32::try_from(bytes.len().saturating_sub(start)).unwrap_or(u32::MAX);
    let numbers = bytes.get_mut(..start).and_then(|it| it.last_chunk_mut::<16>());
    let places = numbers.into_iter().flat_map(|it| it.chunks_exact_mut(4));
    for (place, number) in places.zip([written, expires, held_until, len]) {
        place.copy_from_slice(&number.to_le_bytes());
    }
}

/// Removes the last entry, whose states start at `start`.
pub(super) fn cancel(bytes: &mut Vec<u8>, start: usize) {
    bytes.truncate(start.saturating_sub(ENTRY_HEAD));
}

/// What is left of a slot's bytes.
pub(super) struct Entries<'a>(&'a [u8]);

impl<'a> Iterator for Entries<'a> {
    type Item = Raw<'a>;

    fn next(&mut self) -> Option<Raw<'a>> {
        let (scope, rest) = self.0.split_first_chunk()?;
        let (numbers, rest) = rest.split_first_chunk::<16>()?;
        let number = |place: usize| {
            let bytes = numbers.get(place..).and_then(|it| it.first_chunk().copied());
            u32::from_le_bytes(bytes.unwrap_or_default())
        };
        let len = usize::try_from(number(12)).ok()?;
        let (states, rest) = rest.split_at_checked(len)?;
        self.0 = rest;
        Some(Raw {
            scope: ScopeId(*scope),
            written: number(0),
            expires: number(4),
            held_until: number(8),
            states,
        })
    }
}

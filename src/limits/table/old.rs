//! Counters in the layout of 0.1: 251 slots, each with the states whose names hash to it.
//!
//! They are only read. A state that the table does not have is looked up there, so that counters
//! and budgets go on after an update of a running Envoy. Requests that the old code has admitted
//! settle in the old layout only: what they hold counts here until it expires.
//!
//! The value of a slot is made of little-endian integers: a version, then for each state its name,
//! its window, the number of intervals and of holds, and these.

use crate::limits::{Hold, State, Store};

/// The name of a state.
pub(in crate::limits) type OldId = [u8; 16];

/// How many slots there are.
const SLOTS: u8 = 251;
/// The layout's version.
const VERSION: u8 = 1;
/// The bytes of a window: its kind and its length.
const WINDOW_BYTES: usize = 9;

/// Whether there are counters in this layout.
pub(super) fn exists(store: &dyn Store) -> bool {
    (0..SLOTS).any(|slot| store.get(&key(slot)).0.is_some_and(|it| it.first() == Some(&VERSION)))
}

/// The state of this name. `None` if there is none.
pub(super) fn state(store: &dyn Store, id: &OldId) -> Option<State> {
    let (bytes, _) = store.get(&key(slot_of(id)));
    find(&bytes?, id)
}

fn slot_of(id: &OldId) -> u8 {
    let [first, second, ..] = id;
    let number = u16::from_le_bytes([*first, *second]).checked_rem(u16::from(SLOTS)).unwrap_or(0);
    u8::try_from(number).unwrap_or(0)
}

fn key(slot: u8) -> String {
    format!("imagegate.limits.{slot}")
}

fn find(bytes: &[u8], id: &OldId) -> Option<State> {
    let mut reader = Reader(bytes);
    if reader.take::<1>()? != [VERSION] {
        return None;
    }
    loop {
        let name = reader.take::<16>()?;
        reader.take::<WINDOW_BYTES>()?;
        let (used, holds) = (reader.u16()?, reader.u16()?);
        let mut state = State::default();
        for _ in 0..used {
            state.used.push((reader.u64()?, reader.u64()?));
        }
        for _ in 0..holds {
            let (until, interval) = (reader.u64()?, reader.u64()?);
            state.holds.push(Hold { until, interval, amount: reader.u64()? });
        }
        if name == *id {
            return Some(state);
        }
    }
}

/// What is left of a slot's bytes.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }
}

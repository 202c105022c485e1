//! Many states in one value of the shared data.
//!
//! Keys of the shared data are never freed, so there is a fixed number of them, and each holds the
//! states whose names hash to it. The value is made of little-endian integers: a version, then for
//! each state its name, the number of intervals and of holds, and these.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Hold, State, Window};

/// The name of a state.
pub(super) type StateId = [u8; 16];

/// How many slots there are.
pub(super) const SLOTS: u8 = 251;
/// States of one slot. The whole table then holds some 60,000. No honest set of consumers and users
/// reaches that at one time.
pub(super) const MAX_STATES: usize = 256;
/// The layout's version.
const VERSION: u8 = 1;

/// The states of one slot.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Slot {
    states: BTreeMap<StateId, (Window, State)>,
}

/// The slot of a state.
pub(super) fn slot_of(id: &StateId) -> u8 {
    let [first, second, ..] = id;
    let number = u16::from_le_bytes([*first, *second]).checked_rem(u16::from(SLOTS)).unwrap_or(0);
    u8::try_from(number).unwrap_or(0)
}

/// The slot's key in the shared data.
pub(super) fn key(slot: u8) -> String {
    format!("imagegate.limits.{slot}")
}

impl Slot {
    /// The state of this name, as it is at `now`.
    pub(super) fn state(&self, id: &StateId, window: Window, now: Duration) -> State {
        let mut state = self.states.get(id).map(|(_, state)| state.clone()).unwrap_or_default();
        state.prune(window, now);
        state
    }

    /// Stores a state, and drops those that are empty. Returns whether there was room.
    pub(super) fn put(&mut self, id: StateId, window: Window, state: State, now: Duration) -> bool {
        self.states.insert(id, (window, state));
        self.states.retain(|_, (window, state)| {
            state.prune(*window, now);
            !state.is_empty()
        });
        self.states.len() <= MAX_STATES
    }

    /// The bytes of the slot.
    pub(super) fn write(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        for (id, (window, state)) in &self.states {
            out.extend_from_slice(id);
            write_window(*window, &mut out);
            let counts = [state.used.len(), state.holds.len()];
            for count in counts {
                out.extend_from_slice(&u16::try_from(count).unwrap_or(u16::MAX).to_le_bytes());
            }
            for (interval, amount) in state.used.iter().take(usize::from(u16::MAX)) {
                out.extend_from_slice(&interval.to_le_bytes());
                out.extend_from_slice(&amount.to_le_bytes());
            }
            for hold in state.holds.iter().take(usize::from(u16::MAX)) {
                out.extend_from_slice(&hold.until.to_le_bytes());
                out.extend_from_slice(&hold.interval.to_le_bytes());
                out.extend_from_slice(&hold.amount.to_le_bytes());
            }
        }
        out
    }

    /// Reads a slot. `None` if the bytes have another layout.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let mut slot = Self::default();
        if bytes.is_empty() {
            return Some(slot);
        }
        if reader.take::<1>()? != [VERSION] {
            return None;
        }
        while !reader.0.is_empty() {
            let id = reader.take::<16>()?;
            let window = reader.window()?;
            let (used, holds) = (reader.u16()?, reader.u16()?);
            let mut state = State::default();
            for _ in 0..used {
                state.used.push((reader.u64()?, reader.u64()?));
            }
            for _ in 0..holds {
                let (until, interval) = (reader.u64()?, reader.u64()?);
                state.holds.push(Hold { until, interval, amount: reader.u64()? });
            }
            slot.states.insert(id, (window, state));
        }
        Some(slot)
    }
}

fn write_window(window: Window, out: &mut Vec<u8>) {
    let (kind, millis) = match window {
        Window::Sliding(length) => (0, u64::try_from(length.as_millis()).unwrap_or(u64::MAX)),
        Window::Day => (1, 0),
        Window::Week => (2, 0),
        Window::Month => (3, 0),
        Window::Now => (4, 0),
    };
    out.push(kind);
    out.extend_from_slice(&millis.to_le_bytes());
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

    fn window(&mut self) -> Option<Window> {
        let [kind] = self.take::<1>()?;
        let length = Duration::from_millis(self.u64()?);
        match kind {
            0 => Some(Window::Sliding(length)),
            1 => Some(Window::Day),
            2 => Some(Window::Week),
            3 => Some(Window::Month),
            4 => Some(Window::Now),
            _ => None,
        }
    }
}

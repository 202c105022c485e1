//! A slot that was read, and the entries of it that a step works on.

use std::time::Duration;

use super::entry::Entry;
use super::id::{Place, ScopeId};
use super::slot::{self, MAX_ENTRIES, Raw};
use crate::limits::lock::Planned;
use crate::limits::{State, Store};

/// A slot as it was read, with the changes to it.
#[derive(Debug)]
pub(in crate::limits) struct Loaded {
    number: u16,
    key: String,
    /// The token that it was read with.
    token: Option<u32>,
    bytes: Vec<u8>,
    /// The entries that were looked at.
    entries: Vec<(ScopeId, Entry)>,
    is_marked: bool,
    /// The time of the last change, in seconds since the Unix epoch.
    now: u32,
}

/// How many more bytes a slot mostly takes than before: a new entry of three rules.
const ROOM_TO_GROW: usize = 128;

/// Why a slot was not stored.
pub(super) enum SaveError {
    /// It has changed since it was read.
    Conflict,
    /// It is full of entries that hold something.
    Full,
}

fn key(number: u16) -> String {
    let mut key = String::with_capacity(22);
    key.push_str("imagegate.scopes.");
    key.push_str(itoa::Buffer::new().format(number));
    key
}

impl Loaded {
    /// Reads a slot. `None` if it was never made.
    pub(super) fn read(store: &dyn Store, number: u16) -> Option<Self> {
        let key = key(number);
        let (bytes, token) = store.get(&key);
        // Only a key that exists has a token.
        token?;
        let bytes = slot::checked(bytes);
        Some(Self { number, key, token, bytes, entries: Vec::new(), is_marked: false, now: 0 })
    }

    /// Makes a slot if it is not there. `foreign` is the token of another key.
    pub(super) fn create(store: &dyn Store, number: u16, foreign: u32) {
        // A key that is not there takes any token, and no two keys ever have the same one. Without a
        // token, a worker that was slow would erase what others have counted meanwhile.
        let _ = store.swap(&key(number), &slot::empty(0), Some(foreign));
    }

    /// The number of the slot.
    pub(in crate::limits) const fn number(&self) -> u16 {
        self.number
    }

    /// The step that has last stored holds in several slots.
    pub(super) fn step(&self) -> u64 {
        slot::step(&self.bytes)
    }

    /// Notes the step that stores holds in several slots.
    pub(in crate::limits) fn mark(&mut self, step: u64) {
        slot::mark(&mut self.bytes, step);
        self.is_marked = true;
    }

    fn entry(&mut self, scope: ScopeId) -> Option<&mut Entry> {
        let place = self.entries.iter().position(|(it, _)| *it == scope).unwrap_or_else(|| {
            let stored = self.stored(scope).map(|it| it.states).unwrap_or_default();
            let entry = Entry::read(stored);
            // A request mostly touches one entry of a slot.
            self.entries.reserve_exact(1);
            self.entries.push((scope, entry));
            self.entries.len().saturating_sub(1)
        });
        self.entries.get_mut(place).map(|(_, entry)| entry)
    }

    /// The state of a rule for a scope as it was stored. `None` if there is none.
    pub(in crate::limits) fn state(&mut self, place: Place) -> Option<&State> {
        self.entry(place.scope)?.state(place.rule)
    }

    /// Changes the state of a rule for a scope as it is at `now`. If there is none, `first` returns
    /// it. `None` if there is no entry, which cannot be.
    pub(in crate::limits) fn change<T>(
        &mut self,
        place: Place,
        now: Duration,
        first: impl FnOnce() -> State,
        step: impl FnOnce(&mut State) -> T,
    ) -> Option<T> {
        self.now = u32::try_from(now.as_secs()).unwrap_or(u32::MAX);
        self.entry(place.scope)?.change((place.rule, place.window), now, first, step)
    }

    /// Takes back a hold.
    pub(super) fn take_back(&mut self, planned: &Planned) {
        if let Some(entry) = planned.scope().and_then(|scope| self.entry(scope)) {
            entry.take_back(planned.rule, planned.hold());
        }
    }

    /// Stores the slot if an entry has changed. Returns how many entries of others had to go.
    pub(super) fn save(&mut self, store: &dyn Store) -> Result<u32, SaveError> {
        let now = self.now;
        self.entries.iter_mut().for_each(|(_, entry)| entry.prune(now));
        let (others, evicted) = self.others()?;
        let mut bytes = slot::empty(self.bytes.len().saturating_add(ROOM_TO_GROW));
        slot::mark(&mut bytes, self.step());
        others.iter().for_each(|it| slot::push(&mut bytes, it));
        let mut is_changed = self.is_marked;
        for (scope, entry) in &self.entries {
            is_changed |= self.write(&mut bytes, *scope, entry);
        }
        if !is_changed {
            return Ok(0);
        }
        match store.swap(&self.key, &bytes, self.token) {
            Ok(()) => Ok(evicted),
            Err(_) => Err(SaveError::Conflict),
        }
    }

    /// The entry of a scope as it was read.
    fn stored(&self, scope: ScopeId) -> Option<Raw<'_>> {
        slot::entries(&self.bytes).find(|it| it.scope == scope)
    }

    /// The entries that were not looked at and in which something counts. If the slot has too many,
    /// the ones that hold nothing go, the longest unused first. Returns also how many have gone.
    fn others(&self) -> Result<(Vec<Raw<'_>>, u32), SaveError> {
        let is_own = |scope| self.entries.iter().any(|(it, _)| *it == scope);
        let mut others: Vec<Raw<'_>> = slot::entries(&self.bytes)
            .filter(|it| it.expires > self.now && !is_own(it.scope))
            .collect();
        let own = self.entries.iter().filter(|(_, entry)| !entry.is_empty()).count();
        let mut evicted = 0_u32;
        while others.len().saturating_add(own) > MAX_ENTRIES {
            let idle = others.iter().enumerate().filter(|(_, it)| it.held_until <= self.now);
            let (place, _) = idle.min_by_key(|(_, it)| it.written).ok_or(SaveError::Full)?;
            others.remove(place);
            evicted = evicted.saturating_add(1);
        }
        Ok((others, evicted))
    }

    /// Adds an entry that was looked at, if something counts in it. Returns whether it has changed.
    fn write(&self, bytes: &mut Vec<u8>, scope: ScopeId, entry: &Entry) -> bool {
        let stored = self.stored(scope);
        let start = slot::open(bytes, scope);
        entry.write(bytes);
        let states = bytes.get(start..).unwrap_or_default();
        let is_changed = states != stored.map(|it| it.states).unwrap_or_default();
        if states.is_empty() {
            slot::cancel(bytes, start);
            return is_changed;
        }
        let before = stored.map_or(0, |it| it.written);
        let written = if is_changed { self.now.max(before) } else { before };
        slot::close(bytes, start, [written, entry.expires(), entry.held_until()]);
        is_changed
    }
}

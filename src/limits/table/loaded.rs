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
            self.entries.push((scope, Entry::read(self.stored(scope))));
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
        for (_, entry) in &mut self.entries {
            entry.prune(now);
        }
        let changed: Vec<(ScopeId, &Entry, Vec<u8>)> = self
            .entries
            .iter()
            .filter_map(|(scope, entry)| {
                let stored = self.stored(*scope);
                let states = entry.bytes(stored.len());
                (states != stored).then_some((*scope, entry, states))
            })
            .collect();
        if changed.is_empty() && !self.is_marked {
            return Ok(0);
        }
        let (bytes, evicted) = self.rebuilt(&changed)?;
        match store.swap(&self.key, &bytes, self.token) {
            Ok(()) => Ok(evicted),
            Err(_) => Err(SaveError::Conflict),
        }
    }

    /// The states of a scope as they were read.
    fn stored(&self, scope: ScopeId) -> &[u8] {
        let found = slot::entries(&self.bytes).find(|it| it.scope == scope);
        found.map(|it| it.states).unwrap_or_default()
    }

    /// The slot with these entries in the place of theirs, and without those in which nothing
    /// counts. If it has too many, the ones that hold nothing go, the longest unused first.
    fn rebuilt(&self, changed: &[(ScopeId, &Entry, Vec<u8>)]) -> Result<(Vec<u8>, u32), SaveError> {
        let is_changed = |scope| changed.iter().any(|(it, ..)| *it == scope);
        let mut others: Vec<Raw<'_>> = slot::entries(&self.bytes)
            .filter(|it| it.expires > self.now && !is_changed(it.scope))
            .collect();
        let own = changed.iter().filter(|(_, _, states)| !states.is_empty());
        let mut evicted = 0_u32;
        while others.len().saturating_add(own.clone().count()) > MAX_ENTRIES {
            let idle = others.iter().enumerate().filter(|(_, it)| it.held_until <= self.now);
            let (place, _) = idle.min_by_key(|(_, it)| it.written).ok_or(SaveError::Full)?;
            others.remove(place);
            evicted = evicted.saturating_add(1);
        }
        let mut bytes = slot::empty(self.bytes.len().saturating_add(ROOM_TO_GROW));
        slot::mark(&mut bytes, self.step());
        others.iter().for_each(|it| slot::push(&mut bytes, it));
        for (scope, entry, states) in own {
            let (expires, held_until) = (entry.expires(), entry.held_until());
            let scope = *scope;
            let before = slot::entries(&self.bytes).find(|it| it.scope == scope);
            let written = self.now.max(before.map_or(0, |it| it.written));
            slot::push(&mut bytes, &Raw { scope, written, expires, held_until, states });
        }
        Ok((bytes, evicted))
    }
}

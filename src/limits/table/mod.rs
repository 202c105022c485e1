//! The counters of all scopes, in the shared data of one Envoy.
//!
//! ```text
//! scope ─▶ SHA-256 with the salt ─▶ slot (1 of 65,536 keys) ─▶ entry ─▶ one state for each rule
//! ```
//!
//! Keys of the shared data are never freed, so their number is fixed. A slot is made when it is
//! first used. It holds up to [`MAX_ENTRIES`](slot::MAX_ENTRIES) entries, and is read and written
//! without decoding those of other scopes. All rules of one scope share an entry: a request under
//! three rules of one user reads and writes one slot.
//!
//! The salt is drawn once in the life of an Envoy process. Without it, a client that may choose
//! names could choose many that share one slot.

mod entry;
pub(super) mod id;
mod known;
mod loaded;
mod old;
mod slot;

use std::sync::atomic::{AtomicU32, Ordering};

use sha2::{Digest, Sha256};

pub(super) use id::{Place, ScopeId, TableError};
pub(super) use loaded::Loaded;
pub(super) use old::OldId;

use super::lock::{self, Lock, Planned};
use super::{Conflict, State, Store};
use crate::order;
use known::KnownScopes;
use loaded::SaveError;

/// The key of the salt.
const SALT: &str = "imagegate.limits.salt";
/// How often a change is tried while others change the same slot. Each failure is the success of
/// another.
const MAX_TRIES: u32 = 10_000;
/// The mark of a slot in which no step has stored anything since. The host gives no token 0.
const NO_STEP: u64 = 0;

/// What a configuration knows of the table.
#[derive(Debug)]
pub struct Table {
    /// `None` if it could not be stored. Then nothing can be counted.
    salt: Option<[u8; 16]>,
    /// Counters in the layout of 0.1 are there. A state that the table does not have is read from
    /// them.
    has_old: bool,
    known: KnownScopes,
    /// How many entries had to go since this was last read.
    evicted: AtomicU32,
}

impl Table {
    /// Makes the keys that workers will race for. Call it before there are workers: when the
    /// plugin is configured.
    pub fn prepare(store: &dyn Store) -> Self {
        lock::prepare(store);
        if store.get(SALT).0.is_none() {
            // Without a token this always succeeds.
            let _ = store.swap(SALT, &random(), None);
        }
        Self::open(store)
    }

    /// The table as it was prepared.
    pub fn open(store: &dyn Store) -> Self {
        let salt = store.get(SALT).0.and_then(|it| it.first_chunk().copied());
        let (known, evicted) = (KnownScopes::default(), AtomicU32::default());
        Self { salt, has_old: old::exists(store), known, evicted }
    }
}

/// 128 random bits. The standard library draws the keys of its hashes from the host.
fn random() -> [u8; 16] {
    use std::hash::{BuildHasher, RandomState};
    let word = || u128::from(RandomState::new().hash_one(0_u8));
    (word() << 64 | word()).to_le_bytes()
}

/// The table, and the data that it is in.
#[derive(Clone, Copy)]
pub struct Counters<'a> {
    store: &'a dyn Store,
    table: &'a Table,
}

impl<'a> Counters<'a> {
    /// The counters of `table` in `store`.
    #[must_use]
    pub const fn new(store: &'a dyn Store, table: &'a Table) -> Self {
        Self { store, table }
    }

    /// Where a scope is counted: the name of its kind, and its value.
    pub(super) fn scope_id(self, kind: &'static str, value: &str) -> Result<ScopeId, TableError> {
        let salt = self.table.salt.ok_or(TableError::OutOfReach)?;
        let hash = || {
            let mut hash = Sha256::new();
            hash.update(salt);
            hash.update(kind);
            // No name of a kind has this byte, so no two kinds and values give the same bytes.
            hash.update([0]);
            hash.update(value);
            let digest: [u8; 32] = hash.finalize().into();
            ScopeId(digest.first_chunk().copied().unwrap_or_default())
        };
        Ok(self.table.known.get(kind, value, hash))
    }

    /// How many idle scopes have lost their counters since the last call, because the table has no
    /// room for more: by reservations, admitted or not, and by settlements.
    #[must_use]
    pub fn take_evicted(self) -> u32 {
        self.table.evicted.swap(0, Ordering::Relaxed)
    }

    /// Whether counters in the layout of 0.1 are there.
    pub(super) const fn has_old(self) -> bool {
        self.table.has_old
    }

    /// What was counted in the layout of 0.1; nothing if there is no such state.
    pub(super) fn old_state(self, id: Option<OldId>) -> State {
        id.and_then(|id| old::state(self.store, &id)).unwrap_or_default()
    }

    /// A slot as it is now. Makes it if it is not there.
    pub(super) fn load(self, number: u16) -> Result<Loaded, TableError> {
        if let Some(loaded) = self.peek(number) {
            return Ok(loaded);
        }
        let (_, foreign) = self.store.get(SALT);
        Loaded::create(self.store, number, foreign.ok_or(TableError::OutOfReach)?);
        self.peek(number).ok_or(TableError::OutOfReach)
    }

    /// A slot as it is now. `None` if it was never made.
    pub(super) fn peek(self, number: u16) -> Option<Loaded> {
        Loaded::read(self.store, number)
    }

    /// Stores a slot.
    ///
    /// # Errors
    ///
    /// [`Conflict`] in `Ok` if the slot has changed since it was loaded.
    pub(super) fn save(self, loaded: &mut Loaded) -> Result<Result<(), Conflict>, TableError> {
        match loaded.save(self.store) {
            Ok(evicted) => {
                self.table.evicted.fetch_add(evicted, Ordering::Relaxed);
                Ok(Ok(()))
            }
            Err(SaveError::Conflict) => Ok(Err(Conflict)),
            Err(SaveError::Full) => Err(TableError::Full),
        }
    }

    /// Changes the entries in one slot without the lock. `step` runs again if another worker was
    /// faster. Returns its result.
    pub(super) fn change<T, E: From<TableError>>(
        self,
        number: u16,
        mut step: impl FnMut(&mut Loaded) -> Result<T, E>,
    ) -> Result<T, E> {
        for _ in 0..MAX_TRIES {
            let mut loaded = self.load(number)?;
            let result = step(&mut loaded)?;
            match self.save(&mut loaded)? {
                Ok(()) => return Ok(result),
                Err(Conflict) => self.store.wait(),
            }
        }
        Err(TableError::OutOfReach.into())
    }

    /// Takes the lock for a step that stores `plan` in several slots. If its last holder is gone,
    /// what that one has stored is taken back.
    pub(super) fn lock(self, plan: Vec<Planned>) -> Result<Lock, TableError> {
        let (lock, lost) = Lock::acquire(self.store, plan)?;
        for lost in lost {
            let slots = order::distinct(lost.plan.iter().filter_map(Planned::slot));
            slots.iter().for_each(|it| self.take_back(*it, lost.step, &lost.plan));
        }
        Ok(lock)
    }

    /// Takes back what `step` has stored of its plan in one slot. The worker holds the lock. If the
    /// worker of `step` is not gone but slow, it finds a slot that has changed.
    pub(super) fn take_back(self, number: u16, step: u64, plan: &[Planned]) {
        // If the slot is out of reach, what it holds expires.
        let _ = self.change(number, |loaded| {
            let last = loaded.step();
            if last == step {
                let here = plan.iter().filter(|it| it.slot() == Some(number));
                here.for_each(|it| loaded.take_back(it));
            }
            // The slot is written even if nothing in it changes.
            loaded.mark(if last == step { NO_STEP } else { last });
            Ok::<_, TableError>(())
        });
    }

    /// The data that the table is in.
    pub(super) const fn store(self) -> &'a dyn Store {
        self.store
    }
}

//! The scopes that a worker has hashed before.
//!
//! A SHA-256 costs a worker a microsecond, and the same consumers, models and users come again.

use std::sync::Mutex;

use super::id::ScopeId;

/// How many scopes are kept. With more of them, some are hashed again.
const ROOM: usize = 256;

/// Scopes by their kind and value. Each has one place, and takes it from the one before.
#[derive(Debug, Default)]
pub(super) struct KnownScopes(Mutex<Vec<Option<Known>>>);

#[derive(Debug, Clone)]
struct Known {
    kind: &'static str,
    value: String,
    id: ScopeId,
}

impl KnownScopes {
    /// The scope of this kind and value: the one that is kept, or else what `hash` returns.
    pub(super) fn get(
        &self,
        kind: &'static str,
        value: &str,
        hash: impl FnOnce() -> ScopeId,
    ) -> ScopeId {
        // A worker is one thread. Only tests have several, and they may hash twice.
        let Ok(mut known) = self.0.try_lock() else { return hash() };
        if known.is_empty() {
            known.resize(ROOM, None);
        }
        let Some(place) = known.get_mut(place(kind, value)) else { return hash() };
        match place {
            Some(it) if it.kind == kind && it.value == value => it.id,
            _ => place.insert(Known { kind, value: value.to_owned(), id: hash() }).id,
        }
    }
}

/// The place of a scope. It need not be hard to guess: a wrong guess costs one hash.
fn place(kind: &str, value: &str) -> usize {
    let bytes = kind.bytes().take(1).chain(value.bytes());
    let mixed = bytes.fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    usize::try_from(mixed).unwrap_or(0).checked_rem(ROOM).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_hashed_once_while_no_other_takes_its_place() {
        let known = KnownScopes::default();
        let id = |byte| move || ScopeId([byte; 16]);
        assert_eq!(known.get("user", "a", id(1)), ScopeId([1; 16]));
        assert_eq!(known.get("user", "a", id(2)), ScopeId([1; 16]));
        assert_eq!(known.get("key", "a", id(3)), ScopeId([3; 16]));
        for number in 0..1_000_u32 {
            let byte = u8::try_from(number % 200).unwrap();
            let value = number.to_string();
            assert_eq!(known.get("user", &value, id(byte)), ScopeId([byte; 16]));
            assert_eq!(known.get("user", &value, id(255)), ScopeId([byte; 16]));
        }
        assert_eq!(known.get("user", "a", id(1)), ScopeId([1; 16]));
    }
}

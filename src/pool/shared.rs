//! What all workers note about an upstream.
//!
//! It is one text, so that a request reads all of it at once. Each line of it begins with a word,
//! which says whose it is:
//!
//! ```text
//! rest, used  whether the upstream rests, and how much of its limit is used: `pool::state`
//! held        its answers are held: `exchange::upstream::endings`
//! refused     a host model that it has refused: `exchange::upstream::host_models`
//! ```
//!
//! Keys of the shared data are never freed, so an upstream has one. Its value has a block for each
//! configuration of the upstream: the fingerprint in the first line, then the notes. Two
//! configurations may be in force at the same time, in two listeners even for ever. The block that
//! was written last comes first, and an empty line separates two blocks. A configuration that
//! changes where the upstream is, or how it is called, has another fingerprint, and so starts
//! without notes.
//!
//! A lost write costs only one call, so there is no lock.

use crate::limits::Store;

/// How often a write is tried while other workers write the same key.
const MAX_TRIES: u32 = 8;
/// How many configurations of one upstream are kept.
const MAX_BLOCKS: usize = 4;

/// Where the notes of an upstream are kept.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The upstream's name.
    pub name: &'a str,
    /// The fingerprint of the upstream's configuration: one line.
    pub fingerprint: &'a str,
}

impl Place<'_> {
    fn key(self) -> String {
        ["imagegate.upstream.", self.name].concat()
    }

    fn is_of(self, block: &str) -> bool {
        block.lines().next() == Some(self.fingerprint)
    }

    /// The lines of this configuration in `value`; empty if there are none.
    fn lines_of(self, value: &str) -> &str {
        if value.is_empty() {
            return "";
        }
        let block = value.split("\n\n").find(|it| self.is_of(it)).unwrap_or_default();
        block.split_once('\n').map_or("", |(_, lines)| lines)
    }

    /// `value` with these lines of this configuration.
    fn with(self, value: &str, lines: &str) -> String {
        let others = value.split("\n\n").filter(|it| !it.is_empty() && !self.is_of(it));
        let own = format!("{}\n{lines}", self.fingerprint);
        let blocks = std::iter::once(own.trim_end()).chain(others);
        blocks.take(MAX_BLOCKS).collect::<Vec<_>>().join("\n\n")
    }
}

fn load(store: &dyn Store, place: Place<'_>) -> (String, Option<u32>) {
    let (value, token) = store.get(&place.key());
    (value.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default(), token)
}

/// The notes at `place`; empty if there are none.
pub fn read(store: &dyn Store, place: Place<'_>) -> String {
    let (value, _) = load(store, place);
    place.lines_of(&value).to_owned()
}

/// What follows `word` in each line that begins with it.
pub fn lines<'n>(notes: &'n str, word: &'n str) -> impl Iterator<Item = &'n str> {
    notes.lines().filter_map(move |line| line.strip_prefix(word)?.strip_prefix(' '))
}

/// Stores what `step` makes of the notes at `place`, in place of all lines that begin with one of
/// `words`; `None` leaves them as they are. Each of the new lines begins with one of them. If
/// another worker writes at the same time, `step` is called again.
pub fn change(
    store: &dyn Store,
    place: Place<'_>,
    words: &[&str],
    mut step: impl FnMut(&str) -> Option<Vec<String>>,
) {
    let is_own = |line: &str| line.split(' ').next().is_some_and(|word| words.contains(&word));
    for _ in 0..MAX_TRIES {
        let (value, token) = load(store, place);
        let notes = place.lines_of(&value);
        let Some(own) = step(notes) else { return };
        let others = notes.lines().filter(|line| !is_own(line));
        let lines: Vec<&str> = own.iter().map(String::as_str).chain(others).collect();
        let value = place.with(&value, &lines.join("\n"));
        if store.swap(&place.key(), value.as_bytes(), token).is_ok() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'static> = Place { name: "codex", fingerprint: "0f" };

    #[test]
    fn each_configuration_has_its_lines() {
        let other = Place { fingerprint: "10", ..PLACE };
        let value = other.with(&PLACE.with("", "a 1\nb 2"), "c 3");
        assert_eq!(value, "10\nc 3\n\n0f\na 1\nb 2");
        assert_eq!((PLACE.lines_of(&value), other.lines_of(&value)), ("a 1\nb 2", "c 3"));
        assert_eq!(Place { fingerprint: "1", ..PLACE }.lines_of(&value), "");
        // Without lines a block is its fingerprint.
        let value = other.with(&value, "");
        assert_eq!(value, "10\n\n0f\na 1\nb 2");
        assert_eq!(other.lines_of(&value), "");
    }
}

//! Text that all workers share about an upstream.
//!
//! Keys of the shared data are never freed, so an upstream has one key for each kind of text. Its
//! value has a block for each configuration of the upstream: the fingerprint in the first line,
//! then the text. Two configurations may be in force at the same time, in two listeners even for
//! ever. The block that was written last comes first, and an empty line separates two blocks. A
//! configuration that changes where the upstream is, or how it is called, has another fingerprint,
//! and so starts with no text.
//!
//! A lost write costs only one call, so there is no lock.

use crate::limits::Store;

/// How often a write is tried while other workers write the same key.
const MAX_TRIES: u32 = 8;
/// How many configurations of one upstream are kept.
const MAX_BLOCKS: usize = 4;

/// Where a text is kept.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// What the text is about: the first part of the key.
    pub kind: &'static str,
    /// The upstream's name.
    pub name: &'a str,
    /// The fingerprint of the upstream's configuration: one line.
    pub fingerprint: &'a str,
}

impl Place<'_> {
    fn key(self) -> String {
        format!("imagegate.{}.{}", self.kind, self.name)
    }

    fn is_of(self, block: &str) -> bool {
        block.lines().next() == Some(self.fingerprint)
    }

    /// The lines of this configuration in `value`; empty if there are none.
    fn lines_of(self, value: &str) -> &str {
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

/// The lines at `place`; empty if there are none.
pub fn read(store: &dyn Store, place: Place<'_>) -> String {
    let (value, _) = load(store, place);
    place.lines_of(&value).to_owned()
}

/// Stores what `step` makes of the lines at `place`; `None` leaves them as they are. No line of it
/// is empty. If another worker writes at the same time, `step` is called again.
pub fn change(store: &dyn Store, place: Place<'_>, mut step: impl FnMut(&str) -> Option<String>) {
    for _ in 0..MAX_TRIES {
        let (value, token) = load(store, place);
        let Some(lines) = step(place.lines_of(&value)) else { return };
        let value = place.with(&value, &lines);
        if store.swap(&place.key(), value.as_bytes(), token).is_ok() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'static> = Place { kind: "upstream", name: "codex", fingerprint: "0f" };

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

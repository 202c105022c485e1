//! The ways in which servers read a path, and the result of each.
//!
//! If they differ, each way is tried: one that names an endpoint is enough. They have the following
//! in common, in this order: percent-escapes are decoded until none is left (RFC 3986 §2.1; some
//! servers decode twice); the path ends at `?` or `#`, escaped or not; a backslash is a slash
//! (WHATWG URL); of each segment, `;` and what follows is dropped (RFC 3986 §3.3, as Java servers
//! do); empty and `.` segments are removed, and `..` removes the segment before it (RFC 3986
//! §5.2.4); blanks around a segment and dots after it are dropped (Windows), and so is the text
//! after a dot in the last one (the format of Rails and Django); ASCII letters become lower case.

use super::decode::{Blank, Escapes, Wide, decode, is_blank};
use super::query::without_query;

/// One way to read a path.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub(super) escapes: Escapes,
    backslash: Backslash,
    empty: Empty,
    pub(super) blank: Blank,
    pub(super) wide: Wide,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Backslash {
    Slash,
    Character,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Empty {
    /// `//` is `/`.
    Vanish,
    /// An empty segment counts, and `..` may remove it (RFC 3986 §5.2.4).
    Segment,
}

/// The ways that must be tried.
pub(super) enum Readings {
    Some(Vec<Reading>),
    /// There are too many. No path of a normal client needs them.
    TooMany,
}

/// All readings together may read this many bytes, which takes a millisecond or two.
const MAX_READ_BYTES: usize = 256 << 10;

/// The readings of `path` that may differ from each other, the most common first.
pub(super) fn readings(path: &[u8]) -> Readings {
    let path = without_query(path);
    let decoded = decode(path, Escapes::All, Blank::Stay, Wide::Fold);
    let dots = decoded.iter().filter(|byte| **byte == b'.').count() > 1;
    let blanks = decoded.iter().any(|byte| is_blank(*byte));
    // Folded characters are not ASCII in `path`.
    let wide =
        !decoded.is_ascii() || decode(path, Escapes::All, Blank::Stay, Wide::Keep) != decoded;
    let differs = |reading: &Reading| {
        (path.contains(&b'%') || reading.escapes == Escapes::All)
            && (decoded.contains(&b'\\') || reading.backslash == Backslash::Slash)
            && (dots || reading.empty == Empty::Vanish)
            && (blanks || reading.blank == Blank::Drop)
            && (dots || reading.blank != Blank::Stay)
            && (wide || reading.wide == Wide::Fold)
    };
    let readings: Vec<Reading> = all().filter(differs).collect();
    if path.len().saturating_mul(readings.len()) > MAX_READ_BYTES {
        return Readings::TooMany;
    }
    Readings::Some(readings)
}

/// Every reading, the most common first.
pub(super) fn all() -> impl Iterator<Item = Reading> {
    let escapes = [Escapes::All, Escapes::Whole, Escapes::ButDelimiters];
    let pairs = escapes.into_iter().flat_map(|escapes| {
        [Backslash::Slash, Backslash::Character].map(|backslash| (escapes, backslash))
    });
    pairs.flat_map(|(escapes, backslash)| {
        let blanks = [Blank::Drop, Blank::End, Blank::Stay];
        [Empty::Vanish, Empty::Segment].into_iter().flat_map(move |empty| {
            blanks.into_iter().flat_map(move |blank| {
                [Wide::Fold, Wide::Keep].map(|wide| Reading {
                    escapes,
                    backslash,
                    empty,
                    blank,
                    wide,
                })
            })
        })
    })
}

/// What a path names of a parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Below {
    Itself,
    Under,
}

impl Reading {
    /// The one of `paths` that `path` names when read like this, by its place.
    pub(super) fn find(self, path: &[u8], paths: &[&str]) -> Option<usize> {
        let normal = self.normalize(path);
        paths.iter().position(|it| may_be(&normal, it.as_bytes()))
    }

    /// Whether `path` names `parent`, or anything under it, when read like this.
    pub(super) fn find_below(self, path: &[u8], parent: &str) -> Option<Below> {
        let normal = self.normalize(path);
        if may_be(&normal, parent.as_bytes()) {
            return Some(Below::Itself);
        }
        // Where a segment may end. A character may have several bytes, and mean nothing.
        let most = parent.len().saturating_mul(8);
        let ends = |(_, byte): &(usize, &u8)| **byte == b'/' || !byte.is_ascii();
        let ends = normal.iter().enumerate().skip(1).take(most).filter(ends);
        let mut starts = ends.filter_map(|(place, _)| normal.get(..place));
        starts.any(|start| may_be(start, parent.as_bytes())).then_some(Below::Under)
    }

    /// The spelling that all spellings of one path share. Invalid escapes are kept, and so match
    /// nothing.
    ///
    /// Normal paths are fixed points: `normalize(normalize(p)) == normalize(p)`.
    pub(super) fn normalize(self, path: &[u8]) -> Vec<u8> {
        let decoded = decode(without_query(path), self.escapes, self.blank, self.wide);
        let whole = match self.escapes {
            Escapes::All => without_query(&decoded),
            Escapes::Whole | Escapes::ButDelimiters => &decoded,
        };
        let whole = match self.blank {
            Blank::End => whole.split(|byte| is_blank(*byte)).next().unwrap_or_default(),
            Blank::Drop | Blank::Stay => whole,
        };
        let mut segments: Vec<&[u8]> = Vec::new();
        for segment in
            whole.split(|byte| self.separates(*byte)).skip(usize::from(whole.starts_with(b"/")))
        {
            match (segment.split(|byte| *byte == b';').next().unwrap_or_default(), self.empty) {
                (b".", _) | (b"", Empty::Vanish) => {}
                (b"..", _) => drop(segments.pop()),
                (name, _) => segments.push(name),
            }
        }
        join(segments, decoded.len())
    }

    fn separates(self, byte: u8) -> bool {
        match self.backslash {
            Backslash::Slash => matches!(byte, b'/' | b'\\'),
            Backslash::Character => byte == b'/',
        }
    }
}

/// The path of `segments`, each without the characters that servers drop around it.
fn join(segments: Vec<&[u8]>, len: usize) -> Vec<u8> {
    let trimmed = segments.into_iter().map(trim).filter(|it| !it.is_empty());
    let mut segments: Vec<&[u8]> = trimmed.collect();
    while let Some(last) = segments.pop() {
        let name = trim(last.split(|byte| *byte == b'.').next().unwrap_or_default());
        if !name.is_empty() {
            segments.push(name);
            break;
        }
    }
    let mut normal = Vec::with_capacity(len.saturating_add(1));
    for segment in segments {
        normal.push(b'/');
        normal.extend(segment.iter().map(u8::to_ascii_lowercase));
    }
    normal
}

/// `segment` without blanks around it and dots after it.
fn trim(mut segment: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = segment {
        if !is_blank(*first) {
            break;
        }
        segment = rest;
    }
    while let [rest @ .., last] = segment {
        if !is_blank(*last) && *last != b'.' {
            break;
        }
        segment = rest;
    }
    segment
}

/// Whether a server may read `normal` as `path`. A character that is not ASCII may be any one
/// character, or none, as long as at most half of all characters are of this kind.
fn may_be(normal: &[u8], path: &[u8]) -> bool {
    if normal.is_ascii() {
        return normal == path;
    }
    let text = String::from_utf8_lossy(normal);
    let (count, wide) = text.chars().fold((0_usize, 0_usize), |(count, wide), it| {
        (count.saturating_add(1), wide.saturating_add(usize::from(!it.is_ascii())))
    });
    if wide.saturating_mul(2) > count || count > path.len().saturating_mul(2) {
        return false;
    }
    // The places in `path` that the text so far may have reached, as bits. Paths are below 32
    // bytes.
    let mut reached = 1_u64;
    for char in text.chars() {
        let same = |byte: &u8| char::from(*byte) == char;
        let next = path.iter().enumerate().filter(|(_, byte)| same(byte));
        let steps =
            next.fold(0_u64, |bits, (place, _)| bits | 1_u64.wrapping_shl(place_bits(place)));
        reached = match char.is_ascii() {
            true => (reached & steps) << 1,
            false => reached | (reached << 1),
        };
    }
    reached & 1_u64.wrapping_shl(place_bits(path.len())) != 0
}

fn place_bits(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

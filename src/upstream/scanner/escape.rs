//! Escapes of JSON strings (RFC 8259 §7), one byte at a time, and the forms of base64 in them.

/// Whether the next byte is escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::upstream) enum Escaped {
    Yes,
    No,
}

/// Where in an escape a kept string is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escape {
    No,
    Backslash,
    /// After `\u`. Holds how many digits were seen, and their value.
    Unicode {
        digits: u8,
        value: u32,
    },
}

/// The effect of a byte on an escape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The escape goes on.
    More(Escape),
    /// It means this byte, or 0 for a character that is not ASCII.
    Decoded(u8),
    /// It means nothing in base64, or is not an escape.
    Broken,
}

impl Escape {
    /// Takes the next byte of an escape in base64: encoders write `/` as `\/`, may break the text
    /// into lines, and may write any character as `\u`.
    pub(super) fn step(self, byte: u8) -> Step {
        match (self, byte) {
            (Self::Backslash, b'/') => Step::Decoded(b'/'),
            (Self::Backslash, b'n') => Step::Decoded(b'\n'),
            (Self::Backslash, b'r') => Step::Decoded(b'\r'),
            (Self::Backslash, b'u') => Step::More(Self::Unicode { digits: 0, value: 0 }),
            (Self::Unicode { digits, value }, _) => {
                let Some(digit) = char::from(byte).to_digit(16) else { return Step::Broken };
                let value = value.wrapping_shl(4) | digit;
                match digits {
                    0..3 => Step::More(Self::Unicode { digits: digits.saturating_add(1), value }),
                    _ => Step::Decoded(u8::try_from(value).unwrap_or(0)),
                }
            }
            (Self::Backslash | Self::No, _) => Step::Broken,
        }
    }
}

/// Whether a string ended within the bytes seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::upstream) enum Ended {
    Yes,
    No,
}

/// The length of the rest of the string in `bytes`, including its closing quote.
pub(in crate::upstream) fn string_end(bytes: &[u8], escaped: &mut Escaped) -> (usize, Ended) {
    let mut at = 0_usize;
    if *escaped == Escaped::Yes && !bytes.is_empty() {
        *escaped = Escaped::No;
        at = 1;
    }
    while let Some(found) = memchr::memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) {
        at = at.saturating_add(found);
        if bytes.get(at) == Some(&b'"') {
            return (at.saturating_add(1), Ended::Yes);
        }
        at = at.saturating_add(2);
        if at > bytes.len() {
            *escaped = Escaped::Yes;
        }
    }
    (bytes.len(), Ended::No)
}

/// The form of the base64 of a string so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Plain: what came can stand in another JSON string as it is.
    Plain,
    /// Plain, and it does not pass through.
    Held,
    /// Broken into lines.
    Lines,
    /// In the alphabet for URLs.
    UrlSafe,
}

impl Form {
    /// `other`, unless this one says more.
    pub(super) fn or(self, other: Self) -> Self {
        match self {
            Self::Plain | Self::Held => other,
            Self::Lines | Self::UrlSafe => self,
        }
    }
}

//! The bytes that a path stands for: percent-escapes, and characters that look like ASCII.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escapes {
    /// All are decoded, and an escaped `?` or `#` ends the path.
    All,
    /// All are decoded, and an escaped `?` or `#` is a character.
    Whole,
    /// An escaped delimiter (`/`, `\\`, `?`, `#`) is kept as a part of a segment.
    ButDelimiters,
}

/// A control byte, a space, or a `+`, which is a space to a server that decodes forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blank {
    /// It is removed, as WHATWG URL removes tabs and line ends.
    Drop,
    /// The path ends at it: C ends a string at NUL, HTTP a path at a space.
    End,
    /// It is a character.
    Stay,
}

/// How to read characters that look like ASCII, but are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wide {
    /// `%u0067` (IIS), overlong UTF-8 (`%c0%af`) and full-width forms (`%ef%bc%8f`) are read as
    /// ASCII.
    Fold,
    /// They are other characters.
    Keep,
}

/// `name` with its percent-escapes decoded, once.
pub(super) fn decode_once(name: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((first, more)) = rest.split_first() {
        let escape = rest.get(..3).and_then(escape_at_end);
        decoded.push(escape.map_or(*first, |(_, byte)| byte));
        rest = escape.map_or(more, |(len, _)| rest.get(len..).unwrap_or_default());
    }
    decoded
}

/// `path` with its percent-escapes decoded, and escapes in the result decoded again.
///
/// One pass: an escape is replaced when its last digit has been read. That may in turn complete the
/// escape around it (`%%34%31` is `%41` is `A`). Escapes cannot overlap, so the order in which they
/// are replaced makes no difference to the result.
pub(super) fn decode(path: &[u8], escapes: Escapes, blank: Blank, wide: Wide) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(path.len());
    for byte in path {
        decoded.push(*byte);
        while let Some((len, byte)) = escape_at_end(&decoded).or_else(|| match wide {
            Wide::Fold => wide_at_end(&decoded),
            Wide::Keep => None,
        }) {
            let delimits = matches!(byte, b'/' | b'\\' | b'?' | b'#');
            if delimits && escapes == Escapes::ButDelimiters {
                break;
            }
            decoded.truncate(decoded.len().saturating_sub(len));
            decoded.push(byte);
        }
        if blank == Blank::Drop && decoded.last().is_some_and(|byte| is_blank(*byte)) {
            decoded.pop();
        }
    }
    decoded
}

/// `pct-encoded = "%" HEXDIG HEXDIG` (RFC 3986 §2.1), if `bytes` ends with one: its length, and the
/// byte that it means.
fn escape_at_end(bytes: &[u8]) -> Option<(usize, u8)> {
    let [.., b'%', high, low] = bytes else { return None };
    Some((3, (hex_digit(*high)? << 4) | hex_digit(*low)?))
}

/// Another spelling of an ASCII character, if `bytes` ends with one: its length, and the character.
fn wide_at_end(bytes: &[u8]) -> Option<(usize, u8)> {
    unicode_at_end(bytes).or_else(|| match bytes {
        // U+FF01 to U+FF5E, full-width forms, in UTF-8.
        [.., 0xef, 0xbc, low @ 0x81..=0xbf] => Some((3, low.wrapping_sub(0x60))),
        [.., 0xef, 0xbd, low @ 0x80..=0x9e] => Some((3, low.wrapping_sub(0x20))),
        // ASCII in two, three and four bytes, which RFC 3629 §3 forbids to decode.
        [.., 0xf0, 0x80, high @ (0x80 | 0x81), low @ 0x80..=0xbf] => {
            Some((4, overlong(*high, *low)))
        }
        [.., 0xe0, high @ (0x80 | 0x81), low @ 0x80..=0xbf] => Some((3, overlong(*high, *low))),
        [.., high @ (0xc0 | 0xc1), low @ 0x80..=0xbf] => Some((2, overlong(*high, *low))),
        _ => None,
    })
}

/// `%uXXXX`, which is no escape of any standard, if `bytes` ends with one.
fn unicode_at_end(bytes: &[u8]) -> Option<(usize, u8)> {
    let [.., b'%', b'u' | b'U', a, b, c, d] = bytes else { return None };
    let digit = |code: u16, digit: &u8| Some((code << 4) | u16::from(hex_digit(*digit)?));
    let code = [a, b, c, d].into_iter().try_fold(0, digit)?;
    Some((6, narrow(code)))
}

/// The ASCII character of `code`, or else a byte that is not ASCII.
fn narrow(code: u16) -> u8 {
    let ascii = match code {
        0xff01..=0xff5e => code.wrapping_sub(0xfee0),
        _ => code,
    };
    u8::try_from(ascii).ok().filter(u8::is_ascii).unwrap_or(0xff)
}

/// Seven bits: the last of `high` and the last six of `low`.
fn overlong(high: u8, low: u8) -> u8 {
    ((high & 1) << 6) | (low & 0x3f)
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

pub(super) fn is_blank(byte: u8) -> bool {
    byte <= b' ' || matches!(byte, b'\x7f' | b'+')
}

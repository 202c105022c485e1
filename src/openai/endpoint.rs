//! Which endpoint a request path names.
//!
//! A proxy, a router and a server seldom agree on what `/v1//images/%67enerations/` means. Every
//! spelling that any of them might take for one of our endpoints is therefore ours, and so needs
//! a key; whatever is left is passed on untouched. `normalize` is the one place that decides.
//!
//! Paths are bytes: HTTP lets a client send any.

#[cfg(test)]
mod tests;

/// The endpoints of the Images API that the filter answers for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// `POST /v1/images/generations`.
    Generations,
    /// `POST /v1/images/edits`.
    Edits,
    /// `POST /v1/images/variations`, which OpenAI has retired.
    Variations,
    /// `GET /v1/images/limits`: what a key may still use.
    Limits,
}

impl Endpoint {
    /// Every endpoint.
    pub const ALL: [Self; 4] = [Self::Generations, Self::Edits, Self::Variations, Self::Limits];

    /// The endpoint that `path`, the `:path` of a request with or without its query, names in
    /// any spelling. `None`: the request is not ours.
    ///
    /// An ordinary other path costs one comparison and one look at its bytes.
    #[must_use]
    pub fn of_path(path: &[u8]) -> Option<Self> {
        if !starts_with_prefix(path) && is_plain(path) {
            return None;
        }
        let found = Self::of_normal_path(&normalize(path));
        found.or_else(|| READINGS.iter().find_map(|it| Self::of_normal_path(&it.normalize(path))))
    }

    /// The path in its normal spelling.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Generations => "/v1/images/generations",
            Self::Edits => "/v1/images/edits",
            Self::Variations => "/v1/images/variations",
            Self::Limits => "/v1/images/limits",
        }
    }

    /// The last segment of the path, as usage records and metrics name the endpoint.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Generations => "generations",
            Self::Edits => "edits",
            Self::Variations => "variations",
            Self::Limits => "limits",
        }
    }

    /// The only method that the endpoint accepts, as the `allow` header of a 405 names it.
    #[must_use]
    pub const fn method(self) -> &'static str {
        match self {
            Self::Generations | Self::Edits | Self::Variations => "POST",
            Self::Limits => "GET",
        }
    }

    fn of_normal_path(path: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|endpoint| endpoint.path().as_bytes() == path)
    }
}

/// The spelling that all spellings of one path share.
///
/// In this order: percent-escapes are decoded until none is left (RFC 3986 §2.1; some servers
/// decode twice); the path ends at `?` or `#`, escaped or not; a backslash is a slash (WHATWG URL);
/// of each segment, `;` and what follows is dropped (RFC 3986 §3.3, as Java servers do); empty and
/// `.` segments vanish and `..` takes the segment before it along (RFC 3986 §5.2.4); ASCII letters
/// become small. Invalid escapes and control bytes stay, and so match nothing.
///
/// Normal paths are fixed points: `normalize(normalize(p)) == normalize(p)`.
fn normalize(path: &[u8]) -> Vec<u8> {
    Reading { escapes: Escapes::All, backslash: Backslash::Slash, empty: Empty::Vanish }
        .normalize(path)
}

/// How a server reads a path where servers differ: what `..` takes along depends on it.
#[derive(Debug, Clone, Copy)]
struct Reading {
    escapes: Escapes,
    backslash: Backslash,
    empty: Empty,
}

#[derive(Debug, Clone, Copy)]
enum Escapes {
    /// All are decoded, and an escaped `?` or `#` ends the path.
    All,
    /// All are decoded, and an escaped `?` or `#` is a character.
    Whole,
    /// An escaped delimiter (`/`, `\`, `?`, `#`) stays what it is: part of a segment.
    ButDelimiters,
}

#[derive(Debug, Clone, Copy)]
enum Backslash {
    Slash,
    Character,
}

#[derive(Debug, Clone, Copy)]
enum Empty {
    /// `//` is `/`.
    Vanish,
    /// An empty segment is one, which `..` may take along (RFC 3986 §5.2.4).
    Segment,
}

/// The readings of which [`normalize`] is the most common.
const READINGS: [Reading; 12] = {
    use Empty::{Segment, Vanish};
    use Escapes::{All, ButDelimiters, Whole};
    const fn reading(escapes: Escapes, backslash: Backslash, empty: Empty) -> Reading {
        Reading { escapes, backslash, empty }
    }
    [
        reading(All, Backslash::Slash, Vanish),
        reading(All, Backslash::Slash, Segment),
        reading(All, Backslash::Character, Vanish),
        reading(All, Backslash::Character, Segment),
        reading(Whole, Backslash::Slash, Vanish),
        reading(Whole, Backslash::Slash, Segment),
        reading(Whole, Backslash::Character, Vanish),
        reading(Whole, Backslash::Character, Segment),
        reading(ButDelimiters, Backslash::Slash, Vanish),
        reading(ButDelimiters, Backslash::Slash, Segment),
        reading(ButDelimiters, Backslash::Character, Vanish),
        reading(ButDelimiters, Backslash::Character, Segment),
    ]
};

impl Reading {
    fn normalize(self, path: &[u8]) -> Vec<u8> {
        let decoded = decode(without_query(path), self.escapes);
        let whole = match self.escapes {
            Escapes::All => without_query(&decoded),
            Escapes::Whole | Escapes::ButDelimiters => &decoded,
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
        join(&segments, decoded.len())
    }

    fn separates(self, byte: u8) -> bool {
        match self.backslash {
            Backslash::Slash => matches!(byte, b'/' | b'\\'),
            Backslash::Character => byte == b'/',
        }
    }
}

fn join(segments: &[&[u8]], len: usize) -> Vec<u8> {
    let mut normal = Vec::with_capacity(len.saturating_add(1));
    for segment in segments {
        normal.push(b'/');
        normal.extend(segment.iter().map(u8::to_ascii_lowercase));
    }
    normal
}

/// What of `path` stands before its query and fragment.
#[must_use]
pub fn without_query(path: &[u8]) -> &[u8] {
    path.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default()
}

/// `path` with its percent-escapes decoded, and what they decode to decoded again.
///
/// One pass: an escape is replaced as soon as its last digit is there, which may in turn complete
/// the escape around it (`%%34%31` is `%41` is `A`). Escapes cannot overlap, so the order in which
/// they are replaced makes no difference to the result.
fn decode(path: &[u8], escapes: Escapes) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(path.len());
    for byte in path {
        decoded.push(*byte);
        while let Some(byte) = escape_at_end(&decoded) {
            let delimits = matches!(byte, b'/' | b'\\' | b'?' | b'#');
            if delimits && matches!(escapes, Escapes::ButDelimiters) {
                break;
            }
            decoded.truncate(decoded.len().saturating_sub(3));
            decoded.push(byte);
        }
    }
    decoded
}

/// `pct-encoded = "%" HEXDIG HEXDIG` (RFC 3986 §2.1), if `bytes` ends with one.
fn escape_at_end(bytes: &[u8]) -> Option<u8> {
    let [.., b'%', high, low] = bytes else { return None };
    Some((hex_digit(*high)? << 4) | hex_digit(*low)?)
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn starts_with_prefix(path: &[u8]) -> bool {
    path.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}

/// Whether normalising `path` could only lower its case, or take its query or last slash away.
fn is_plain(path: &[u8]) -> bool {
    let path = without_query(path);
    path.starts_with(b"/")
        && !path.iter().any(|byte| matches!(byte, b'%' | b'\\' | b';'))
        && !path.windows(2).any(|pair| matches!(pair, b"//" | b"/."))
}

const PREFIX: &[u8] = b"/v1/images/";

//! The `size` of an image: `auto`, or a width and a height in pixels.

use std::fmt;

/// A size that a client may request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Size {
    /// The model decides. An absent `size` means the same.
    #[default]
    Auto,
    /// Exactly this many pixels.
    Exact {
        /// Pixels from left to right, at least 1.
        width: u32,
        /// Pixels from top to bottom, at least 1.
        height: u32,
    },
}

impl Size {
    /// Reads `auto` or `WIDTHxHEIGHT`.
    ///
    /// `size = "auto" / edge "x" edge`, `edge = %x31-39 *4DIGIT`: no sign, no leading zero and a
    /// small `x`, so that equal sizes are equal strings and an allow-list cannot be passed by
    /// another spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == "auto" {
            return Some(Self::Auto);
        }
        let (width, height) = text.split_once('x')?;
        Some(Self::Exact { width: parse_edge(width)?, height: parse_edge(height)? })
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Exact { width, height } => write!(f, "{width}x{height}"),
        }
    }
}

fn parse_edge(digits: &str) -> Option<u32> {
    let plain = digits.len() <= 5
        && !digits.starts_with('0')
        && digits.bytes().all(|byte| byte.is_ascii_digit());
    if plain { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::Size;

    #[test]
    fn a_size_is_written_as_it_is_read() {
        for text in ["auto", "1024x1024", "1x99999"] {
            assert_eq!(Size::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn other_spellings_are_rejected() {
        for text in [
            "",
            "AUTO",
            "1024",
            "1024X1024",
            "01024x1024",
            "0x5",
            "+1x1",
            "1x",
            "x1",
            " 1x1",
            "1x1x1",
        ] {
            assert_eq!(Size::parse(text), None, "{text}");
        }
        assert_eq!(Size::parse("100000x1"), None);
        assert_eq!(Size::parse("１x１"), None);
    }
}

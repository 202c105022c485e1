//! An answer of success whose first byte has not come.
//!
//! The content type does not decide how it is read: relays send events as JSON, JSON as text, and
//! either without a type. JSON begins with a bracket, a page with an angle, and an event with the
//! name of a field or a colon (WHATWG HTML, "Server-sent events"), so one byte is enough.

use std::time::Duration;

use crate::config::Api;
use crate::exchange::head::ResponseHead;
use crate::translate::collect::{Bounds, Document};
use crate::translate::relay::{BYTE_ORDER_MARK, is_white_space};

/// What has come so far.
#[derive(Debug)]
pub(crate) struct Unread {
    pub(crate) head: ResponseHead,
    pub(crate) bounds: Bounds,
    /// When the head came.
    pub(crate) since: Duration,
}

/// How an answer is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// As this.
    As(Document),
    /// As an error: a page, or JSON that is no object.
    Error,
    /// Not at all.
    Garbled,
}

impl Unread {
    /// How the answer is read that begins with `chunk`; `None` if the chunk does not decide it.
    pub(crate) fn judge(&self, api: Api, chunk: &[u8]) -> Option<Reading> {
        // White space may stand before JSON, and a byte order mark is to be ignored (RFC 8259
        // §8.1).
        let is_blank = |byte: &u8| is_white_space(*byte) || BYTE_ORDER_MARK.contains(byte);
        let first = chunk.iter().find(|byte| !is_blank(byte))?;
        let is_field = matches!(first, b':' | b'd' | b'e' | b'i' | b'r');
        Some(match (api, first) {
            (Api::Responses, b'{') => Reading::As(Document::Response),
            (Api::Images, b'{') => Reading::As(Document::Images),
            (Api::Responses, b'<') => Reading::Error,
            (Api::Responses, _) if self.head.is_json() && !is_field => Reading::Error,
            // Whatever the stream begins with, what it has of events is read.
            (Api::Responses, _) => Reading::As(Document::Event),
            (Api::Images, _) if is_field || self.head.is_events() => {
                Reading::As(Document::ImagesEvent)
            }
            // A bare string or number is read to its end, as JSON that was cut.
            (Api::Images, _) if self.head.is_json() => Reading::As(Document::Images),
            (Api::Images, _) => Reading::Garbled,
        })
    }
}

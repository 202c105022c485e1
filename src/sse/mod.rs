//! `text/event-stream`, the framing alone: nothing here knows JSON or OpenAI.
//!
//! The grammar is that of the WHATWG HTML standard, "Server-sent events". [`Decoder`] never holds
//! an event: it returns where the data is in each chunk, so that an image of many megabytes in one
//! `data:` line needs no buffer here.

mod decoder;
mod encoder;

pub use decoder::{Decoder, Token};
pub use encoder::{comment, encode};

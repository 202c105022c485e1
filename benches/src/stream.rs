//! Upstream streams of an image of a given length, framed for the wire.

use imagegate_testkit::chunked;
use imagegate_testkit::script::{Gate, Step};
use imagegate_testkit::sse::{Generation, Output};
use serde::{Deserialize, Serialize};

/// The size of an HTTP chunk.
const CHUNK_BYTES: usize = 64 * 1024;
const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
    cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n";

/// Where the base64 is besides the event that brings the image. In both the stream is about twice
/// as long as the base64, and the response is half of the stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Variant {
    /// In `response.completed` once more, as the OpenAI API sends it.
    Repeated,
    /// In a preview as long as the image, before it; `response.completed` has no output. Codex.
    Preview,
}

impl Variant {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Repeated => "repeated",
            Self::Preview => "preview",
        }
    }
}

/// A stream, and the image that the client must get from it.
pub(crate) struct Stream {
    pub(crate) base64: String,
    /// All events but the last.
    before: Vec<u8>,
    completed: Vec<u8>,
}

impl Stream {
    /// The media type of the events.
    pub(crate) const MEDIA_TYPE: &'static str = "text/event-stream";

    /// The stream of an image whose base64 has this length.
    pub(crate) fn new(variant: Variant, base64_bytes: usize) -> Self {
        let (previews, output) = match variant {
            Variant::Repeated => (0, Output::Repeated),
            Variant::Preview => (1, Output::Empty),
        };
        let generation = Generation { previews, ..Generation::of_bytes(base64_bytes / 4 * 3, 1) };
        Self {
            before: [generation.opening(), generation.image()].concat(),
            completed: generation.completed(output),
            base64: generation.base64,
        }
    }

    /// All events.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        [&self.before[..], &self.completed].concat()
    }

    /// The length of all events.
    pub(crate) fn len(&self) -> usize {
        self.before.len() + self.completed.len()
    }

    /// The response, which waits at the gate before its last event.
    pub(crate) fn script(&self, gate: &Gate) -> Vec<Step> {
        let completed = [&chunked(&self.completed, CHUNK_BYTES)[..], b"0\r\n\r\n"].concat();
        vec![Step::Bytes(self.first_part()), Step::Wait(gate.clone()), Step::Bytes(completed)]
    }

    /// What the response sends before it waits. It is framed already, so that Envoy does not wait
    /// for the upstream.
    pub(crate) fn first_part(&self) -> Vec<u8> {
        [HEAD, &chunked(&self.before, CHUNK_BYTES)].concat()
    }

    /// The same without a wait.
    pub(crate) fn unhindered(&self) -> Vec<Step> {
        let gate = Gate::default();
        gate.open();
        self.script(&gate)
    }
}

//! What a client received of a response.

use imagegate::exchange::{LocalReply, Open};
use serde_json::Value;

/// With the head, as many bytes may leave as arrived with it, and this many in any case.
const MIN_BESIDE_HEAD: usize = 16 * 1024;
/// More than this with the head may end the Envoy process.
const MAX_BESIDE_HEAD: usize = 960 * 1024;

/// A client, and what it received. Each method that sends it something asserts that Envoy could.
#[derive(Debug, Default, Clone)]
pub(crate) struct Client {
    /// The status, or 0 while the head is held.
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// Head and body are one reply of the filter.
    pub(crate) at_once: bool,
    /// The response broke off after its head.
    pub(crate) reset: bool,
}

impl Client {
    /// Whether the head has not left yet.
    pub(crate) fn waits(&self) -> bool {
        self.status == 0
    }

    /// The only header of this name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(it, _)| *it == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} is there twice");
        value
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// A member of the error in the body.
    #[track_caller]
    pub(crate) fn error(&self, member: &str) -> Value {
        self.json()["error"][member].clone()
    }

    /// The code of the error in the body. Null if there is none.
    #[track_caller]
    pub(crate) fn code(&self) -> Value {
        self.error("code")
    }

    /// The events in the body, comments left out: the name and the data of each.
    pub(crate) fn events(&self) -> Vec<(String, Value)> {
        let blocks = self.text().split_terminator("\n\n").filter(|block| !block.starts_with(": "));
        let event = |block: &str| {
            let lines: Vec<_> = block.split('\n').collect();
            let [name, data] = lines[..] else { panic!("{block}") };
            let data = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
            (name.strip_prefix("event: ").unwrap().to_owned(), data)
        };
        blocks.map(event).collect()
    }

    /// The names of the events.
    pub(crate) fn names(&self) -> Vec<String> {
        self.events().into_iter().map(|(name, _)| name).collect()
    }

    pub(super) fn reply(&mut self, reply: LocalReply) {
        assert!(self.waits() && !self.reset, "a second head: {reply:?}");
        (self.status, self.headers, self.body) = (reply.status, reply.headers, reply.body);
        self.at_once = true;
    }

    /// Receives the held head, and the first bytes of the body in place of a chunk of this length.
    pub(super) fn open(&mut self, open: Open, chunk_len: usize) {
        assert!(self.waits(), "a second head: {open:?}");
        let room = chunk_len.clamp(MIN_BESIDE_HEAD, MAX_BESIDE_HEAD);
        assert!(open.body.len() <= room, "{} bytes beside the head", open.body.len());
        (self.status, self.headers, self.body) = (open.status, open.headers, open.body);
    }

    /// Receives more of a body whose head has left.
    pub(super) fn more(&mut self, bytes: &[u8]) {
        assert!(!self.waits() && !self.at_once, "bytes without a head of theirs");
        self.body.extend(bytes);
    }

    pub(super) fn reset(&mut self) {
        assert!(!self.waits() && !self.at_once, "nothing to break off");
        self.reset = true;
    }
}

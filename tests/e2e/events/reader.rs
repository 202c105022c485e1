//! A client that reads a stream event by event.

use std::io;

use serde_json::Value;

use crate::harness::{Connection, Envoy, Request, Response};

/// A response that is read event by event.
pub(super) struct Events {
    connection: Connection,
    unread: Vec<u8>,
    /// This many of the unread bytes hold no end of an event.
    searched: usize,
}

impl Events {
    /// Sends the request, and reads the head of a stream.
    #[track_caller]
    pub(super) fn of(envoy: &Envoy, request: &Request) -> Self {
        let mut connection = Connection::open(envoy.port());
        connection.write(&[request.head(), request.framed_body()].concat()).unwrap();
        Self::open(connection)
    }

    #[track_caller]
    pub(super) fn open(mut connection: Connection) -> Self {
        let head = connection.read_head();
        Self::opened(connection, &head)
    }

    #[track_caller]
    pub(super) fn opened(connection: Connection, head: &Response) -> Self {
        assert_eq!(head.status, 200);
        let kind = head.header("content-type");
        assert_eq!(kind.as_deref(), Some("text/event-stream; charset=utf-8"));
        assert!(head.header("x-request-id").is_some());
        for name in ["set-cookie", "x-codex-plan"] {
            assert_eq!(head.header(name), None, "{name}");
        }
        Self { connection, unread: Vec::new(), searched: 0 }
    }

    /// The next event, its data without the image, and the image. `None` at the end of the stream.
    pub(super) fn next(&mut self) -> io::Result<Option<(Value, String)>> {
        loop {
            if let Some(end) = memchr::memmem::find(&self.unread[self.searched..], b"\n\n") {
                let rest = self.unread.split_off(self.searched + end + 2);
                let event = String::from_utf8(std::mem::replace(&mut self.unread, rest)).unwrap();
                self.searched = 0;
                if event.starts_with(": ") {
                    continue;
                }
                let (name, data) = event.trim_end().split_once('\n').unwrap();
                let mut data: Value =
                    serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
                assert_eq!(name.strip_prefix("event: "), data["type"].as_str());
                let image = data["b64_json"].take().as_str().unwrap_or_default().to_owned();
                return Ok(Some((data, image)));
            }
            match self.connection.read_chunk()? {
                Some(chunk) => {
                    self.searched = self.unread.len().saturating_sub(1);
                    self.unread.extend(chunk);
                }
                None => {
                    assert!(self.unread.is_empty(), "an event is cut");
                    return Ok(None);
                }
            }
        }
    }

    #[track_caller]
    pub(super) fn expect(&mut self, kind: &str) -> (Value, String) {
        let (data, image) = self.next().unwrap().expect("an event comes");
        assert_eq!(data["type"], kind, "{data}");
        (data, image)
    }
}

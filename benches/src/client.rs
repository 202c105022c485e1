//! A client that keeps its connection, asks for the same image again and again, and reads responses
//! as fast as they arrive.

use imagegate_testkit::client::{Connection, Request};
use serde_json::json;

/// A connection to one listener.
pub(crate) struct Client {
    connection: Connection,
    /// The bytes of a request, sent with one write.
    request: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(port: u16) -> Self {
        let body =
            json!({"model": "gpt-image-2", "prompt": "a lighthouse at dusk", "size": "1024x1024"});
        let request = Request::generation(&body).bearer("sk-imagegate-demo");
        let request = [request.head(), request.framed_body()].concat();
        Self { connection: Connection::open(port), request }
    }

    /// Requests an image; returns the length of the response's body.
    pub(crate) fn send(&mut self) -> usize {
        let mut length = 0;
        self.send_into(&mut |piece| length += piece.len());
        length
    }

    /// Requests an image; returns the response's body.
    pub(crate) fn send_whole(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        self.send_into(&mut |piece| body.extend_from_slice(piece));
        body
    }

    fn send_into(&mut self, sink: &mut dyn FnMut(&[u8])) {
        self.connection.write(&self.request).unwrap();
        let response = self.connection.read_into(sink);
        assert_eq!(response.status, 200, "the status of the response");
    }
}

//! A client that sends the same request again and again, and reads responses as fast as they arrive.
//! It keeps its connection as long as Envoy does.

use imagegate_testkit::client::{Connection, Request};
use serde_json::{Value, json};

/// The key of `envoy/envoy.yaml`.
const KEY: &str = "sk-imagegate-demo";
/// A key of the same length that nobody has.
const WRONG_KEY: &str = "sk-imagegate-omed";

/// What a client sends, where to, and the status of the response.
#[derive(Clone)]
pub(crate) struct Target {
    port: u16,
    /// The bytes of the request, which are sent with one write.
    request: Vec<u8>,
    status: u16,
}

/// A connection to one target.
pub(crate) struct Client {
    connection: Connection,
    target: Target,
}

fn body() -> Value {
    json!({"model": "gpt-image-2", "prompt": "a lighthouse at dusk", "size": "1024x1024"})
}

impl Target {
    fn new(port: u16, request: &Request, status: u16) -> Self {
        Self { port, request: [request.head(), request.framed_body()].concat(), status }
    }

    /// A request for an image.
    pub(crate) fn image(port: u16) -> Self {
        Self::new(port, &Request::generation(&body()).bearer(KEY), 200)
    }

    /// A request with the same key and body to a path that is not the filter's.
    pub(crate) fn other_path(port: u16) -> Self {
        let request = Request::new("POST", "/v1/chat/completions").bearer(KEY).json(&body());
        Self::new(port, &request, 200)
    }

    /// A request for an image with a wrong key.
    pub(crate) fn wrong_key(port: u16, status: u16) -> Self {
        Self::new(port, &Request::generation(&body()).bearer(WRONG_KEY), status)
    }

    /// The same without a body.
    pub(crate) fn wrong_key_alone(port: u16, status: u16) -> Self {
        let request = Request::new("POST", "/v1/images/generations").bearer(WRONG_KEY);
        Self::new(port, &request.header("content-length", "0"), status)
    }
}

impl Client {
    pub(crate) fn connect(target: &Target) -> Self {
        Self { connection: Connection::open(target.port), target: target.clone() }
    }

    /// Sends the request; returns the length of the response's body.
    pub(crate) fn send(&mut self) -> usize {
        let mut length = 0;
        self.send_into(&mut |piece| length += piece.len());
        length
    }

    /// Sends the request; returns the response's body.
    pub(crate) fn send_whole(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        self.send_into(&mut |piece| body.extend_from_slice(piece));
        body
    }

    fn send_into(&mut self, sink: &mut dyn FnMut(&[u8])) {
        self.connection.write(&self.target.request).unwrap();
        let response = self.connection.read_into(sink);
        assert_eq!(response.status, self.target.status, "the status of the response");
        if response.header("connection").as_deref() == Some("close") {
            self.connection = Connection::open(self.target.port);
        }
    }
}

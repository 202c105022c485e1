//! A client of raw HTTP/1.1: it sends exactly the bytes that a test gives it.

use std::io;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use super::HUNG;
use super::envoy::Envoy;
use super::wire::{Head, ToEnd, Wire, chunked, only};

/// The API key of [`Request::generation`].
pub const KEY: &str = "sk-e2e-web-0001";

/// A request. Header values are bytes, as HTTP has them.
#[derive(Clone)]
pub struct Request {
    method: String,
    target: Vec<u8>,
    headers: Vec<(String, Vec<u8>)>,
    body: Body,
}

#[derive(Clone)]
enum Body {
    None,
    Whole(Vec<u8>),
    Chunked(Vec<u8>),
}

/// A response with its body.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

/// A connection, for tests that send or read a part at a time.
pub struct Connection {
    wire: Wire,
}

impl Request {
    pub fn new(method: &str, target: impl AsRef<[u8]>) -> Self {
        Self {
            method: method.to_owned(),
            target: target.as_ref().to_vec(),
            headers: vec![("host".to_owned(), b"images.test".to_vec())],
            body: Body::None,
        }
    }

    /// `POST /v1/images/generations` with [`KEY`].
    pub fn generation(body: &Value) -> Self {
        Self::new("POST", "/v1/images/generations").bearer(KEY).json(body)
    }

    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// The request without its headers of this name.
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(it, _)| it != name);
        self
    }

    /// The key, instead of any other.
    pub fn bearer(self, key: &str) -> Self {
        self.without("authorization").header("authorization", format!("Bearer {key}"))
    }

    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").body(serde_json::to_vec(body).unwrap())
    }

    pub fn body(mut self, body: Vec<u8>) -> Self {
        self.body = Body::Whole(body);
        self
    }

    /// The same body, of undeclared length.
    pub fn chunked(mut self) -> Self {
        self.body = match self.body {
            Body::Whole(body) | Body::Chunked(body) => Body::Chunked(body),
            Body::None => Body::Chunked(Vec::new()),
        };
        self
    }

    /// Sends it on a connection of its own and reads the response.
    pub fn send(&self, envoy: &Envoy) -> Response {
        self.send_on(&mut Connection::open(envoy.port()))
    }

    /// Sends it in chunks and with these lines as trailers, and reads the response.
    pub fn send_with_trailers(self, envoy: &Envoy, trailers: &[u8]) -> Response {
        let request = self.chunked();
        let mut framed = request.framed_body();
        framed.truncate(framed.len() - b"\r\n".len());
        framed.extend([trailers, b"\r\n"].concat());
        let mut connection = Connection::open(envoy.port());
        connection.write(&[request.head(), framed].concat()).unwrap();
        connection.read()
    }

    /// Sends it and reads the response.
    pub fn send_on(&self, connection: &mut Connection) -> Response {
        // A server may answer, and close, before it has read everything.
        let _ = connection.write(&self.head()).and_then(|()| connection.write(&self.framed_body()));
        if self.method == "HEAD" { connection.read_head() } else { connection.read() }
    }

    /// The bytes of the head, `content-length` or `transfer-encoding` included.
    pub fn head(&self) -> Vec<u8> {
        let mut head = [self.method.as_bytes(), b" ", &self.target, b" HTTP/1.1\r\n"].concat();
        let mut line = |name: &str, value: &[u8]| {
            head.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        };
        self.headers.iter().for_each(|(name, value)| line(name, value));
        match &self.body {
            Body::Whole(body) => line("content-length", body.len().to_string().as_bytes()),
            Body::Chunked(_) => line("transfer-encoding", b"chunked"),
            Body::None => {}
        }
        head.extend(b"\r\n");
        head
    }

    /// The bytes of the body as they go over the wire.
    pub fn framed_body(&self) -> Vec<u8> {
        match &self.body {
            Body::None => Vec::new(),
            Body::Whole(body) => body.clone(),
            Body::Chunked(body) => {
                let mut framed = chunked(body, 64 * 1024);
                framed.extend(b"0\r\n\r\n");
                framed
            }
        }
    }
}

impl Response {
    /// The only header of this name.
    pub fn header(&self, name: &str) -> Option<String> {
        only(&self.headers, name)
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            let start = String::from_utf8_lossy(&self.body[..self.body.len().min(500)]);
            panic!("status {}, and the body is not JSON ({error}): {start}", self.status)
        })
    }

    /// Asserts that this is an error in the OpenAI API's shape, and returns its `code`.
    pub fn error_code(&self) -> String {
        assert!(self.status >= 400, "no error but {}", self.status);
        assert_eq!(self.header("content-type").as_deref(), Some("application/json"));
        assert!(self.header("x-request-id").is_some(), "no x-request-id");
        let json = self.json();
        assert_eq!(json.as_object().unwrap().len(), 1, "{json}");
        let error = json["error"].as_object().unwrap_or_else(|| panic!("no error in {json}"));
        assert!(error["message"].as_str().is_some_and(|it| !it.is_empty()), "{json}");
        assert!(error["type"].is_string(), "{json}");
        assert!(error.contains_key("param"), "{json}");
        error["code"].as_str().unwrap_or_else(|| panic!("no code in {json}")).to_owned()
    }

    /// Asserts the status and code of an error.
    #[track_caller]
    pub fn assert_error(&self, status: u16, code: &str) {
        let got = self.error_code();
        assert_eq!((self.status, got.as_str()), (status, code), "{}", self.json());
    }

    /// Asserts success with one image, and returns it as base64.
    #[track_caller]
    pub fn image(&self) -> String {
        let mut images = self.images();
        assert_eq!(images.len(), 1, "images");
        images.remove(0)
    }

    /// Asserts success, and returns the images as base64.
    #[track_caller]
    pub fn images(&self) -> Vec<String> {
        let json = self.json();
        assert_eq!(self.status, 200, "{json}");
        match self.header("content-length") {
            Some(length) => assert_eq!(length, self.body.len().to_string()),
            // An answer that passes through.
            None => assert_eq!(self.header("transfer-encoding").as_deref(), Some("chunked")),
        }
        assert_eq!(self.header("content-type").as_deref(), Some("application/json"));
        assert!(self.header("x-request-id").is_some(), "no x-request-id");
        let data = json["data"].as_array().unwrap();
        data.iter().map(|it| it["b64_json"].as_str().unwrap().to_owned()).collect()
    }
}

impl Connection {
    pub fn open(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("the listener accepts");
        stream.set_read_timeout(Some(HUNG)).unwrap();
        stream.set_write_timeout(Some(HUNG)).unwrap();
        Self { wire: Wire::new(stream) }
    }

    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.wire.write(bytes)
    }

    /// Reads a response. Skips any `100 Continue`.
    pub fn read(&mut self) -> Response {
        let mut body = Vec::new();
        let head = self.read_into(&mut |piece| body.extend_from_slice(piece));
        Response { body, ..head }
    }

    /// Reads a response, and hands its body to `sink` piece by piece.
    pub fn read_into(&mut self, sink: &mut dyn FnMut(&[u8])) -> Response {
        let Response { status, headers, body } = self.read_head();
        let head = Head { first: String::new(), headers };
        self.wire.read_body_into(&head, ToEnd::Yes, sink).expect("the body comes whole");
        Response { status, headers: head.headers, body }
    }

    /// Reads the head of a response. Skips any `100 Continue`.
    pub fn read_head(&mut self) -> Response {
        loop {
            let response = self.read_any_head().expect("a response comes");
            if response.status >= 200 {
                return response;
            }
        }
    }

    /// Reads the next head, of an interim response too.
    pub fn read_any_head(&mut self) -> io::Result<Response> {
        let head = self.wire.read_head()?;
        let status = head.first.split(' ').nth(1).unwrap().parse().unwrap();
        Ok(Response { status, headers: head.headers, body: Vec::new() })
    }

    /// The next chunk of a body of undeclared length; `None` at its end.
    pub fn read_chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        self.wire.read_chunk()
    }

    /// The body that follows this head.
    pub fn read_body(&mut self, head: &Response) -> Vec<u8> {
        let head = Head { first: String::new(), headers: head.headers.clone() };
        self.wire.read_body(&head, ToEnd::No).expect("the body comes whole")
    }

    /// All that comes until the connection ends, even if the head declares another length.
    pub fn read_to_close(&mut self) -> Vec<u8> {
        let head = Head { first: String::new(), headers: Vec::new() };
        self.wire.read_body(&head, ToEnd::Yes).unwrap()
    }

    /// Whether nothing comes for a moment.
    pub fn is_silent_for(&mut self, moment: Duration) -> bool {
        self.wire.stream().set_read_timeout(Some(moment)).unwrap();
        let silent =
            matches!(self.wire.wait(), Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        self.wire.stream().set_read_timeout(Some(HUNG)).unwrap();
        silent
    }
}

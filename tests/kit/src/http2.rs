//! A client of HTTP/2 with one request on its connection, for what HTTP/1.1 cannot show: how a
//! stream ends.
//!
//! Frames are written by hand, because one case sends invalid ones ([`Http2::garble`]): `SETTINGS`
//! on a stream, `DATA` after its end, windows that are wrong, headers that are no HPACK. The client
//! of the `h2` crate sends valid frames only.

use std::net::TcpStream;

use serde_json::Value;

use super::HUNG;
use super::client::KEY;
use super::wire::Wire;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const WINDOW_UPDATE: u8 = 8;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;

/// The only request of this client.
const STREAM: u32 = 1;
const NO_ERROR: u32 = 0;
const CANCEL: u32 = 8;
/// As large as a window may be.
const MAX_WINDOW: u32 = 0x7fff_ffff;

/// A connection with one request.
pub struct Http2 {
    wire: Wire,
}

/// How a stream ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Ended {
    /// With its last frame.
    Well,
    /// By a reset.
    Reset,
}

impl Http2 {
    /// Sends `POST /v1/images/generations` with [`KEY`].
    pub fn generation(port: u16, body: &Value) -> Self {
        let key = format!("Bearer {KEY}");
        let more = [("content-type", "application/json"), ("authorization", &key)];
        Self::post(port, &more, &serde_json::to_vec(body).unwrap())
    }

    /// The same with a window of this many bytes, which the client never opens again.
    pub fn generation_in_window(port: u16, body: &Value, window: u32) -> Self {
        let key = format!("Bearer {KEY}");
        let more = [("content-type", "application/json"), ("authorization", &key)];
        Self::post_in_window(port, &more, &serde_json::to_vec(body).unwrap(), window)
    }

    /// Sends `POST /v1/images/generations` with these headers.
    pub fn post(port: u16, more: &[(&str, &str)], body: &[u8]) -> Self {
        Self::post_in_window(port, more, body, MAX_WINDOW)
    }

    fn post_in_window(port: u16, more: &[(&str, &str)], body: &[u8], window: u32) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(HUNG)).unwrap();
        let mut client = Self { wire: Wire::new(stream) };
        client.wire.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
        // SETTINGS_INITIAL_WINDOW_SIZE, and the window of the connection.
        client.frame(SETTINGS, 0, 0, &[&[0, 4][..], &window.to_be_bytes()].concat());
        client.frame(WINDOW_UPDATE, 0, 0, &0x7fff_0000_u32.to_be_bytes());
        let head = [
            (":method", "POST"),
            (":scheme", "http"),
            (":authority", "images.test"),
            (":path", "/v1/images/generations"),
        ];
        let head: Vec<u8> =
            head.iter().chain(more).flat_map(|(name, value)| literal(name, value)).collect();
        client.frame(HEADERS, END_HEADERS, STREAM, &head);
        client.frame(DATA, END_STREAM, STREAM, body);
        client
    }

    /// Reads the body until at least this many bytes have come.
    pub fn read_some(&mut self, bytes: usize) -> Vec<u8> {
        let mut body = Vec::new();
        while body.len() < bytes {
            let (data, ended) = self.read_frame();
            body.extend(data);
            assert_eq!(ended, None, "after {} bytes", body.len());
        }
        body
    }

    /// Reads the rest of the body, and how the stream ends.
    pub fn read_rest(&mut self) -> (Vec<u8>, Ended) {
        let mut body = Vec::new();
        loop {
            let (data, ended) = self.read_frame();
            body.extend(data);
            if let Some(ended) = ended {
                return (body, ended);
            }
        }
    }

    /// Cancels the request; the connection stays.
    pub fn cancel(&mut self) {
        self.frame(RST_STREAM, 0, STREAM, &CANCEL.to_be_bytes());
    }

    /// Ends the request early, without an error; the connection stays.
    pub fn close_stream(&mut self) {
        self.frame(RST_STREAM, 0, STREAM, &NO_ERROR.to_be_bytes());
    }

    /// Sends an invalid frame, in one of five ways.
    pub fn garble(&mut self, how: usize) {
        match how {
            0 => self.frame(SETTINGS, 0, STREAM, &[0; 6]),
            1 => self.frame(DATA, 0, STREAM, b"x"),
            2 => self.frame(WINDOW_UPDATE, 0, STREAM, &0_u32.to_be_bytes()),
            3 => self.frame(WINDOW_UPDATE, 0, STREAM, &0x7fff_ffff_u32.to_be_bytes()),
            _ => self.frame(HEADERS, END_HEADERS, STREAM, &[0xff; 4]),
        }
    }

    /// The bytes of the body in the next frame, and whether it ends the stream.
    fn read_frame(&mut self) -> (Vec<u8>, Option<Ended>) {
        let head = self.wire.read_exactly(9).unwrap();
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let (kind, flags) = (head[3], head[4]);
        let payload = self.wire.read_exactly(length).unwrap();
        let ended = match kind {
            RST_STREAM => Some(Ended::Reset),
            DATA | HEADERS if flags & END_STREAM != 0 => Some(Ended::Well),
            _ => None,
        };
        if kind == SETTINGS && flags & ACK == 0 {
            self.frame(SETTINGS, ACK, 0, &[]);
        }
        (if kind == DATA { payload } else { Vec::new() }, ended)
    }

    fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let [_, length @ ..] = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let head = [&length[..], &[kind, flags], &stream.to_be_bytes()].concat();
        self.wire.write(&[&head[..], payload].concat()).unwrap();
    }
}

/// A header as HPACK writes it without its tables (RFC 7541 §6.2.2).
fn literal(name: &str, value: &str) -> Vec<u8> {
    let text = |text: &str| {
        let length = u8::try_from(text.len()).unwrap();
        assert!(length < 127, "'{text}' is too long for one byte of length");
        [&[length][..], text.as_bytes()].concat()
    };
    [vec![0], text(name), text(value)].concat()
}

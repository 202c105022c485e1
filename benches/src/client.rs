//! A client that keeps its connection and reads answers to their end, as fast as they come.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};

use super::HUNG;

/// So much is read from the socket at once.
const READ_BYTES: usize = 256 * 1024;

/// A connection to one listener.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    pub(crate) fn connect(port: u16) -> Self {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("Envoy accepts");
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(HUNG)).unwrap();
        Self { stream: BufReader::with_capacity(READ_BYTES, stream) }
    }

    /// Asks for a picture as clients of the Images API do; the length of the answer.
    pub(crate) fn ask(&mut self) -> usize {
        self.ask_into(&mut |_| {})
    }

    /// The same; the whole answer.
    pub(crate) fn ask_whole(&mut self) -> Vec<u8> {
        let mut answer = Vec::new();
        self.ask_into(&mut |piece| answer.extend_from_slice(piece));
        answer
    }

    fn ask_into(&mut self, sink: &mut dyn FnMut(&[u8])) -> usize {
        const BODY: &str =
            r#"{"model":"gpt-image-2","prompt":"a lighthouse at dusk","size":"1024x1024"}"#;
        let request = format!(
            "POST /v1/images/generations HTTP/1.1\r\nhost: images.test\r\n\
             authorization: Bearer sk-imagegate-demo\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{BODY}",
            BODY.len()
        );
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
        self.read_answer(sink)
    }

    /// A `GET`; the text of the answer.
    pub(crate) fn get(&mut self, path: &str) -> String {
        let request = format!("GET {path} HTTP/1.1\r\nhost: admin\r\n\r\n");
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        self.read_answer(&mut |piece| answer.extend_from_slice(piece));
        String::from_utf8(answer).unwrap()
    }

    fn read_answer(&mut self, sink: &mut dyn FnMut(&[u8])) -> usize {
        let status = self.line();
        assert!(status.starts_with("HTTP/1.1 200"), "the answer is `{status}`");
        let mut length = None;
        loop {
            let line = self.line().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = Some(value.trim().parse().unwrap());
            }
        }
        match length {
            Some(length) => self.read_exactly(length, sink),
            None => self.read_chunked(sink),
        }
    }

    fn read_chunked(&mut self, sink: &mut dyn FnMut(&[u8])) -> usize {
        let mut sum = 0;
        loop {
            let chunk = usize::from_str_radix(&self.line(), 16).unwrap();
            sum += self.read_exactly(chunk, sink);
            self.line();
            if chunk == 0 {
                return sum;
            }
        }
    }

    fn read_exactly(&mut self, length: usize, sink: &mut dyn FnMut(&[u8])) -> usize {
        let mut left = length;
        while left > 0 {
            let bytes = self.stream.fill_buf().expect("the answer goes on");
            assert!(!bytes.is_empty(), "the answer ends early");
            let taken = bytes.len().min(left);
            sink(&bytes[..taken]);
            self.stream.consume(taken);
            left -= taken;
        }
        length
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        (&mut self.stream).take(64 * 1024).read_line(&mut line).expect("a line comes");
        line.trim_end().to_owned()
    }
}

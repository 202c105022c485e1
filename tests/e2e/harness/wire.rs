//! HTTP/1.1 as bytes of a socket, for both ends.

use std::io::{self, Read, Write};
use std::net::TcpStream;

/// A connection and what was read of it too early.
pub(super) struct Wire {
    pub(super) stream: TcpStream,
    unread: Vec<u8>,
}

/// The head of a message.
pub(super) struct Head {
    /// The request line or the status line.
    pub(super) first: String,
    pub(super) headers: Vec<(String, Vec<u8>)>,
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self { stream, unread: Vec::new() }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    pub(super) fn read_head(&mut self) -> io::Result<Head> {
        let head = self.read_until(b"\r\n\r\n")?;
        let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.trim_ascii());
        let first = String::from_utf8_lossy(lines.next().unwrap()).into_owned();
        let header = |line: &[u8]| {
            let colon = line.iter().position(|byte| *byte == b':').unwrap();
            let name = String::from_utf8_lossy(&line[..colon]).to_ascii_lowercase();
            (name, line[colon + 1..].trim_ascii().to_vec())
        };
        Ok(Head { first, headers: lines.filter(|line| !line.is_empty()).map(header).collect() })
    }

    /// Reads the body that belongs to `head`; `to_end`: one that ends with the connection if its length is not told.
    pub(super) fn read_body(&mut self, head: &Head, to_end: ToEnd) -> io::Result<Vec<u8>> {
        if let Some(length) = only(&head.headers, "content-length") {
            return self.read_exactly(length.parse().unwrap());
        }
        if only(&head.headers, "transfer-encoding").as_deref() == Some("chunked") {
            return self.read_chunks();
        }
        match to_end {
            ToEnd::Yes => {
                while self.fill().is_ok() {}
                Ok(std::mem::take(&mut self.unread))
            }
            ToEnd::No => Ok(Vec::new()),
        }
    }

    fn read_chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        while let Some(chunk) = self.read_chunk()? {
            body.extend(chunk);
        }
        Ok(body)
    }

    /// The next chunk of a body; nothing at its end.
    pub(super) fn read_chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        let line = self.read_until(b"\r\n")?;
        let length = usize::from_str_radix(String::from_utf8_lossy(&line).trim(), 16).unwrap();
        let chunk = self.read_exactly(length)?;
        self.read_exactly(2)?;
        Ok((length > 0).then_some(chunk))
    }

    /// Reads up to and with `end`.
    fn read_until(&mut self, end: &[u8]) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = memchr::memmem::find(&self.unread, end) {
                return Ok(self.unread.drain(..at + end.len()).collect());
            }
            self.fill()?;
        }
    }

    pub(super) fn read_exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        self.unread.reserve(length.saturating_sub(self.unread.len()));
        while self.unread.len() < length {
            self.fill()?;
        }
        let rest = self.unread.split_off(length);
        Ok(std::mem::replace(&mut self.unread, rest))
    }

    pub(super) fn fill(&mut self) -> io::Result<()> {
        let mut part = vec![0; 256 * 1024];
        match self.stream.read(&mut part)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                self.unread.extend(&part[..count]);
                Ok(())
            }
        }
    }
}

/// Whether a body whose length is not told goes on to the end of the connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ToEnd {
    Yes,
    No,
}

/// The only header of this name.
#[track_caller]
pub(super) fn only(headers: &[(String, Vec<u8>)], name: &str) -> Option<String> {
    let values: Vec<_> = headers.iter().filter(|(it, _)| it == name).collect();
    assert!(values.len() <= 1, "{name} came {} times", values.len());
    values.first().map(|(_, value)| String::from_utf8_lossy(value).into_owned())
}

/// `body` in chunks.
pub(super) fn chunked(body: &[u8], chunk_length: usize) -> Vec<u8> {
    let mut framed = Vec::with_capacity(body.len() + body.len() / chunk_length * 16 + 64);
    for part in body.chunks(chunk_length) {
        framed.extend(format!("{:x}\r\n", part.len()).as_bytes());
        framed.extend(part);
        framed.extend(b"\r\n");
    }
    framed
}

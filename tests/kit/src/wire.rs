//! HTTP/1.1 as bytes of a socket, for both ends.

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;

/// How many bytes one read of the socket may return.
const READ_BYTES: usize = 256 * 1024;

/// A connection, and the bytes that were read too early.
pub(crate) struct Wire {
    reader: BufReader<TcpStream>,
}

/// The head of a message.
pub(crate) struct Head {
    /// The request line or the status line.
    pub(crate) first: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self { reader: BufReader::with_capacity(READ_BYTES, stream) }
    }

    /// The socket.
    pub(crate) fn stream(&self) -> &TcpStream {
        self.reader.get_ref()
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.reader.get_mut().write_all(bytes)
    }

    pub(crate) fn read_head(&mut self) -> io::Result<Head> {
        let first = String::from_utf8_lossy(&self.read_line()?).into_owned();
        let mut headers = Vec::new();
        loop {
            let line = self.read_line()?;
            if line.is_empty() {
                return Ok(Head { first, headers });
            }
            let colon = line.iter().position(|byte| *byte == b':').unwrap();
            let name = String::from_utf8_lossy(&line[..colon]).to_ascii_lowercase();
            headers.push((name, line[colon + 1..].trim_ascii().to_vec()));
        }
    }

    /// Reads the body that belongs to `head`.
    pub(crate) fn read_body(&mut self, head: &Head, to_end: ToEnd) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        self.read_body_into(head, to_end, &mut |piece| body.extend_from_slice(piece))?;
        Ok(body)
    }

    /// Hands the body that belongs to `head` to `sink`, piece by piece.
    pub(crate) fn read_body_into(
        &mut self,
        head: &Head,
        to_end: ToEnd,
        sink: &mut dyn FnMut(&[u8]),
    ) -> io::Result<()> {
        if let Some(length) = only(&head.headers, "content-length") {
            return self.pass(length.parse().unwrap(), sink);
        }
        if only(&head.headers, "transfer-encoding").as_deref() == Some("chunked") {
            while self.pass_chunk(sink)? {}
            return Ok(());
        }
        if to_end == ToEnd::Yes {
            self.pass_rest(sink);
        }
        Ok(())
    }

    /// The next chunk of a body; `None` at its end.
    pub(crate) fn read_chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut chunk = Vec::new();
        let more = self.pass_chunk(&mut |piece| chunk.extend_from_slice(piece))?;
        Ok(more.then_some(chunk))
    }

    pub(crate) fn read_exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(length);
        self.pass(length, &mut |piece| bytes.extend_from_slice(piece))?;
        Ok(bytes)
    }

    /// Waits until something can be read, or the connection ends.
    pub(crate) fn wait(&mut self) -> io::Result<()> {
        self.reader.fill_buf().map(|_| ())
    }

    /// Hands the next chunk to `sink`. Whether it was not the last one, which is empty.
    fn pass_chunk(&mut self, sink: &mut dyn FnMut(&[u8])) -> io::Result<bool> {
        let line = self.read_line()?;
        let length = usize::from_str_radix(String::from_utf8_lossy(&line).trim(), 16).unwrap();
        self.pass(length, sink)?;
        self.pass(2, &mut |_| {})?;
        Ok(length > 0)
    }

    /// Hands this many bytes to `sink`.
    fn pass(&mut self, length: usize, sink: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        let mut left = length;
        while left > 0 {
            let bytes = self.reader.fill_buf()?;
            if bytes.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let taken = bytes.len().min(left);
            sink(&bytes[..taken]);
            self.reader.consume(taken);
            left -= taken;
        }
        Ok(())
    }

    /// Hands everything to `sink` until the connection ends, even if by a reset.
    fn pass_rest(&mut self, sink: &mut dyn FnMut(&[u8])) {
        while let Ok(bytes) = self.reader.fill_buf() {
            let taken = bytes.len();
            if taken == 0 {
                return;
            }
            sink(bytes);
            self.reader.consume(taken);
        }
    }

    /// The next line without its end.
    fn read_line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        self.reader.read_until(b'\n', &mut line)?;
        match line.strip_suffix(b"\n") {
            Some(line) => Ok(line.strip_suffix(b"\r").unwrap_or(line).to_vec()),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// Whether a body of undeclared length goes on to the end of the connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ToEnd {
    Yes,
    No,
}

/// The only header of this name.
#[track_caller]
pub(crate) fn only(headers: &[(String, Vec<u8>)], name: &str) -> Option<String> {
    let values: Vec<_> = headers.iter().filter(|(it, _)| it == name).collect();
    assert!(values.len() <= 1, "{name} came {} times", values.len());
    values.first().map(|(_, value)| String::from_utf8_lossy(value).into_owned())
}

/// `body` in chunks of this length. The last chunk, which ends the body, is not among them.
pub fn chunked(body: &[u8], chunk_length: usize) -> Vec<u8> {
    let mut framed = Vec::with_capacity(body.len() + body.len() / chunk_length * 16 + 64);
    for part in body.chunks(chunk_length) {
        framed.extend(format!("{:x}\r\n", part.len()).as_bytes());
        framed.extend(part);
        framed.extend(b"\r\n");
    }
    framed
}

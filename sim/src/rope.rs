//! Text made of small pieces and of large shared ones.
//!
//! An answer of several megabytes is a few kilobytes of JSON around one shared image. It is sent
//! without joining the pieces.

use bytes::Bytes;

/// Pieces of one text, in order.
#[derive(Debug, Default)]
pub struct Rope {
    pieces: Vec<Bytes>,
    /// What was written since the last shared piece.
    open: Vec<u8>,
}

impl Rope {
    /// Appends a copy of `text`.
    pub fn text(&mut self, text: &str) {
        self.open.extend_from_slice(text.as_bytes());
    }

    /// Appends a copy of `bytes`, which need not be text.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.open.extend_from_slice(bytes);
    }

    /// Appends `bytes` without a copy.
    pub fn shared(&mut self, bytes: Bytes) {
        self.close();
        self.pieces.push(bytes);
    }

    fn close(&mut self) {
        if !self.open.is_empty() {
            self.pieces.push(std::mem::take(&mut self.open).into());
        }
    }

    /// The pieces, none longer than `max` bytes.
    pub fn into_pieces(mut self, max: usize) -> Vec<Bytes> {
        self.close();
        let max = max.max(1);
        let mut cut = Vec::new();
        for mut piece in self.pieces {
            while piece.len() > max {
                cut.push(piece.split_to(max));
            }
            if !piece.is_empty() {
                cut.push(piece);
            }
        }
        cut
    }

    /// The first `len` bytes, as one piece.
    pub fn into_prefix(self, len: usize) -> Bytes {
        let mut bytes = Bytes::from(self.into_bytes());
        bytes.truncate(len);
        bytes
    }

    /// The length in bytes.
    pub fn len(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum::<usize>() + self.open.len()
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The whole text, joined.
    pub fn into_bytes(mut self) -> Vec<u8> {
        self.close();
        self.pieces.concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_pieces_add_up_to_the_whole() {
        let mut rope = Rope::default();
        rope.text("head:");
        rope.shared(Bytes::from_static(b"0123456789"));
        rope.text(":tail");
        assert_eq!(rope.len(), 20);
        let pieces = rope.into_pieces(4);
        assert!(pieces.iter().all(|piece| !piece.is_empty() && piece.len() <= 4));
        assert_eq!(pieces.concat(), b"head:0123456789:tail");
    }

    #[test]
    fn a_prefix_may_end_inside_a_shared_piece() {
        let mut rope = Rope::default();
        rope.text("ab");
        rope.shared(Bytes::from_static(b"cdef"));
        assert_eq!(rope.into_prefix(4), Bytes::from_static(b"abcd"));
    }
}

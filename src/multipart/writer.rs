//! Writes a form whose boundary occurs nowhere else in it.
//!
//! A boundary has to be written before all the content is known that must not contain it. So its
//! length is fixed, and at the end the form is searched for it once. If the content contains it, by
//! chance or on purpose, other digits are chosen and written over it. For each place it is the
//! digit that follows least often, so that every digit leaves at most a sixteenth of the
//! occurrences in any content.

use memchr::memmem;

/// A form that is being written.
#[derive(Debug, Default)]
pub struct Writer {
    body: Vec<u8>,
    /// The places of its boundaries.
    places: Vec<usize>,
}

/// A form.
#[derive(Debug)]
pub struct Form {
    /// Its `content-type`.
    pub content_type: String,
    /// The whole form.
    pub body: Vec<u8>,
}

impl Writer {
    /// A form of about `capacity` bytes.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { body: Vec::with_capacity(capacity), places: Vec::new() }
    }

    /// Adds a plain field. `name` is visible ASCII without quotes.
    pub fn text(&mut self, name: &str, value: &str) {
        self.delimit();
        self.push(&format!("Content-Disposition: form-data; name=\"{name}\"\r\n\r\n"));
        self.push(value);
        self.push("\r\n");
    }

    /// Adds a file, whose bytes `write` appends. `name` and `file_name` are visible ASCII without
    /// quotes.
    pub fn file(
        &mut self,
        name: &str,
        file_name: &str,
        media_type: &str,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        self.delimit();
        self.push(&format!(
            "Content-Disposition: form-data; name=\"{name}\"; filename=\"{file_name}\"\r\n\
             Content-Type: {media_type}\r\n\r\n"
        ));
        write(&mut self.body);
        self.push("\r\n");
    }

    /// Ends the form.
    #[must_use]
    pub fn finish(mut self) -> Form {
        self.push("--");
        self.mark();
        self.push("--\r\n");
        let mut boundary = [STEM, &[b'0'; DIGITS]].concat();
        if memmem::find_iter(&self.body, &boundary).count() > self.places.len() {
            boundary = free(&self.body);
            for place in &self.places {
                let end = place.saturating_add(BOUNDARY_BYTES);
                if let Some(written) = self.body.get_mut(*place..end) {
                    written.copy_from_slice(&boundary);
                }
            }
        }
        let boundary = String::from_utf8_lossy(&boundary);
        Form { content_type: format!("multipart/form-data; boundary={boundary}"), body: self.body }
    }

    fn delimit(&mut self) {
        self.push("--");
        self.mark();
        self.push("\r\n");
    }

    fn mark(&mut self) {
        self.places.push(self.body.len());
        self.body.extend_from_slice(STEM);
        self.body.extend_from_slice(&[b'0'; DIGITS]);
    }

    fn push(&mut self, text: &str) {
        self.body.extend_from_slice(text.as_bytes());
    }
}

/// A boundary that does not occur in `body`.
fn free(body: &[u8]) -> Vec<u8> {
    let mut boundary = STEM.to_vec();
    for _ in 0..DIGITS {
        boundary.push(rarest(body, &boundary));
    }
    boundary
}

/// The digit that follows `stem` least often.
fn rarest(body: &[u8], stem: &[u8]) -> u8 {
    let mut counts = DIGIT.map(|digit| (0_usize, digit));
    for at in memmem::find_iter(body, stem) {
        let next = body.get(at.saturating_add(stem.len()));
        if let Some((count, _)) = counts.iter_mut().find(|(_, digit)| Some(digit) == next) {
            *count = count.saturating_add(1);
        }
    }
    counts.into_iter().min().map_or(b'0', |(_, digit)| digit)
}

/// The most bytes of a field, without its name, its file's name and media type, and its content.
pub const MAX_FRAME_BYTES: usize = 128;
/// No part of it begins like it, so that no two occurrences overlap.
const STEM: &[u8] = b"imagegate-form-";
/// A body has at most 16^7 occurrences of the stem, so eight digits always find a free one.
const DIGITS: usize = 8;
const DIGIT: [u8; 16] = *b"0123456789abcdef";
const BOUNDARY_BYTES: usize = STEM.len() + DIGITS;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{BOUNDARY_BYTES, Form, Writer};
    use crate::multipart::{Boundary, Kind, Parts};

    fn read(form: &Form) -> Vec<(Vec<u8>, Kind, Vec<u8>)> {
        let boundary = Boundary::of_content_type(form.content_type.as_bytes()).unwrap().unwrap();
        let parts = Parts::new(&form.body, &boundary).map(|part| part.unwrap());
        parts.map(|part| (part.name.to_vec(), part.kind, part.data.to_vec())).collect()
    }

    fn form(text: &str, file: &[u8]) -> Form {
        let mut writer = Writer::new(0);
        writer.text("prompt", text);
        writer.file("image[]", "image-1.png", "image/png", |out| out.extend_from_slice(file));
        writer.finish()
    }

    #[test]
    fn a_form_is_written_byte_for_byte_as_clients_write_theirs() {
        let form = form("a fox", b"\x89PNG");
        assert_eq!(form.content_type, "multipart/form-data; boundary=imagegate-form-00000000");
        let expected = b"--imagegate-form-00000000\r\n\
            Content-Disposition: form-data; name=\"prompt\"\r\n\r\na fox\r\n\
            --imagegate-form-00000000\r\n\
            Content-Disposition: form-data; name=\"image[]\"; filename=\"image-1.png\"\r\n\
            Content-Type: image/png\r\n\r\n\x89PNG\r\n--imagegate-form-00000000--\r\n";
        assert_eq!(form.body, expected);
    }

    #[test]
    fn content_with_every_boundary_of_three_digits_does_not_end_a_part() {
        let hostile: String =
            (0..4096).map(|it| format!("\r\n--imagegate-form-{it:03x}00000--\r\n")).collect();
        let form = form(&hostile, b"--imagegate-form-00000000\r\n");
        assert_eq!(read(&form)[0].2, hostile.as_bytes());
        assert_eq!(read(&form)[1].2, b"--imagegate-form-00000000\r\n");
    }

    proptest! {
        /// A form with any content is read as it was written, and its boundary occurs nowhere else.
        #[test]
        fn a_written_form_is_read_back(
            texts in proptest::collection::vec(
                "(imagegate-form-[01]{0,8}|\r\n--|[a-z]|\r|\n|-){0,24}",
                0..4,
            ),
            file in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            let mut writer = Writer::new(0);
            for text in &texts {
                writer.text("prompt", text);
            }
            writer.file("mask", "mask.png", "image/png", |out| out.extend_from_slice(&file));
            let form = writer.finish();
            let mut expected: Vec<_> = texts
                .iter()
                .map(|it| (b"prompt".to_vec(), Kind::Text, it.clone().into_bytes()))
                .collect();
            expected.push((b"mask".to_vec(), Kind::File, file));
            prop_assert_eq!(&read(&form), &expected);
            let (_, boundary) = form.content_type.split_once("boundary=").unwrap();
            prop_assert_eq!(boundary.len(), BOUNDARY_BYTES);
            let found = memchr::memmem::find_iter(&form.body, boundary.as_bytes()).count();
            prop_assert_eq!(found, expected.len().saturating_add(1));
        }
    }
}

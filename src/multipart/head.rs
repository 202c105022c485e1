//! The headers of a part: which field it is, and whether it is a file.

use std::borrow::Cow;

use super::params::split;
use super::{Error, Kind, MAX_HEAD_BYTES, Part};

/// Reads the bytes between two delimiters: headers, an empty line, data.
pub(super) fn read(part: &[u8], number: usize) -> Result<Part<'_>, Error> {
    // The headers end within this many bytes, however long the data is.
    let window = MAX_HEAD_BYTES.saturating_add(END.len());
    let start = part.get(..window).unwrap_or(part);
    let Some(end) = memchr::memmem::find(start, END) else {
        return Err(match part.len() > window {
            true => Error::HeadTooLong { part: number, limit: MAX_HEAD_BYTES },
            false => Error::Head { part: number },
        });
    };
    let head = part.get(..end).unwrap_or_default();
    let data = part.get(end.saturating_add(END.len())..).unwrap_or_default();
    let (name, kind) = read_head(head, number)?;
    Ok(Part { name, kind, data })
}

fn read_head(head: &[u8], part: usize) -> Result<(Cow<'_, [u8]>, Kind), Error> {
    let (mut field, mut media_type) = (None, None);
    for line in lines(head) {
        let colon = memchr::memchr(b':', line).ok_or(Error::Head { part })?;
        let (name, value) = line.split_at_checked(colon).ok_or(Error::Head { part })?;
        let value = value.strip_prefix(b":").unwrap_or_default().trim_ascii();
        // RFC 9112 §5.1 and §5.2: white space here hides a header from one reader or another.
        if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
            return Err(Error::Head { part });
        }
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        if is("content-disposition") {
            let read = read_disposition(value).ok_or(Error::Disposition { part })?;
            if field.replace(read).is_some() {
                return Err(Error::Disposition { part });
            }
        } else if is("content-type") {
            media_type = Some(split(value).0);
        } else if is("content-transfer-encoding") && !is_plain(value) {
            return Err(Error::Encoded { part });
        }
    }
    let (name, named) = field.ok_or(Error::Disposition { part })?;
    let kind = if media_type.is_some_and(is_file_type) { Kind::File } else { named };
    Ok((name, kind))
}

fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(head);
    std::iter::from_fn(move || {
        let bytes = rest?;
        let end = memchr::memmem::find(bytes, b"\r\n");
        let (line, tail) = match end.and_then(|end| bytes.split_at_checked(end)) {
            Some((line, tail)) => (line, tail.strip_prefix(b"\r\n")),
            None => (bytes, None),
        };
        rest = tail;
        Some(line)
    })
}

/// `form-data; name="…"`, with a `filename` or without.
fn read_disposition(value: &[u8]) -> Option<(Cow<'_, [u8]>, Kind)> {
    let (word, params) = split(value);
    if !word.eq_ignore_ascii_case(b"form-data") {
        return None;
    }
    let (mut field, mut kind) = (None, Kind::Text);
    for param in params {
        let (name, value) = param.ok()?;
        if name.eq_ignore_ascii_case(b"name") {
            if field.replace(value).is_some() {
                return None;
            }
        } else if name.eq_ignore_ascii_case(b"filename") || name.eq_ignore_ascii_case(b"filename*")
        {
            kind = Kind::File;
        }
    }
    field.map(|field| (field, kind))
}

fn is_file_type(media_type: &[u8]) -> bool {
    let image = media_type.get(..6).is_some_and(|it| it.eq_ignore_ascii_case(b"image/"));
    image || media_type.eq_ignore_ascii_case(b"application/octet-stream")
}

fn is_plain(encoding: &[u8]) -> bool {
    ["binary", "8bit", "7bit"].iter().any(|it| encoding.eq_ignore_ascii_case(it.as_bytes()))
}

const END: &[u8] = b"\r\n\r\n";

//! Encodes events as bytes, the inverse of [`Decoder`](super::Decoder).

/// Appends one event: its name, its data, the blank line.
///
/// Line ends inside `data` become further `data:` lines, as the standard requires. So a decoder
/// returns the same data, with each line end as `\n`. `name` must not contain a line end: the text
/// after one is left out.
pub fn encode(name: &str, data: &[u8], out: &mut Vec<u8>) {
    let name = name.split(['\r', '\n']).next().unwrap_or_default();
    if !name.is_empty() {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(name.as_bytes());
        out.push(b'\n');
    }
    for line in data.split(|byte| *byte == b'\n') {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out.push(b'\n');
}

/// Appends a comment. Every client ignores it, and it keeps an idle connection open.
pub fn comment(text: &str, out: &mut Vec<u8>) {
    let text = text.split(['\r', '\n']).next().unwrap_or_default();
    out.extend_from_slice(b": ");
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"\n\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_its_name_its_data_and_a_blank_line() {
        let mut out = Vec::new();
        encode("image_generation.completed", b"{\"a\":1}", &mut out);
        assert_eq!(out, b"event: image_generation.completed\ndata: {\"a\":1}\n\n");
    }

    #[test]
    fn data_of_two_lines_becomes_two_fields() {
        let mut out = Vec::new();
        encode("", b"a\nb", &mut out);
        assert_eq!(out, b"data: a\ndata: b\n\n");
    }

    #[test]
    fn a_line_end_cannot_break_out_of_a_name_or_a_comment() {
        let mut out = Vec::new();
        encode("x\ndata: y", b"z", &mut out);
        comment("keep-alive\ndata: y", &mut out);
        assert_eq!(out, b"event: x\ndata: z\n\n: keep-alive\n\n");
    }
}

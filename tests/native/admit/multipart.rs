//! The parts of a form, for all bodies: the parser against a slow and simple one, and the writer
//! against the parser.

use imagegate::multipart::{Boundary, Error, Kind, MAX_HEAD_BYTES, Parts};
use proptest::prelude::*;

/// A name, and the data: what the naive parser finds as well.
type Field = (Vec<u8>, Vec<u8>);

fn parse(body: &[u8]) -> Result<Vec<Field>, Error> {
    let boundary = Boundary::new(b"b").unwrap();
    let parts = Parts::new(body, &boundary);
    parts.map(|part| part.map(|part| (part.name.into_owned(), part.data.to_vec()))).collect()
}

/// RFC 2046 line by line: all lines but the last end with CRLF; some of them are delimiters.
/// `None` if the body is not a form.
fn naive(body: &[u8]) -> Option<Vec<Field>> {
    let mut lines: Vec<&[u8]> = Vec::new();
    let mut from = 0;
    for at in 0..body.len() {
        if body[from..at].len() < 2 || !body[from..at].ends_with(b"\r\n") {
            continue;
        }
        lines.push(&body[from..at - 2]);
        from = at;
    }
    let last = &body[from..];
    let (ended, last) = match last.strip_suffix(b"\r\n") {
        Some(line) => (true, line),
        None => (false, last),
    };
    lines.push(last);
    let count = lines.len();
    let mut parts: Vec<Vec<&[u8]>> = Vec::new();
    let mut open: Option<Vec<&[u8]>> = None;
    for (index, line) in lines.into_iter().enumerate() {
        let whole = ended || index + 1 < count;
        let tail = line.strip_prefix(b"--b");
        if tail.is_some_and(|tail| tail.starts_with(b"--")) {
            parts.extend(open.take());
            return parts.iter().map(|lines| field(&lines.join(&b"\r\n"[..]))).collect();
        }
        let padded = |tail: &[u8]| tail.iter().all(|byte| matches!(byte, b' ' | b'\t'));
        if whole && tail.is_some_and(padded) {
            parts.extend(open.replace(Vec::new()));
        } else if let Some(open) = &mut open {
            open.push(line);
        }
    }
    None
}

/// A part whose head is the one line that these bodies have.
fn field(part: &[u8]) -> Option<Field> {
    let end = part.windows(4).position(|it| it == b"\r\n\r\n")?;
    let name = part[..end].strip_prefix(b"content-disposition: form-data; name=")?;
    let plain = name.iter().all(u8::is_ascii_lowercase);
    plain.then(|| (name.to_vec(), part[end + 4..].to_vec()))
}

/// Bodies made of the pieces that real bodies have.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "\r\n",
        "\r\n",
        "\n",
        "\r",
        "--b",
        "--b\r\n",
        "\r\n--b\r\n",
        "\r\n--b--",
        "--",
        "b",
        " ",
        "\t",
        "content-disposition: form-data; name=a\r\n\r\n",
        "x",
        "\u{0}",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn the_parts_are_those_of_the_standard_read_naively(body in bodies()) {
        prop_assert_eq!(parse(&body).ok(), naive(&body));
    }

    #[test]
    fn a_form_is_read_as_it_was_written(
        fields in prop::collection::vec(("[ -~äß]{1,20}", any::<Vec<u8>>(), any::<bool>()), 0..6),
        boundary in "[0-9A-Za-z'()+_,./:=? -]{20,69}[0-9a-z]",
    ) {
        let mut body = Vec::new();
        for (name, data, file) in &fields {
            let name = name.replace('\\', "\\\\").replace('"', "\\\"");
            let file = if *file { "; filename=\"f\"" } else { "" };
            let head = format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n"
            );
            body.extend(head.into_bytes());
            body.extend(data);
            body.extend(b"\r\n");
        }
        body.extend(format!("--{boundary}--\r\n").into_bytes());
        let boundary = Boundary::new(boundary.as_bytes()).unwrap();
        let found: Vec<_> = Parts::new(&body, &boundary)
            .map(|part| {
                part.map(|it| (it.name.into_owned(), it.data.to_vec(), it.kind == Kind::File))
            })
            .collect::<Result<_, _>>()
            .unwrap();
        let wanted: Vec<_> =
            fields.into_iter().map(|(name, data, file)| (name.into_bytes(), data, file)).collect();
        prop_assert_eq!(found, wanted);
    }

    #[test]
    fn any_bytes_are_read(body in any::<Vec<u8>>(), content_type in any::<Vec<u8>>()) {
        let _ = parse(&body);
        if let Some(Ok(boundary)) = Boundary::of_content_type(&content_type) {
            let _ = Parts::new(&body, &boundary).count();
        }
    }
}

#[test]
fn a_body_of_almost_delimiters_is_read_in_linear_time() {
    let spaces = " ".repeat(4096);
    let near = [format!("\r\n--b{spaces}x"), "\r\n--bb".to_owned(), "\r\n--".to_owned()];
    for piece in near {
        let body = format!("--b\r\n{}", piece.repeat((16 << 20) / piece.len()));
        assert_eq!(parse(body.as_bytes()), Err(Error::Truncated));
    }
    let quotes = format!("content-disposition: form-data; name=\"{}", "\\\"".repeat(4000));
    let body = format!("--b\r\n{}", format!("{quotes}\"\r\n\r\n\r\n--b\r\n").repeat(1000));
    assert_eq!(parse(body.as_bytes()), Err(Error::Truncated));
    assert!(quotes.len() < MAX_HEAD_BYTES);
}

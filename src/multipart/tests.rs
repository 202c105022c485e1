use super::{Boundary, Error, Kind, MAX_HEAD_BYTES, Parts};

type Found = (String, Kind, String);

fn parse(body: &str) -> Result<Vec<Found>, Error> {
    let boundary = Boundary::new(b"b").unwrap();
    Parts::new(body.as_bytes(), &boundary)
        .map(|part| {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            part.map(|part| (text(&part.name), part.kind, text(part.data)))
        })
        .collect()
}

fn text(name: &str, data: &str) -> Found {
    (name.to_owned(), Kind::Text, data.to_owned())
}

const A: &str = "content-disposition: form-data; name=\"a\"\r\n\r\n";

/// The error of a body whose only part has this head.
fn error_of(head: &str) -> Error {
    parse(&format!("--b\r\n{head}\r\n\r\nx\r\n--b--")).unwrap_err()
}

#[test]
fn parts_come_in_order_with_their_bytes() {
    let body = format!(
        "--b\r\n{A}1\r\n--b\r\nContent-Type: image/png\r\nContent-Disposition: form-data; name=c; \
         filename=\"x.png\"\r\n\r\n\r\n\r\n--b--\r\n"
    );
    let file = ("c".to_owned(), Kind::File, "\r\n".to_owned());
    assert_eq!(parse(&body).unwrap(), [text("a", "1"), file]);
}

#[test]
fn bytes_around_the_parts_are_ignored() {
    let body = format!("preamble\r\n--bx\r\n--b \t \r\n{A}1\r\n--b--epilogue\r\n--b\r\n");
    assert_eq!(parse(&body).unwrap(), [text("a", "1")]);
    assert_eq!(parse("--b--").unwrap(), []);
}

#[test]
fn a_line_that_only_begins_like_a_delimiter_is_data() {
    let data = "x\r\n--bb\r\n--b-\r\n--b x\r\n--b\n--\r\n-- b\r\n\r\n";
    assert_eq!(parse(&format!("--b\r\n{A}{data}\r\n--b--")).unwrap(), [text("a", data)]);
}

#[test]
fn data_may_be_empty() {
    let head = A.trim_end();
    assert_eq!(parse(&format!("--b\r\n{A}\r\n--b--")).unwrap(), [text("a", "")]);
    // The empty line is there, but the line end before the delimiter belongs to the delimiter.
    assert_eq!(parse(&format!("--b\r\n{head}\r\n--b--")), Err(Error::Head { part: 1 }));
}

#[test]
fn a_body_without_its_delimiters_is_rejected() {
    assert_eq!(parse(""), Err(Error::NoDelimiter));
    assert_eq!(parse("--c\r\n"), Err(Error::NoDelimiter));
    assert_eq!(parse(&format!("--b\n{A}1\n--b--")), Err(Error::NoDelimiter));
    assert_eq!(parse(&format!("--b\r\n{A}1")), Err(Error::Truncated));
    assert_eq!(parse(&format!("--b\r\n{A}1\r\n--b")), Err(Error::Truncated));
    assert_eq!(parse("--b\r\n--b--"), Err(Error::Head { part: 1 }));
}

#[test]
fn a_part_names_its_field_exactly_once() {
    let disposition = Error::Disposition { part: 1 };
    for head in [
        "content-type: text/plain",
        "content-disposition: attachment; name=a",
        "content-disposition: form-data",
        "content-disposition: form-data; name=a; name=b",
        "content-disposition: form-data; name=\"a",
        "content-disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b",
    ] {
        assert_eq!(error_of(head), disposition, "{head}");
    }
    for head in ["x", ": x", "a b: c", "content-disposition : form-data; name=a", "\tx: y"] {
        assert_eq!(error_of(head), Error::Head { part: 1 }, "{head}");
    }
}

#[test]
fn a_file_is_known_by_its_name_or_its_type() {
    for (more, kind) in [
        ("", Kind::Text),
        ("; filename=\"\"", Kind::File),
        ("; filename*=UTF-8''a.png", Kind::File),
        ("\r\ncontent-type: IMAGE/png; x=y", Kind::File),
        ("\r\ncontent-type: application/octet-stream", Kind::File),
        ("\r\ncontent-type: text/plain; charset=utf-8", Kind::Text),
        ("\r\ncontent-transfer-encoding: binary", Kind::Text),
    ] {
        let head = format!("content-disposition: form-data; name=a{more}");
        let parts = parse(&format!("--b\r\n{head}\r\n\r\nx\r\n--b--")).unwrap();
        assert_eq!(parts[0].1, kind, "{more}");
    }
    let encoded = "content-disposition: form-data; name=a\r\ncontent-transfer-encoding: base64";
    assert_eq!(error_of(encoded), Error::Encoded { part: 1 });
}

#[test]
fn the_headers_of_a_part_are_bounded() {
    let head = "content-disposition: form-data; name=a\r\nx: ";
    let most = "y".repeat(MAX_HEAD_BYTES - head.len());
    assert!(parse(&format!("--b\r\n{head}{most}\r\n\r\nx\r\n--b--")).is_ok());
    let limit = MAX_HEAD_BYTES;
    assert_eq!(error_of(&format!("{head}{most}y")), Error::HeadTooLong { part: 1, limit });
}

#[test]
fn an_error_is_the_last_item() {
    let boundary = Boundary::new(b"b").unwrap();
    let body = format!("--b\r\n{A}1\r\n--b\r\nx\r\n--b\r\n{A}1\r\n--b--");
    let found: Vec<bool> = Parts::new(body.as_bytes(), &boundary).map(|it| it.is_ok()).collect();
    assert_eq!(found, [true, false]);
}

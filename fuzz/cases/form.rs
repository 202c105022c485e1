//! A form's body, the boundary up to the first line end: parts that lie in it, and an answer.

use imagegate::multipart::{Boundary, Parts};

use super::common;

/// The body as an edit.
fn edit(body: &[u8]) {
    let mut head = common::head();
    head.retain(|(name, _)| name != ":path" && name != "content-type");
    head.push((":path".to_owned(), b"/v1/images/edits".to_vec()));
    head.push(("content-type".to_owned(), b"multipart/form-data; boundary=b".to_vec()));
    common::send(&head, body);
}

/// Panics if the input breaks the property.
pub fn run(data: &[u8]) {
    let at = data.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (content_type, body) = data.split_at(at);
    let declared = Boundary::of_content_type(content_type).and_then(Result::ok);
    let boundary = declared.unwrap_or_else(|| Boundary::new(b"b").expect("a boundary"));
    let mut held = 0;
    for part in Parts::new(body, &boundary).filter_map(Result::ok) {
        held += part.data.len() + part.name.len();
    }
    assert!(held <= body.len());
    edit(body);
}

//! A form's body, the boundary up to the first line end: parts that lie in it, and an end.
#![no_main]

use imagegate::multipart::{Boundary, Parts};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let at = data.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (content_type, body) = data.split_at(at);
    let declared = Boundary::of_content_type(content_type).and_then(Result::ok);
    let boundary = declared.unwrap_or_else(|| Boundary::new(b"b").expect("a boundary"));
    let mut held = 0;
    for part in Parts::new(body, &boundary).filter_map(Result::ok) {
        held += part.data.len() + part.name.len();
    }
    assert!(held <= body.len());
});

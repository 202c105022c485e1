//! `response_headers_to_keep`: the headers that Envoy's routes add to the head of an answer that
//! leaves early.

use std::rc::Rc;

use super::error::{ConfigError, Fault};
use super::pointer::Pointer;
use super::text;

/// Compiles the names, in lower case and in the order of the document.
pub(super) fn compile(file: Vec<String>) -> Result<Rc<[String]>, ConfigError> {
    let here = Pointer::default().key("response_headers_to_keep");
    if file.len() > MAX_NAMES {
        return Err(here.out_of_range());
    }
    let mut names = Vec::new();
    for (index, written) in file.into_iter().enumerate() {
        let place = here.index(index);
        let name = written.to_ascii_lowercase();
        if is_reserved(&name) {
            return Err(place.fault(Fault::ReservedHeader { accepted: place.accepted() }));
        }
        if !text::is_header_name(&name) {
            return Err(place.invalid());
        }
        if let Some(first) = names.iter().position(|it| *it == name) {
            return Err(place.repeats(&here.index(first)));
        }
        names.push(name);
    }
    Ok(names.into())
}

/// Whether the filter, Envoy or the connection owns the header `name` of a response, or it can only
/// be the upstream's.
fn is_reserved(name: &str) -> bool {
    name.starts_with(':')
        || name.starts_with("x-imagegate-")
        || name.starts_with("x-ratelimit-")
        || RESERVED.contains(&name)
}

/// More than any answer needs. The bound is there so that a list in the wrong place is noticed.
const MAX_NAMES: usize = 32;

/// They are set by the filter or by Envoy, describe a body that is not the client's, belong to one
/// connection (RFC 9110 §7.6.1), or carry the upstream's session.
const RESERVED: &[&str] = &[
    "content-type",
    "content-length",
    "content-encoding",
    "content-range",
    "x-request-id",
    "retry-after",
    "x-should-retry",
    "date",
    "server",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "te",
    "trailer",
    "upgrade",
    "set-cookie",
];

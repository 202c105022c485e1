//! A client's head, one `name: value` a line: never let in without the key.

use imagegate::exchange::{End, Exchange, OnRequestHeaders};
use imagegate::openai::endpoint::{Endpoint, Served};

use super::common;

/// Panics if the input breaks the property.
pub fn run(data: &[u8]) {
    let lines = data.split(|byte| *byte == b'\n');
    let mut headers = vec![(":method".to_owned(), b"POST".to_vec())];
    for line in lines {
        let at = line.iter().position(|byte| *byte == b'=').unwrap_or(line.len());
        let (name, value) = line.split_at(at);
        let name = String::from_utf8_lossy(name).to_lowercase();
        headers.push((name, value.strip_prefix(b"=").unwrap_or(value).to_vec()));
    }
    let (gate, _) = common::gate(false, "auto");
    let path = headers.iter().find(|(name, _)| name == ":path").map(|(_, path)| path.clone());
    let ours = Endpoint::of_path(&path.unwrap_or_default(), Served::Images).is_some();
    let key = headers.iter().any(|(_, value)| value.ends_with(b"fuzz"));
    match Exchange::new(gate).request_headers(&headers, End::Open, common::NOW) {
        OnRequestHeaders::Pass { .. } => assert!(!ours),
        OnRequestHeaders::Hold => assert!(ours && key),
        OnRequestHeaders::Reply(_) => assert!(ours),
    }
}

//! The events of Codex, for a client that does not stream: `fixtures/streams/<case>.sse` gives the
//! JSON answer `<case>.json`, byte for byte, for each cut of the stream, if answers are held.
//!
//! The streams have the shapes that the Responses API and the Codex backend have sent, with short
//! base64. Cases named `preview_accepted…` run with `accept_last_partial`. `UPDATE_GOLDEN=1`
//! rewrites the answers. Review the difference.

use std::path::{Path, PathBuf};

use crate::fixtures::{assert_expected, files};
use crate::support::client::Client;
use crate::support::driver::Driver;
use crate::support::gate;
use serde_json::{Value, json};

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/streams");
    files(&folder, |name| name.ends_with(".sse") && !name.ends_with(".events.sse"))
}

fn reply(case: &Path, pieces: &[&[u8]]) -> Client {
    let name = case.file_stem().unwrap().to_str().unwrap();
    let accepts = name.starts_with("preview_accepted");
    let (gate, _) = gate(&json!({"accept_last_partial": accepts, "delivery": "hold"}));
    Driver::admitted(&gate, &json!({"prompt": "a cat"})).answer(pieces).clone()
}

fn reply_as_json(reply: &Client) -> Value {
    let headers: Vec<String> =
        reply.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    json!({"status": reply.status, "headers": headers, "body": reply.json()})
}

#[test]
fn each_stream_gives_its_answer() {
    let cases = cases();
    assert!(cases.len() >= 45, "only {} cases were found", cases.len());
    for case in cases {
        let stream = std::fs::read(&case).unwrap();
        let reply = reply_as_json(&reply(&case, &[&stream]));
        let text = serde_json::to_string_pretty(&reply).unwrap() + "\n";
        assert_expected(&case.with_extension("json"), &text);
    }
}

#[test]
fn each_stream_gives_the_same_answer_cut_anywhere() {
    for case in cases() {
        let stream = std::fs::read(&case).unwrap();
        let whole = reply(&case, &[&stream]).body;
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(reply(&case, &bytes).body, whole, "{}", case.display());
        for at in (0..stream.len()).step_by(13) {
            let (head, tail) = stream.split_at(at);
            assert_eq!(reply(&case, &[head, tail]).body, whole, "{} cut at {at}", case.display());
        }
    }
}

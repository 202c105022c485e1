//! The requests and how they ended, for tests to read (`GET /stats`).

use std::{collections::VecDeque, sync::Mutex};

use hyper::http::{HeaderMap, request::Parts};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{json::Json, list, object};

/// How many requests are remembered.
const RECENT: usize = 32;

/// How much of an `image_url` is shown, in characters.
const SHOWN: usize = 64;

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was sent.
    Finished,
    /// The client left before the last event of the response.
    Aborted,
    /// The client left after it.
    LeftAfterEnd,
}

/// The counters.
#[derive(Debug, Default)]
pub struct Stats {
    inner: Mutex<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    connections: u64,
    requests: u64,
    rejected: u64,
    images_drawn: u64,
    open: u64,
    peak: u64,
    finished: u64,
    aborted: u64,
    left_after_end: u64,
    recent: VecDeque<Json>,
}

impl Stats {
    fn with(&self, edit: impl FnOnce(&mut Counters)) {
        if let Ok(mut counters) = self.inner.lock() {
            edit(&mut counters);
        }
    }

    /// Counts a connection.
    pub fn connected(&self) {
        self.with(|it| it.connections += 1);
    }

    /// Counts a request for an image, with a body of this length and content, and with these
    /// trailers.
    pub fn requested(&self, head: &Parts, len: usize, body: Value, trailers: &HeaderMap) {
        let request = describe(head, len, body, trailers);
        self.with(|it| {
            it.requests += 1;
            it.recent.push_back(request);
            while it.recent.len() > RECENT {
                it.recent.pop_front();
            }
        });
    }

    /// Counts an answer without a stream.
    pub fn rejected(&self) {
        self.with(|it| it.rejected += 1);
    }

    /// Counts generated images, without previews.
    pub fn generated(&self, images: usize) {
        self.with(|it| it.images_drawn += images as u64);
    }

    /// Counts an open stream.
    pub fn opened(&self) {
        self.with(|it| {
            it.open += 1;
            it.peak = it.peak.max(it.open);
        });
    }

    /// Counts the end of a stream.
    pub fn closed(&self, outcome: Outcome) {
        self.with(|it| {
            it.open = it.open.saturating_sub(1);
            match outcome {
                Outcome::Finished => it.finished += 1,
                Outcome::Aborted => it.aborted += 1,
                Outcome::LeftAfterEnd => it.left_after_end += 1,
            }
        });
    }

    /// Clears everything but the streams that are open.
    pub fn reset(&self) {
        self.with(|it| *it = Counters { open: it.open, peak: it.open, ..Counters::default() });
    }

    /// The counters as JSON.
    pub fn to_json(&self) -> Json {
        let mut json = Json::NULL;
        self.with(|it| {
            json = object! {
                "requests": it.requests, "refused": it.rejected, "images_drawn": it.images_drawn,
                "open_streams": it.open, "peak_open_streams": it.peak, "finished_streams": it.finished,
                "aborted_streams": it.aborted, "left_after_end": it.left_after_end, "connections": it.connections,
                "last": it.recent.back().cloned().unwrap_or(Json::NULL),
                "recent": Json::List(it.recent.iter().cloned().collect()),
            };
        });
        json
    }
}

/// A request as JSON. The credential is shown as its SHA-256 and images are cut short.
fn describe(head: &Parts, len: usize, mut body: Value, trailers: &HeaderMap) -> Json {
    shorten(&mut body);
    object! {
        "method": head.method.as_str(), "path": head.uri.to_string(), "version": format!("{:?}", head.version),
        "headers": fields(&head.headers), "trailers": fields(trailers),
        "body_bytes": len as u64, "body": body,
    }
}

/// Names and values in the order of the request.
fn fields(map: &HeaderMap) -> Json {
    let fields = map.iter().map(|(name, value)| {
        let value = match name.as_str() {
            "authorization" | "api-key" => format!("sha256:{}", sha256(value.as_bytes())),
            _ => String::from_utf8_lossy(value.as_bytes()).into_owned(),
        };
        list![name.as_str(), value]
    });
    Json::List(fields.collect())
}

fn shorten(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(url) if name == "image_url" && url.len() > SHOWN => {
                        let start: String = url.chars().take(SHOWN).collect();
                        *value = format!(
                            "{start}… {} bytes, sha256:{}",
                            url.len(),
                            sha256(url.as_bytes())
                        )
                        .into();
                    }
                    _ => shorten(value),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(shorten),
        _ => {}
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    #[test]
    fn a_request_is_shown_without_its_credential_and_without_whole_images() {
        let url = format!("data:image/png;base64,{}", "A".repeat(5000));
        let body = serde_json::json!({"input": [{"image_url": url}], "n": 1});
        let (head, ()) = Request::get("/responses")
            .header("authorization", "Bearer secret")
            .body(())
            .unwrap()
            .into_parts();
        let stats = Stats::default();
        let trailers =
            HeaderMap::from_iter([("x-checksum".parse().unwrap(), "1".parse().unwrap())]);
        stats.requested(&head, 5060, body, &trailers);
        let shown = String::from_utf8(stats.to_json().to_bytes()).unwrap();
        assert!(!shown.contains("secret") && shown.contains("sha256:"));
        assert!(shown.len() < 2000 && shown.contains("5022 bytes"));
        assert!(shown.contains(r#""trailers":[["x-checksum","1"]]"#));
    }

    #[test]
    fn streams_are_counted_from_opening_to_end() {
        let stats = Stats::default();
        stats.opened();
        stats.opened();
        stats.closed(Outcome::Aborted);
        let json: Value = serde_json::from_slice(&stats.to_json().to_bytes()).unwrap();
        assert_eq!((&json["open_streams"], &json["peak_open_streams"]), (&1.into(), &2.into()));
        assert_eq!(json["aborted_streams"], 1);
        stats.reset();
        let json: Value = serde_json::from_slice(&stats.to_json().to_bytes()).unwrap();
        assert_eq!((&json["open_streams"], &json["aborted_streams"]), (&1.into(), &0.into()));
    }
}

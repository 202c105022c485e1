//! Many clients that send a request at the same time.

use std::thread;

use serde_json::json;

use super::{Envoy, Key, Request, Response};

/// How many clients there are, over all Envoys.
pub(crate) const CLIENTS: usize = 96;

/// A request for a user, with a key that may name any.
pub(crate) fn request(user: &str, n: u32) -> Request {
    let body = json!({"prompt": "a square", "model": "gpt-image-2", "n": n, "user": user});
    Request::generation(&body).bearer(Key::MASTER)
}

/// Sends a request from each client at once, to the Envoys in turn.
pub(crate) fn at_once(envoys: &[&Envoy], request: &Request) -> Vec<Response> {
    thread::scope(|scope| {
        let turns = envoys.iter().cycle().take(CLIENTS);
        let clients: Vec<_> = turns.map(|it| scope.spawn(|| request.send(it))).collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    })
}

/// How many were served, if the others were rejected with this code.
#[track_caller]
pub(crate) fn served(responses: &[Response], code: &str) -> usize {
    let (served, rejected): (Vec<_>, Vec<_>) = responses.iter().partition(|it| it.status == 200);
    rejected.iter().for_each(|it| it.assert_error(429, code));
    served.len()
}

//! A server on the loopback with two endpoints: one rotates refresh tokens and accepts each of them
//! once, the other lists models.

use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use imagegate_testkit::script::Step;
use imagegate_testkit::upstream::{Received, Upstream};
use serde_json::{Value, json};

/// What the server answers.
pub(crate) struct State {
    /// The number of the refresh token that is accepted.
    pub(crate) generation: u32,
    /// How long an access token lives, in seconds.
    pub(crate) lifetime: u64,
    /// Responses before any other: status, lines of headers, body.
    pub(crate) refusals: Vec<(u16, &'static str, &'static str)>,
    /// The models, each with the first minor version whose clients get it.
    pub(crate) models: Vec<(u32, Value)>,
}

/// A response: status, lines of headers, body.
type Answer = (u16, &'static str, String);

/// The server. It stops with the test.
pub(crate) struct Server {
    pub(crate) issuer: String,
    state: Arc<Mutex<State>>,
    upstream: Upstream,
}

impl Server {
    pub(crate) fn start(generation: u32) -> Self {
        let (refusals, models) = (Vec::new(), Vec::new());
        let state = State { generation, lifetime: 3_600, refusals, models };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        let upstream = Upstream::choosing(move |request| {
            let (status, headers, body) = answer(request, &mut shared.lock().unwrap());
            let lines = headers.lines().filter_map(|line| line.split_once(": "));
            let headers = lines.map(|(name, value)| (name, value.to_owned())).collect();
            vec![Step::Whole(status, headers, body.into_bytes())]
        });
        Self { issuer: format!("http://127.0.0.1:{}", upstream.port()), state, upstream }
    }

    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap())
    }

    pub(crate) fn generation(&self) -> u32 {
        self.with(|state| state.generation)
    }

    /// The bodies of the requests for tokens.
    pub(crate) fn requests(&self) -> Vec<Value> {
        self.received(is_for_tokens).iter().map(Received::json).collect()
    }

    /// The requests for models.
    pub(crate) fn model_requests(&self) -> Vec<Received> {
        self.received(|request| client_version(request).is_some())
    }

    fn received(&self, is_meant: impl Fn(&Received) -> bool) -> Vec<Received> {
        self.upstream.received().into_iter().filter(is_meant).collect()
    }
}

fn is_for_tokens(request: &Received) -> bool {
    request.method == "POST" && request.path == "/oauth/token" && request.version == "HTTP/1.1"
}

/// The version that a request for models names.
fn client_version(request: &Received) -> Option<&str> {
    let path = (request.method == "GET").then_some(&request.path)?;
    path.strip_prefix("/backend-api/codex/models?client_version=")
}

fn answer(request: &Received, state: &mut State) -> Answer {
    let version = client_version(request);
    if version.is_none() && !is_for_tokens(request) {
        return (404, "", String::new());
    }
    if !state.refusals.is_empty() {
        let (status, headers, text) = state.refusals.remove(0);
        return (status, headers, text.to_owned());
    }
    match version {
        Some(version) => models(request, version, state),
        None => tokens(&request.json(), state),
    }
}

fn tokens(request: &Value, state: &mut State) -> Answer {
    if request["refresh_token"] != json!(refresh_token(state.generation)) {
        return (401, "", json!({ "error": { "code": "refresh_token_reused" } }).to_string());
    }
    state.generation += 1;
    let tokens = json!({
        "access_token": access_token(state.generation, state.lifetime),
        "refresh_token": refresh_token(state.generation),
        "expires_in": state.lifetime,
    });
    (200, "content-type: application/json", tokens.to_string())
}

/// Selects the models by the version of the client, as Codex does.
fn models(request: &Received, version: &str, state: &State) -> Answer {
    if request.header("authorization").as_deref() != Some("Bearer at-s3cret") {
        return (401, "", r#"{"detail":"Unauthorized s3cret"}"#.to_owned());
    }
    let mut numbers = version.split('.').map(|it| it.parse::<u32>().unwrap());
    let (major, minor) = (numbers.next().unwrap(), numbers.next().unwrap());
    let minor = if major > 0 { u32::MAX } else { minor };
    let listed = state.models.iter().filter(|(from, _)| *from <= minor).map(|(_, it)| it);
    let list = json!({ "models": listed.collect::<Vec<_>>() });
    (200, "content-type: application/json\netag: W/1", list.to_string())
}

/// The refresh token of a generation.
pub(crate) fn refresh_token(generation: u32) -> String {
    format!("rt-s3cret-{generation}")
}

/// The generation of a refresh token.
pub(crate) fn generation_of(refresh_token: &str) -> u32 {
    refresh_token.strip_prefix("rt-s3cret-").unwrap().parse().unwrap()
}

/// An access token that lives this many seconds from now on, and names its generation.
pub(crate) fn access_token(generation: u32, lifetime: u64) -> String {
    aged_token(generation, 0, lifetime)
}

/// An access token that was made this many seconds ago.
pub(crate) fn aged_token(generation: u32, age: u64, lifetime: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = json!({ "iat": now - age, "exp": now + lifetime, "generation": generation });
    format!("e30.{}.s3cret", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

/// The claims of an access token.
pub(crate) fn claims(access_token: &str) -> Value {
    let payload = access_token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

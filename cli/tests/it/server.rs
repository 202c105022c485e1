//! A server on the loopback: of tokens, which rotates refresh tokens and takes each of them once, and of a list of models.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// What the server has seen and will say.
pub(crate) struct State {
    /// The number of the refresh token that is accepted.
    pub(crate) generation: u32,
    /// How long an access token lives, in seconds.
    pub(crate) lifetime: u64,
    /// Answers before any other: status, headers, body.
    pub(crate) refusals: Vec<(u16, &'static str, &'static str)>,
    /// The bodies that came.
    pub(crate) requests: Vec<Value>,
    /// The models, each with the minor version from which on a client gets it.
    pub(crate) models: Vec<(u32, Value)>,
    /// The heads of requests for models that came.
    pub(crate) heads: Vec<String>,
}

/// The server; its threads end with the test's process.
pub(crate) struct Server {
    pub(crate) issuer: String,
    state: Arc<Mutex<State>>,
}

impl Server {
    pub(crate) fn start(generation: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let (lifetime, refusals, requests) = (3_600, Vec::new(), Vec::new());
        let (models, heads) = (Vec::new(), Vec::new());
        let state = State { generation, lifetime, refusals, requests, models, heads };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&shared);
                // A client that was killed leaves a broken connection.
                thread::spawn(move || serve(stream, &shared).ok());
            }
        });
        Self { issuer, state }
    }

    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap())
    }

    pub(crate) fn generation(&self) -> u32 {
        self.with(|state| state.generation)
    }

    pub(crate) fn requests(&self) -> Vec<Value> {
        self.with(|state| state.requests.clone())
    }
}

fn serve(stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut reader = BufReader::new(stream);
    let (mut line, mut length, mut head) = (String::new(), 0, String::new());
    while reader.read_line(&mut line)? > 2 {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        head.push_str(&line);
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let (status, headers, answer) = answer(&head, &body, &mut state.lock().unwrap());
    let length = answer.len();
    write!(
        reader.get_mut(),
        "HTTP/1.1 {status} x\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{answer}"
    )
}

fn answer(head: &str, body: &[u8], state: &mut State) -> (u16, &'static str, String) {
    if let Some(rest) = head.strip_prefix("GET /backend-api/codex/models?client_version=") {
        return models(rest, head, state);
    }
    if !head.starts_with("POST /oauth/token HTTP/1.1\r\n") {
        return (404, "", String::new());
    }
    let request: Value = serde_json::from_slice(body).unwrap();
    state.requests.push(request.clone());
    if !state.refusals.is_empty() {
        let (status, headers, text) = state.refusals.remove(0);
        return (status, headers, text.to_owned());
    }
    if request["refresh_token"] != json!(refresh_token(state.generation)) {
        return (401, "", json!({ "error": { "code": "refresh_token_reused" } }).to_string());
    }
    state.generation += 1;
    let tokens = json!({
        "access_token": access_token(state.generation, state.lifetime),
        "refresh_token": refresh_token(state.generation),
        "expires_in": state.lifetime,
    });
    (200, "content-type: application/json\r\n", tokens.to_string())
}

/// Grades the models by the version of the client, as Codex does.
fn models(rest: &str, head: &str, state: &mut State) -> (u16, &'static str, String) {
    state.heads.push(head.to_owned());
    if !state.refusals.is_empty() {
        let (status, headers, text) = state.refusals.remove(0);
        return (status, headers, text.to_owned());
    }
    if !head.to_ascii_lowercase().contains("\r\nauthorization: bearer at-s3cret\r\n") {
        return (401, "", r#"{"detail":"Unauthorized s3cret"}"#.to_owned());
    }
    let version = rest.split_ascii_whitespace().next().unwrap();
    let mut numbers = version.split('.').map(|it| it.parse::<u32>().unwrap());
    let (major, minor) = (numbers.next().unwrap(), numbers.next().unwrap());
    let minor = if major > 0 { u32::MAX } else { minor };
    let listed = state.models.iter().filter(|(from, _)| *from <= minor).map(|(_, it)| it);
    let list = json!({ "models": listed.collect::<Vec<_>>() });
    (200, "content-type: application/json\r\netag: W/1\r\n", list.to_string())
}

/// The refresh token of a generation.
pub(crate) fn refresh_token(generation: u32) -> String {
    format!("rt-s3cret-{generation}")
}

/// The generation of a refresh token.
pub(crate) fn generation_of(refresh_token: &str) -> u32 {
    refresh_token.strip_prefix("rt-s3cret-").unwrap().parse().unwrap()
}

/// An access token that lives so many seconds from now on, and names its generation.
pub(crate) fn access_token(generation: u32, lifetime: u64) -> String {
    aged_token(generation, 0, lifetime)
}

/// An access token that was made so many seconds ago.
pub(crate) fn aged_token(generation: u32, age: u64, lifetime: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = json!({ "iat": now - age, "exp": now + lifetime, "generation": generation });
    format!("e30.{}.s3cret", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

/// What an access token says.
pub(crate) fn claims(access_token: &str) -> Value {
    let payload = access_token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

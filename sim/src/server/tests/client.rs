//! A client that sees the bytes: which, in which chunks, and how the connection ended.

use std::{io::ErrorKind, net::SocketAddr, time::Duration};

use clap::Parser;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{cli::Options, server::Server};

/// How long a test waits for bytes that should not arrive.
pub(super) const PATIENCE: Duration = Duration::from_millis(400);

/// A small image, so that a test takes milliseconds even without optimisation.
pub(super) const SMALL: &str = "[[sim:size=64x48]]";

pub(super) async fn start(args: &[&str]) -> SocketAddr {
    let options = Options::parse_from([&["codex-sim"], args].concat());
    let server = Server::bind(options).await.unwrap();
    let address = server.address().unwrap();
    tokio::spawn(server.run());
    address
}

/// What arrived over the socket.
pub(super) struct Received {
    pub head: String,
    /// The body without its chunks.
    pub body: Vec<u8>,
    /// The length of each chunk, in bytes.
    pub chunks: Vec<usize>,
    /// Whether the body is complete.
    pub whole: bool,
    /// How the reading ended.
    pub end: End,
}

#[derive(Debug, PartialEq)]
pub(super) enum End {
    Closed,
    Reset,
    Silent,
}

impl Received {
    pub(super) fn status(&self) -> u16 {
        self.head.split(' ').nth(1).map_or(0, |status| status.parse().unwrap())
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The events that a reader of LF streams sees.
    pub(super) fn events(&self) -> Vec<Value> {
        let text = self.text();
        let data =
            text.split("\n\n").filter_map(|block| block.split_once("data: ")).map(|(_, data)| data);
        data.filter_map(|data| serde_json::from_str(data).ok()).collect()
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.events().iter().filter_map(|event| event["type"].as_str()).map(str::to_owned).collect()
    }

    pub(super) fn base64(&self) -> String {
        let events = self.events();
        let item = events
            .iter()
            .map(|event| &event["item"])
            .find(|item| item["result"].is_string())
            .unwrap();
        item["result"].as_str().unwrap().to_owned()
    }
}

/// The headers of a client that is new enough for every host model.
pub(super) const CODEX: &str = "authorization: Bearer t\r\nversion: 0.170.0\r\n";

pub(super) fn body(host_model: &str, prompt: &str) -> String {
    json!({
        "model": host_model, "instructions": "Draw.", "store": false, "stream": true,
        "input": [{"role": "user", "content": [{"type": "input_text", "text": prompt}]}],
        "tools": [{"type": "image_generation", "model": "gpt-image-2"}], "tool_choice": {"type": "image_generation"}
    })
    .to_string()
}

pub(super) async fn post(address: SocketAddr, prompt: &str) -> Received {
    let prompt = format!("{SMALL} {prompt}");
    send(address, "POST", "/backend-api/codex/responses", CODEX, body("gpt-6-luna", &prompt)).await
}

pub(super) async fn get(address: SocketAddr, path: &str) -> Received {
    send(address, "GET", path, "", "").await
}

pub(super) async fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    body: impl AsRef<[u8]>,
) -> Received {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let body = body.as_ref();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: sim\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(body).await.unwrap();
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 1 << 16]);
    let end = loop {
        // Before the first byte the image is generated, which takes a while.
        let patience = if bytes.len() < 2000 { 5 * PATIENCE } else { PATIENCE };
        match timeout(patience, socket.read(&mut buffer)).await {
            Err(_) => break End::Silent,
            Ok(Ok(0)) => break End::Closed,
            Ok(Ok(len)) => bytes.extend_from_slice(&buffer[..len]),
            Ok(Err(error)) if error.kind() == ErrorKind::ConnectionReset => break End::Reset,
            Ok(Err(error)) => panic!("{error}"),
        }
    };
    parse(&bytes, end)
}

fn parse(bytes: &[u8], end: End) -> Received {
    let split = bytes.windows(4).position(|it| it == b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
    let (head, mut rest) = bytes.split_at(split);
    let head = String::from_utf8_lossy(head).into_owned();
    if !head.contains("transfer-encoding: chunked") {
        return Received {
            head,
            body: rest.to_vec(),
            chunks: Vec::new(),
            whole: end == End::Closed,
            end,
        };
    }
    let (mut body, mut chunks, mut whole) = (Vec::new(), Vec::new(), false);
    while let Some(at) = rest.windows(2).position(|it| it == b"\r\n") {
        let len = usize::from_str_radix(std::str::from_utf8(&rest[..at]).unwrap(), 16).unwrap();
        rest = &rest[at + 2..];
        if len == 0 {
            whole = true;
            break;
        }
        body.extend_from_slice(&rest[..len.min(rest.len())]);
        chunks.push(len);
        rest = rest.get(len + 2..).unwrap_or_default();
    }
    Received { head, body, chunks, whole, end }
}

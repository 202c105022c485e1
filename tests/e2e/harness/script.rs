//! What a scripted upstream does with a request.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::Value;

use super::HUNG;
use super::sse::Drawing;

/// One step of an answer.
#[derive(Clone)]
pub(crate) enum Step {
    /// The head, of an answer whose length is not declared.
    Head(u16, Vec<(&'static str, String)>),
    /// The head of an event stream.
    StreamHead,
    /// A part of the body.
    Chunk(Vec<u8>),
    /// A part of the body, sent in writes of so many bytes.
    Pieces(Vec<u8>, usize),
    /// These very bytes, which need not be HTTP.
    Bytes(Vec<u8>),
    /// The end of the body; the connection serves the next request.
    End,
    /// A whole answer, its length declared.
    Whole(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// Nothing happens for so long.
    Pause(Duration),
    /// Nothing happens until the case opens the gate.
    Wait(Gate),
    /// Nothing more happens, and the connection stays open until the peer closes it.
    KeepOpen,
    /// The connection ends as if all were well.
    Close,
    /// The connection ends with a reset.
    Reset,
}

impl Step {
    /// The script of a call that draws.
    pub(crate) fn draw(drawing: &Drawing) -> Vec<Self> {
        vec![Self::StreamHead, Self::Chunk(drawing.stream()), Self::End]
    }

    /// The script of an event stream with these bytes.
    pub(crate) fn stream(bytes: impl Into<Vec<u8>>) -> Vec<Self> {
        vec![Self::StreamHead, Self::Chunk(bytes.into()), Self::End]
    }

    /// The script of an answer with this body.
    pub(crate) fn json(status: u16, body: &Value) -> Vec<Self> {
        let headers = vec![("content-type", "application/json".to_owned())];
        vec![Self::Whole(status, headers, serde_json::to_vec(body).unwrap())]
    }
}

/// Holds answers back until a case opens it.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub(crate) fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    pub(super) fn wait(&self) {
        let shut = self.0.0.lock().unwrap();
        drop(self.0.1.wait_timeout_while(shut, HUNG, |open| !*open).unwrap());
    }
}

//! The script of an upstream for one request.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::Value;

use super::HUNG;
use super::sse::Generation;

/// One step of a response.
#[derive(Clone)]
pub enum Step {
    /// The head of a response of undeclared length.
    Head(u16, Vec<(&'static str, String)>),
    /// The head of an event stream.
    StreamHead,
    /// A part of the body.
    Chunk(Vec<u8>),
    /// A part of the body, sent in writes of this many bytes.
    Pieces(Vec<u8>, usize),
    /// Exactly these bytes, which need not be HTTP.
    Bytes(Vec<u8>),
    /// The end of the body; the connection serves the next request.
    End,
    /// A whole response of declared length.
    Whole(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// Nothing happens for this time.
    Pause(Duration),
    /// Nothing happens until the test opens the gate.
    Wait(Gate),
    /// Nothing more happens, and the connection stays open until the peer closes it.
    KeepOpen,
    /// The connection ends in an orderly way.
    Close,
    /// The connection ends with a reset.
    Reset,
}

impl Step {
    /// The script of a call that generates an image.
    pub fn generate(generation: &Generation) -> Vec<Self> {
        vec![Self::StreamHead, Self::Chunk(generation.stream()), Self::End]
    }

    /// The script of an event stream with these bytes.
    pub fn stream(bytes: impl Into<Vec<u8>>) -> Vec<Self> {
        vec![Self::StreamHead, Self::Chunk(bytes.into()), Self::End]
    }

    /// The script of a response with this JSON body.
    pub fn json(status: u16, body: &Value) -> Vec<Self> {
        let headers = vec![("content-type", "application/json".to_owned())];
        vec![Self::Whole(status, headers, serde_json::to_vec(body).unwrap())]
    }
}

/// Holds responses until a test opens it.
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<Passage>, Condvar)>);

#[derive(Default)]
struct Passage {
    open: bool,
    /// How many responses wait.
    waiting: usize,
}

impl Gate {
    pub fn open(&self) {
        self.change(|passage| passage.open = true);
    }

    /// Waits until this many responses wait at the gate.
    pub fn wait_for(&self, count: usize) {
        let passage = self.0.0.lock().unwrap();
        let fewer = |passage: &mut Passage| passage.waiting < count;
        let (passage, _) = self.0.1.wait_timeout_while(passage, HUNG, fewer).unwrap();
        assert_eq!(passage.waiting, count, "responses that wait at the gate");
    }

    pub(crate) fn wait(&self) {
        self.change(|passage| passage.waiting += 1);
        let passage = self.0.0.lock().unwrap();
        let shut = |passage: &mut Passage| !passage.open;
        let (mut passage, _) = self.0.1.wait_timeout_while(passage, HUNG, shut).unwrap();
        passage.waiting -= 1;
    }

    fn change(&self, change: impl FnOnce(&mut Passage)) {
        change(&mut self.0.0.lock().unwrap());
        self.0.1.notify_all();
    }
}

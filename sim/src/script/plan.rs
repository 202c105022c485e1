//! The list of steps that sends an answer.

use std::time::Duration;

use bytes::Bytes;

use crate::{
    event::{Event, Framing},
    json::Json,
};

/// How large the pieces are in which an event leaves, in bytes: one TLS record, as the real wire
/// has them.
const PIECE: usize = 16 << 10;

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Send an event.
    Event(Event),
    /// Send the first half of an event.
    Half(Event),
    /// Send data that no JSON writer would make, as an event of this name; without a name, as
    /// `data:` alone.
    Raw {
        /// What stands after `event:`.
        name: &'static str,
        /// What stands after `data:`.
        data: Bytes,
    },
    /// Send a comment.
    Comment(&'static str),
    /// Send bytes as they are.
    Verbatim(Bytes),
    /// Send nothing for a while.
    Wait(Duration),
    /// Send nothing until the client leaves.
    Hold,
    /// End the connection without ending the body.
    Cut,
    /// End the connection by TCP RST (RST_STREAM over HTTP/2).
    Reset,
}

impl Step {
    /// The event that this step sends whole.
    pub const fn event(&self) -> Option<&Event> {
        match self {
            Self::Event(event) => Some(event),
            _ => None,
        }
    }

    /// Whether this sends the event `name`.
    pub fn is_named(&self, name: &str) -> bool {
        self.event().is_some_and(|event| event.name() == name)
    }
}

/// Steps and how they are written. The body ends after the last step.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What to do, in order.
    pub steps: Vec<Step>,
    /// How events are written.
    pub framing: Framing,
    /// The largest piece, in bytes.
    pub piece: usize,
    /// What stands behind the last event.
    pub last_line: LastLine,
}

/// What stands behind the last event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastLine {
    /// A blank line, as behind every event.
    Blank,
    /// Nothing: its own line ends, and the stream.
    NoBlank,
    /// Nothing, not even the end of its own line.
    Missing,
}

impl Plan {
    /// A plan that sends its steps as the backend does.
    pub const fn new(steps: Vec<Step>) -> Self {
        Self { steps, framing: Framing::CODEX, piece: PIECE, last_line: LastLine::Blank }
    }

    /// Gives each event that has one its `sequence_number`, from 0 upwards.
    #[must_use]
    pub fn numbered(mut self) -> Self {
        let mut next = 0u64;
        for step in &mut self.steps {
            let (Step::Event(event) | Step::Half(event)) = step else { continue };
            if event.body.member("sequence_number").is_some() {
                event.body.set("sequence_number", Json::from(next));
                next += 1;
            }
        }
        self
    }

    /// Where the first step is that `is` says yes to.
    pub fn find(&self, is: impl FnMut(&Step) -> bool) -> Option<usize> {
        self.steps.iter().position(is)
    }

    /// Where the event is that brings the image.
    pub fn image(&self) -> Option<usize> {
        self.find(|step| {
            step.event()
                .is_some_and(|event| event.is("response.output_item.done", "image_generation_call"))
        })
    }

    /// Ends the plan at the first step that `is` says yes to, and goes on with `steps`.
    pub fn end_at(&mut self, is: impl FnMut(&Step) -> bool, steps: Vec<Step>) {
        if let Some(at) = self.find(is) {
            self.steps.truncate(at);
            self.steps.extend(steps);
        }
    }

    /// The names of the events, for a look at the whole.
    pub fn names(&self) -> Vec<&str> {
        self.steps.iter().filter_map(Step::event).map(Event::name).collect()
    }
}

//! The list of steps that sends an answer.

use std::time::Duration;

use bytes::Bytes;

use crate::{
    event::{Event, Framing},
    json::Json,
};

/// The usual size of the pieces of an event, in bytes: one TLS record, as on the real wire.
const PIECE: usize = 16 << 10;

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Send an event.
    Event(Event),
    /// Send the first half of an event.
    Half(Event),
    /// Send data that no JSON writer would make, as an event of this name, or as `data:` alone if
    /// the name is empty.
    Raw {
        /// The text after `event:`.
        name: &'static str,
        /// The text after `data:`.
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
    /// What follows the last event.
    pub last_line: LastLine,
}

/// What follows the last event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastLine {
    /// A blank line, as after every event.
    Blank,
    /// Nothing but the end of its own line.
    NoBlank,
    /// Nothing, not even the end of its own line.
    Missing,
}

impl Plan {
    /// A plan that sends its steps as the backend does.
    pub const fn new(steps: Vec<Step>) -> Self {
        Self { steps, framing: Framing::CODEX, piece: PIECE, last_line: LastLine::Blank }
    }

    /// Gives each event that has one its `sequence_number`, from 0.
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

    /// The place of the first step for which `is` is true.
    pub fn find(&self, is: impl FnMut(&Step) -> bool) -> Option<usize> {
        self.steps.iter().position(is)
    }

    /// The place of the event with the whole image.
    pub fn image(&self) -> Option<usize> {
        self.find(|step| {
            step.event()
                .is_some_and(|event| event.is("response.output_item.done", "image_generation_call"))
        })
    }

    /// Ends the plan before the first step for which `is` is true, and continues with `steps`.
    pub fn end_at(&mut self, is: impl FnMut(&Step) -> bool, steps: Vec<Step>) {
        if let Some(at) = self.find(is) {
            self.steps.truncate(at);
            self.steps.extend(steps);
        }
    }

    /// The names of the events.
    pub fn names(&self) -> Vec<&str> {
        self.steps.iter().filter_map(Step::event).map(Event::name).collect()
    }
}

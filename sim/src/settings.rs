//! What can be set for the whole process and, by directives, for one prompt.

use std::time::Duration;

use crate::{faults::Fault, hosts, request::Size};

/// How an answer is made.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Time that drawing takes.
    pub delay: Duration,
    /// Previews that are sent although none were asked for.
    pub previews: u32,
    /// Previews that are sent whatever was asked for.
    pub exact_previews: Option<u32>,
    /// Whether `response.completed` repeats the items.
    pub completed_output: CompletedOutput,
    /// Length of the base64 of a picture, in bytes.
    pub base64_len: Option<usize>,
    /// A size in place of the asked one.
    pub size: Option<Size>,
    /// Who chooses the shape and the quality.
    pub shape: Shape,
    /// The largest piece in which an event leaves, in bytes.
    pub piece: Option<usize>,
    /// Whether the same prompt gives the same picture.
    pub look: Look,
    /// Host models that are refused although they are served.
    pub refused_hosts: Vec<hosts::Order>,
    /// What goes wrong, in this order.
    pub faults: Vec<Fault>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            previews: 1,
            exact_previews: None,
            completed_output: CompletedOutput::Empty,
            base64_len: None,
            size: None,
            shape: Shape::Asked,
            piece: None,
            look: Look::Same,
            refused_hosts: Vec::new(),
            faults: Vec::new(),
        }
    }
}

/// What `response.completed` says in `output`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompletedOutput {
    /// `[]`, as Codex does.
    Empty,
    /// Every item with its base64, as api.openai.com does.
    Full,
}

impl CompletedOutput {
    /// `empty` or `full`.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "empty" => Some(Self::Empty),
            "full" => Some(Self::Full),
            _ => None,
        }
    }
}

/// Who chooses the shape and the quality of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// The client: sizes are exact, which the Codex backend's are not.
    Asked,
    /// The backend: about 1.57 million pixels in a shape of its own, at its own quality.
    Free,
}

/// Whether the same prompt gives the same picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// The same bytes each time.
    Same,
    /// Other colours and shapes for each request.
    Varied,
}

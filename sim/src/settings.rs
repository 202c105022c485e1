//! Settings for the whole process, which directives change for one prompt.

use std::time::Duration;

use clap::{
    ArgAction, Args, ValueEnum,
    builder::{FalseyValueParser, TypedValueParser},
};

use crate::{faults::Fault, hosts, request::Size};

/// How an answer is made.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct Settings {
    /// How long an image takes, as 1200ms or 20s
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = time)]
    pub delay: Duration,
    /// Previews to send if a request asks for none, 0 to 8
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=8))]
    pub previews: u32,
    /// Previews that are sent regardless of the request.
    #[arg(skip)]
    pub exact_previews: Option<u32>,
    /// What `output` of response.completed has
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = CompletedOutput::Empty)]
    pub completed_output: CompletedOutput,
    /// Length of the base64 of an image, in bytes.
    #[arg(skip)]
    pub base64_len: Option<usize>,
    /// A size in place of the requested one.
    #[arg(skip)]
    pub size: Option<Size>,
    /// Images of about 1.57 megapixels in a shape of the backend's own and at its own quality,
    /// regardless of the request, as Codex generates them [default: exact sizes]
    #[arg(long = "free-shape", action = ArgAction::SetTrue, value_parser = shape())]
    pub shape: Shape,
    /// The largest piece in which an event leaves, in bytes.
    #[arg(skip)]
    pub piece: Option<usize>,
    /// Whether the same prompt gives the same image.
    #[arg(skip = Look::Same)]
    pub look: Look,
    /// Host models that are rejected although they are served.
    #[arg(skip)]
    pub rejected_hosts: Vec<hosts::Order>,
    /// What goes wrong, in this order.
    #[arg(skip)]
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
            rejected_hosts: Vec::new(),
            faults: Vec::new(),
        }
    }
}

/// What `response.completed` says in `output`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CompletedOutput {
    /// [], as Codex sends it
    Empty,
    /// Every item with its base64, as api.openai.com sends it
    Full,
}

/// Who chooses the shape and the quality of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// The client: sizes are exact, which the Codex backend's are not.
    Asked,
    /// The backend: about 1.57 million pixels in a shape of its own, at its own quality.
    Free,
}

/// Whether the same prompt gives the same image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// The same bytes each time.
    Same,
    /// Other colours and shapes for each request.
    Varied,
}

/// Reads a time with its unit.
fn time(text: &str) -> Result<Duration, &'static str> {
    humantime::parse_duration(text).map_err(|_| "expected a time with its unit, as 1200ms or 20s")
}

/// What the presence of `--free-shape` means.
fn shape() -> impl TypedValueParser<Value = Shape> {
    FalseyValueParser::new().map(|free| if free { Shape::Free } else { Shape::Asked })
}

//! What comes of the calls of upstreams.

use std::rc::Rc;

use super::rests::Sign;
use crate::openai::error::Failure;
use crate::translate::collect::Image;

/// What came of all calls, each list in their order. A candidate is an upstream by its place among
/// those that may serve the request.
#[derive(Debug, Default)]
pub(crate) struct Results {
    pub(crate) images: Vec<Generated>,
    /// The host models that called the image tool, each with its candidate.
    pub(crate) host_models: Vec<(usize, Rc<str>)>,
    pub(crate) failures: Vec<Failed>,
    /// What the calls said about their upstreams since it was last taken.
    pub(crate) signs: Vec<(usize, Sign)>,
}

/// An image, and the candidate that generated it.
#[derive(Debug)]
pub(crate) struct Generated {
    pub(crate) candidate: usize,
    pub(crate) image: Image,
}

/// A call that brought no image.
#[derive(Debug)]
pub(crate) struct Failed {
    /// The upstream that was called last, and why it failed.
    pub(crate) candidate: usize,
    pub(crate) failure: Failure,
    /// The host model of the last call, if there is one.
    pub(crate) host_model: Option<Rc<str>>,
    /// The failure that the client gets, in its own terms, and the candidate that it came from.
    pub(crate) reported: Failure,
    pub(crate) reported_by: usize,
}

/// What has become of a call so far.
#[derive(Debug, Clone, Copy)]
pub(crate) enum CallState<'f> {
    Open,
    Generated,
    Failed(&'f Failure),
}

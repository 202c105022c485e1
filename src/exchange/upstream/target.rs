//! Where a call goes.

use std::rc::Rc;
use std::time::Duration;

use crate::config::{Api, Candidate};
use crate::translate::error;

/// What a call knows of its upstream.
#[derive(Debug, Clone)]
pub(crate) struct CallTarget {
    pub(crate) place: Place,
    pub(crate) api: Api,
    /// The host model that is asked for, if there is one.
    pub(crate) host_model: Option<Rc<str>>,
    /// The image model has a name like it: an error that names it may be about either.
    pub(crate) is_ambiguous: bool,
    /// When the call is given up.
    pub(crate) deadline: Duration,
}

impl CallTarget {
    /// `candidate`, at this place.
    pub(crate) fn new(place: Place, candidate: &Candidate<'_>, deadline: Duration) -> Self {
        let is_like = |it: &Rc<str>| error::is_like_host_model(&candidate.sent, it);
        Self {
            place,
            api: candidate.upstream.api(),
            is_ambiguous: candidate.host_model.as_ref().is_some_and(is_like),
            host_model: candidate.host_model.clone(),
            deadline,
        }
    }
}

/// Where a call goes. Both are counted from 0, in the order in which they are tried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// The upstream, among those that may serve the request.
    pub(crate) candidate: usize,
    /// The host model, among those of the upstream.
    pub(crate) host_model: usize,
}

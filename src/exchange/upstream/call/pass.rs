//! An image that passes through while it comes.

use super::{Call, State};
use crate::openai::error::{Failure, UpstreamFailure};
use crate::translate::collect::{Beginning, Image, Passed};

impl Call {
    /// Lets the image pass through, once. Returns its beginning: see `Collector::pass`.
    pub(crate) fn pass(&mut self, most: usize, needs_format: bool) -> Option<Beginning> {
        match &mut self.state {
            State::Collecting(collector) => collector.pass(most, needs_format),
            State::Due
            | State::Waiting
            | State::Unread(_)
            | State::Failing(_)
            | State::Generated(_)
            | State::Failed(_) => None,
        }
    }

    /// Whether the last byte has come of an image that passes through.
    pub(crate) fn has_passed(&self) -> bool {
        matches!(&self.state, State::Collecting(collector) if collector.has_passed())
    }

    /// Whether the image has found no room here.
    pub(crate) fn lacks_room(&self) -> bool {
        matches!(&self.state, State::Collecting(collector) if collector.lacks_room())
    }

    /// What of the last chunk passes through. `None` if no image passes through.
    pub(crate) fn take_passed(&mut self) -> Option<Passed> {
        self.passing.take()
    }

    /// The image that passes through, of an answer that breaks off here, once.
    pub(crate) fn passed_image(&mut self) -> Option<Image> {
        let broken = State::Failed(Failure::Upstream(UpstreamFailure::Disconnected));
        match &mut self.state {
            State::Collecting(collector) => collector.passed_image(),
            State::Generated(_) => match std::mem::replace(&mut self.state, broken) {
                State::Generated(images) => images.into_iter().next(),
                _ => None,
            },
            State::Due
            | State::Waiting
            | State::Unread(_)
            | State::Failing(_)
            | State::Failed(_) => self.passed.take(),
        }
    }
}

//! One upstream call, from its head to its image or its failure.
//!
//! ```text
//!            2xx                    terminal event, end
//! Waiting ── Unread ▶ Collecting ─────────────────────▶ Settled
//!  ▲ │  other status                 end                 ▲ │
//!  │ ├─────────────▶ Failing ────────────────────────────┤ │ refused,
//!  │ └── fail ───────────────────────────────────────────┘ │ another may be called
//!  └──────────── Due ◀─────────────────────────────────────┘
//! ```

mod opening;
mod pass;
mod unread;

use std::rc::Rc;
use std::time::Duration;

use super::error_body::ErrorBody;
use super::rests::Sign;
use super::result::CallState;
use super::target::{CallTarget, Place};
use crate::exchange::head::ResponseHead;
use crate::openai::error::{Failure, GatewayFailure, UpstreamFailure};
use crate::translate::collect::{Bounds, Collector, Document, Image, Passed, Preview, Progress};

use unread::Unread;

/// A call.
#[derive(Debug)]
pub(crate) struct Call {
    target: CallTarget,
    /// How many images it asks for.
    images: usize,
    room: usize,
    state: State,
    /// What of the last chunk passes through.
    passing: Option<Passed>,
    /// What has passed through of an image whose answer failed.
    passed: Option<Image>,
    /// Previews that came whole.
    previews: Vec<Preview>,
    has_begun: bool,
    /// No other upstream is called: this one may have generated an image, or its refusal is not
    /// only its own.
    is_pinned: bool,
    /// Why earlier tries brought no image, each with its candidate.
    earlier: Vec<(usize, Failure)>,
    /// What the upstreams' answers said about them, each with its candidate.
    signs: Vec<(usize, Sign)>,
    /// The upstream has been seen to serve.
    serves: bool,
}

#[derive(Debug)]
enum State {
    /// To be made.
    Due,
    /// For its head.
    Waiting,
    /// For the first byte of an answer that may bring an image.
    Unread(Box<Unread>),
    Collecting(Box<Collector>),
    /// Reading an error.
    Failing(Box<ErrorBody>),
    /// At least one image.
    Generated(Vec<Image>),
    Failed(Failure),
}

impl State {
    fn collecting(bounds: Bounds, document: Document) -> Self {
        Self::Collecting(Box::new(Collector::new(bounds, document)))
    }

    fn failing(head: ResponseHead, since: Duration) -> Self {
        Self::Failing(Box::new(ErrorBody::new(head, since)))
    }
}

impl Call {
    /// A call that is made, for this many `images`. `room` is the most bytes of base64 that each
    /// may have.
    pub(crate) fn new(images: usize, room: usize, target: CallTarget) -> Self {
        Self {
            target,
            images,
            room,
            state: State::Waiting,
            passing: None,
            passed: None,
            previews: Vec::new(),
            has_begun: false,
            is_pinned: false,
            earlier: Vec::new(),
            signs: Vec::new(),
            serves: false,
        }
    }

    /// Notes what an answer says about its upstream.
    pub(crate) fn sign(&mut self, sign: Sign) {
        self.signs.push((self.candidate(), sign));
    }

    /// Notes that the upstream serves.
    fn note_serves(&mut self) {
        if !std::mem::replace(&mut self.serves, true) {
            self.sign(Sign::Serves);
        }
    }

    /// What the answers have said about their upstreams since it was last taken.
    pub(crate) fn take_signs(&mut self) -> Vec<(usize, Sign)> {
        std::mem::take(&mut self.signs)
    }

    /// The upstream that is called.
    pub(crate) fn candidate(&self) -> usize {
        self.target.place.candidate
    }

    /// The upstreams that were called so far.
    pub(crate) fn tried(&self) -> impl Iterator<Item = usize> + '_ {
        let earlier = self.earlier.iter().map(|(candidate, _)| *candidate);
        earlier.chain([self.candidate()])
    }

    /// The upstream that is called, and the host model there.
    pub(crate) fn place(&self) -> Place {
        self.target.place
    }

    /// The host model that is asked for, if there is one.
    pub(crate) fn host_model(&self) -> Option<&Rc<str>> {
        self.target.host_model.as_ref()
    }

    /// The host model that an error can be about.
    fn refusable(&self) -> Option<Rc<str>> {
        self.target.host_model.clone().filter(|_| !self.target.is_ambiguous)
    }

    /// Whether the host model works on the request.
    pub(crate) fn is_accepted(&self) -> bool {
        matches!(&self.state, State::Collecting(collector) if collector.is_accepted())
    }

    /// Why another upstream may be called for the image: this one refused, and certainly generated
    /// none.
    pub(crate) fn refusal(&self) -> Option<&Failure> {
        match &self.state {
            State::Failed(failure) if !self.has_begun && !self.is_pinned => {
                Some(failure).filter(|failure| failure.is_refusal())
            }
            State::Due
            | State::Waiting
            | State::Unread(_)
            | State::Collecting(_)
            | State::Failing(_)
            | State::Generated(_)
            | State::Failed(_) => None,
        }
    }

    /// From now on no other upstream is called.
    pub(crate) fn pin(&mut self) {
        self.is_pinned = true;
    }

    /// Has a failed call made again, at `next`.
    pub(crate) fn try_next(&mut self, next: Place) {
        if let State::Failed(failure) = &self.state {
            self.earlier.push((self.candidate(), failure.clone()));
            self.target.place = next;
            self.state = State::Due;
        }
    }

    /// Whether the call has to be made.
    pub(crate) fn is_due(&self) -> bool {
        matches!(self.state, State::Due)
    }

    /// Notes that the call is being made.
    pub(crate) fn made(&mut self, target: CallTarget) {
        if matches!(self.state, State::Due) {
            self.state = State::Waiting;
        }
        self.target = target;
        self.serves = false;
    }

    pub(crate) fn is_settled(&self) -> bool {
        matches!(self.state, State::Generated(_) | State::Failed(_))
    }

    /// The previews that have come whole since they were last taken.
    pub(crate) fn take_previews(&mut self) -> Vec<Preview> {
        std::mem::take(&mut self.previews)
    }

    /// Whether a byte of the image has come, or of a preview that the client is shown.
    pub(crate) fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Whether an answer that may bring an image is being read.
    pub(crate) fn is_collecting(&self) -> bool {
        matches!(self.state, State::Collecting(_))
    }

    /// Whether the answer that is being read comes as events.
    pub(crate) fn reads_events(&self) -> bool {
        matches!(&self.state, State::Collecting(collector) if collector.reads_events())
    }

    /// Whether the image has come.
    pub(crate) fn has_image(&self) -> bool {
        matches!(self.state, State::Generated(_))
    }

    /// Whether no byte has come of an answer that may bring an image.
    pub(crate) fn is_unread(&self) -> bool {
        matches!(self.state, State::Unread(_))
    }

    /// How many images the upstream was asked for, if it has not refused them or failed.
    pub(crate) fn drawing(&self) -> usize {
        match self.state {
            State::Waiting | State::Unread(_) | State::Collecting(_) | State::Generated(_) => {
                self.images
            }
            State::Due | State::Failing(_) | State::Failed(_) => 0,
        }
    }

    /// Settles a call that is still open.
    pub(crate) fn fail(&mut self, failure: Failure) {
        match &mut self.state {
            State::Generated(_) | State::Failed(_) => return,
            State::Collecting(collector) => self.passed = collector.passed_image(),
            State::Due | State::Waiting | State::Failing(_) | State::Unread(_) => {}
        }
        self.state = State::Failed(failure);
    }

    /// Settles a call whose answer goes on: with its image if that has come whole, else with
    /// `failure`.
    pub(crate) fn give_up(&mut self, failure: Failure, now: Duration) {
        if matches!(&self.state, State::Collecting(collector) if collector.has_whole()) {
            self.end(now);
        }
        self.fail(failure);
    }

    /// Takes bytes of the body.
    pub(crate) fn body(&mut self, chunk: Vec<u8>, now: Duration) {
        self.judge(&chunk);
        match &mut self.state {
            State::Collecting(collector) => {
                let progress = collector.feed(chunk, now);
                self.passing = collector.take_passed();
                self.previews.extend(collector.take_previews());
                self.has_begun |= collector.has_begun();
                let serves = collector.is_accepted() || collector.has_generated();
                if progress == Progress::Settled {
                    self.end(now);
                } else if serves {
                    self.note_serves();
                }
            }
            State::Failing(failing) => {
                if failing.push(&chunk) {
                    self.end(now);
                }
            }
            State::Due
            | State::Waiting
            | State::Unread(_)
            | State::Generated(_)
            | State::Failed(_) => {}
        }
    }

    /// Notes that it goes upstream this much later.
    pub(crate) fn postpone(&mut self, by: Duration) {
        self.target.deadline = self.target.deadline.saturating_add(by);
    }

    /// Notes that time has passed: an error is not waited for as an image is.
    pub(crate) fn tick(&mut self, now: Duration) {
        if now >= self.target.deadline {
            self.give_up(Failure::Upstream(UpstreamFailure::Timeout), now);
        }
        let is_stalled = matches!(&self.state, State::Failing(failing) if failing.is_stalled(now));
        if is_stalled {
            self.pin();
            self.end(now);
        }
    }

    /// Takes the end of the body.
    pub(crate) fn end(&mut self, now: Duration) {
        let mut refusal = None;
        let refusable = self.refusable();
        let failure = match &mut self.state {
            State::Due | State::Generated(_) | State::Failed(_) => return,
            State::Waiting | State::Unread(_) => Failure::Upstream(UpstreamFailure::Disconnected),
            State::Collecting(collector) => {
                let result = collector.finish(now);
                self.previews.extend(collector.take_previews());
                match result {
                    Ok(images) => {
                        let refusal = collector.refusal().map(Sign::Refuses);
                        self.state = State::Generated(images);
                        self.note_serves();
                        // It has said after its image that it serves no other for now.
                        refusal.into_iter().for_each(|sign| self.sign(sign));
                        return;
                    }
                    Err(failure) => {
                        refusal = collector.refusal();
                        // For want of room here.
                        self.is_pinned |=
                            matches!(failure, Failure::Gateway(GatewayFailure::Overloaded { .. }));
                        self.is_pinned |= collector.has_generated();
                        failure
                    }
                }
            }
            State::Failing(failing) => {
                let failure;
                (failure, refusal) = failing.judge(self.target.api, refusable.as_deref(), now);
                // A text model that is not served generates nothing, at any status.
                let is_certain =
                    matches!(failure, Failure::Upstream(UpstreamFailure::HostModelRefused { .. }));
                self.is_pinned |= !is_certain && failing.may_have_generated();
                failure
            }
        };
        match refusal {
            Some(refusal) => self.sign(Sign::Refuses(refusal)),
            // It has judged the request.
            None if failure.is_clients() => self.note_serves(),
            None => {}
        }
        self.fail(failure);
    }

    /// The images, or all failures in the order of the tries, each with its candidate. A call that
    /// is still open was cut.
    pub(crate) fn into_result(self) -> Result<Vec<Image>, Vec<(usize, Failure)>> {
        let mut failures = self.earlier;
        let last = match self.state {
            State::Generated(images) => return Ok(images),
            State::Failed(failure) => failure,
            State::Due
            | State::Waiting
            | State::Unread(_)
            | State::Collecting(_)
            | State::Failing(_) => Failure::Upstream(UpstreamFailure::Disconnected),
        };
        failures.push((self.target.place.candidate, last));
        Err(failures)
    }

    /// What has become of it so far.
    pub(crate) fn state(&self) -> CallState<'_> {
        match &self.state {
            State::Generated(_) => CallState::Generated,
            State::Failed(failure) => CallState::Failed(failure),
            State::Due
            | State::Waiting
            | State::Unread(_)
            | State::Collecting(_)
            | State::Failing(_) => CallState::Open,
        }
    }
}

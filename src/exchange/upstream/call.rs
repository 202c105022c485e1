//! One upstream call, from its head to its picture or its failure.
//!
//! ```text
//!            2xx                    terminal event, end
//! Waiting ── Unread ▶ Collecting ─────────────────────▶ Settled
//!  ▲ │  other status                 end                 ▲ │
//!  │ ├─────────────▶ Failing ────────────────────────────┤ │ refused,
//!  │ └── fail ───────────────────────────────────────────┘ │ another may be asked
//!  └──────────── Due ◀─────────────────────────────────────┘
//! ```

mod opening;
mod unread;

use std::rc::Rc;
use std::time::Duration;

use crate::config::Api;
use crate::exchange::head::ResponseHead;
use crate::exchange::upstream::error_body::Failing;
use crate::exchange::upstream::failover;
use crate::exchange::upstream::rests::Sign;
use crate::exchange::upstream::target::{Callee, Place};
use crate::memory::Lease;
use crate::openai::error::Failure;
use crate::translate::collect::{Bounds, Collector, Document, Picture, Preview, Progress};

use unread::Unread;

/// A call.
#[derive(Debug)]
pub(crate) struct Call {
    /// Which of the upstreams is called, and with which of its host models.
    place: Place,
    api: Api,
    /// The host model that is asked, if there is one.
    host_model: Option<Rc<str>>,
    /// The image model has a name like it.
    is_ambiguous: bool,
    state: State,
    deadline: Duration,
    /// Previews that came whole.
    previews: Vec<Preview>,
    has_begun: bool,
    /// The picture's room, behind a failure.
    spare: Option<Lease>,
    /// No other upstream is asked: this one may have drawn, or it is not only its own refusal.
    stays: bool,
    /// Why earlier tries brought nothing, each with the place of its upstream.
    earlier: Vec<(usize, Failure)>,
    /// What the upstreams' answers said about them, each with the place of its upstream.
    signs: Vec<(usize, Sign)>,
    /// The upstream has been seen to serve.
    serves: bool,
}

/// What has become of a call.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fate<'f> {
    Open,
    Drawn,
    Failed(&'f Failure),
}

#[derive(Debug)]
enum State {
    /// To be made, with the room taken for its picture.
    Due(Lease),
    /// For its head.
    Waiting(Lease),
    /// For the first byte of an answer that may bring a picture.
    Unread(Box<Unread>),
    Collecting(Box<Collector>),
    /// Reading an error, with the room taken for the picture.
    Failing(Box<Failing>, Lease),
    Settled(Result<Box<Picture>, Failure>),
}

impl State {
    fn collecting(bounds: Bounds, room: Lease, document: Document) -> Self {
        Self::Collecting(Box::new(Collector::new(bounds, room, document)))
    }

    fn failing(head: ResponseHead, room: Lease, since: Duration) -> Self {
        Self::Failing(Box::new(Failing::new(head, since)), room)
    }
}

impl Call {
    /// A call that is made.
    pub(crate) fn new(room: Lease, callee: Callee) -> Self {
        Self {
            place: callee.place,
            api: callee.api,
            host_model: callee.host_model,
            is_ambiguous: callee.is_ambiguous,
            state: State::Waiting(room),
            deadline: callee.deadline,
            previews: Vec::new(),
            has_begun: false,
            spare: None,
            stays: false,
            earlier: Vec::new(),
            signs: Vec::new(),
            serves: false,
        }
    }

    /// Notes what an answer says about its upstream.
    pub(crate) fn sign(&mut self, sign: Sign) {
        self.signs.push((self.place.candidate, sign));
    }

    /// Notes that the upstream serves.
    fn note_serves(&mut self) {
        if !std::mem::replace(&mut self.serves, true) {
            self.sign(Sign::Serves);
        }
    }

    /// What the answers have said about their upstreams since this was last taken.
    pub(crate) fn take_signs(&mut self) -> Vec<(usize, Sign)> {
        std::mem::take(&mut self.signs)
    }

    /// Which of the upstreams is called.
    pub(crate) fn candidate(&self) -> usize {
        self.place.candidate
    }

    /// The upstreams that were asked so far.
    pub(crate) fn asked(&self) -> impl Iterator<Item = usize> + '_ {
        let earlier = self.earlier.iter().map(|(candidate, _)| *candidate);
        earlier.chain([self.place.candidate])
    }

    /// Whom the call asks.
    pub(crate) fn place(&self) -> Place {
        self.place
    }

    /// The host model that is asked, if there is one.
    pub(crate) fn host_model(&self) -> Option<&Rc<str>> {
        self.host_model.as_ref()
    }

    /// The host model that an error can be about.
    fn refusable(&self) -> Option<Rc<str>> {
        self.host_model.clone().filter(|_| !self.is_ambiguous)
    }

    /// Whether the host model works on the request.
    pub(crate) fn is_accepted(&self) -> bool {
        matches!(&self.state, State::Collecting(collector) if collector.is_accepted())
    }

    /// Why another upstream may be asked for the picture: this one refused, and certainly drew nothing.
    pub(crate) fn refusal(&self) -> Option<&Failure> {
        match &self.state {
            State::Settled(Err(failure))
                if self.spare.is_some() && !self.has_begun && !self.stays =>
            {
                Some(failure).filter(|failure| failover::is_refusal(failure))
            }
            _ => None,
        }
    }

    /// Has no other upstream asked.
    pub(crate) fn stay(&mut self) {
        self.stays = true;
    }

    /// Has the call made again, at `next`.
    pub(crate) fn move_on(&mut self, next: Place) {
        let settled = std::mem::replace(&mut self.state, State::Settled(Err(Failure::Internal)));
        let (State::Settled(Err(failure)), Some(room)) = (settled, self.spare.take()) else {
            return;
        };
        self.earlier.push((self.place.candidate, failure));
        self.place = next;
        self.state = State::Due(room);
    }

    /// Whether the call has to be made.
    pub(crate) fn is_due(&self) -> bool {
        matches!(self.state, State::Due(_))
    }

    /// Notes that the call is being made.
    pub(crate) fn made(&mut self, callee: Callee) {
        let nothing = State::Settled(Err(Failure::Internal));
        self.state = match std::mem::replace(&mut self.state, nothing) {
            State::Due(room) => State::Waiting(room),
            other => other,
        };
        (self.host_model, self.is_ambiguous) = (callee.host_model, callee.is_ambiguous);
        self.serves = false;
        (self.api, self.deadline) = (callee.api, callee.deadline);
    }

    pub(crate) fn is_settled(&self) -> bool {
        matches!(self.state, State::Settled(_))
    }

    /// The previews that have come whole since this was last asked.
    pub(crate) fn take_previews(&mut self) -> Vec<Preview> {
        std::mem::take(&mut self.previews)
    }

    /// Whether a byte of the picture has come, or of a preview that the client is shown.
    pub(crate) fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Whether the answer of an upstream that may bring a picture is being read.
    pub(crate) fn is_collecting(&self) -> bool {
        matches!(self.state, State::Collecting(_))
    }

    /// Whether the answer that is being read comes as events.
    pub(crate) fn reads_events(&self) -> bool {
        matches!(&self.state, State::Collecting(collector) if collector.reads_events())
    }

    /// Whether nothing of an answer has come that may bring a picture.
    pub(crate) fn is_unread(&self) -> bool {
        matches!(self.state, State::Unread(_))
    }

    /// Settles a call that is still open.
    pub(crate) fn fail(&mut self, failure: Failure) {
        let state = std::mem::replace(&mut self.state, State::Settled(Err(failure)));
        match state {
            State::Settled(_) => self.state = state,
            State::Due(room) | State::Waiting(room) | State::Failing(_, room) => {
                self.spare = Some(room);
            }
            State::Unread(unread) => self.spare = Some(unread.room),
            State::Collecting(mut collector) => self.spare = collector.take_room(),
        }
    }

    /// Takes bytes of the body.
    pub(crate) fn body(&mut self, chunk: Vec<u8>, now: Duration) {
        self.judge(&chunk);
        match &mut self.state {
            State::Collecting(collector) => {
                let progress = collector.feed(chunk, now);
                self.previews.extend(collector.take_previews());
                self.has_begun |= collector.has_begun();
                let serves = collector.is_accepted() || collector.has_drawn();
                if progress == Progress::Settled {
                    self.end(now);
                } else if serves {
                    self.note_serves();
                }
            }
            State::Failing(failing, _) => {
                if failing.push(&chunk) {
                    self.end(now);
                }
            }
            State::Due(_) | State::Waiting(_) | State::Unread(_) | State::Settled(_) => {}
        }
    }

    /// Notes that time has passed: an error is not waited for as a picture is.
    pub(crate) fn tick(&mut self, now: Duration) {
        if now >= self.deadline {
            self.fail(Failure::UpstreamTimeout);
        }
        let is_stalled =
            matches!(&self.state, State::Failing(failing, _) if failing.is_stalled(now));
        if is_stalled {
            self.stay();
            self.end(now);
        }
    }

    /// Takes the end of the body.
    pub(crate) fn end(&mut self, now: Duration) {
        let mut refusal = None;
        let refusable = self.refusable();
        let failure = match &mut self.state {
            State::Due(_) | State::Settled(_) => return,
            State::Waiting(_) | State::Unread(_) => Failure::UpstreamCut,
            State::Collecting(collector) => {
                let result = collector.finish(now);
                self.previews.extend(collector.take_previews());
                match result {
                    Ok(picture) => {
                        self.state = State::Settled(Ok(Box::new(picture)));
                        self.note_serves();
                        return;
                    }
                    Err(failure) => {
                        refusal = collector.refusal();
                        // For want of room here.
                        self.stays |= matches!(failure, Failure::Overloaded { .. });
                        self.stays |= collector.has_drawn();
                        failure
                    }
                }
            }
            State::Failing(failing, _) => {
                let failure;
                (failure, refusal) = failing.judge(self.api, refusable.as_deref(), now);
                // A text model that is not served draws nothing, whatever the status.
                let is_certain = matches!(failure, Failure::HostModelRefused { .. });
                self.stays |= !is_certain && failing.leaves_open();
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

    /// The outcome, with all failures in the order of the tries, each with the place of its upstream; a
    /// call that is still open was cut.
    pub(crate) fn into_result(self) -> Result<Picture, Vec<(usize, Failure)>> {
        let mut failures = self.earlier;
        let last = match self.state {
            State::Settled(Ok(picture)) => return Ok(*picture),
            State::Settled(Err(failure)) => failure,
            State::Due(_)
            | State::Waiting(_)
            | State::Unread(_)
            | State::Collecting(_)
            | State::Failing(..) => Failure::UpstreamCut,
        };
        failures.push((self.place.candidate, last));
        Err(failures)
    }

    /// What has become of it so far.
    pub(crate) fn fate(&self) -> Fate<'_> {
        match &self.state {
            State::Settled(Ok(_)) => Fate::Drawn,
            State::Settled(Err(failure)) => Fate::Failed(failure),
            _ => Fate::Open,
        }
    }
}

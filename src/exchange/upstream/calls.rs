//! Upstream is asked: one call for each picture, the first of them the client's own stream.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use crate::exchange::End;
use crate::exchange::head::ResponseHead;
use crate::exchange::outcome::SideBatch;
use crate::exchange::upstream::call::{Call, Fate};
use crate::exchange::upstream::error_body::ERROR_BODY_TIMEOUT;
use crate::exchange::upstream::failover::{self, Failover};
use crate::exchange::upstream::rests::Sign;
use crate::exchange::upstream::target::Callee;
use crate::memory::Lease;
use crate::openai::error::{Failure, model_names::ModelNames};
use crate::openai::request::{ImagesName, ResponseFormat};
use crate::translate::collect::{Bounds, Picture, Preview};
use crate::translate::stream::Wanted;

/// The calls of a request, until each has its picture or its failure.
#[derive(Debug)]
pub(crate) struct Asking {
    calls: Vec<Call>,
    /// The places in `calls` of the side calls that are being started.
    starting: VecDeque<usize>,
    /// The token of each side call that is under way, beside its place in `calls`.
    tokens: Vec<(u32, usize)>,
    /// The first call is no longer the client's own stream: what comes on that is dropped.
    own_is_over: bool,
    /// Nothing more comes on the client's own stream. While something may, it may also break, and Envoy would
    /// answer past the filter: so nobody else is asked in its place.
    own_has_ended: bool,
    /// When it was refused, if its end has not come.
    refused_at: Option<Duration>,
    /// It is refused, and another upstream is asked once its end has come.
    own_waits: bool,
    /// Covers what was sent until the upstream has begun to answer.
    sent: Option<Lease>,
    /// While a call may still go to another upstream.
    failover: Option<Failover>,
    /// Refusals behind which another upstream was asked, with the place of the one that refused, since last taken.
    refusals: Vec<(usize, Failure)>,
    pub(crate) terms: Terms,
    deadline: Duration,
}

/// In which of its own terms the client is answered.
#[derive(Debug)]
pub(crate) struct Terms {
    pub(crate) format: ResponseFormat,
    /// The client wants events.
    pub(crate) wanted: Option<Wanted>,
    /// The answer passes on as it comes, from one call for all images.
    pub(crate) relays: bool,
    /// How errors call the images.
    pub(crate) images_name: ImagesName,
    /// How they call the model.
    pub(crate) model_names: ModelNames,
}

/// What came of all calls, each in their order, with the place of the upstream.
#[derive(Debug, Default)]
pub(crate) struct Results {
    pub(crate) pictures: Vec<Picture>,
    /// Who drew them.
    pub(crate) drawn_by: Vec<usize>,
    /// The host models that called the image tool for them, with the place of the upstream.
    pub(crate) host_models: Vec<(usize, Rc<str>)>,
    pub(crate) failures: Vec<Failed>,
    /// What the calls said about their upstreams, since last taken.
    pub(crate) signs: Vec<(usize, Sign)>,
}

/// A call that brought nothing.
#[derive(Debug)]
pub(crate) struct Failed {
    /// The upstream that was asked last, and why it failed.
    pub(crate) candidate: usize,
    pub(crate) failure: Failure,
    /// The host model that was asked last, if there is one.
    pub(crate) host_model: Option<Rc<str>>,
    /// What is told of all of them, in the client's terms, and whose failure that is.
    pub(crate) told: Failure,
    pub(crate) told_by: usize,
}

impl Asking {
    /// Calls of `first` with these rooms for their pictures. All ends at `deadline`.
    pub(crate) fn new(
        rooms: Vec<Lease>,
        sent: Lease,
        terms: Terms,
        first: Callee,
        failover: Option<Failover>,
        deadline: Duration,
    ) -> Self {
        let calls: Vec<_> = rooms.into_iter().map(|room| Call::new(room, first.clone())).collect();
        Self {
            starting: (1..calls.len()).collect(),
            calls,
            tokens: Vec::new(),
            own_is_over: false,
            own_has_ended: false,
            refused_at: None,
            own_waits: false,
            sent: Some(sent),
            failover,
            refusals: Vec::new(),
            terms,
            deadline,
        }
    }

    /// How many calls there are.
    pub(crate) fn len(&self) -> usize {
        self.calls.len()
    }

    /// The client's own stream, unless it is over.
    fn own(&mut self) -> Option<&mut Call> {
        self.calls.first_mut().filter(|_| !self.own_is_over)
    }

    /// Takes the head of the client's own stream.
    pub(crate) fn own_head(&mut self, head: ResponseHead, bounds: &Bounds, now: Duration) {
        self.sent = None;
        if let Some(call) = self.own() {
            call.head(head, bounds, now);
        }
        self.move_on(now);
    }

    /// Takes bytes of the client's own stream.
    pub(crate) fn own_body(&mut self, chunk: Vec<u8>, end: End, now: Duration) {
        if let Some(call) = self.own() {
            call.body(chunk, now);
            if end == End::Stream {
                call.end(now);
            }
        }
        self.own_has_ended |= end == End::Stream;
        self.move_on(now);
    }

    /// Whether the answer of an upstream that may bring a picture is being read on the client's own stream.
    pub(crate) fn is_collecting(&mut self) -> bool {
        self.own().is_some_and(|call| call.is_collecting())
    }

    /// Whether nothing of the answer has come on the client's own stream that may bring a picture.
    pub(crate) fn is_unread(&mut self) -> bool {
        self.own().is_some_and(|call| call.is_unread())
    }

    /// Notes how the answer on the client's own stream is to be read that begins with `chunk`.
    pub(crate) fn judge(&mut self, chunk: &[u8]) {
        if let Some(call) = self.own() {
            call.judge(chunk);
        }
    }

    /// Whether the answer on the client's own stream comes as events.
    pub(crate) fn reads_events(&mut self) -> bool {
        self.own().is_some_and(|call| call.reads_events())
    }

    /// The previews of the client's own stream that have come whole since this was last asked.
    pub(crate) fn take_previews(&mut self) -> Vec<Preview> {
        self.own().map(Call::take_previews).unwrap_or_default()
    }

    /// Whether a byte of the first picture has come on the client's own stream, or of a preview that the client is shown.
    pub(crate) fn has_begun(&self) -> bool {
        !self.own_is_over && self.calls.first().is_some_and(Call::has_begun)
    }

    /// The side call of this token.
    pub(crate) fn side(&mut self, token: u32) -> Option<&mut Call> {
        let (_, place) = self.tokens.iter().find(|(it, _)| *it == token)?;
        self.calls.get_mut(*place)
    }

    /// Takes the end of a side call's response.
    pub(crate) fn side_end(&mut self, token: u32, now: Duration) {
        if let Some(call) = self.side(token) {
            call.end(now);
        }
        self.tokens.retain(|(it, _)| *it != token);
        self.move_on(now);
    }

    /// Takes what became of the attempt to start the next side call.
    pub(crate) fn side_call_started(&mut self, token: Option<u32>) {
        match token {
            Some(token) => {
                let place = self.starting.pop_front();
                self.tokens.extend(place.map(|place| (token, place)));
            }
            None => self.side_call_failed(Failure::UpstreamUnreachable),
        }
    }

    /// Notes why the next side call cannot start.
    pub(crate) fn side_call_failed(&mut self, failure: Failure) {
        let Some(place) = self.starting.pop_front() else { return };
        if let Some(call) = self.calls.get_mut(place) {
            call.fail(failure);
        }
    }

    /// Whether a call could not start because Envoy has no such cluster.
    pub(crate) fn lacks_cluster(&self) -> bool {
        let failed = |call: &Call| matches!(call.fate(), Fate::Failed(Failure::ClusterMissing));
        self.calls.iter().any(failed)
    }

    /// Has the calls made again that another upstream may serve.
    fn move_on(&mut self, now: Duration) {
        let Some(failover) = &self.failover else { return };
        let is_late = now >= self.deadline;
        let asked: Vec<_> = match self.calls.iter().any(|call| call.refusal().is_some()) {
            true => self.calls.iter().flat_map(Call::asked).collect(),
            false => Vec::new(),
        };
        self.own_waits = false;
        for (place, call) in self.calls.iter_mut().enumerate() {
            let Some(refusal) = call.refusal().filter(|_| !is_late) else { continue };
            let Some(next) = failover.next(call.place(), refusal, &asked, now) else { continue };
            let is_own = place == 0 && !self.own_is_over;
            if is_own && !self.own_has_ended {
                self.refused_at.get_or_insert(now);
                self.own_waits = true;
                continue;
            }
            self.refusals.push((call.candidate(), refusal.clone()));
            call.move_on(next);
            self.own_is_over |= place == 0;
        }
        // Nobody else is asked for a call whose only upstream has taken the host model.
        let is_done = |call: &Call| {
            let is_last = !failover.has_upstream_after(call.candidate());
            call.is_settled() || call.has_begun() || is_last && call.is_accepted()
        };
        if self.calls.iter().all(is_done) && !self.own_waits {
            self.failover = None;
        }
    }

    /// The next call to be made of another upstream.
    pub(crate) fn next_call(&mut self, now: Duration) -> Option<SideBatch> {
        self.move_on(now);
        loop {
            let due = |(_, call): &(usize, &mut Call)| call.is_due();
            let (place, call) = self.calls.iter_mut().enumerate().find(due)?;
            let failover = self.failover.as_ref();
            match failover.and_then(|it| it.call(call.place(), self.deadline, now)) {
                Some((batch, callee)) => {
                    call.made(callee);
                    self.starting.push_back(place);
                    return Some(batch);
                }
                None => call.fail(Failure::Internal),
            }
        }
    }

    /// Notes that bytes have left for the client: from now on no other upstream is asked.
    pub(crate) fn commit(&mut self) {
        self.failover = None;
        self.own_waits = false;
    }

    /// The refusals behind which another upstream was asked, since this was last asked.
    pub(crate) fn take_refusals(&mut self) -> Vec<(usize, Failure)> {
        std::mem::take(&mut self.refusals)
    }

    /// Notes what the answer on the client's own stream says about its upstream.
    pub(crate) fn own_sign(&mut self, sign: Sign) {
        self.own().into_iter().for_each(|call| call.sign(sign));
    }

    /// What the calls have said about their upstreams since this was last taken, each with the place
    /// of its upstream.
    pub(crate) fn take_signs(&mut self) -> Vec<(usize, Sign)> {
        self.calls.iter_mut().flat_map(Call::take_signs).collect()
    }

    /// Settles every call that is still open.
    pub(crate) fn fail(&mut self, failure: &Failure) {
        self.calls.iter_mut().for_each(|call| call.fail(failure.clone()));
    }

    /// Notes that time has passed.
    pub(crate) fn tick(&mut self, now: Duration) {
        self.calls.iter_mut().for_each(|call| call.tick(now));
        let is_stalled =
            self.refused_at.is_some_and(|at| now.saturating_sub(at) >= ERROR_BODY_TIMEOUT);
        if let Some(call) = self.calls.first_mut().filter(|_| is_stalled && !self.own_has_ended) {
            call.stay();
            self.own_waits = false;
        }
    }

    /// What has become of the calls so far, each with the place of its upstream.
    pub(crate) fn fates(&self) -> Vec<(usize, Fate<'_>)> {
        self.calls.iter().map(|call| (call.candidate(), call.fate())).collect()
    }

    /// Whether every call has its outcome.
    pub(crate) fn is_settled(&self) -> bool {
        self.calls.iter().all(Call::is_settled) && !self.own_waits
    }

    /// What came of the calls.
    pub(crate) fn into_results(self) -> Results {
        let mut results = Results::default();
        for mut call in self.calls {
            results.signs.extend(call.take_signs());
            let candidate = call.candidate();
            let host_model = call.host_model().cloned();
            match call.into_result() {
                Ok(picture) => {
                    results.pictures.push(picture);
                    results.drawn_by.push(candidate);
                    results.host_models.extend(host_model.map(|it| (candidate, it)));
                }
                Err(mut all) => {
                    let told = all.get(failover::telling(&all)).cloned();
                    let (told_by, told) = told.unwrap_or((candidate, Failure::Internal));
                    let told = told.with_images_name(self.terms.images_name);
                    let told = told.with_model_names(&self.terms.model_names);
                    let failure = all.pop().map_or(Failure::Internal, |(_, last)| last);
                    results.failures.push(Failed { candidate, failure, host_model, told, told_by });
                }
            }
        }
        results
    }
}

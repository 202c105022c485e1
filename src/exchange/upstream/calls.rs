//! The calls of one request: one for each image, the first of them on the client's own stream.

mod carried;
mod next;
mod own;

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use super::call::Call;
use super::error_body::ERROR_BODY_TIMEOUT;
use super::failover::Failover;
use super::links::Links;
use super::rests::Sign;
use super::result::{CallState, Failed, Generated, Results};
use super::retry;
use super::target::CallTarget;
use crate::exchange::head::ResponseHead;
use crate::exchange::outcome::End;
use crate::memory::Lease;
use crate::openai::error::{Failure, GatewayFailure, model_names::ModelNames};
use crate::openai::request::ImagesName;
use crate::translate::collect::Bounds;

/// The calls of a request, until each has its image or its failure.
#[derive(Debug)]
pub(crate) struct Calls {
    calls: Vec<Call>,
    /// The places in `calls` of the side calls that are being started.
    starting: VecDeque<usize>,
    /// How many of the first side calls are still to be started. They start before the request
    /// leaves.
    first_starting: usize,
    /// One of them could not start because Envoy has no such cluster.
    lacks_cluster: bool,
    /// The token of each side call that is under way, beside its place in `calls`.
    tokens: Vec<(u32, usize)>,
    links: Links,
    own: Own,
    /// Covers what was sent until the upstream has begun to answer.
    sent: Option<Lease>,
    /// While a call may still go to another upstream.
    failover: Option<Failover>,
    /// Failures that another upstream was called after, each with its candidate, since last taken.
    refusals: Vec<(usize, Failure)>,
    names: ClientNames,
    deadline: Duration,
}

/// The client's own stream, which carries the first call.
///
/// While something may still come on it, it may also break, and Envoy would answer past the filter.
/// So another upstream is called in its place only once it has ended.
#[derive(Debug, Clone, Copy)]
enum Own {
    Open,
    /// Its call is refused. Another upstream is called once it has ended.
    Refused {
        at: Duration,
    },
    Ended,
    /// A side call carries the first call now. What still comes on the stream is dropped.
    Replaced,
    /// All calls are side calls. The request is held, and nothing of it goes upstream.
    Unused,
}

/// What the first calls travel on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carriers {
    /// The first on the client's own stream, the others on side calls.
    OwnStream,
    /// All on side calls through the loopback listener, with the links 0, 1, ….
    Loopback,
}

/// How errors call the things that the client sent.
#[derive(Debug)]
pub(crate) struct ClientNames {
    pub(crate) images: ImagesName,
    pub(crate) models: ModelNames,
}

/// Which calls are made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) carriers: Carriers,
    /// How many.
    pub(crate) n: usize,
    /// How many images each asks for.
    pub(crate) images: usize,
    /// The most bytes of base64 that the image of each may have.
    pub(crate) room: usize,
}

impl Calls {
    /// Calls of `first`. All end at `deadline`.
    pub(crate) fn new(
        wanted: Wanted,
        sent: Lease,
        names: ClientNames,
        first: &CallTarget,
        failover: Option<Failover>,
        deadline: Duration,
    ) -> Self {
        let Wanted { carriers, n, images, room } = wanted;
        let calls: Vec<_> = (0..n).map(|_| Call::new(images, room, first.clone())).collect();
        let mut links = Links::default();
        let (starting, own): (VecDeque<_>, _) = match carriers {
            Carriers::OwnStream => ((1..calls.len()).collect(), Own::Open),
            Carriers::Loopback => ((0..calls.len()).collect(), Own::Unused),
        };
        if carriers == Carriers::Loopback {
            starting.iter().for_each(|place| {
                links.add(*place);
            });
        }
        Self {
            first_starting: starting.len(),
            starting,
            lacks_cluster: false,
            calls,
            tokens: Vec::new(),
            links,
            own,
            sent: Some(sent),
            failover,
            refusals: Vec::new(),
            names,
            deadline,
        }
    }

    /// The call on the client's own stream. `None` if a side call carries it.
    fn own(&mut self) -> Option<&mut Call> {
        self.calls.first_mut().filter(|_| !matches!(self.own, Own::Replaced | Own::Unused))
    }

    /// Whether the client's own stream goes upstream.
    pub(crate) fn uses_own_stream(&self) -> bool {
        !matches!(self.own, Own::Unused)
    }

    /// Takes the head of the client's own stream.
    pub(crate) fn own_head(&mut self, head: ResponseHead, bounds: &Bounds, now: Duration) {
        self.sent = None;
        if let Some(call) = self.own() {
            call.head(head, bounds, now);
        }
        self.try_next(now);
    }

    /// Takes bytes of the client's own stream.
    pub(crate) fn own_body(&mut self, chunk: Vec<u8>, end: End, now: Duration) {
        if let Some(call) = self.own() {
            call.body(chunk, now);
            if end == End::Stream {
                call.end(now);
            }
        }
        if end == End::Stream && matches!(self.own, Own::Open | Own::Refused { .. }) {
            self.own = Own::Ended;
        }
        self.try_next(now);
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
        self.try_next(now);
    }

    /// Notes the token of the next side call, or why it did not start.
    pub(crate) fn call_started(&mut self, started: Result<u32, Failure>) {
        let Some(place) = self.starting.pop_front() else { return };
        if self.first_starting > 0 {
            self.first_starting = self.first_starting.saturating_sub(1);
            self.lacks_cluster |=
                matches!(started, Err(Failure::Gateway(GatewayFailure::ClusterMissing)));
        }
        match (started, self.calls.get_mut(place)) {
            (Ok(token), _) => self.tokens.push((token, place)),
            (Err(failure), Some(call)) => call.fail(failure),
            (Err(_), None) => {}
        }
    }

    /// Whether the request cannot leave because Envoy has no cluster for the calls beside it.
    pub(crate) fn lacks_cluster(&self) -> bool {
        self.lacks_cluster && self.first_starting == 0
    }

    /// What the calls have said about their upstreams since it was last taken, each with its
    /// candidate.
    pub(crate) fn take_signs(&mut self) -> Vec<(usize, Sign)> {
        self.calls.iter_mut().flat_map(Call::take_signs).collect()
    }

    /// Settles every call that is still open.
    pub(crate) fn fail(&mut self, failure: &Failure) {
        self.calls.iter_mut().for_each(|call| call.fail(failure.clone()));
    }

    /// Settles every call whose answer goes on: with its image if that has come whole, else with
    /// `failure`.
    pub(crate) fn give_up(&mut self, failure: &Failure, now: Duration) {
        self.calls.iter_mut().for_each(|call| call.give_up(failure.clone(), now));
    }

    /// Notes that time has passed.
    pub(crate) fn tick(&mut self, now: Duration) {
        self.calls.iter_mut().for_each(|call| call.tick(now));
        let Own::Refused { at } = self.own else { return };
        if now.saturating_sub(at) >= ERROR_BODY_TIMEOUT {
            self.calls.first_mut().into_iter().for_each(Call::pin);
            self.own = Own::Open;
        }
    }

    /// What has become of the calls so far, each with its candidate.
    pub(crate) fn states(&self) -> Vec<(usize, CallState<'_>)> {
        self.calls.iter().map(|call| (call.candidate(), call.state())).collect()
    }

    /// How many images upstreams were asked for, and have not refused or failed to make.
    pub(crate) fn drawing(&self) -> u32 {
        let drawing = self.calls.iter().map(Call::drawing).fold(0, usize::saturating_add);
        u32::try_from(drawing).unwrap_or(u32::MAX)
    }

    /// Whether the time of all calls is over.
    pub(crate) fn is_overdue(&self, now: Duration) -> bool {
        now >= self.deadline
    }

    /// Whether any image has come.
    pub(crate) fn have_image(&self) -> bool {
        self.calls.iter().any(Call::has_image)
    }

    /// Notes that the calls leave this much later than they were made for: their time begins when
    /// they go upstream.
    pub(crate) fn postpone(&mut self, by: Duration) {
        self.deadline = self.deadline.saturating_add(by);
        self.calls.iter_mut().for_each(|call| call.postpone(by));
    }

    /// When the time of the calls is over.
    pub(crate) fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Whether every call has its image or its failure.
    pub(crate) fn is_settled(&self) -> bool {
        self.calls.iter().all(Call::is_settled) && !self.waits_for_own()
    }

    /// What came of the calls, once.
    pub(crate) fn take_results(&mut self) -> Results {
        // The client's body goes before the answer is written.
        self.failover = None;
        let mut results = Results::default();
        for mut call in std::mem::take(&mut self.calls) {
            results.signs.extend(call.take_signs());
            let candidate = call.candidate();
            let host_model = call.host_model().cloned();
            match call.into_result() {
                Ok(images) => {
                    let images = images.into_iter().map(|image| Generated { candidate, image });
                    results.images.extend(images);
                    results.host_models.extend(host_model.map(|it| (candidate, it)));
                }
                Err(failures) => {
                    results.failures.push(self.failed(candidate, host_model, failures));
                }
            }
        }
        results
    }

    /// A call that failed for these reasons, in the order in which the upstreams were called.
    fn failed(
        &self,
        candidate: usize,
        host_model: Option<Rc<str>>,
        mut failures: Vec<(usize, Failure)>,
    ) -> Failed {
        let reported = failures.get(retry::reported(&failures)).cloned();
        let (reported_by, reported) =
            reported.unwrap_or((candidate, Failure::Gateway(GatewayFailure::Internal)));
        let reported = reported.with_images_name(self.names.images);
        let reported = reported.with_model_names(&self.names.models);
        let failure =
            failures.pop().map_or(Failure::Gateway(GatewayFailure::Internal), |(_, last)| last);
        Failed { candidate, failure, host_model, reported, reported_by }
    }
}

//! A request that waits for the rate-limit service before anything of it goes upstream.
//!
//! ```text
//! whole request ─ local rules ─▶ questions, all at once ─▶ verdicts ─┬─ all admit ─▶ upstream
//!                                        │ late, down: on_error      └─ one does not ─▶ refused
//! ```
//!
//! Its head and body are in place already: behind a pause only the head may still change, and a body
//! that is set in the callback of a call can end the Envoy process.

use std::time::Duration;

use super::admission::Admitted;
use super::asking::Asking;
use super::outcome::{Consult, Forward, SideBatch};
use super::ticket::Ticket;
use crate::limits::rls::{Service, Verdict};

/// Envoy times each question. Should it not, this much later nobody waits any longer, and the request is
/// refused: the clock cannot resume it.
const GRACE: Duration = Duration::from_secs(1);

/// The questions of a request, until each has its verdict.
#[derive(Debug)]
pub(super) struct Consulting {
    pub(super) ticket: Ticket,
    /// What goes on where all admit.
    pub(super) asking: Asking,
    side_calls: Option<SideBatch>,
    /// One for each question: its token once it is under way, and its verdict.
    open: Vec<(Option<u32>, Option<Verdict>)>,
    started: usize,
    deadline: Duration,
}

impl Consulting {
    /// Puts the questions of an admitted request to `service`; what is to be done for that.
    pub(super) fn begin(admitted: Admitted, service: &Service, now: Duration) -> (Self, Consult) {
        let Admitted { mut forward, ticket, rooms, sent, terms, deadline } = admitted;
        let messages: Vec<_> = ticket.questions().iter().map(|it| it.message(service)).collect();
        // Side calls start behind the verdict, with the same body as the client's own stream.
        let calls = forward.side_calls.take();
        let side_calls = calls.map(|calls| SideBatch { calls, body: forward.body.clone() });
        let consulting = Self {
            asking: Asking::new(rooms, sent, terms, deadline),
            side_calls,
            open: messages.iter().map(|_| (None, None)).collect(),
            started: 0,
            deadline: now.saturating_add(service.timeout).saturating_add(GRACE),
            ticket,
        };
        let consult = Consult {
            forward: Forward { side_calls: None, ..forward },
            cluster: service.cluster.clone(),
            timeout: service.timeout,
            messages,
        };
        (consulting, consult)
    }

    /// Takes what became of the attempt to ask the next question.
    pub(super) fn question_started(&mut self, token: Option<u32>) {
        if let Some(open) = self.open.get_mut(self.started) {
            *open = (token, token.is_none().then_some(Verdict::Unavailable));
        }
        self.started = self.started.saturating_add(1);
    }

    /// Takes an answer; nothing where the question failed. A second one is ignored.
    pub(super) fn answer(&mut self, token: u32, message: Option<&[u8]>) {
        let asked = self.open.iter_mut().find(|(it, _)| *it == Some(token));
        if let Some((_, verdict)) = asked {
            verdict.get_or_insert_with(|| message.map_or(Verdict::Unavailable, Verdict::read));
        }
    }

    /// Whether every question has its verdict.
    pub(super) fn is_decided(&self) -> bool {
        self.open.iter().all(|(_, verdict)| verdict.is_some())
    }

    /// Whether nobody waits any longer.
    pub(super) fn is_overdue(&self, now: Duration) -> bool {
        now >= self.deadline
    }

    /// The verdicts; a question without an answer has none that means something.
    pub(super) fn verdicts(&self) -> Vec<Verdict> {
        self.open.iter().map(|(_, verdict)| verdict.unwrap_or(Verdict::Unavailable)).collect()
    }

    /// What goes upstream where all admit.
    pub(super) fn into_parts(self) -> (Ticket, Asking, Option<SideBatch>) {
        (self.ticket, self.asking, self.side_calls)
    }
}

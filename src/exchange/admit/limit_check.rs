//! A request that waits for the rate-limit service before anything of it goes upstream.
//!
//! ```text
//! whole request ─ local rules ─▶ questions ─▶ verdicts ─┬─ all admit ─▶ upstream
//!                                   │ late, down:       └─ one does not ─▶ refused
//!                                   └ on_error
//! ```
//!
//! All questions are out at once where the service takes back what it counted for a request that is
//! then refused; else they are asked one by one, so that little is.
//!
//! The request's head and body are in place already: behind a pause only the head may still change, and
//! a body that is set in the callback of a call can end the Envoy process.

use std::time::Duration;

use crate::exchange::account::ticket::Ticket;
use crate::exchange::admit::plan::Admitted;
use crate::exchange::outcome::{Consult, Forward, Question, SideBatch};
use crate::exchange::shared::Gate;
use crate::exchange::upstream::calls::Asking;
use crate::limits::rls::{Releases, Service, Verdict};

/// Envoy times each question. Should it not, this much later nobody waits any longer, and the request is
/// refused: the clock cannot resume it.
const GRACE: Duration = Duration::from_secs(1);

/// The questions of a request, until it is decided.
#[derive(Debug)]
pub(crate) struct Consulting {
    ticket: Ticket,
    /// What goes on where all admit.
    asking: Asking,
    side_calls: Option<SideBatch>,
    /// Questions that are not asked yet, the next one last.
    waiting: Vec<Question>,
    /// Those that were handed out: their tokens once they are under way, and their verdicts.
    asked: Vec<(Option<u32>, Option<Verdict>)>,
    started: usize,
    /// When the request was admitted here.
    pub(crate) admitted_at: Duration,
    deadline: Duration,
}

/// What the verdicts so far come to.
#[derive(Debug)]
pub(crate) enum Progress {
    /// Some are out.
    Waiting,
    /// The next question has to be asked.
    Next(Question),
    /// Nothing more has to be asked.
    Decided,
}

impl Consulting {
    /// Puts the questions of an admitted request to `service`; what is to be done for that.
    pub(crate) fn begin(admitted: Admitted, service: &Service, now: Duration) -> (Self, Consult) {
        let Admitted { mut forward, ticket, asking } = admitted;
        let mut waiting: Vec<_> = ticket.questions().iter().map(|it| ask(it, service)).collect();
        let count = u32::try_from(waiting.len()).unwrap_or(u32::MAX);
        waiting.reverse();
        let first = match service.releases {
            Releases::NegativeHits => waiting.len(),
            Releases::Never => 1,
        };
        let questions: Vec<_> = std::iter::from_fn(|| waiting.pop()).take(first).collect();
        // Side calls start behind the verdict, with the same body as the client's own stream.
        let calls = forward.side_calls.take();
        let side_calls = calls.map(|calls| SideBatch { calls, body: forward.body.clone() });
        let consulting = Self {
            asking,
            side_calls,
            waiting,
            asked: questions.iter().map(|_| (None, None)).collect(),
            started: 0,
            admitted_at: now,
            deadline: now
                .saturating_add(service.timeout.saturating_mul(count))
                .saturating_add(GRACE),
            ticket,
        };
        let forward = Forward { side_calls: None, ..forward };
        (consulting, Consult { forward, questions })
    }

    /// Takes what became of the attempt to ask the next question.
    pub(crate) fn question_started(&mut self, token: Option<u32>) {
        if let Some(asked) = self.asked.get_mut(self.started) {
            *asked = (token, token.is_none().then_some(Verdict::Unavailable));
            self.started = self.started.saturating_add(1);
        }
    }

    /// Takes an answer; nothing where the question failed. A second one is ignored.
    pub(crate) fn answer(&mut self, token: u32, message: Option<&[u8]>) {
        let asked = self.asked.iter_mut().find(|(it, _)| *it == Some(token));
        if let Some((_, verdict)) = asked {
            verdict.get_or_insert_with(|| message.map_or(Verdict::Unavailable, Verdict::read));
        }
    }

    /// What the verdicts so far come to.
    pub(crate) fn progress(&mut self, gate: &Gate) -> Progress {
        if self.asked.iter().any(|(_, verdict)| verdict.is_none()) {
            return Progress::Waiting;
        }
        let refused = self.verdicts().into_iter().enumerate();
        if refused.into_iter().any(|(place, it)| self.ticket.is_final(gate, place, it)) {
            return Progress::Decided;
        }
        let Some(question) = self.waiting.pop() else { return Progress::Decided };
        self.asked.push((None, None));
        Progress::Next(question)
    }

    /// Whether nobody waits any longer.
    pub(crate) fn is_overdue(&self, now: Duration) -> bool {
        now >= self.deadline
    }

    /// The verdicts on what was asked; a question without an answer has none that means something.
    pub(crate) fn verdicts(&self) -> Vec<Verdict> {
        self.asked.iter().map(|(_, verdict)| verdict.unwrap_or(Verdict::Unavailable)).collect()
    }

    /// What goes upstream where all admit.
    pub(crate) fn into_parts(self) -> (Ticket, Asking, Option<SideBatch>) {
        (self.ticket, self.asking, self.side_calls)
    }
}

fn ask(question: &crate::limits::rls::Question, service: &Service) -> Question {
    Question {
        cluster: service.cluster.clone(),
        timeout: service.timeout,
        message: question.message(service),
    }
}

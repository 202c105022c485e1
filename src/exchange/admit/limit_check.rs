//! A request that waits for the rate-limit service before anything of it goes upstream.
//!
//! ```text
//! whole request ─ local rules ─▶ checks ─▶ decisions ─┬─ all admit ─▶ upstream
//!                                   │ late, down:     └─ one rejects ─▶ rejected
//!                                   └ on_error
//! ```
//!
//! All checks are out at once if the service takes back what it counted for a request that is then
//! rejected. Else they are sent one by one, so that it counts little.
//!
//! The request's head and body are in place already: after a pause only the head may still change,
//! and a body that is set in the callback of a call can end the Envoy process.

use std::time::Duration;

use super::plan::Admitted;
use crate::exchange::account::admission::Answer;
use crate::exchange::effect::{CheckRequest, Effect};
use crate::exchange::shared::Shared;
use crate::limits::rls::{Check, Decision, Refunds, Service};

/// Envoy times each check. If it does not, the request is rejected this much later: the clock
/// cannot resume it.
const GRACE: Duration = Duration::from_secs(1);

/// The checks of a request, until it is decided.
#[derive(Debug)]
pub(crate) struct LimitCheck {
    admitted: Admitted,
    /// Checks that are not sent yet, the next one last.
    waiting: Vec<CheckRequest>,
    /// Those that were handed out.
    sent: Vec<Answer>,
    started: usize,
    /// When the request was admitted here.
    admitted_at: Duration,
    deadline: Duration,
}

/// What the decisions so far come to.
#[derive(Debug)]
pub(crate) enum Progress {
    /// Some checks are out.
    Waiting,
    /// The next check is to be sent.
    Next(CheckRequest),
    /// No further check is needed.
    Decided,
}

impl LimitCheck {
    /// The checks of an admitted request by `service`, and those that are sent first.
    pub(crate) fn begin(
        admitted: Admitted,
        service: &Service,
        now: Duration,
    ) -> (Self, Vec<Effect>) {
        let checks = admitted.admission.checks();
        let mut waiting: Vec<_> = checks.iter().map(|it| request(it, service)).collect();
        let count = u32::try_from(waiting.len()).unwrap_or(u32::MAX);
        waiting.reverse();
        let at_once = match service.releases {
            Refunds::NegativeHits => waiting.len(),
            Refunds::Never => 1,
        };
        let first: Vec<_> = std::iter::from_fn(|| waiting.pop()).take(at_once).collect();
        let patience = service.timeout.saturating_mul(count).saturating_add(GRACE);
        let check = Self {
            admitted,
            waiting,
            sent: vec![Answer::default(); first.len()],
            started: 0,
            admitted_at: now,
            deadline: now.saturating_add(patience),
        };
        (check, first.into_iter().map(Effect::Check).collect())
    }

    /// Notes the token of the next check. `None` if the host did not start it.
    pub(crate) fn started(&mut self, token: Option<u32>) {
        if let Some(sent) = self.sent.get_mut(self.started) {
            *sent = Answer { token, decision: token.is_none().then_some(Decision::Unavailable) };
            self.started = self.started.saturating_add(1);
        }
    }

    /// Takes an answer. `None` if the check failed. A second one is ignored.
    pub(crate) fn answer(&mut self, token: u32, message: Option<&[u8]>) {
        let sent = self.sent.iter_mut().find(|it| it.token == Some(token));
        if let Some(sent) = sent {
            let read = || message.map_or(Decision::Unavailable, Decision::read);
            sent.decision.get_or_insert_with(read);
        }
    }

    /// What the decisions so far come to.
    pub(crate) fn progress(&mut self, shared: &Shared) -> Progress {
        if self.sent.iter().any(|it| it.decision.is_none()) {
            return Progress::Waiting;
        }
        let mut decisions = self.sent.iter().map(Answer::decision).enumerate();
        if decisions.any(|(place, it)| self.admitted.admission.is_final(shared, place, it)) {
            return Progress::Decided;
        }
        let Some(check) = self.waiting.pop() else { return Progress::Decided };
        self.sent.push(Answer::default());
        Progress::Next(check)
    }

    /// Whether the checks take too long.
    pub(crate) fn is_overdue(&self, now: Duration) -> bool {
        now >= self.deadline
    }

    /// What was admitted here, and what the service decided.
    pub(crate) fn into_parts(self) -> Checked {
        Checked { admitted: self.admitted, answers: self.sent, admitted_at: self.admitted_at }
    }
}

/// A request whose checks are over.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) admitted: Admitted,
    /// To the checks that were sent, in their order.
    pub(crate) answers: Vec<Answer>,
    /// When the request was admitted here.
    pub(crate) admitted_at: Duration,
}

fn request(check: &Check, service: &Service) -> CheckRequest {
    CheckRequest {
        cluster: service.cluster.clone(),
        timeout: service.timeout,
        message: check.message(service),
    }
}

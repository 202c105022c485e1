//! The body of an upstream's error.

use std::time::Duration;

use serde::de::IgnoredAny;

use crate::config::Api;
use crate::exchange::head::ResponseHead;
use crate::openai::error::{Failure, UpstreamFailure};
use crate::pool::Refusal;
use crate::translate::error;

/// An error body is read up to this many bytes; the recorded ones have a few hundred.
const MAX_ERROR_BODY_BYTES: usize = 64 * 1024;
/// Up to this many bytes a body is looked at after each piece, whether it is whole.
const MAX_WHOLE_BYTES: usize = 8 * 1024;
/// How long the body of an error may take.
pub(crate) const ERROR_BODY_TIMEOUT: Duration = Duration::from_secs(2);

/// An error that is being read, since its head came.
#[derive(Debug)]
pub(crate) struct ErrorBody {
    head: ResponseHead,
    body: Vec<u8>,
    since: Duration,
}

impl ErrorBody {
    pub(crate) fn new(head: ResponseHead, since: Duration) -> Self {
        Self { head, body: Vec::new(), since }
    }

    /// Takes bytes. Returns whether more of them would add nothing.
    pub(crate) fn push(&mut self, chunk: &[u8]) -> bool {
        let room = MAX_ERROR_BODY_BYTES.saturating_sub(self.body.len()).min(chunk.len());
        self.body.extend_from_slice(chunk.get(..room).unwrap_or_default());
        self.body.len() >= MAX_ERROR_BODY_BYTES || is_whole(&self.body)
    }

    /// Whether the body takes too long: an error is not waited for as an image is.
    pub(crate) fn is_stalled(&self, now: Duration) -> bool {
        now.saturating_sub(self.since) >= ERROR_BODY_TIMEOUT
    }

    /// Whether the upstream may have generated an image all the same, or it is not the upstream
    /// that refuses.
    pub(crate) fn may_have_generated(&self) -> bool {
        error::leaves_open(self.head.status, &self.body)
    }

    /// What it says, of a call that asked `host_model`, and whether the upstream serves no request
    /// for now.
    pub(crate) fn judge(
        &self,
        api: Api,
        host_model: Option<&str>,
        now: Duration,
    ) -> (Failure, Option<Refusal>) {
        let Self { head, body, .. } = self;
        let refused = host_model.filter(|_| matches!(head.status, 200..=299 | 400..=422));
        let refused = refused.and_then(|it| error::host_model_refused(body, it));
        if let Some(failure) = refused {
            return (failure, None);
        }
        let judge = |header: Option<&[u8]>| error::judge_http(api, head.status, header, body, now);
        let judged = judge(head.retry_after.as_deref());
        let is_limit = matches!(judged.0, Failure::Upstream(UpstreamFailure::RateLimited { .. }))
            || judged.1.is_some_and(|refusal| refusal.cause.is_limit());
        // Only a refusal for a limit waits for the usage limits.
        match head.limits_reset_after(now).filter(|_| is_limit && head.retry_after.is_none()) {
            Some(wait) => judge(Some(&wait)),
            None => judged,
        }
    }
}

/// Whether an error's JSON is complete, so that the end of its body need not be waited for.
fn is_whole(body: &[u8]) -> bool {
    body.len() <= MAX_WHOLE_BYTES
        && body.trim_ascii_end().last() == Some(&b'}')
        && serde_json::from_slice::<IgnoredAny>(body).is_ok()
}

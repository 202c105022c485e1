//! One context that keeps the list up to date, step by step.
//!
//! One context at a time has the lease: it asks, reads the answer and writes the list, over many
//! ticks of the clock. If it is lost with its worker, the lease ends, and another takes over.

mod lease;
mod result;

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::answer::{Answer, document, is_etag};
use super::handle::Feed;
use super::load::Loader;
use super::order::Order;
use super::refusal::Refusal;
use super::state::{self, Holder};
use super::write::Writer;
use crate::config::Config;
use crate::limits::Store;
use crate::span::millis;

/// The work of one tick ends after this long; where no requests wait for it, after [`IDLE_WORK`].
const WORK: Duration = Duration::from_millis(3);
const IDLE_WORK: Duration = Duration::from_millis(20);
/// Entries that are read, and buckets that are written, between two looks at the clock: some
/// hundred microseconds.
const PORTION: usize = 32;

/// One context that watches a list.
pub struct Watch {
    feed: Feed,
    holder: Holder,
    leases: u64,
    job: Job,
}

/// What a context does for the list.
enum Job {
    Nothing,
    Asked { token: Option<u32>, conditional: bool, until: u64 },
    Loading(Box<Loader>, Version),
    Writing(Writer, Version),
}

/// The version of a list that is being read.
#[derive(Debug, Clone)]
struct Version {
    etag: Option<String>,
    /// What its buckets carry.
    generation: u64,
    answered_at: u64,
}

impl Watch {
    /// Watches the list of `feed`, as the `serial`-th context of the VM `vm`.
    #[must_use]
    pub const fn new(feed: Feed, vm: u64, serial: u64) -> Self {
        Self { feed, holder: Holder { vm, serial }, leases: 0, job: Job::Nothing }
    }

    /// The list.
    #[must_use]
    pub const fn feed(&self) -> &Feed {
        &self.feed
    }

    /// Whether it has work for every tick.
    #[must_use]
    pub const fn is_working(&self) -> bool {
        matches!(self.job, Job::Loading(..) | Job::Writing(..))
    }

    /// Goes on. `is_idle` says that no requests wait while this context works. `clock` is the time.
    pub fn tick(
        &mut self,
        store: &dyn Store,
        config: &Config,
        is_idle: bool,
        clock: &dyn Fn() -> Duration,
    ) -> Vec<Order> {
        let begin = clock();
        let end = begin.saturating_add(if is_idle { IDLE_WORK } else { WORK });
        let mut orders = self.step(store, config, is_idle, begin);
        loop {
            let now = clock();
            // A clock that is set back must not make it longer.
            if !self.is_working() || now < begin || now >= end {
                return orders;
            }
            orders.extend(self.step(store, config, is_idle, now));
        }
    }

    fn step(
        &mut self,
        store: &dyn Store,
        config: &Config,
        is_idle: bool,
        now: Duration,
    ) -> Vec<Order> {
        match std::mem::replace(&mut self.job, Job::Nothing) {
            Job::Nothing => self.begin(store, is_idle, now),
            Job::Asked { until, .. } if millis(now) >= until => {
                self.fail(store, &Refusal::Late, now)
            }
            asked @ Job::Asked { .. } => {
                self.job = asked;
                Vec::new()
            }
            // What another has taken over is left to it.
            Job::Loading(..) | Job::Writing(..) if !self.renew(store, now) => Vec::new(),
            Job::Loading(mut loader, version) => match loader.step(config, PORTION) {
                Err(refusal) => self.fail(store, &refusal, now),
                Ok(None) => {
                    self.job = Job::Loading(loader, version);
                    Vec::new()
                }
                Ok(Some(list)) => {
                    let writer = Writer::new(store, &self.feed, list);
                    self.job = Job::Writing(writer, version);
                    Vec::new()
                }
            },
            Job::Writing(mut writer, version) => {
                let is_ours = || self.is_ours(&state::read(store, &self.feed));
                match writer.step(store, &self.feed, &is_ours, PORTION) {
                    Err(_) => Vec::new(),
                    Ok(true) => self.succeed(store, Some(&version), version.answered_at, now),
                    Ok(false) => {
                        self.job = Job::Writing(writer, version);
                        Vec::new()
                    }
                }
            }
        }
    }

    /// Takes what became of an [`Order::Fetch`]: the token of the request, or why there is none.
    pub fn started(
        &mut self,
        store: &dyn Store,
        result: Result<u32, Refusal>,
        now: Duration,
    ) -> Vec<Order> {
        match (result, &mut self.job) {
            (Ok(started), Job::Asked { token, .. }) => {
                *token = Some(started);
                Vec::new()
            }
            (Err(refusal), Job::Asked { .. }) => self.fail(store, &refusal, now),
            _ => Vec::new(),
        }
    }

    /// Takes the answer to the request `token`; `None` if it broke off. `read` copies a part of the
    /// body, from a position and of a length. An answer to another request is ignored.
    pub fn answered(
        &mut self,
        store: &dyn Store,
        token: u32,
        answer: Option<&Answer>,
        read: &mut dyn FnMut(usize, usize) -> Vec<u8>,
        now: Duration,
    ) -> Vec<Order> {
        let Job::Asked { token: Some(asked), conditional, .. } = self.job else {
            return Vec::new();
        };
        if asked != token {
            return Vec::new();
        }
        self.job = Job::Nothing;
        let result = match answer {
            None => Err(Refusal::Cut),
            Some(Answer { status: 304, .. }) if conditional => {
                return self.succeed(store, None, millis(now), now);
            }
            Some(answer) if answer.status == 200 && answer.is_encoded() => Err(Refusal::Encoded),
            Some(Answer { status: 200, len, .. }) => document(*len, read),
            Some(answer) => Err(Refusal::Status(answer.status)),
        };
        let generation = self.generation(now);
        let loader = result.and_then(|document| Loader::new(document, generation));
        match loader {
            Err(refusal) => self.fail(store, &refusal, now),
            Ok(loader) => {
                let etag = answer.and_then(|it| it.etag.clone()).filter(|it| is_etag(it));
                let version = Version { etag, generation, answered_at: millis(now) };
                self.job = Job::Loading(Box::new(loader), version);
                Vec::new()
            }
        }
    }

    /// A number that no other attempt has.
    fn generation(&self, now: Duration) -> u64 {
        let mut hash = Sha256::new();
        for part in [self.holder.vm, self.holder.serial, self.leases, millis(now)] {
            hash.update(part.to_le_bytes());
        }
        let digest: [u8; 32] = hash.finalize().into();
        digest.first_chunk().map_or(0, |it| u64::from_le_bytes(*it))
    }
}

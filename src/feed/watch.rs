//! When the list is asked for, by whom, and what comes of it.
//!
//! One context at a time has the lease: it asks, reads the answer and writes the list, over many
//! ticks of the clock. If it is lost with its worker, the lease ends, and another takes over.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::answer::{Answer, document, is_etag};
use super::handle::Feed;
use super::load::Loader;
use super::place;
use super::refusal::Refusal;
use super::state::{self, Holder, Lease, State, millis};
use super::write::{Writer, touch_head};
use crate::config::Config;
use crate::limits::Store;

/// A worker that serves requests leaves the work this long to one that does not, such as Envoy's
/// main thread.
const COURTESY: Duration = Duration::from_millis(300);
/// As long as no list has been read, it is asked for this often.
const FIRST: Duration = Duration::from_secs(1);
/// The list is read whole this often, whatever the server says of its version.
const WHOLE: Duration = Duration::from_secs(600);
/// The lease outlives what is awaited by this much.
const LEASE: Duration = Duration::from_secs(10);
/// How often the head is touched while others write it.
const MAX_TOUCHES: u32 = 8;
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
    answered_at: u64,
}

/// What is to be done for the list.
#[derive(Debug, PartialEq, Eq)]
pub enum Order {
    /// Ask for it; [`Watch::started`] takes what became of it.
    Fetch {
        /// The version that need not be sent again.
        etag: Option<String>,
    },
    /// Tell the operator.
    Log(Severity, String),
    /// Count an attempt that failed.
    CountFailure,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// As it should be.
    Info,
    /// The operator has to look.
    Warn,
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

    /// Takes the lease and asks, if it is time.
    fn begin(&mut self, store: &dyn Store, is_idle: bool, now: Duration) -> Vec<Order> {
        place::touch(store, self.feed.fingerprint, now);
        if !self.may_begin(&state::read(store, &self.feed), is_idle, now) {
            return Vec::new();
        }
        let number = self.leases.saturating_add(1);
        let until = millis(now.saturating_add(self.feed.source.timeout).saturating_add(LEASE));
        let is_in_force = self.feed.head(store).is_some();
        let taken = state::change(store, &self.feed, |state| {
            if !self.may_begin(state, is_idle, now) {
                return None;
            }
            state.lease = Some(Lease { holder: self.holder, number, until });
            state.tried_at = Some(millis(now));
            let is_old = state.read_at.is_none_or(|at| millis(now).abs_diff(at) >= millis(WHOLE));
            let whole = !is_in_force || is_old || state.reread;
            Some(if whole { None } else { state.etag.clone() })
        });
        let Some(etag) = taken else { return Vec::new() };
        // A swap that fails is that of another who has done the same, or has put its list in force
        // just now.
        let touched = (0..MAX_TOUCHES).any(|_| touch_head(store, &self.feed).is_ok());
        if !touched {
            return Vec::new();
        }
        self.leases = number;
        // Before the lease ends, so that the failure is noted.
        let grace = LEASE.checked_div(2).unwrap_or(LEASE);
        let until = millis(now.saturating_add(self.feed.source.timeout).saturating_add(grace));
        self.job = Job::Asked { token: None, conditional: etag.is_some(), until };
        vec![Order::Fetch { etag }]
    }

    fn may_begin(&self, state: &State, is_idle: bool, now: Duration) -> bool {
        let now = millis(now);
        let longest = millis(self.feed.source.timeout.saturating_add(LEASE));
        if let Some(lease) = &state.lease {
            // The context before this one in the same VM: an update replaces it.
            let is_replaced =
                lease.holder.vm == self.holder.vm && lease.holder.serial < self.holder.serial;
            // A clock that was set back may not make it longer.
            let is_over = lease.until <= now || lease.until.saturating_sub(now) > longest;
            return is_replaced || is_over;
        }
        let half = self.feed.source.interval.checked_div(2).unwrap_or(FIRST);
        let wait = if state.checked_at.is_none() { FIRST.min(half) } else { half };
        let courtesy = if is_idle { Duration::ZERO } else { COURTESY };
        let wait = millis(wait.saturating_add(courtesy));
        state.tried_at.is_none_or(|at| now.abs_diff(at) >= wait)
    }

    fn is_ours(&self, state: &State) -> bool {
        let lease = state.lease.as_ref();
        lease.is_some_and(|it| it.holder == self.holder && it.number == self.leases)
    }

    /// Makes the lease longer if it ends soon. Whether it is still held.
    fn renew(&self, store: &dyn Store, now: Duration) -> bool {
        let state = state::read(store, &self.feed);
        let soon = millis(now.saturating_add(LEASE.checked_div(2).unwrap_or(LEASE)));
        if state.lease.as_ref().is_some_and(|it| it.until > soon) {
            return self.is_ours(&state);
        }
        let renewed = state::change(store, &self.feed, |state| {
            if !self.is_ours(state) {
                return None;
            }
            state.lease.as_mut().map(|it| it.until = millis(now.saturating_add(LEASE)))
        });
        renewed.is_some()
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
            Some(Answer { status: 200, len, .. }) => document(*len, read),
            Some(answer) => Err(Refusal::Status(answer.status)),
        };
        let loader = result.and_then(|document| Loader::new(document, self.generation(now)));
        match loader {
            Err(refusal) => self.fail(store, &refusal, now),
            Ok(loader) => {
                let etag = answer.and_then(|it| it.etag.clone()).filter(|it| is_etag(it));
                let version = Version { etag, answered_at: millis(now) };
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

    /// Notes that the list in force is that of the source: `version`, or the one before.
    fn succeed(
        &self,
        store: &dyn Store,
        version: Option<&Version>,
        answered_at: u64,
        now: Duration,
    ) -> Vec<Order> {
        let noted = state::change(store, &self.feed, |state| {
            if !self.is_ours(state) {
                return None;
            }
            let is_first = state.checked_at.is_none();
            let failed = state.failing.take().is_some();
            let is_new = version.is_some_and(|it| it.etag.is_none() || it.etag != state.etag);
            state.lease = None;
            state.checked_at = Some(answered_at);
            if let Some(version) = version {
                state.reread = version.etag.is_some() && is_new;
                state.etag.clone_from(&version.etag);
                state.read_at = Some(millis(now));
            }
            Some((is_first, failed, is_new))
        });
        let Some((is_first, failed, is_new)) = noted else { return Vec::new() };
        let consumers = self.feed.consumers(store);
        let words = match (is_first, failed, is_new) {
            (true, ..) => {
                format!("the list is read for the first time; it has {consumers} consumers")
            }
            (_, true, _) => format!("the list is read again; it has {consumers} consumers"),
            // Without a version every answer may be new.
            (_, _, true) if version.is_some_and(|it| it.etag.is_some()) => {
                format!("the list has changed; it has {consumers} consumers")
            }
            _ => return Vec::new(),
        };
        vec![Order::Log(Severity::Info, words)]
    }

    /// Notes that the list could not be read. The one in force stays.
    fn fail(&mut self, store: &dyn Store, refusal: &Refusal, now: Duration) -> Vec<Order> {
        self.job = Job::Nothing;
        let words = refusal.to_string();
        let noted = state::change(store, &self.feed, |state| {
            if !self.is_ours(state) {
                return None;
            }
            state.lease = None;
            let is_new = state.failing.as_ref() != Some(&words);
            state.failing = Some(words.clone());
            let age = state.checked_at.map(|_| state.age(now).as_secs());
            Some((is_new, age))
        });
        let Some((is_new, age)) = noted else { return Vec::new() };
        let mut orders = vec![Order::CountFailure];
        if is_new {
            let then = match age {
                Some(age) => format!("the list of {age} s ago stays in force"),
                None => {
                    "none has been read yet, so keys that only the list may have get 503".to_owned()
                }
            };
            orders.push(Order::Log(
                Severity::Warn,
                format!("the list is not taken: {words}; {then}"),
            ));
        }
        orders
    }
}

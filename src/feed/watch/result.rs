//! What is noted, for all workers and for the operator, when an attempt ends.

use std::time::Duration;

use super::{Job, Version, Watch};
use crate::feed::order::{Order, Severity};
use crate::feed::refusal::Refusal;
use crate::feed::state;
use crate::limits::Store;
use crate::span::millis;

impl Watch {
    /// Notes that the list in force is that of the source: `version`, or the one before.
    pub(super) fn succeed(
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
                state.generation = Some(version.generation);
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
    pub(super) fn fail(
        &mut self,
        store: &dyn Store,
        refusal: &Refusal,
        now: Duration,
    ) -> Vec<Order> {
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

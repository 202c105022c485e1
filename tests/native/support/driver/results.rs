//! What a test reads from a driver, besides what the client received.

use imagegate::exchange::Forward;
use serde_json::Value;

use super::{Call, Driver};

impl Driver {
    /// The request that goes upstream in place of the client's.
    #[track_caller]
    pub(crate) fn sent(&self) -> &Forward {
        self.sent.as_ref().unwrap_or_else(|| panic!("{:?}", self.client))
    }

    /// A header of that request.
    pub(crate) fn sent_header(&self, name: &str) -> Option<&str> {
        let found = self.sent().headers.iter().find(|(it, _)| it == name);
        found.map(|(_, value)| std::str::from_utf8(value).unwrap())
    }

    #[track_caller]
    pub(crate) fn sent_json(&self) -> Value {
        serde_json::from_slice(&self.sent().body).unwrap()
    }

    /// The names of the metrics that were counted.
    pub(crate) fn count_names(&self) -> Vec<String> {
        self.counts.iter().map(|it| it.name().into_owned()).collect()
    }

    /// The calls since they were last taken.
    pub(crate) fn take_calls(&mut self) -> Vec<Call> {
        std::mem::take(&mut self.calls)
    }

    /// Takes the only call since they were last taken.
    #[track_caller]
    pub(crate) fn call(&mut self) -> Call {
        let calls = self.take_calls();
        let [call] = <[Call; 1]>::try_from(calls).unwrap_or_else(|calls| panic!("{calls:?}"));
        call
    }
}

//! What all exchanges of one plugin configuration share.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use crate::config::Config;
use crate::exchange::effect::CheckRequest;
use crate::exchange::late::{Late, LateChecks};
use crate::exchange::vm::Vm;
use crate::feed::{Directory, Feed};
use crate::limits::Store;
use crate::limits::local::{Counters, Table};
use crate::limits::rls::{Check, Refunds};
use crate::memory::Lease;
use crate::openai::endpoint::{Endpoint, Served};
use crate::openai::error::Failure;
use crate::pool::balance::RoundRobin;
use crate::translate::collect::Bounds;

/// How long the first bytes of a body may take. A client that uploads slowly sends some in that
/// time.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// The same before this VM has seen any body at all: Envoy then likely holds them back, because
/// `allow_on_headers_stop_iteration` is not set.
pub const FIRST_BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// This many rejections of a VM wait for the end of their requests. They are those of clients without
/// a key, too, so they take no place of an exchange.
const MAX_REJECTIONS: usize = 1_000;

/// One configuration in force and what the exchanges under it share.
pub struct Shared {
    /// The configuration.
    pub config: Config,
    vm: Rc<Vm>,
    store: Box<dyn Store>,
    /// Where the counters of the rules are in the store.
    table: Table,
    /// The list of consumers that is fetched while Envoy runs.
    feed: Option<Feed>,
    /// Whose turn it is, by the place of the entry in `models`. Each worker counts for itself, as
    /// Envoy's own load balancers do.
    turns: RefCell<Vec<RoundRobin>>,
    /// Of exchanges that have ended. They end with the configuration: so do the calls.
    late: LateChecks,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

impl Shared {
    /// A shared under `config` in `vm`, over the counters that all VMs share.
    pub fn new(config: Config, vm: Rc<Vm>, store: Box<dyn Store>) -> Self {
        let table = Table::prepare(&*store);
        let late = LateChecks::default();
        Self { config, vm, store, table, feed: None, turns: RefCell::default(), late }
    }

    /// The same with the consumers and users of `feed`.
    #[must_use]
    pub fn with_feed(self, feed: Feed) -> Self {
        Self { feed: Some(feed), ..self }
    }

    /// Everybody who may call, and for whom.
    pub(crate) fn directory(&self) -> Directory<'_> {
        Directory::new(&self.config, self.feed.as_ref().map(|feed| (feed, self.store())))
    }

    /// The list of consumers. `None` if the configuration names none.
    pub(crate) fn feed(&self) -> Option<&Feed> {
        self.feed.as_ref()
    }

    /// The endpoint that `path` names. `None` if the request is not for the filter.
    pub(crate) fn endpoint(&self, path: &[u8]) -> Option<Endpoint> {
        let served = match self.config.serves_models() {
            true => Served::WithModels,
            false => Served::Images,
        };
        Endpoint::of_path(path, served)
    }

    /// What `step` makes of the turns of the upstreams of an entry of `models`.
    pub(crate) fn turns<T: Default>(
        &self,
        entry: usize,
        step: impl FnOnce(&mut RoundRobin) -> T,
    ) -> T {
        let Ok(mut turns) = self.turns.try_borrow_mut() else { return T::default() };
        if turns.len() <= entry {
            turns.resize_with(entry.saturating_add(1), RoundRobin::default);
        }
        turns.get_mut(entry).map(step).unwrap_or_default()
    }

    /// The data that all workers share.
    pub(crate) fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// The counters of the rules.
    pub(crate) fn counters(&self) -> Counters<'_> {
        Counters::new(&*self.store, &self.table)
    }

    /// Sends `message`, a settlement, to the rate-limit service on the next tick.
    pub(crate) fn tell_service(&self, message: Vec<u8>) {
        if let Some(service) = self.config.service() {
            let (cluster, timeout) = (service.cluster.clone(), service.timeout);
            self.vm.tell_service(CheckRequest { cluster, timeout, message });
        }
    }

    /// Has what the service counts for `check` given back once the answer to the call of this token
    /// comes: its request has ended.
    pub(crate) fn leave_check(&self, token: u32, check: Check) {
        let takes_back =
            self.config.service().is_some_and(|it| it.releases == Refunds::NegativeHits);
        if takes_back && !self.late.add(token, check) {
            self.vm.lose_settlement();
        }
    }

    /// Takes the answer to a check, if its request has ended: a `RateLimitResponse`, or `None` if
    /// the call failed. Returns whether it has.
    pub fn late_answer(&self, token: u32, message: Option<&[u8]>, now: Duration) -> bool {
        let Some(service) = self.config.service() else { return false };
        match self.late.answer(token, message, service, now) {
            Late::Unknown => return false,
            Late::Nothing => {}
            Late::Refund(message) => self.tell_service(message),
        }
        true
    }

    /// An empty lease of the byte budget.
    pub(crate) fn lease(&self) -> Lease {
        self.vm.budget.lease(self.config.max_buffered_bytes())
    }

    /// The place of one more open exchange.
    ///
    /// # Errors
    ///
    /// As many as may be are open.
    pub(crate) fn open(&self) -> Result<Lease, Failure> {
        let mut place = self.vm.open.lease(self.config.max_open_exchanges());
        place.cover(1).map_err(|_| Failure::overloaded())?;
        Ok(place)
    }

    /// The place of one more rejection that waits for the end of its request. `None` if as many wait
    /// as may.
    pub(crate) fn wait_to_reject(&self) -> Option<Lease> {
        let mut place = self.vm.rejections.lease(MAX_REJECTIONS);
        place.cover(1).ok().map(|()| place)
    }

    /// What bounds the collector of a call.
    pub(crate) fn bounds(&self) -> Bounds {
        Bounds {
            max_base64_bytes: base64_len(self.config.max_image_bytes()),
            budget: self.vm.budget.clone(),
            max_buffered_bytes: self.config.max_buffered_bytes(),
            last_partial: self.config.accept_last_partial(),
            images: 1,
            previews: 0,
            host_model: None,
            room: 0,
            may_pass: false,
        }
    }

    /// A body reached the filter: Envoy does not hold them back.
    pub(crate) fn note_body(&self) {
        self.vm.bodies_come.set(true);
    }

    /// Whether any body has reached the filter yet.
    pub(crate) fn bodies_come(&self) -> bool {
        self.vm.bodies_come.get()
    }
}

/// The length of `bytes` bytes in base64, padding included.
pub(crate) fn base64_len(bytes: usize) -> usize {
    bytes.div_ceil(3).saturating_mul(4)
}

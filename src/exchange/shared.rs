//! What all exchanges of one plugin configuration share.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use crate::config::{Config, Upstream};
use crate::exchange::metrics::{Count, UPSTREAM_REST, UPSTREAM_USED};
use crate::exchange::outcome::Question;
use crate::exchange::upstream::rests;
use crate::limits::{Store, local};
use crate::memory::{Budget, Lease};
use crate::openai::error::Failure;
use crate::openai::request::{ImageRequest, OutputFormat};
use crate::openai::size::Size;
use crate::pool::balance::RoundRobin;
use crate::translate::collect::Bounds;

/// How long the first bytes of a body may take. A client that uploads slowly sends some in that time.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// The same before this VM has seen any body at all: Envoy then likely holds them back, because
/// `allow_on_headers_stop_iteration` is not set.
pub const FIRST_BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The pixels of the largest picture that `auto` became in recordings (1536x1024).
const AUTO_PIXELS: u64 = 1536 * 1024;
/// The pictures of one answer may have so many bytes together: while it is written they stand twice in
/// linear memory, beside what all other exchanges hold.
const MAX_ANSWER_BYTES: usize = 256 * 1024 * 1024;
/// A PNG of noise is as long as its RGBA bytes; nothing is longer, some metadata apart.
const MAX_BYTES_PER_PIXEL: u64 = 4;

/// Settlements that wait for the clock: some seconds of a busy worker, a few hundred bytes each.
const MAX_SETTLEMENTS: usize = 10_000;

/// What a request holds from its admission on.
#[derive(Debug)]
pub(crate) struct Rooms {
    /// One for each picture.
    pub(crate) pictures: Vec<Lease>,
    /// Covers what goes upstream.
    pub(crate) sent: Lease,
    /// Covers what is kept for another upstream.
    pub(crate) kept: Lease,
}

/// What belongs to the VM, whatever configurations are in force in it: linear memory is one.
#[derive(Debug, Default)]
pub struct Vm {
    /// The bytes that open exchanges hold.
    pub budget: Budget,
    bodies_come: Cell<bool>,
    settlements: Settlements,
}

/// What the rate-limit service is to be told at the end of exchanges, which may come where no call can
/// be made: so the clock sends it.
#[derive(Debug, Default)]
struct Settlements {
    waiting: RefCell<VecDeque<Question>>,
    lost: Cell<u64>,
}

impl Vm {
    /// At most `most` of the settlements that the rate-limit service is to be told, oldest first.
    #[must_use]
    pub fn take_settlements(&self, most: usize) -> Vec<Question> {
        let Ok(mut waiting) = self.settlements.waiting.try_borrow_mut() else { return Vec::new() };
        let most = most.min(waiting.len());
        waiting.drain(..most).collect()
    }

    /// How many could not be kept until they were sent since this was last asked. What was reserved
    /// then stays counted until its window ends.
    #[must_use]
    pub fn take_lost_settlements(&self) -> u64 {
        self.settlements.lost.take()
    }

    fn tell_service(&self, settlement: Question) {
        match self.settlements.waiting.try_borrow_mut() {
            Ok(mut waiting) if waiting.len() < MAX_SETTLEMENTS => waiting.push_back(settlement),
            _ => self.settlements.lost.set(self.settlements.lost.get().saturating_add(1)),
        }
    }
}

/// One configuration in force and what the exchanges under it share.
pub struct Gate {
    /// The configuration.
    pub config: Config,
    vm: Rc<Vm>,
    store: Box<dyn Store>,
    /// Whose turn it is, by the place of the entry in `models`. Each worker counts for itself, as
    /// Envoy's own load balancers do.
    turns: RefCell<BTreeMap<usize, RoundRobin>>,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gate")
    }
}

impl Gate {
    /// A gate under `config` in `vm`, over the counters that all VMs share.
    pub fn new(config: Config, vm: Rc<Vm>, store: Box<dyn Store>) -> Self {
        local::prepare(&*store);
        Self { config, vm, store, turns: RefCell::default() }
    }

    /// What `step` makes of the turns of the upstreams of an entry of `models`.
    pub(crate) fn turns<T: Default>(
        &self,
        entry: usize,
        step: impl FnOnce(&mut RoundRobin) -> T,
    ) -> T {
        match self.turns.try_borrow_mut() {
            Ok(mut turns) => step(turns.entry(entry).or_default()),
            Err(_) => T::default(),
        }
    }

    /// How long each upstream rests, and how much of its limit is used, as gauges.
    #[must_use]
    pub fn upstream_gauges(&self, now: Duration) -> Vec<Count> {
        let gauges = |upstream: &Upstream| {
            let (rest, percent) = rests::known(self, upstream, now);
            let seconds = rest.as_secs().saturating_add(u64::from(rest.subsec_nanos() > 0));
            let name = upstream.name();
            [
                UPSTREAM_REST.amount(seconds, [name]),
                UPSTREAM_USED.amount(u64::from(percent), [name]),
            ]
        };
        self.config.upstreams().flat_map(gauges).collect()
    }

    /// The counters of the rules.
    pub(crate) fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// Has the clock put `message`, a settlement, to the rate-limit service.
    pub(crate) fn tell_service(&self, message: Vec<u8>) {
        if let Some(service) = self.config.service() {
            let (cluster, timeout) = (service.cluster.clone(), service.timeout);
            self.vm.tell_service(Question { cluster, timeout, message });
        }
    }

    /// An empty lease of the byte budget.
    pub(crate) fn lease(&self) -> Lease {
        self.vm.budget.lease(self.config.max_buffered_bytes())
    }

    /// What bounds the collector of a call.
    pub(crate) fn bounds(&self) -> Bounds {
        Bounds {
            max_base64_bytes: base64_len(self.config.max_image_bytes()),
            budget: self.vm.budget.clone(),
            max_buffered_bytes: self.config.max_buffered_bytes(),
            last_partial: self.config.accept_last_partial(),
            previews: 0,
            host_model: None,
        }
    }

    /// Takes room for what goes upstream, `sent` bytes for each picture, and for each picture as much as
    /// the largest that it may become: so a picture that was admitted, and is paid for upstream, has
    /// its place when it comes. `lease` is what the request already holds; `kept` bytes of it stay.
    ///
    /// Where nobody else holds anything, one request is admitted whatever it takes: a small budget
    /// slows a worker down, it does not shut it.
    pub(crate) fn rooms(
        &self,
        mut lease: Lease,
        request: &ImageRequest<'_>,
        sent: usize,
        kept: usize,
    ) -> Result<Rooms, Failure> {
        let n = usize::try_from(request.n).unwrap_or(usize::MAX);
        let room = self.room(request);
        let answer = room.saturating_mul(n);
        if n > 1 && answer > MAX_ANSWER_BYTES {
            let fit = MAX_ANSWER_BYTES.checked_div(room).unwrap_or(1).max(1);
            return Err(Failure::TooManyImages { fit });
        }
        let sent = sent.saturating_mul(n);
        let all = answer.saturating_add(sent).saturating_add(kept);
        lease.cover_first(all).map_err(|_| Failure::overloaded())?;
        let pictures = (0..n).map(|_| lease.split(room)).collect();
        let kept = lease.split(kept);
        Ok(Rooms { pictures, sent: lease, kept })
    }

    /// The same for a request whose answer passes on: `room` for all its pictures, which are not held, and
    /// what goes upstream once.
    pub(crate) fn relay_rooms(
        &self,
        mut lease: Lease,
        room: usize,
        sent: usize,
    ) -> Result<Rooms, Failure> {
        lease.cover_first(room.saturating_add(sent)).map_err(|_| Failure::overloaded())?;
        let (pictures, kept) = (vec![lease.split(room)], lease.split(0));
        Ok(Rooms { pictures, sent: lease, kept })
    }

    /// The most bytes of base64 that one picture of the request may have.
    fn room(&self, request: &ImageRequest<'_>) -> usize {
        let pixels = match request.size {
            Size::Auto => AUTO_PIXELS,
            Size::Exact { width, height } => u64::from(width).saturating_mul(u64::from(height)),
        };
        let frames = request.frames().unwrap_or(1);
        let bytes = match request.output_format {
            // A drawing of text; bounded by `max_image_bytes` alone.
            Some(OutputFormat::Svg) => AUTO_PIXELS,
            _ => pixels.saturating_mul(MAX_BYTES_PER_PIXEL).saturating_mul(u64::from(frames)),
        };
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        base64_len(bytes.min(self.config.max_image_bytes()))
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
fn base64_len(bytes: usize) -> usize {
    bytes.div_ceil(3).saturating_mul(4)
}

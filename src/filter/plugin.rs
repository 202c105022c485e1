//! What the root context and the streams share: the VM, its metrics, and the open exchanges.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use std::time::Duration;

use super::metrics::Metrics;
use super::{host, sdk};
use crate::exchange::metrics::Count;
use crate::exchange::{CheckRequest, Exchange, InForce, Shared, Vm};

thread_local! {
    /// Linear memory belongs to the VM, and so do its budget and its gauges: an update's new
    /// configuration and the old one, whose streams still drain, share them. One thread runs a VM.
    pub(super) static VM: (Rc<Vm>, Metrics) = (Rc::default(), Metrics::default());
    /// The newest of them sets the gauges that are the same for all workers.
    static IN_FORCE: RefCell<InForce> = RefCell::default();
    /// The exchanges with calls on the loopback listener, by context. The filter there is another
    /// plugin in the same VM.
    static CALLING: RefCell<BTreeMap<u32, Weak<RefCell<Exchange>>>> =
        const { RefCell::new(BTreeMap::new()) };
    static VM_ID: u64 = host::random();
    static SERVES: Cell<bool> = const { Cell::new(false) };
    static SERIAL: Cell<u64> = const { Cell::new(0) };
    /// It is logged once that the filter there is in another VM.
    static IN_OTHER_VM: Cell<bool> = const { Cell::new(false) };
    /// It is logged once that the filter there has other shared data.
    static IN_OTHER_DATA: Cell<bool> = const { Cell::new(false) };
}

/// Notes that this VM serves requests.
pub(super) fn note_request() {
    SERVES.with(|it| it.set(true));
}

/// Whether no request has ever come to this VM, as none comes to that of Envoy's main thread.
pub(super) fn is_idle() -> bool {
    SERVES.with(|it| !it.get())
}

/// The number of one more context in this VM.
pub(super) fn next_serial() -> u64 {
    SERIAL.with(|it| it.replace(it.get().saturating_add(1)))
}

/// Lets the filter on the loopback listener find an exchange.
pub(super) fn note_calling(context_id: u32, exchange: &Rc<RefCell<Exchange>>) {
    CALLING.with(|calling| {
        if let Ok(mut calling) = calling.try_borrow_mut() {
            calling.insert(context_id, Rc::downgrade(exchange));
        }
    });
}

/// The exchange of this context, which has calls on the loopback listener; a reference to nothing if
/// it has ended. `None` if it belongs to another VM.
pub(super) fn exchange_of(vm: u64, context_id: u32) -> Option<Weak<RefCell<Exchange>>> {
    if vm != vm_id() {
        return None;
    }
    let found =
        CALLING.with(|calling| calling.try_borrow().ok()?.get(&context_id).map(Weak::clone));
    Some(found.unwrap_or_default())
}

/// A number that no other VM of this Envoy has: each worker has one, and each version of the module.
pub(super) fn vm_id() -> u64 {
    VM_ID.with(|id| *id)
}

/// Notes that the stream of this context has ended.
pub(super) fn forget_calling(context_id: u32) {
    CALLING.with(|calling| {
        if let Ok(mut calling) = calling.try_borrow_mut() {
            calling.remove(&context_id);
        }
    });
}

/// Logs once that a call on the loopback listener belongs to an exchange in another VM.
pub(super) fn note_other_vm() {
    if !IN_OTHER_VM.with(|it| it.replace(true)) {
        log::warn!(
            "imagegate: the filter on the loopback listener does not run in the VM of the filter that \
             calls it, so images of side calls may be lost: give both the same `vm_config` (while an \
             update of the module is under way, this passes)"
        );
    }
}

/// Logs once that a call on the loopback listener comes from a filter with other shared data. The
/// error that the exchange reports is that of a missing route, for it sees only a refusal.
pub(super) fn note_other_secret() {
    if !IN_OTHER_DATA.with(|it| it.replace(true)) {
        log::error!(
            "imagegate: the filter on the loopback listener refuses calls, because they come from a \
             filter with another `vm_id`: give both the same `vm_config`"
        );
    }
}

/// Notes that `shared` is the newest configuration.
pub(super) fn put_in_force(shared: &Rc<Shared>) {
    IN_FORCE.with(|all| {
        if let Ok(mut all) = all.try_borrow_mut() {
            all.add(shared);
        }
    });
}

/// Sets the gauges that are the same for all workers if `shared` is the newest configuration.
pub(super) fn record_shared(shared: &Rc<Shared>, now: Duration) {
    let gauges = IN_FORCE.with(|all| all.try_borrow().ok()?.gauges_by(shared, now));
    if let Some(gauges) = gauges {
        VM.with(|(_, metrics)| metrics.set_all(&gauges));
    }
}

/// The exchanges that the clock looks at, by context.
pub(super) type Open = Rc<RefCell<BTreeMap<u32, Weak<RefCell<Exchange>>>>>;

/// What all streams of one configuration share with the host's side.
#[derive(Debug)]
pub(super) struct Plugin {
    pub(super) shared: Rc<Shared>,
    pub(super) open: Open,
    /// The context that hears of checks by the rate-limit service: see [`sdk`].
    root_id: u32,
    /// The check that the root context is to start, and then its token.
    to_start: RefCell<Option<CheckRequest>>,
    started: Cell<Option<u32>>,
    /// Whose checks are out.
    pub(super) checks: Tokens,
    /// Whose side calls are out, of those that were started in a callback of the root context.
    pub(super) calls: Tokens,
}

/// Whose callback runs. The SDK gives it the answers of the calls that are started in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Callback {
    OfStream,
    OfRoot,
}

/// An exchange that waits for the answer of a call, as long as it is open.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) context_id: u32,
    pub(super) exchange: Weak<RefCell<Exchange>>,
}

/// The exchanges that wait for answers, by the tokens of their calls. Each call has an answer, so
/// each entry is taken.
#[derive(Debug, Default)]
pub(super) struct Tokens(RefCell<BTreeMap<u32, Waiting>>);

impl Tokens {
    pub(super) fn add(&self, token: u32, waiting: Waiting) {
        if let Ok(mut tokens) = self.0.try_borrow_mut() {
            tokens.insert(token, waiting);
        }
    }

    pub(super) fn take(&self, token: u32) -> Option<Waiting> {
        self.0.try_borrow_mut().ok()?.remove(&token)
    }
}

/// Records how much the VM holds.
pub(super) fn record() {
    VM.with(|(vm, metrics)| metrics.record(vm.budget.used(), vm.open.used()));
}

/// Adds to a metric.
pub(super) fn count(count: &Count) {
    VM.with(|(_, metrics)| metrics.count(count));
}

impl Plugin {
    pub(super) fn new(shared: Rc<Shared>, root_id: u32) -> Self {
        Self {
            shared,
            open: Open::default(),
            root_id,
            to_start: RefCell::default(),
            started: Cell::default(),
            checks: Tokens::default(),
            calls: Tokens::default(),
        }
    }

    /// Starts a check, so that the root context hears of its answer. Returns the token of the call.
    pub(super) fn start_check(&self, check: CheckRequest, callback: &mut Callback) -> Option<u32> {
        match callback {
            Callback::OfRoot => host::start_check(&check),
            Callback::OfStream => {
                self.to_start.replace(Some(check));
                *callback = Callback::OfRoot;
                sdk::enter_root(self.root_id);
                self.started.take()
            }
        }
    }

    /// Starts the check that a stream has, in a callback of the root context.
    pub(super) fn start_waiting_check(&self) {
        let check = self.to_start.take();
        self.started.set(check.as_ref().and_then(host::start_check));
    }

    /// The exchanges that are open, by context.
    pub(super) fn exchanges(&self) -> Vec<(u32, Rc<RefCell<Exchange>>)> {
        let Ok(open) = self.open.try_borrow() else { return Vec::new() };
        open.iter().filter_map(|(id, it)| it.upgrade().map(|it| (*id, it))).collect()
    }
}

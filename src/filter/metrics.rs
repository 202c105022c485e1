//! The metrics of Envoy: what exchanges count, and what the VM holds.
//!
//! The names are in `exchange::metrics`. The host gives an id for each, once in the life of a VM. A
//! gauge of Envoy is one number for the whole process, so each VM adds its changes to it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use proxy_wasm::hostcalls;
use proxy_wasm::types::MetricType;

use crate::exchange::metrics::{
    BUFFERED_BYTES, Count, Kind, METRICS, Metric, OPEN_EXCHANGES, VM_MEMORY_BYTES,
};
use crate::limits::Rule;

/// All metrics of a VM, for all configurations in force in it.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    /// The host's ids by name. It grows with the configuration and the table of errors, not with
    /// requests.
    ids: RefCell<BTreeMap<String, Option<u32>>>,
    buffered_bytes: Gauge,
    open_exchanges: Gauge,
    vm_memory_bytes: Gauge,
    /// The names of the gauges that were set last.
    set: RefCell<Vec<String>>,
}

/// What this VM has added to a gauge.
#[derive(Debug, Default)]
struct Gauge {
    added: Cell<i64>,
}

impl Gauge {
    /// How the gauge has to change for this VM's part of it to be `value`.
    fn change(&self, value: i64) -> i64 {
        value.saturating_sub(self.added.replace(value))
    }
}

impl Metrics {
    /// Makes what is known beforehand: all metrics without labels, and those of the rules. In
    /// `on_configure`; a second time changes nothing.
    pub(super) fn define(&self, rules: &[Rule]) {
        for metric in METRICS.iter().filter(|metric| metric.labels.is_empty()) {
            self.id(metric.name, metric.kind);
        }
        for count in rules.iter().flat_map(|rule| Metric::of_rule(&rule.name)) {
            self.id(&count.name(), count.metric.kind);
        }
    }

    /// The host's id of a metric.
    fn id(&self, name: &str, kind: Kind) -> Option<u32> {
        let mut ids = self.ids.try_borrow_mut().ok()?;
        if let Some(id) = ids.get(name) {
            return *id;
        }
        let kind = match kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
            Kind::Histogram => MetricType::Histogram,
        };
        let id = hostcalls::define_metric(kind, name).ok();
        ids.insert(name.to_owned(), id);
        id
    }

    /// Adds an amount to its metric.
    pub(super) fn count(&self, count: &Count) {
        match count.metric.kind {
            Kind::Counter => {
                let amount = i64::try_from(count.amount).unwrap_or(i64::MAX);
                // Most counts of most requests are of nothing.
                if amount != 0 {
                    self.add(&count.name(), Kind::Counter, amount);
                }
            }
            Kind::Histogram => {
                let Some(id) = self.id(&count.name(), Kind::Histogram) else { return };
                if let Err(status) = hostcalls::record_metric(id, count.amount) {
                    log::warn!("imagegate: cannot record a metric: {status:?}");
                }
            }
            Kind::Gauge => {}
        }
    }

    /// Changes a counter or a gauge, unless the change is 0, which the host refuses.
    fn add(&self, name: &str, kind: Kind, change: i64) {
        let Some(id) = self.id(name, kind) else { return };
        if let Err(status) = hostcalls::increment_metric(id, change) {
            log::warn!("imagegate: cannot record a metric: {status:?}");
        }
    }

    /// Sets gauges that are the same for all VMs. One that was set before and is not in `gauges`
    /// any more becomes 0: its upstream has left the configuration.
    pub(super) fn set_all(&self, gauges: &[Count]) {
        let Ok(mut before) = self.set.try_borrow_mut() else { return };
        let names: Vec<String> = gauges.iter().map(|it| it.name().into_owned()).collect();
        let gone = before.iter().filter(|it| !names.contains(it)).map(|name| (name, 0));
        let values = names.iter().zip(gauges).map(|(name, gauge)| (name, gauge.amount));
        for (name, value) in gone.chain(values) {
            let Some(id) = self.id(name, Kind::Gauge) else { continue };
            if let Err(status) = hostcalls::record_metric(id, value) {
                log::warn!("imagegate: cannot record a metric: {status:?}");
            }
        }
        *before = names;
    }

    /// Records what the VM holds: `buffered` bytes, and `open` exchanges.
    pub(super) fn record(&self, buffered: usize, open: usize) {
        let number = |it: usize| i64::try_from(it).unwrap_or(i64::MAX);
        self.set(BUFFERED_BYTES, &self.buffered_bytes, number(buffered));
        self.set(OPEN_EXCHANGES, &self.open_exchanges, number(open));
        self.set(VM_MEMORY_BYTES, &self.vm_memory_bytes, memory_bytes());
    }

    fn set(&self, metric: Metric, gauge: &Gauge, value: i64) {
        let change = gauge.change(value);
        if change != 0 {
            self.add(metric.name, Kind::Gauge, change);
        }
    }
}

/// The linear memory of this VM.
fn memory_bytes() -> i64 {
    #[cfg(target_arch = "wasm32")]
    let pages = core::arch::wasm32::memory_size::<0>();
    #[cfg(not(target_arch = "wasm32"))]
    let pages = 0_usize;
    i64::try_from(pages).unwrap_or(0).saturating_mul(64 * 1024)
}

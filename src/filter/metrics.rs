//! What the VM holds, as Envoy gauges.
//!
//! A gauge of Envoy is one number for the whole process, so each VM adds its changes to it.

use std::cell::Cell;

use proxy_wasm::hostcalls;
use proxy_wasm::types::MetricType;

/// Bytes that open exchanges hold, all workers together.
const BUFFERED_BYTES: &str = "imagegate_buffered_bytes";
/// Exchanges that are open, all workers together.
const OPEN_EXCHANGES: &str = "imagegate_open_exchanges";
/// Linear memory of the VMs, all workers together. It never shrinks.
const VM_MEMORY_BYTES: &str = "imagegate_vm_memory_bytes";

/// A gauge and what this VM has added to it.
#[derive(Debug, Default)]
struct Gauge {
    id: Cell<Option<u32>>,
    told: Cell<i64>,
}

/// All gauges of a VM, whatever configurations are in force in it.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    buffered_bytes: Gauge,
    open_exchanges: Gauge,
    vm_memory_bytes: Gauge,
    open: Cell<i64>,
}

impl Gauge {
    fn define(&self, name: &str) {
        if self.id.get().is_none() {
            self.id.set(hostcalls::define_metric(MetricType::Gauge, name).ok());
        }
    }

    /// Makes this VM's part of the gauge `value`. The host refuses to add nothing.
    fn set(&self, value: i64) {
        let Some(id) = self.id.get() else { return };
        let change = value.saturating_sub(self.told.replace(value));
        if change != 0 {
            if let Err(status) = hostcalls::increment_metric(id, change) {
                log::warn!("imagegate: cannot record a metric: {status:?}");
            }
        }
    }
}

impl Metrics {
    /// Defines the gauges. In `on_configure`; a second time changes nothing.
    pub(super) fn define(&self) {
        self.buffered_bytes.define(BUFFERED_BYTES);
        self.open_exchanges.define(OPEN_EXCHANGES);
        self.vm_memory_bytes.define(VM_MEMORY_BYTES);
    }

    /// Counts exchanges that open or end.
    pub(super) fn count_open(&self, change: i64) {
        self.open.set(self.open.get().saturating_add(change));
    }

    /// Records what the VM holds, `buffered` bytes of it for open exchanges.
    pub(super) fn record(&self, buffered: usize) {
        self.buffered_bytes.set(i64::try_from(buffered).unwrap_or(i64::MAX));
        self.open_exchanges.set(self.open.get());
        #[cfg(target_arch = "wasm32")]
        {
            let pages = core::arch::wasm32::memory_size::<0>();
            let bytes = i64::try_from(pages).unwrap_or(0).saturating_mul(64 * 1024);
            self.vm_memory_bytes.set(bytes);
        }
    }
}

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
#[derive(Debug)]
pub(super) struct Gauge {
    id: Option<u32>,
    told: Cell<i64>,
}

impl Gauge {
    fn define(name: &str) -> Self {
        Self { id: hostcalls::define_metric(MetricType::Gauge, name).ok(), told: Cell::new(0) }
    }

    /// Makes this VM's part of the gauge `value`. The host refuses to add nothing.
    pub(super) fn set(&self, value: usize) {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        let change = value.saturating_sub(self.told.replace(value));
        if let (Some(id), true) = (self.id, change != 0) {
            if let Err(status) = hostcalls::increment_metric(id, change) {
                log::warn!("imagegate: cannot record a metric: {status:?}");
            }
        }
    }
}

/// All gauges.
#[derive(Debug)]
pub(super) struct Metrics {
    pub(super) buffered_bytes: Gauge,
    pub(super) open_exchanges: Gauge,
    vm_memory_bytes: Gauge,
}

impl Metrics {
    /// Defines them. In `on_configure`.
    pub(super) fn define() -> Self {
        Self {
            buffered_bytes: Gauge::define(BUFFERED_BYTES),
            open_exchanges: Gauge::define(OPEN_EXCHANGES),
            vm_memory_bytes: Gauge::define(VM_MEMORY_BYTES),
        }
    }

    /// Records the size of linear memory.
    pub(super) fn record_memory(&self) {
        #[cfg(target_arch = "wasm32")]
        self.vm_memory_bytes.set(core::arch::wasm32::memory_size::<0>().saturating_mul(64 * 1024));
        #[cfg(not(target_arch = "wasm32"))]
        self.vm_memory_bytes.set(0);
    }
}

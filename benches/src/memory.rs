//! What an open response holds: all of them wait just before `response.completed`, then go at once.

use std::fmt;
use std::thread;
use std::time::Duration;

use imagegate_testkit::eventually;
use imagegate_testkit::script::Gate;
use imagegate_testkit::upstream::Upstream;

use super::client::Client;
use super::envoy::Envoy;
use super::stream::{Stream, Variant};

const BASE64_BYTES: usize = 6_000_000;
/// The filter reports its memory at each tick of 100 ms.
const REPORTED: Duration = Duration::from_millis(300);

/// The result: growth per open response, as a multiple of its base64.
pub(crate) struct Measured {
    pub(crate) base64_bytes: usize,
    pub(crate) at_once: usize,
    /// Of the VM's linear memory while the responses are open.
    pub(crate) vm: f64,
    /// Of the process while the responses are open.
    pub(crate) process: f64,
    /// Of the VM's linear memory once all were sent. It never shrinks: this is its peak.
    pub(crate) vm_peak: f64,
    /// Of the process at its peak, while all are sent at once.
    pub(crate) process_peak: f64,
}

/// Measures with this many responses, in an Envoy that has not served such yet.
pub(crate) fn measure(at_once: usize, envoy: &Envoy, upstream: &Upstream) -> Measured {
    // The cost of the first requests is no part of the cost of an open response.
    upstream.answer_with(Stream::new(Variant::Repeated, 4000).unhindered());
    let mut clients: Vec<_> = (0..at_once).map(|_| Client::connect(envoy.gate())).collect();
    clients.iter_mut().for_each(|client| assert!(client.send() > 4000));

    let stream = Stream::new(Variant::Repeated, BASE64_BYTES);
    let gate = Gate::default();
    upstream.answer_with(stream.script(&gate));
    let before = Held::now(envoy);
    let wanted = received(envoy) + (stream.first_part().len() * at_once) as u64;
    envoy.forget_peak();
    let held = thread::scope(|scope| {
        for client in &mut clients {
            scope.spawn(move || assert!(client.send() > BASE64_BYTES));
        }
        gate.wait_for(at_once);
        eventually("Envoy has read the streams", || received(envoy) >= wanted);
        thread::sleep(REPORTED);
        let held = Held::now(envoy);
        gate.open();
        held
    });
    thread::sleep(REPORTED);
    let bytes = (at_once * BASE64_BYTES) as f64;
    let over = |now: u64, before: u64| now.saturating_sub(before) as f64 / bytes;
    Measured {
        base64_bytes: BASE64_BYTES,
        at_once,
        vm: over(held.vm, before.vm),
        process: over(held.process, before.process),
        vm_peak: over(vm_memory(envoy), before.vm),
        process_peak: over(envoy.peak_rss(), before.process),
    }
}

/// Bytes in memory.
struct Held {
    vm: u64,
    process: u64,
}

impl Held {
    fn now(envoy: &Envoy) -> Self {
        Self { vm: vm_memory(envoy), process: envoy.rss() }
    }
}

/// The VM's linear memory, in bytes; 0 before the filter has reported it.
fn vm_memory(envoy: &Envoy) -> u64 {
    envoy.metric("wasmcustom.imagegate_vm_memory_bytes").unwrap_or(0)
}

/// What Envoy has read from the upstream, in bytes.
fn received(envoy: &Envoy) -> u64 {
    envoy.metric("cluster.codex.upstream_cx_rx_bytes_total").unwrap_or(0)
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>8} {:>8} {:>10.2} {:>10.2} {:>12.2} {:>12.2}",
            super::report::size(self.base64_bytes),
            self.at_once,
            self.vm,
            self.process,
            self.vm_peak,
            self.process_peak,
        )
    }
}

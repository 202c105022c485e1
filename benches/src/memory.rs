//! What an open answer holds: all of them wait just before `response.completed`, then go at once.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use super::HUNG;
use super::client::Client;
use super::envoy::Envoy;
use super::stream::{Stream, Variant};
use super::upstream::Upstream;

const BASE64_BYTES: usize = 6_000_000;
/// The filter tells its memory at each tick of 100 ms.
const TOLD: Duration = Duration::from_millis(300);
const VM_MEMORY: &str = "wasmcustom.imagegate_vm_memory_bytes";

/// What came of it: growth per open answer, over the length of its base64.
pub(crate) struct Measured {
    pub(crate) base64_bytes: usize,
    pub(crate) at_once: usize,
    /// Of the VM's linear memory while the answers are open.
    pub(crate) vm: f64,
    /// Of the process while the answers are open.
    pub(crate) process: f64,
    /// Of the VM's linear memory once all were sent. It never shrinks: this is its peak.
    pub(crate) vm_peak: f64,
    /// Of the process at its peak, while all are sent at once.
    pub(crate) process_peak: f64,
}

/// Measures with so many answers, in an Envoy that has not served any such yet.
pub(crate) fn measure(at_once: usize, envoy: &Envoy, upstream: &Upstream) -> Measured {
    // What the first requests cost is not what an open answer costs.
    upstream.send(Stream::new(Variant::Repeated, 4000).response());
    let mut clients: Vec<_> = (0..at_once).map(|_| Client::connect(envoy.gate())).collect();
    clients.iter_mut().for_each(|client| assert!(client.ask() > 4000));

    let stream = Stream::new(Variant::Repeated, BASE64_BYTES);
    let response = stream.response();
    let first_part = response[0].len() as u64;
    upstream.send(response);
    let before = Held::now(envoy);
    let wanted = received(envoy) + first_part * at_once as u64;
    envoy.forget_peak();
    upstream.hold();
    let held = thread::scope(|scope| {
        for client in &mut clients {
            scope.spawn(move || assert!(client.ask() > BASE64_BYTES));
        }
        upstream.wait_for_held(at_once);
        let start = Instant::now();
        while received(envoy) < wanted {
            assert!(start.elapsed() < HUNG, "Envoy does not read the streams");
            thread::sleep(Duration::from_millis(20));
        }
        thread::sleep(TOLD);
        let held = Held::now(envoy);
        upstream.release();
        held
    });
    thread::sleep(TOLD);
    let bytes = (at_once * BASE64_BYTES) as f64;
    let over = |now: u64, before: u64| now.saturating_sub(before) as f64 / bytes;
    Measured {
        base64_bytes: BASE64_BYTES,
        at_once,
        vm: over(held.vm, before.vm),
        process: over(held.process, before.process),
        vm_peak: over(envoy.metric(VM_MEMORY), before.vm),
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
        Self { vm: envoy.metric(VM_MEMORY), process: envoy.rss() }
    }
}

/// What Envoy has read from the upstream, in bytes.
fn received(envoy: &Envoy) -> u64 {
    envoy.metric("cluster.codex.upstream_cx_rx_bytes_total")
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

//! What an open response holds: all of them wait just before `response.completed`, then go at once.

use std::thread;
use std::time::Duration;

use imagegate_testkit::eventually;
use imagegate_testkit::script::Gate;

use super::client::{Client, Target};
use super::envoy::Envoy;
use super::report::{Memory, round};
use super::stream::{Stream, Variant};
use super::upstream::Upstream;

const BASE64_BYTES: usize = 6_000_000;
/// The filter reports its memory at each tick of 100 ms.
const REPORTED: Duration = Duration::from_millis(300);

/// Measures with this many responses, in an Envoy that has not served such yet.
pub(crate) fn measure(at_once: usize, envoy: &Envoy, upstream: &Upstream) -> Memory {
    // The cost of the first requests is no part of the cost of an open response.
    upstream.answer_with(&Stream::new(Variant::Repeated, 4000));
    let target = Target::image(envoy.gate());
    let mut clients: Vec<_> = (0..at_once).map(|_| Client::connect(&target)).collect();
    clients.iter_mut().for_each(|client| assert!(client.send() > 4000));

    let stream = Stream::new(Variant::Repeated, BASE64_BYTES);
    let gate = Gate::default();
    upstream.play(stream.script(&gate));
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
    let over = |now: u64, before: u64| round(now.saturating_sub(before) as f64 / bytes);
    Memory {
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

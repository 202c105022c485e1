//! Envoy's CPU time per request through the filter, over the same without it.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use imagegate_testkit::upstream::Upstream;

use super::client::Client;
use super::envoy::Envoy;
use super::stream::{Stream, Variant};

/// A round has as many requests as take about this time. It is short, so that both sides meet the
/// same noise, and long against the few microseconds that reading the CPU time costs.
const ROUND: Duration = Duration::from_millis(100);
/// A cell has at least this many pairs of rounds, even if no time is left.
const MIN_PAIRS: usize = 3;
/// How long Envoy still frees memory after the client has the whole response.
const SETTLE: Duration = Duration::from_millis(2);

/// What one line of the table measures.
pub(crate) struct Cell {
    pub(crate) variant: Variant,
    pub(crate) base64_bytes: usize,
    pub(crate) at_once: usize,
    /// The ratio to reach.
    pub(crate) aim: f64,
}

/// The result.
pub(crate) struct Measured {
    pub(crate) variant: Variant,
    pub(crate) base64_bytes: usize,
    pub(crate) at_once: usize,
    pub(crate) aim: f64,
    /// Of CPU time, through the filter over without it: the quartiles over all pairs of rounds.
    pub(crate) ratio: [f64; 3],
    pub(crate) pairs: usize,
    /// Microseconds of Envoy's CPU per request: medians.
    pub(crate) gate_us: f64,
    pub(crate) plain_us: f64,
    /// Of the medians of the time that the client waits.
    pub(crate) latency_ratio: f64,
}

/// One side of the comparison.
pub(crate) struct Side<'a> {
    envoy: &'a Envoy,
    clients: Vec<Client>,
    /// The length of each response.
    expected: usize,
    /// Microseconds of Envoy's CPU per request, of each round.
    pub(crate) cpu_us: Vec<f64>,
    /// How long the client waits, for each request.
    pub(crate) seconds: Vec<f64>,
}

/// Measures one cell for this time.
pub(crate) fn measure(cell: &Cell, envoy: &Envoy, upstream: &Upstream, time: Duration) -> Measured {
    let start = Instant::now();
    let stream = Stream::new(cell.variant, cell.base64_bytes);
    upstream.answer_with(stream.unhindered());
    let mut gate = Side::connect(envoy, envoy.gate(), cell.at_once);
    let mut plain = Side::connect(envoy, envoy.plain(), cell.at_once);
    assert_eq!(plain.expected, stream.len(), "bytes were lost without the filter");
    let image = gate.clients[0].send_whole();
    assert!(contains(&image, stream.base64.as_bytes()), "the response lacks the image");
    let mut ratios = compare(&mut gate, &mut plain, start + time);
    Measured {
        variant: cell.variant,
        base64_bytes: cell.base64_bytes,
        at_once: cell.at_once,
        aim: cell.aim,
        pairs: ratios.len(),
        ratio: [0.25, 0.5, 0.75].map(|share| quantile(&mut ratios, share)),
        gate_us: quantile(&mut gate.cpu_us, 0.5),
        plain_us: quantile(&mut plain.cpu_us, 0.5),
        latency_ratio: quantile(&mut gate.seconds, 0.5) / quantile(&mut plain.seconds, 0.5),
    }
}

/// Compares both sides in pairs of rounds until `end`; returns the ratio of CPU time of each pair.
pub(crate) fn compare<'a>(gate: &mut Side<'a>, plain: &mut Side<'a>, end: Instant) -> Vec<f64> {
    let requests = warm_up(gate, plain);
    let mut ratios = Vec::new();
    while ratios.len() < MIN_PAIRS || Instant::now() < end {
        let (through, without) = match ratios.len() % 2 {
            0 => (gate.round(requests), plain.round(requests)),
            _ => {
                let without = plain.round(requests);
                (gate.round(requests), without)
            }
        };
        ratios.push(through / without);
    }
    ratios
}

/// Warms both sides up; returns how many requests of each client make a round.
fn warm_up<'a>(gate: &mut Side<'a>, plain: &mut Side<'a>) -> usize {
    gate.round(1);
    plain.round(1);
    let start = Instant::now();
    gate.round(2);
    plain.round(2);
    let each = start.elapsed() / 4;
    for side in [gate, plain] {
        side.cpu_us.clear();
        side.seconds.clear();
    }
    (ROUND.as_secs_f64() / each.as_secs_f64()).round().clamp(1.0, 1000.0) as usize
}

impl<'a> Side<'a> {
    pub(crate) fn connect(envoy: &'a Envoy, port: u16, at_once: usize) -> Self {
        let mut clients: Vec<_> = (0..at_once).map(|_| Client::connect(port)).collect();
        let expected = clients[0].send();
        Self { envoy, clients, expected, cpu_us: Vec::new(), seconds: Vec::new() }
    }

    /// Sends this many requests from each client; returns the microseconds of CPU per request.
    fn round(&mut self, requests: usize) -> f64 {
        let (expected, count) = (self.expected, self.clients.len() * requests);
        let before = self.envoy.cpu_ns();
        let seconds = thread::scope(|scope| {
            let send = |client| move || send(client, requests, expected);
            let threads: Vec<_> =
                self.clients.iter_mut().map(|client| scope.spawn(send(client))).collect();
            threads.into_iter().flat_map(|it| it.join().unwrap()).collect::<Vec<_>>()
        });
        thread::sleep(SETTLE);
        let used_us = (self.envoy.cpu_ns() - before) as f64 / 1000.0 / count as f64;
        self.seconds.extend(seconds);
        self.cpu_us.push(used_us);
        used_us
    }
}

fn send(client: &mut Client, requests: usize, expected: usize) -> Vec<f64> {
    let once = |_| {
        let start = Instant::now();
        assert_eq!(client.send(), expected, "the length of a response");
        start.elapsed().as_secs_f64()
    };
    (0..requests).map(once).collect()
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    let quoted = [b"\"", needle, b"\""].concat();
    haystack.windows(quoted.len()).any(|window| window == quoted)
}

pub(crate) fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share).round() as usize]
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [low, middle, high] = self.ratio;
        write!(
            f,
            "{:<9} {:>8} {:>8}   {middle:>5.2}  {low:>5.2} – {high:<5.2} ≤ {:<3.1} {:>10.3} \
             {:>10.3} {:>6} {:>12.2}",
            self.variant.name(),
            super::report::size(self.base64_bytes),
            self.at_once,
            self.aim,
            self.gate_us / 1000.0,
            self.plain_us / 1000.0,
            self.pairs,
            self.latency_ratio,
        )
    }
}

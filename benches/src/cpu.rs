//! Envoy's CPU time per request, of two targets in turn.

use std::thread;
use std::time::{Duration, Instant};

use super::client::{Client, Target};
use super::envoy::Envoy;

/// A round has as many requests as take about this time. It is short, so that both sides meet the
/// same noise, and long against the few microseconds that reading the CPU time costs.
const ROUND: Duration = Duration::from_millis(100);
/// At least this many pairs of rounds are measured, even if no time is left.
const MIN_PAIRS: usize = 3;
/// How long Envoy still frees memory after the client has the whole response.
const SETTLE: Duration = Duration::from_millis(2);

/// One side of the comparison.
pub(crate) struct Side<'a> {
    envoy: &'a Envoy,
    clients: Vec<Client>,
    /// The length of each response.
    pub(crate) expected: usize,
    /// Microseconds of Envoy's CPU per request, of each round.
    pub(crate) cpu_us: Vec<f64>,
    /// How long the client waits, for each request.
    pub(crate) seconds: Vec<f64>,
}

/// Microseconds of CPU per request of both sides, of each pair of rounds.
pub(crate) struct Pairs(Vec<[f64; 2]>);

impl Pairs {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The quartiles of the first side over the second.
    pub(crate) fn ratio(&self) -> [f64; 3] {
        quartiles(self.0.iter().map(|[measured, over]| measured / over).collect())
    }

    /// The quartiles of what the first side costs more.
    pub(crate) fn added_us(&self) -> [f64; 3] {
        quartiles(self.0.iter().map(|[measured, over]| measured - over).collect())
    }
}

/// Compares both sides in pairs of rounds until `end`. Every other pair begins with the second
/// side.
pub(crate) fn compare<'a>(measured: &mut Side<'a>, over: &mut Side<'a>, end: Instant) -> Pairs {
    let requests = warm_up(measured, over);
    let mut pairs = Vec::new();
    while pairs.len() < MIN_PAIRS || Instant::now() < end {
        pairs.push(match pairs.len() % 2 {
            0 => [measured.round(requests), over.round(requests)],
            _ => {
                let second = over.round(requests);
                [measured.round(requests), second]
            }
        });
    }
    Pairs(pairs)
}

/// Warms both sides up; returns how many requests of each client make a round.
fn warm_up<'a>(measured: &mut Side<'a>, over: &mut Side<'a>) -> usize {
    measured.round(1);
    over.round(1);
    let start = Instant::now();
    measured.round(2);
    over.round(2);
    let each = start.elapsed() / 4;
    for side in [measured, over] {
        side.cpu_us.clear();
        side.seconds.clear();
    }
    (ROUND.as_secs_f64() / each.as_secs_f64()).round().clamp(1.0, 1000.0) as usize
}

impl<'a> Side<'a> {
    pub(crate) fn connect(envoy: &'a Envoy, target: &Target, at_once: usize) -> Self {
        let mut clients: Vec<_> = (0..at_once).map(|_| Client::connect(target)).collect();
        let expected = clients[0].send();
        Self { envoy, clients, expected, cpu_us: Vec::new(), seconds: Vec::new() }
    }

    /// The body of one response.
    pub(crate) fn response(&mut self) -> Vec<u8> {
        self.clients[0].send_whole()
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

pub(crate) fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share).round() as usize]
}

/// The first quartile, the median and the third quartile.
pub(crate) fn quartiles(mut values: Vec<f64>) -> [f64; 3] {
    [0.25, 0.5, 0.75].map(|share| quantile(&mut values, share))
}

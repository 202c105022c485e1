//! What many users cost: Envoy's CPU time per request under three rules per user, over the same
//! filter without any, with more and more users in the table of the counters.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use imagegate_testkit::client::{Connection, Request};
use imagegate_testkit::root;
use serde_json::json;

use super::cpu::quantile;
use super::envoy::Envoy;
use super::report::{self, Run, Users, UsersRow};
use super::stream::{Stream, Variant};
use super::upstream::{Protocol, Upstream};

/// A small image: beside a large one the cost of rules is too small to see.
const BASE64_BYTES: usize = 400;
/// How many users have a counter, from row to row.
const USERS: [usize; 4] = [1, 1_000, 100_000, 1_000_000];
/// Connections that fill the table.
const FILLERS: usize = 4;
/// Requests of each of the two sides in a round.
const ROUND: usize = 100;
/// The filter's settings.
const SETTINGS: &str = r#""prices": [{"model": "*", "usd": "0.000001"}], "limits": [
    {"name": "rpm", "per": "user", "unit": "requests", "max": 100000000, "window": "24h"},
    {"name": "images", "per": "user", "unit": "images", "max": 100000000, "window": "month"},
    {"name": "budget", "per": "user", "unit": "usd", "max": "10000.00", "window": "month"}]"#;

/// Measures each number of users for this time, and prints the result. The fourth row takes
/// minutes to fill.
pub(crate) fn measure(filter: &Path, upstream: &Upstream, run: Duration) {
    upstream.answer_with(&Stream::new(Variant::Repeated, BASE64_BYTES));
    // No cluster of this Envoy is called at the port of the service.
    let settings = SETTINGS.replace('\n', " ");
    let port = upstream.port(Protocol::Http1);
    let envoy = Envoy::with_settings(filter, port, &settings, port);
    println!(
        "Envoy's CPU per request with three rules per user, over the same without rules\n\
         users          ratio   added µs   with µs   rounds   memory of Envoy"
    );
    let mut measured = Users::default();
    let mut filled = 0;
    for users in USERS {
        fill(&envoy, filled..users);
        filled = users;
        let row = row(&envoy, users, Instant::now() + run / u32::try_from(USERS.len()).unwrap());
        println!(
            "{users:<12} {:>7.2} {:>10.1} {:>9.1} {:>8} {:>14} MB",
            row.ratio, row.added_us, row.with_us, row.rounds, row.envoy_mb
        );
        measured.users.push(row);
    }
    let command = format!("make build && BENCH_SECONDS={} benches/run.sh users", run.as_secs());
    let run = Run::new(&command, run.as_secs(), envoy.version(), measured);
    report::write(&root().join(super::USERS_RUN), &run);
    println!("\n{}; `make bench-docs` takes it into the documentation", super::USERS_RUN);
}

/// One image for each user.
fn fill(envoy: &Envoy, users: std::ops::Range<usize>) {
    let share = users.len().div_ceil(FILLERS).max(1);
    thread::scope(|scope| {
        for start in users.clone().step_by(share) {
            let end = users.end.min(start + share);
            scope.spawn(move || {
                let mut client = Client::connect(envoy.gate());
                (start..end).for_each(|user| client.send(user));
            });
        }
    });
}

fn row(envoy: &Envoy, users: usize, end: Instant) -> UsersRow {
    let (mut gate, mut free) = (Client::connect(envoy.gate()), Client::connect(envoy.plain()));
    let (mut with, mut without, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let mut next = 0;
    while ratios.len() < 3 || Instant::now() < end {
        // Steps over the users, so that two requests in turn are of users far apart.
        let mut user = || {
            next = (next + 618_033) % users;
            next
        };
        let ruled = gate.round(envoy, &mut user);
        let unruled = free.round(envoy, &mut user);
        ratios.push(ruled / unruled);
        with.push(ruled);
        without.push(unruled);
    }
    let (with_us, without_us) = (quantile(&mut with, 0.5), quantile(&mut without, 0.5));
    let rounds = ratios.len();
    let ratio = quantile(&mut ratios, 0.5);
    let envoy_mb = envoy.rss() / 1_000_000;
    UsersRow { users, ratio, added_us: with_us - without_us, with_us, rounds, envoy_mb }
}

/// A client that asks for an image of a user.
struct Client {
    connection: Connection,
}

impl Client {
    fn connect(port: u16) -> Self {
        Self { connection: Connection::open(port) }
    }

    /// Any other status than 200 ends the measurement: nobody is refused because of the table.
    fn send(&mut self, user: usize) {
        let body = json!({"model": "gpt-image-2", "prompt": "a lighthouse", "size": "1024x1024",
            "user": format!("user-{user:07}")});
        let request = Request::generation(&body).bearer("sk-imagegate-demo");
        self.connection.write(&[request.head(), request.framed_body()].concat()).unwrap();
        let response = self.connection.read_into(&mut |_| {});
        assert_eq!(response.status, 200, "the status of the response to user {user}");
    }

    /// Microseconds of Envoy's CPU per request.
    fn round(&mut self, envoy: &Envoy, user: &mut dyn FnMut() -> usize) -> f64 {
        let before = envoy.cpu_ns();
        (0..ROUND).for_each(|_| self.send(user()));
        (envoy.cpu_ns() - before) as f64 / 1000.0 / ROUND as f64
    }
}

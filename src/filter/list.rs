//! The list of consumers that is fetched while Envoy runs: `Watch` decides, the host carries it
//! out.

use proxy_wasm::types::BufferType;

use super::plugin::{self, VM};
use super::{fetch, host};
use crate::config::{Config, Source};
use crate::exchange::metrics::LIST_FAILURES;
use crate::feed::{Feed, MAX_FEEDS, Order, Severity, Watch};

/// The list, as the root context keeps it.
pub(super) struct List {
    watch: Watch,
    source: Source,
}

impl std::fmt::Debug for List {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("List")
    }
}

impl List {
    /// Watches the list of `source`. `None`, with a line in the log, if there are too many.
    pub(super) fn watch(source: &Source) -> Option<Self> {
        let Some(feed) = Feed::claim(&host::SharedData, source, host::now()) else {
            log::error!(
                "imagegate: configuration refused: /consumers_from: this Envoy reads {MAX_FEEDS} \
                 other lists, accepted: at most {MAX_FEEDS} different lists, each until 10 minutes \
                 after its last use"
            );
            return None;
        };
        let watch = Watch::new(feed, plugin::vm_id(), plugin::next_serial());
        Some(Self { watch, source: source.clone() })
    }

    /// The list in its place.
    pub(super) fn feed(&self) -> &Feed {
        self.watch.feed()
    }

    /// Whether there is work for every tick.
    pub(super) const fn is_working(&self) -> bool {
        self.watch.is_working()
    }

    /// Goes on. In `on_tick`.
    pub(super) fn tick(&mut self, config: &Config) {
        let orders = self.watch.tick(&host::SharedData, config, plugin::is_idle(), &host::now);
        self.carry_out(orders);
    }

    /// Takes the answer to a request. In `on_http_call_response`.
    pub(super) fn answered(&mut self, token: u32, num_headers: usize, len: usize) {
        let answer = fetch::head(num_headers, len);
        let mut read = |from, len| host::body(BufferType::HttpCallResponseBody, from, len);
        let orders =
            self.watch.answered(&host::SharedData, token, answer.as_ref(), &mut read, host::now());
        self.carry_out(orders);
    }

    fn carry_out(&mut self, orders: Vec<Order>) {
        for order in orders {
            match order {
                Order::Fetch { etag } => {
                    let started = fetch::start(&self.source, etag.as_deref());
                    let more = self.watch.started(&host::SharedData, started, host::now());
                    // A request that did not start orders no other.
                    more.iter().for_each(report);
                }
                other => report(&other),
            }
        }
    }
}

/// Logs and counts.
fn report(order: &Order) {
    match order {
        Order::Log(Severity::Info, words) => log::info!("imagegate: consumers_from: {words}"),
        Order::Log(Severity::Warn, words) => log::warn!("imagegate: consumers_from: {words}"),
        Order::CountFailure => VM.with(|(_, metrics)| metrics.count(&LIST_FAILURES.of(1))),
        Order::Fetch { .. } => {}
    }
}

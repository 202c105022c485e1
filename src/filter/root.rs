//! The plugin: its configuration, its clock, its streams.

use std::rc::Rc;
use std::time::Duration;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;

use super::carrier::Carriers;
use super::host;
use super::http::Stream;
use super::list::List;
use super::notice;
use super::open::Open;
use super::plugin::{self, Callback, Plugin, VM, record_shared};
use crate::config::Config;
use crate::exchange::{OnAnswer, Shared};

/// How often open exchanges are looked at: how long an answer may wait for an upstream that keeps
/// its connection open, and how late a timeout may be.
const TICK: Duration = Duration::from_millis(100);

/// While a list of consumers is read, the clock ticks this often: each tick does a small part of the
/// work, and requests are served in between.
const BUSY_TICK: Duration = Duration::from_millis(10);

/// The `root_id` of the plugin on the loopback listener. It has no configuration of its own.
const LOOPBACK_ROOT_ID: &[u8] = b"imagegate_loopback";

/// The gauges that are the same for all workers are set once a second.
const TICKS_PER_RECORD: u32 = 10;

/// This many calls at once are no burden for a worker. The rest goes out on the next tick.
const SETTLEMENTS_PER_TICK: usize = 200;

/// The root context.
#[derive(Debug)]
pub(super) struct Root {
    context_id: u32,
    plugin: Option<Rc<Plugin>>,
    /// The streams, if this plugin is the one on the loopback listener.
    carriers: Option<Carriers>,
    ticks: u32,
    /// The list of consumers, if there is one.
    list: Option<List>,
    /// Whether the clock ticks as fast as that needs it.
    is_fast: bool,
}

impl Root {
    pub(super) fn new(context_id: u32) -> Self {
        Self { context_id, plugin: None, carriers: None, ticks: 0, list: None, is_fast: false }
    }

    /// Sets the clock to tick as fast as the list of consumers needs it.
    fn set_clock(&mut self) {
        let is_fast = self.list.as_ref().is_some_and(List::is_working);
        if is_fast != self.is_fast {
            self.is_fast = is_fast;
            self.set_tick_period(if is_fast { BUSY_TICK } else { TICK });
        }
    }

    /// Begins to serve under a configuration. Returns whether it can.
    fn begin(&mut self, config: Config) -> bool {
        notice::log_start(&config);
        VM.with(|(_, metrics)| metrics.define(config.limits()));
        if config.loopback().is_some() {
            host::make_secret();
        }
        let vm = VM.with(|(vm, _)| Rc::clone(vm));
        let source = config.consumers_from().cloned();
        let mut shared = Shared::new(config, vm, Box::new(host::SharedData));
        if let Some(source) = source {
            let Some(list) = List::watch(&source) else { return false };
            shared = shared.with_feed(list.feed().clone());
            self.list = Some(list);
        }
        let shared = Rc::new(shared);
        plugin::put_in_force(&shared);
        record_shared(&shared, host::now());
        self.plugin = Some(Rc::new(Plugin::new(shared, self.context_id)));
        self.set_tick_period(TICK);
        true
    }
}

/// Reports to the rate-limit service what requests used of what it counted.
fn send_settlements() {
    VM.with(|(vm, _)| {
        for settlement in vm.take_settlements(SETTLEMENTS_PER_TICK) {
            host::start_check(&settlement);
        }
        let lost = vm.take_lost_settlements();
        if lost > 0 {
            log::warn!(
                "imagegate: {lost} settlements could not be sent to the rate-limit service: what was \
                 reserved stays counted until its window ends"
            );
        }
    });
}

impl Context for Root {
    fn on_http_call_response(&mut self, token: u32, headers: usize, body_size: usize, _: usize) {
        let Some(plugin) = &self.plugin else { return };
        if let Some(waiting) = plugin.calls.take(token) {
            if let Some(open) = Open::enter(plugin, waiting) {
                open.call_answered(token, headers, body_size, Callback::OfRoot);
            }
            return;
        }
        if let Some(list) = &mut self.list {
            list.answered(token, headers, body_size);
        }
        self.set_clock();
    }

    fn on_grpc_call_response(&mut self, token: u32, status: u32, size: usize) {
        if let Some(plugin) = &self.plugin {
            let asked = plugin.checks.take(token);
            let message = asked.is_some().then(|| host::call_message(status, size)).flatten();
            let now = host::now();
            if plugin.shared.late_answer(token, message.as_deref(), now) {
                return;
            }
            if let Some(waiting) = asked {
                if let Some(open) = Open::enter(plugin, waiting) {
                    open.check_answered(token, message.as_deref(), now);
                }
                return;
            }
        }
        if status != 0 {
            log::warn!(
                "imagegate: the rate-limit service did not take a settlement (gRPC status {status}): what \
                 was reserved stays counted until its window ends"
            );
        }
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, _: usize) -> bool {
        if host::root_id().is_some_and(|it| it == LOOPBACK_ROOT_ID) {
            self.carriers = Some(Carriers::default());
            self.set_tick_period(TICK);
            return true;
        }
        let bytes = self.get_plugin_configuration().unwrap_or_default();
        match Config::parse(&bytes, &host::environment) {
            Ok(config) => self.begin(config),
            Err(error) => {
                log::error!("imagegate: configuration refused: {error}");
                false
            }
        }
    }

    /// A stream has a check to start: see [`sdk`](super::sdk).
    fn on_queue_ready(&mut self, _: u32) {
        if let Some(plugin) = &self.plugin {
            plugin.start_waiting_check();
        }
    }

    fn on_tick(&mut self) {
        if let Some(carriers) = &self.carriers {
            carriers.tick();
            return;
        }
        send_settlements();
        let Some(plugin) = &self.plugin else { return };
        if let Some(list) = &mut self.list {
            list.tick(&plugin.shared.config);
        }
        self.set_clock();
        let Some(plugin) = &self.plugin else { return };
        self.ticks = self.ticks.saturating_add(1);
        if self.ticks >= TICKS_PER_RECORD {
            self.ticks = 0;
            record_shared(&plugin.shared, host::now());
        }
        let exchanges = plugin.exchanges();
        if exchanges.is_empty() {
            return;
        }
        let now = host::now();
        for (context_id, exchange) in exchanges {
            let Ok(mut exchange) = exchange.try_borrow_mut() else { continue };
            let answer = exchange.tick(now);
            if let OnAnswer::Reply(reply) = answer {
                if host::enter_stream(context_id) {
                    host::reply(&reply);
                }
            }
        }
        plugin::record();
    }

    fn create_http_context(&self, context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(match &self.carriers {
            Some(carriers) => Box::new(carriers.stream(context_id)),
            None => Box::new(Stream::new(context_id, self.plugin.clone())),
        })
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

//! One Envoy that reads a list of consumers: its workers over one shared data, and the server that
//! has the list.

use std::cell::RefCell;
use std::time::Duration;

use imagegate::config::Config;
use imagegate::feed::{Answer, Directory, Feed, Found, Order, Severity, Watch};
use serde_json::{Value, json};

use crate::support::{NOW, SharedData, config, digest};

/// A configuration that reads a list every 10 s.
pub(in crate::feed) fn reading(more: &Value) -> Config {
    let mut document = json!({"consumers_from": {
        "cluster": "keys", "authority": "keys.example", "path": "/consumers.json",
    }});
    for (name, value) in more.as_object().unwrap() {
        document[name] = value.clone();
    }
    config(&document)
}

pub(in crate::feed) fn consumer(name: &str) -> Value {
    json!({"name": name, "key_sha256": [digest(&format!("sk-{name}"))]})
}

/// A list of these consumers.
pub(in crate::feed) fn list(names: &[&str]) -> String {
    json!({"consumers": names.iter().map(|name| consumer(name)).collect::<Vec<_>>()}).to_string()
}

/// What the server has.
#[derive(Debug, Clone)]
pub(in crate::feed) enum Served {
    /// A document and its version.
    Document(String, Option<String>),
    /// Only a status.
    Status(u16),
    /// The answer breaks off.
    Cut,
    /// No answer ever comes.
    Silence,
}

pub(in crate::feed) fn served(text: &str) -> Served {
    Served::Document(text.to_owned(), Some(format!("\"{}\"", digest(text))))
}

/// One Envoy: its shared data, the workers that watch the list, and the server.
pub(in crate::feed) struct World {
    pub(in crate::feed) config: Config,
    pub(in crate::feed) store: SharedData,
    pub(in crate::feed) feed: Feed,
    pub(in crate::feed) workers: Vec<Worker>,
    pub(in crate::feed) served: RefCell<Served>,
    pub(in crate::feed) log: Vec<(Severity, String)>,
    pub(in crate::feed) failures: usize,
    /// The versions that were asked for.
    pub(in crate::feed) asked: Vec<Option<String>>,
    tokens: u32,
}

pub(in crate::feed) struct Worker {
    pub(in crate::feed) watch: Watch,
    /// A request under way, with its version.
    asked: Option<(u32, Option<String>)>,
}

/// A clock by which each tick does one step of the work: others may tick in between.
fn one_step(now: Duration) -> impl Fn() -> Duration {
    let looks = std::cell::Cell::new(0);
    move || {
        looks.set(looks.get() + 1);
        now + secs(3_600) * (looks.get() - 1)
    }
}

impl World {
    pub(in crate::feed) fn new(workers: u64, text: &str) -> Self {
        Self::over(reading(&json!({})), workers, text)
    }

    pub(in crate::feed) fn over(config: Config, workers: u64, text: &str) -> Self {
        let store = SharedData::default();
        let feed = Feed::claim(&store, config.consumers_from().unwrap(), NOW).unwrap();
        let worker = |vm| Worker { watch: Watch::new(feed.clone(), vm, 0), asked: None };
        Self {
            workers: (1..=workers).map(worker).collect(),
            served: RefCell::new(served(text)),
            config,
            store,
            feed,
            log: Vec::new(),
            failures: 0,
            asked: Vec::new(),
            tokens: 0,
        }
    }

    pub(in crate::feed) fn add_worker(&mut self, vm: u64, serial: u64) {
        let watch = Watch::new(self.feed.clone(), vm, serial);
        self.workers.push(Worker { watch, asked: None });
    }

    pub(in crate::feed) fn serve(&self, served: Served) {
        *self.served.borrow_mut() = served;
    }

    /// One tick of one worker; an answer that is due comes first.
    pub(in crate::feed) fn tick(&mut self, worker: usize, now: Duration) {
        self.answer(worker, now);
        let it = &mut self.workers[worker];
        let orders = it.watch.tick(&self.store, &self.config, true, &one_step(now));
        self.carry_out(worker, orders, now);
    }

    fn answer(&mut self, worker: usize, now: Duration) {
        let it = &mut self.workers[worker];
        let Some((token, etag)) = it.asked.clone() else { return };
        let served = self.served.borrow().clone();
        let (answer, body) = match served {
            Served::Silence => return,
            Served::Cut => (None, String::new()),
            Served::Status(status) => {
                (Some(Answer { status, etag: None, encoding: None, len: 5 }), "sorry".to_owned())
            }
            Served::Document(_, version) if version.is_some() && version == etag => {
                (Some(Answer { status: 304, etag: version, encoding: None, len: 0 }), String::new())
            }
            Served::Document(text, etag) => {
                (Some(Answer { status: 200, etag, encoding: None, len: text.len() }), text)
            }
        };
        it.asked = None;
        let mut read = |from: usize, len: usize| body.as_bytes()[from..from + len].to_vec();
        let orders = it.watch.answered(&self.store, token, answer.as_ref(), &mut read, now);
        self.carry_out(worker, orders, now);
    }

    fn carry_out(&mut self, worker: usize, orders: Vec<Order>, now: Duration) {
        for order in orders {
            match order {
                Order::Fetch { etag } => {
                    self.tokens += 1;
                    self.asked.push(etag.clone());
                    let it = &mut self.workers[worker];
                    it.asked = Some((self.tokens, etag));
                    assert!(it.watch.started(&self.store, Ok(self.tokens), now).is_empty());
                }
                Order::Log(severity, words) => self.log.push((severity, words)),
                Order::CountFailure => self.failures += 1,
            }
        }
    }

    /// Ticks all workers until `end`, every 100 ms.
    pub(in crate::feed) fn run(&mut self, begin: Duration, end: Duration) -> Duration {
        let mut now = begin;
        while now < end {
            for worker in 0..self.workers.len() {
                self.tick(worker, now);
            }
            now += Duration::from_millis(100);
        }
        end
    }

    pub(in crate::feed) fn find(&self, key: &str) -> Found<String> {
        let directory = Directory::new(&self.config, Some((&self.feed, &self.store)));
        let digest: [u8; 32] = <sha2::Sha256 as sha2::Digest>::digest(key).into();
        match directory.consumer_of(&digest) {
            Found::Is(consumer) => Found::Is(consumer.name().to_owned()),
            Found::Absent => Found::Absent,
            Found::Unread => Found::Unread,
        }
    }

    /// Whether the consumers of these names may call.
    pub(in crate::feed) fn known(&self, names: &[&str]) -> Vec<bool> {
        let is_known = |name: &&str| match self.find(&format!("sk-{name}")) {
            Found::Is(found) => {
                assert_eq!(found, **name);
                true
            }
            Found::Absent => false,
            Found::Unread => panic!("no list has been read"),
        };
        names.iter().map(is_known).collect()
    }
}

pub(in crate::feed) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

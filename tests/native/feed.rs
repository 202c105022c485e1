//! The list of consumers that is fetched while Envoy runs, without Envoy: workers over one shared
//! data, and a server that answers as the test says.

mod differential;
mod hostile;
mod requests;
mod takeover;

use std::cell::RefCell;
use std::time::Duration;

use imagegate::config::{Config, UserState};
use imagegate::feed::{Answer, Directory, Feed, Found, Order, Ownership, Refusal, Severity, Watch};
use serde_json::{Value, json};

use crate::support::{NOW, SharedData, config, digest};

/// A configuration that reads a list every 10 s.
pub(super) fn reading(more: &Value) -> Config {
    let mut document = json!({"consumers_from": {
        "cluster": "keys", "authority": "keys.example", "path": "/consumers.json",
    }});
    for (name, value) in more.as_object().unwrap() {
        document[name] = value.clone();
    }
    config(&document)
}

pub(super) fn consumer(name: &str) -> Value {
    json!({"name": name, "key_sha256": [digest(&format!("sk-{name}"))]})
}

/// A list of these consumers.
pub(super) fn list(names: &[&str]) -> String {
    json!({"consumers": names.iter().map(|name| consumer(name)).collect::<Vec<_>>()}).to_string()
}

/// What the server has.
#[derive(Debug, Clone)]
pub(super) enum Served {
    /// A document and its version.
    Document(String, Option<String>),
    /// Only a status.
    Status(u16),
    /// The answer breaks off.
    Cut,
    /// No answer ever comes.
    Silence,
}

pub(super) fn served(text: &str) -> Served {
    Served::Document(text.to_owned(), Some(format!("\"{}\"", digest(text))))
}

/// One Envoy: its shared data, the workers that watch the list, and the server.
pub(super) struct World {
    pub(super) config: Config,
    pub(super) store: SharedData,
    pub(super) feed: Feed,
    pub(super) workers: Vec<Worker>,
    pub(super) served: RefCell<Served>,
    pub(super) log: Vec<(Severity, String)>,
    pub(super) failures: usize,
    /// The versions that were asked for.
    pub(super) asked: Vec<Option<String>>,
    tokens: u32,
}

pub(super) struct Worker {
    pub(super) watch: Watch,
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
    pub(super) fn new(workers: u64, text: &str) -> Self {
        Self::over(reading(&json!({})), workers, text)
    }

    pub(super) fn over(config: Config, workers: u64, text: &str) -> Self {
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

    pub(super) fn add_worker(&mut self, vm: u64, serial: u64) {
        let watch = Watch::new(self.feed.clone(), vm, serial);
        self.workers.push(Worker { watch, asked: None });
    }

    pub(super) fn serve(&self, served: Served) {
        *self.served.borrow_mut() = served;
    }

    /// One tick of one worker; an answer that is due comes first.
    pub(super) fn tick(&mut self, worker: usize, now: Duration) {
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
    pub(super) fn run(&mut self, begin: Duration, end: Duration) -> Duration {
        let mut now = begin;
        while now < end {
            for worker in 0..self.workers.len() {
                self.tick(worker, now);
            }
            now += Duration::from_millis(100);
        }
        end
    }

    pub(super) fn find(&self, key: &str) -> Found<String> {
        let directory = Directory::new(&self.config, Some((&self.feed, &self.store)));
        let digest: [u8; 32] = <sha2::Sha256 as sha2::Digest>::digest(key).into();
        match directory.consumer_of(&digest) {
            Found::Is(consumer) => Found::Is(consumer.name().to_owned()),
            Found::Absent => Found::Absent,
            Found::Unread => Found::Unread,
        }
    }

    /// Whether the consumers of these names may call.
    pub(super) fn known(&self, names: &[&str]) -> Vec<bool> {
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

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[test]
fn one_fetch_serves_all_workers_and_a_change_takes_one_interval() {
    let mut world = World::new(5, &list(&["ann", "bob"]));
    assert_eq!(world.find("sk-ann"), Found::Unread);
    assert_eq!(world.find("sk-test-acme"), Found::Is("acme-web".to_owned()));
    let mut now = world.run(NOW, NOW + secs(3));
    assert_eq!(world.known(&["ann", "bob", "eve"]), [true, true, false]);
    assert_eq!(world.asked, [None]);
    // Read once more after the first reading, and then by its version.
    now = world.run(now, now + secs(20));
    assert_eq!(world.asked.len(), 5);
    assert!(world.asked[1].is_none() && world.asked[2..].iter().all(Option::is_some));
    world.serve(served(&list(&["bob", "eve"])));
    now = world.run(now, now + secs(10));
    assert_eq!(world.known(&["ann", "bob", "eve"]), [false, true, true]);
    assert_eq!(world.failures, 0);
    world.serve(served(&list(&[])));
    world.run(now, now + secs(10));
    assert_eq!(world.known(&["ann", "bob", "eve"]), [false, false, false]);
    let words: Vec<_> = world.log.iter().map(|(severity, _)| *severity).collect();
    assert_eq!(words, [Severity::Info; 3], "{:?}", world.log);
}

/// nginx makes the version of a file from its time in seconds and its length. So two files of one
/// second have the same version.
#[test]
fn a_second_change_that_the_version_hides_is_seen_as_well() {
    let mut world = World::new(2, &list(&["ann"]));
    let mut now = world.run(NOW, NOW + secs(30));
    let hidden = |text: &str| Served::Document(text.to_owned(), Some("W/\"5-100\"".to_owned()));
    world.serve(hidden(&list(&["bob"])));
    while !world.known(&["bob"])[0] {
        now = world.run(now, now + Duration::from_millis(100));
    }
    world.serve(hidden(&list(&["eve"])));
    world.run(now, now + secs(10));
    assert_eq!(world.known(&["bob", "eve"]), [false, true]);
}

#[test]
fn a_list_without_a_version_is_read_each_time() {
    let mut world = World::new(2, "");
    world.serve(Served::Document(list(&["ann"]), None));
    let now = world.run(NOW, NOW + secs(30));
    assert!(world.asked.len() >= 5 && world.asked.iter().all(Option::is_none));
    world.serve(Served::Document(list(&["bob"]), None));
    world.run(now, now + secs(10));
    assert_eq!(world.known(&["ann", "bob"]), [false, true]);
    // The change is no line in the log: each answer may be one.
    assert_eq!(world.log.len(), 1, "{:?}", world.log);
}

#[test]
fn a_list_that_turns_bad_changes_nothing_but_its_age() {
    let twice = json!({"consumers": [consumer("ann"), consumer("ann")]}).to_string();
    let mut same_key = consumer("eve");
    same_key["key_sha256"] = json!([digest("sk-bob")]);
    let same_key = json!({"consumers": [consumer("bob"), same_key]}).to_string();
    let configured = json!({"consumers": [{"name": "x", "key_sha256": [digest("sk-test-acme")]}]});
    let whole = list(&["bob"]);
    for (bad, words) in [
        (served(""), "the document is empty"),
        (served("<html>secret</html>"), "byte 0 is not the `{`"),
        (served("null"), "byte 0 is not the `{`"),
        (served("{}"), "the field `consumers`"),
        (served(&whole[..whole.len() - 1]), "is not the `,` or `}`"),
        (served(&twice), "/consumers/1/key_sha256/0: the same as /consumers/0/key_sha256/0"),
        (served(&same_key), "/consumers/1/key_sha256/0: the same as /consumers/0/key_sha256/0"),
        (served(&configured.to_string()), "/consumers/0/key_sha256/0: in the configuration too"),
        (served(&list(&["acme-web"])), "/consumers/0/name: in the configuration too"),
        (
            served(r#"{"consumers":[],"users":[{"id":"acme"}]}"#),
            "/users/0/id: in the configuration too",
        ),
        (
            served(r#"{"consumers":[],"users":[{"id":"u","groups":["a","a"]}]}"#),
            "/users/0/groups/1: the same as /users/0/groups/0",
        ),
        (
            served(r#"{"consumers":[{"name":"x","key_sha256":["sk-secret"]}]}"#),
            "/consumers/0/key_sha256/0: invalid value",
        ),
        (served(&"[".repeat(1 << 20)), "byte 0 is not"),
        (Served::Status(500), "status 500"),
        (Served::Status(404), "status 404"),
        (Served::Status(204), "status 204"),
        (Served::Status(301), "status 301"),
        (Served::Status(503), "status 503, which is also Envoy's own"),
        (Served::Cut, "the answer broke off"),
        (Served::Silence, "no answer came in time"),
    ] {
        let mut world = World::new(3, &list(&["ann"]));
        let mut now = world.run(NOW, NOW + secs(12));
        world.serve(bad.clone());
        now = world.run(now, now + secs(60));
        assert_eq!(world.known(&["ann", "bob", "eve"]), [true, false, false], "{bad:?}");
        assert_eq!(world.find("sk-test-acme"), Found::Is("acme-web".to_owned()));
        assert!(world.failures >= 3, "{bad:?}: {}", world.failures);
        let warnings: Vec<_> =
            world.log.iter().filter(|(severity, _)| *severity == Severity::Warn).collect();
        assert_eq!(warnings.len(), 1, "{:?}", world.log);
        assert!(warnings[0].1.contains(words), "{:?}", warnings[0]);
        assert!(!warnings[0].1.contains("secret"), "{:?}", warnings[0]);
        assert!(warnings[0].1.contains("stays in force"), "{:?}", warnings[0]);
        assert!(world.feed.age(&world.store, now) >= secs(60));
        assert_eq!(world.feed.consumers(&world.store), 1);
        // Once it is right again, it is taken.
        world.serve(served(&list(&["bob"])));
        let now = world.run(now, now + secs(30));
        assert_eq!(world.known(&["ann", "bob"]), [false, true], "{bad:?}");
        assert!(world.feed.age(&world.store, now) <= secs(10));
        let (severity, last) = world.log.last().unwrap();
        assert_eq!(*severity, Severity::Info);
        assert!(last.contains("read again"), "{last}");
    }
}

#[test]
fn an_answer_that_is_too_large_is_refused_before_it_is_read() {
    let mut world = World::new(1, &list(&["ann"]));
    let mut watch = Watch::new(world.feed.clone(), 9, 0);
    let orders = watch.tick(&world.store, &world.config, true, &|| NOW);
    assert_eq!(orders, [Order::Fetch { etag: None }]);
    watch.started(&world.store, Ok(7), NOW);
    let answer = Answer { status: 200, etag: None, encoding: None, len: (32 << 20) + 1 };
    let mut read = |_: usize, _: usize| -> Vec<u8> { panic!("it is read") };
    let orders = watch.answered(&world.store, 7, Some(&answer), &mut read, NOW);
    let Some(Order::Log(Severity::Warn, words)) = orders.last() else { panic!("{orders:?}") };
    assert!(words.contains("more than 33554432 bytes"), "{words}");
    assert!(words.contains("none has been read yet"), "{words}");
    // A 304 to a request that named no version is no list either.
    let later = NOW + secs(2);
    assert_eq!(watch.tick(&world.store, &world.config, true, &|| later).len(), 1);
    watch.started(&world.store, Ok(8), later);
    let answer = Answer { status: 304, etag: None, encoding: None, len: 0 };
    watch.answered(&world.store, 8, Some(&answer), &mut read, later);
    assert_eq!(world.find("sk-ann"), Found::Unread);
    world.run(later + secs(2), later + secs(5));
    assert_eq!(world.known(&["ann"]), [true]);
}

#[test]
fn a_request_that_does_not_start_is_a_failure_like_others() {
    let world = World::new(0, "");
    let mut watch = Watch::new(world.feed.clone(), 1, 0);
    watch.tick(&world.store, &world.config, true, &|| NOW);
    let refused = Err(Refusal::NoCluster("keys".to_owned()));
    let orders = watch.started(&world.store, refused, NOW);
    assert_eq!(orders[0], Order::CountFailure);
    let Order::Log(Severity::Warn, words) = &orders[1] else { panic!("{orders:?}") };
    assert!(words.contains("Envoy has no cluster `keys`"), "{words}");
}

#[test]
fn users_and_groups_of_the_list_and_of_the_configuration_are_one() {
    let more = json!({"users": [{"id": "cfg", "groups": ["c"]}, {"id": "bad", "blocked": true}]});
    let text = json!({
        "consumers": [{"name": "ann", "key_sha256": [digest("sk-ann")], "user": "team",
            "groups": ["g"]}],
        "users": [{"id": "team", "groups": ["t"]}, {"id": "gone", "blocked": true}, {"id": "new"}],
    });
    let mut world = World::over(reading(&more), 1, &text.to_string());
    let user = |world: &World, id: &str| {
        Directory::new(&world.config, Some((&world.feed, &world.store))).user(id)
    };
    assert_eq!(user(&world, "team"), Found::Unread);
    let Found::Is(known) = user(&world, "cfg") else { panic!("the configuration knows it") };
    assert_eq!((known.state, known.own), (UserState::Known, Ownership::Unread));
    let Found::Is(own) = user(&world, "acme") else { panic!("the configuration knows it") };
    assert_eq!((own.state, own.own), (UserState::Known, Ownership::Own));
    world.run(NOW, NOW + secs(3));
    for (id, state, own, groups) in [
        ("team", UserState::Known, Ownership::Own, &["t"][..]),
        ("gone", UserState::Blocked, Ownership::Free, &[]),
        ("new", UserState::Known, Ownership::Free, &[]),
        ("cfg", UserState::Known, Ownership::Free, &["c"]),
        ("bad", UserState::Blocked, Ownership::Free, &[]),
        ("other", UserState::Unknown, Ownership::Free, &[]),
    ] {
        let Found::Is(person) = user(&world, id) else { panic!("{id}") };
        assert_eq!((person.state, person.own), (state, own), "{id}");
        assert_eq!(person.groups, groups, "{id}");
    }
}

/// An update of the configuration adds a consumer that the list in force has.
#[test]
fn what_an_update_adds_to_the_configuration_is_that_of_the_configuration() {
    let mut world = World::new(1, &list(&["ann", "bob"]));
    world.run(NOW, NOW + secs(3));
    let added = json!({"consumers": [
        {"name": "ann", "key_sha256": [digest("sk-other")]},
        {"name": "new", "key_sha256": [digest("sk-bob")]},
    ]});
    world.config = reading(&added);
    assert_eq!(world.find("sk-ann"), Found::Absent);
    assert_eq!(world.find("sk-other"), Found::Is("ann".to_owned()));
    assert_eq!(world.find("sk-bob"), Found::Is("new".to_owned()));
}

#[test]
fn lists_of_different_sources_do_not_mix_and_there_are_four_at_most() {
    let store = SharedData::default();
    let source = |path: &str| {
        let mut source = reading(&json!({})).consumers_from().unwrap().clone();
        source.path = path.to_owned();
        source
    };
    let claim = |path: &str, now| Feed::claim(&store, &source(path), now);
    let config = reading(&json!({}));
    let first = claim("/0", NOW).unwrap();
    let mut watch = Watch::new(first.clone(), 1, 0);
    watch.tick(&store, &config, true, &|| NOW);
    watch.started(&store, Ok(1), NOW);
    let text = list(&["ann"]);
    let answer = Answer { status: 200, etag: None, encoding: None, len: text.len() };
    let mut read = |from: usize, len: usize| text.as_bytes()[from..from + len].to_vec();
    watch.answered(&store, 1, Some(&answer), &mut read, NOW);
    for _ in 0..200 {
        watch.tick(&store, &config, true, &|| NOW);
    }
    assert_eq!(first.consumers(&store), 1);
    for path in ["/1", "/2", "/3"] {
        assert_eq!(claim(path, NOW).unwrap().consumers(&store), 0, "{path}");
    }
    assert!(claim("/4", NOW).is_none());
    // Whoever reads the first list again finds it, as after an update of the configuration.
    let again = claim("/0", NOW + secs(5)).unwrap();
    assert_eq!(again.consumers(&store), 1);
    // A list that nobody has read for a while makes room; the one that takes its place starts anew.
    let late = NOW + secs(700);
    let fifth = claim("/4", late).unwrap();
    let unread = |feed: &Feed| {
        let directory = Directory::new(&config, Some((feed, &store)));
        let digest: [u8; 32] = <sha2::Sha256 as sha2::Digest>::digest("sk-ann").into();
        matches!(directory.consumer_of(&digest), Found::Unread)
    };
    assert!(unread(&fifth));
    // And whoever still has the list that was there does not read the other.
    let mut watch = Watch::new(fifth, 2, 0);
    watch.tick(&store, &config, true, &|| late);
    watch.started(&store, Ok(2), late);
    let other = list(&["bob"]);
    let answer = Answer { status: 200, etag: None, encoding: None, len: other.len() };
    let mut read = |from: usize, len: usize| other.as_bytes()[from..from + len].to_vec();
    watch.answered(&store, 2, Some(&answer), &mut read, late);
    for _ in 0..200 {
        watch.tick(&store, &config, true, &|| late);
    }
    assert!(unread(&again));
}

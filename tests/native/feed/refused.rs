//! What is no list, or cannot be had: the list before stays in force, and the log says why.

use imagegate::feed::{Answer, Directory, Found, Order, Refusal, Severity, Watch};
use serde_json::{Value, json};

use super::world::{Served, World, consumer, list, reading, secs, served};
use crate::support::{NOW, digest};

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
        (
            served(&format!(r#"{{"consumers":[{}{}]}}"#, "[".repeat(200), "]".repeat(200))),
            "column 128), accepted: an object with `name`",
        ),
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

/// A key is revoked in the configuration while the list's server is down. When it is back, the list
/// still has the key.
#[test]
fn a_list_may_have_what_is_disabled_in_the_configuration() {
    let mut world = World::new(2, &list(&["ann", "bob"]));
    let mut now = world.run(NOW, NOW + secs(12));
    let mut off = consumer("bob");
    off["disabled"] = json!(true);
    let mut other_name = consumer("eve");
    other_name["name"] = json!("eve-is-off");
    other_name["disabled"] = json!(true);
    world.config = reading(&json!({"consumers": [off, other_name]}));
    let mut text: Value = serde_json::from_str(&list(&["ann", "bob", "eve", "new"])).unwrap();
    text["users"] = json!([{"id": "bob", "groups": ["g"]}]);
    world.serve(served(&text.to_string()));
    now = world.run(now, now + secs(30));
    assert_eq!(world.failures, 0, "{:?}", world.log);
    assert_eq!(world.find("sk-ann"), Found::Is("ann".to_owned()));
    assert_eq!(world.find("sk-new"), Found::Is("new".to_owned()));
    let off = |world: &World, key: &str| {
        let digest: [u8; 32] = <sha2::Sha256 as sha2::Digest>::digest(key).into();
        let directory = Directory::new(&world.config, Some((&world.feed, &world.store)));
        matches!(directory.consumer_of(&digest), Found::Is(it) if it.is_disabled())
    };
    assert!(off(&world, "sk-bob") && off(&world, "sk-eve"));
    // Once the configuration leaves them to the list, they are the list's again.
    world.config = reading(&json!({"consumers": []}));
    world.run(now, now + secs(10));
    assert_eq!(world.known(&["ann", "bob", "eve", "new"]), [true; 4]);
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

use super::*;
use serde_json::json;

/// 2026-01-01T00:00:00Z.
const NOW: Duration = Duration::from_secs(1_767_225_600);

fn sha256(key: &str) -> String {
    Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn config(unknown_users: &str) -> Config {
    let document = json!({
        "upstreams": { "codex": { "authority": "chatgpt.com", "credential": "envoy" } },
        "consumers": [
            { "name": "web", "key_sha256": [sha256("web-key"), sha256("web-key-2")],
              "user": "acme" },
            { "name": "app", "key_sha256": [sha256("app-key")], "any_user": true },
            { "name": "held-app", "key_sha256": [sha256("held-app-key")], "user": "mallory",
              "any_user": true },
            { "name": "plain", "key_sha256": [sha256("plain-key").to_uppercase()] },
            { "name": "held", "key_sha256": [sha256("held-key")], "user": "mallory" },
            { "name": "off", "key_sha256": [sha256("off-key")], "disabled": true,
              "expires_at": "2020-01-01T00:00:00Z" },
            { "name": "old", "key_sha256": [sha256("old-key")],
              "expires_at": "2026-01-01T00:00:00Z" },
            { "name": "ops", "key_sha256": [sha256("ops-key")], "role": "master" },
        ],
        "users": [
            { "id": "listed" },
            { "id": "mallory", "blocked": true },
            { "id": "José", "blocked": true },
        ],
        "unknown_users": unknown_users,
    });
    Config::parse(document.to_string().as_bytes(), &|_| None).unwrap()
}

fn reason(denied: Denied) -> KeyReason {
    match denied {
        Denied::Key(reason) => reason,
        Denied::Unread => panic!("there is no list to read"),
    }
}

/// The name of the consumer that `headers` authenticate.
fn caller(headers: &[(&str, &str)]) -> Result<String, KeyReason> {
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    let config = config("reject");
    let consumer = identify(&Directory::new(&config, None), &headers, None);
    let consumer = consumer.map_err(reason)?;
    check_validity(&consumer, NOW).map(|()| consumer.name().to_owned())
}

#[test]
fn each_header_carries_a_key() {
    for header in [
        ("authorization", "Bearer web-key"),
        ("Authorization", "bEARER \t web-key "),
        ("x-api-key", "web-key-2"),
        ("api-key", " web-key"),
    ] {
        assert_eq!(caller(&[("accept", "*/*"), header]).as_deref(), Ok("web"), "{header:?}");
    }
}

#[test]
fn a_digest_in_upper_case_is_accepted() {
    assert_eq!(caller(&[("x-api-key", "plain-key")]).as_deref(), Ok("plain"));
}

#[test]
fn the_first_header_present_decides() {
    let valid = ("api-key", "web-key");
    assert_eq!(caller(&[valid, ("authorization", "Bearer nobody")]), Err(KeyReason::Unknown));
    assert_eq!(caller(&[valid, ("authorization", "Basic d2Vi")]), Err(KeyReason::Malformed));
    assert_eq!(caller(&[valid, ("authorization", "")]), Err(KeyReason::Malformed));
    assert_eq!(caller(&[valid, ("x-api-key", "plain-key")]).as_deref(), Ok("plain"));
}

#[test]
fn a_header_twice_is_ambiguous_even_if_equal() {
    let header = ("x-api-key", "web-key");
    assert_eq!(caller(&[header, ("X-Api-Key", "web-key")]), Err(KeyReason::Ambiguous));
    assert_eq!(
        caller(&[header, ("authorization", "Bearer web-key"), header]).as_deref(),
        Ok("web")
    );
}

#[test]
fn no_header_is_no_key() {
    assert_eq!(caller(&[]), Err(KeyReason::Missing));
    assert_eq!(
        caller(&[("x-api-keys", "web-key"), ("cookie", "web-key")]),
        Err(KeyReason::Missing)
    );
}

#[test]
fn other_text_is_a_malformed_key() {
    let long = format!("Bearer {}", "k".repeat(513));
    let values = [
        "Bearer",
        "Bearer ",
        "Bearerweb-key",
        "web-key",
        "Bearer a b",
        "Bearer a,Bearer b",
        "B",
        &long,
    ];
    for value in values {
        assert_eq!(caller(&[("authorization", value)]), Err(KeyReason::Malformed), "{value}");
    }
    let longest = format!("Bearer {}", "k".repeat(512));
    assert_eq!(caller(&[("authorization", &longest)]), Err(KeyReason::Unknown));
    assert_eq!(caller(&[("x-api-key", "")]), Err(KeyReason::Malformed));
}

#[test]
fn bytes_that_are_not_ascii_are_malformed() {
    let config = config("reject");
    for value in [&b"Bearer \xff\xfe"[..], b"Beare\xff web-key", b"\xe2\x82\xac", b"Bearer a\0b"] {
        let directory = Directory::new(&config, None);
        let rejected = identify(&directory, &[("authorization", value)], None);
        let rejected = rejected.map(|it| it.name().to_owned()).map_err(reason);
        assert_eq!(rejected, Err(KeyReason::Malformed), "{value:?}");
    }
}

#[test]
fn a_digest_is_not_a_key() {
    assert_eq!(caller(&[("x-api-key", &sha256("web-key"))]), Err(KeyReason::Unknown));
}

#[test]
fn a_key_ends_at_the_moment_it_expires() {
    assert_eq!(caller(&[("x-api-key", "old-key")]), Err(KeyReason::Expired));
    let before = NOW.saturating_sub(Duration::from_nanos(1));
    let config = config("reject");
    let directory = Directory::new(&config, None);
    let consumer = &*identify(&directory, &[("x-api-key", b"old-key")], None).unwrap();
    assert_eq!(check_validity(consumer, before), Ok(()));
}

#[test]
fn disabled_is_reported_before_expired() {
    assert_eq!(caller(&[("x-api-key", "off-key")]), Err(KeyReason::Disabled));
}

/// The user of a request with `key` that names `requested`.
fn user(unknown_users: &str, key: &str, requested: Option<&str>) -> Result<String, UserError> {
    let config = config(unknown_users);
    let directory = Directory::new(&config, None);
    let consumer = identify(&directory, &[("x-api-key", key.as_bytes())], None).unwrap();
    resolve_user(&directory, &consumer, requested).map(|it| it.user)
}

#[test]
fn a_consumer_acts_for_its_own_user_only() {
    assert_eq!(user("reject", "web-key", None).as_deref(), Ok("acme"));
    assert_eq!(user("reject", "web-key", Some("acme")).as_deref(), Ok("acme"));
    for foreign in ["listed", "Acme", "web"] {
        assert_eq!(user("admit", "web-key", Some(foreign)), Err(UserError::Foreign), "{foreign}");
    }
}

#[test]
fn a_consumer_without_user_acts_for_one_of_its_own_name() {
    assert_eq!(user("reject", "plain-key", None).as_deref(), Ok("plain"));
    assert_eq!(user("reject", "plain-key", Some("acme")), Err(UserError::Foreign));
}

#[test]
fn a_consumer_may_take_any_end_user() {
    for unknown_users in ["reject", "admit"] {
        let user = |requested: Option<&str>| user(unknown_users, "app-key", requested);
        assert_eq!(user(None).as_deref(), Ok("app"));
        assert_eq!(user(Some("")).as_deref(), Ok("app"));
        for end_user in ["end-user-17", "listed", "José Pérez", &"u".repeat(256)] {
            assert_eq!(user(Some(end_user)).as_deref(), Ok(end_user));
        }
        for blocked in ["mallory", "José"] {
            assert_eq!(user(Some(blocked)), Err(UserError::Blocked));
        }
        for invalid in ["a\n", &"u".repeat(257)] {
            assert_eq!(user(Some(invalid)), Err(UserError::Invalid));
        }
    }
    // If no user is named, it is the consumer's own, which may be blocked.
    for of_another in ["acme", "plain", "web"] {
        let expected = match of_another {
            // The name of a consumer that has a user of another name.
            "web" => Ok("web".to_owned()),
            _ => Err(UserError::OfAnother),
        };
        assert_eq!(user("admit", "app-key", Some(of_another)), expected, "{of_another}");
    }
    assert_eq!(user("reject", "app-key", Some("app")).as_deref(), Ok("app"));
    assert_eq!(user("reject", "held-app-key", None), Err(UserError::Blocked));
    assert_eq!(user("reject", "held-app-key", Some("u1")).as_deref(), Ok("u1"));
}

#[test]
fn an_empty_name_is_no_name() {
    assert_eq!(user("reject", "plain-key", Some("")).as_deref(), Ok("plain"));
}

#[test]
fn a_master_must_name_a_user() {
    assert_eq!(user("admit", "ops-key", None), Err(UserError::Required));
    assert_eq!(user("admit", "ops-key", Some("")), Err(UserError::Required));
    assert_eq!(user("reject", "ops-key", Some("listed")).as_deref(), Ok("listed"));
    assert_eq!(user("reject", "ops-key", Some("acme")).as_deref(), Ok("acme"));
}

#[test]
fn unknown_users_are_rejected_or_admitted_as_configured() {
    let unknown = |name: &str| Err(UserError::Unknown(name.to_owned()));
    assert_eq!(user("reject", "ops-key", Some("new")), unknown("new"));
    assert_eq!(user("admit", "ops-key", Some("new")).as_deref(), Ok("new"));
    // A master key takes the ids that `users` and a key with `any_user` take.
    for id in ["José Pérez", &"é".repeat(256)] {
        assert_eq!(user("admit", "ops-key", Some(id)).as_deref(), Ok(id));
    }
    assert_eq!(user("reject", "ops-key", Some(&"é".repeat(256))), unknown(&"é".repeat(64)));
    for unknown_users in ["admit", "reject"] {
        for invalid in ["a\n", &"é".repeat(257)] {
            assert_eq!(user(unknown_users, "ops-key", Some(invalid)), Err(UserError::Invalid));
        }
    }
}

#[test]
fn blocked_users_are_rejected_for_every_consumer() {
    assert_eq!(user("admit", "held-key", None), Err(UserError::Blocked));
    assert_eq!(user("admit", "ops-key", Some("mallory")), Err(UserError::Blocked));
}

#[test]
fn without_a_key_the_mesh_names_the_consumer() {
    let by = |identity: &str| {
        let document = format!(
            r#"{{"upstreams": {{"codex": {{"authority": "a.example", "credential": "envoy"}}}},
                "identity": {identity},
                "consumers": [{{"name": "web", "identities": ["spiffe://mesh/web"]}},
                {{"name": "keyed", "key_sha256":
                ["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"]}}]}}"#
        );
        Config::parse(document.as_bytes(), &|_| None).unwrap()
    };
    let who = |config: &Config, headers: &[(&str, &[u8])], property: Option<&[u8]>| {
        let directory = Directory::new(config, None);
        let found = identify(&directory, headers, property).map_err(reason);
        found.map(|it| it.name().to_owned())
    };
    let name = &b"spiffe://mesh/web"[..];
    let header = by(r#"{"header": "X-Caller"}"#);
    assert_eq!(who(&header, &[("x-caller", name)], None), Ok("web".to_owned()));
    assert_eq!(who(&header, &[], Some(name)), Err(KeyReason::Missing));
    assert_eq!(who(&header, &[("x-caller", b"")], None), Err(KeyReason::Missing));
    assert_eq!(who(&header, &[("x-caller", b"\xff")], None), Err(KeyReason::UnknownIdentity));
    let twice = [("x-caller", name), ("x-caller", name)];
    assert_eq!(who(&header, &twice, None), Err(KeyReason::UnknownIdentity));
    // If there is a key, it alone decides.
    let wrong = [("x-caller", name), ("api-key", &b"wrong"[..])];
    assert_eq!(who(&header, &wrong, None), Err(KeyReason::Unknown));
    let malformed = [("x-caller", name), ("authorization", &b"Basic eDp5"[..])];
    assert_eq!(who(&header, &malformed, None), Err(KeyReason::Malformed));
    let right = [("x-caller", name), ("api-key", &b"test"[..])];
    assert_eq!(who(&header, &right, None), Ok("keyed".to_owned()));
    let property = by(r#"{"property": ["connection", "uri_san_peer_certificate"]}"#);
    assert_eq!(who(&property, &[], Some(name)), Ok("web".to_owned()));
    assert_eq!(who(&property, &[("x-caller", name)], None), Err(KeyReason::Missing));
    assert_eq!(who(&property, &[], Some(b"spiffe://mesh/cron")), Err(KeyReason::UnknownIdentity));
    assert_eq!(wanted_property(&property).map(<[String]>::len), Some(2));
    assert_eq!(wanted_property(&header), None);
}

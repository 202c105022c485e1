use super::*;
use crate::config::{Candidate, Model, accepted};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::ops::RangeInclusive;
use std::time::Duration;

const SECRET: &str = "s3cr3t-token";

fn environment(variable: &str) -> Option<String> {
    (variable == "TOKEN").then(|| SECRET.to_owned())
}

fn minimal() -> Value {
    json!({
        "upstreams": { "codex": { "authority": "chatgpt.com", "credential": "envoy" } },
        "consumers": [{ "name": "web", "key_sha256": ["a".repeat(64)] }],
    })
}

/// The smallest document with `value` at `pointer`. Missing objects on the way are added.
fn with(pointer: &str, value: Value) -> Value {
    let mut document = minimal();
    let mut here = &mut document;
    for name in pointer.split('/').skip(1) {
        here = match here {
            Value::Array(items) => &mut items[name.parse::<usize>().unwrap()],
            _ => &mut here[name],
        };
    }
    *here = value;
    document
}

fn parse(document: &Value) -> Result<Config, ConfigError> {
    Config::parse(document.to_string().as_bytes(), &environment)
}

fn rejection(document: &Value) -> String {
    parse(document).unwrap_err().to_string()
}

/// Asserts that `range` is accepted at `pointer`, that its neighbours are not, and that the error
/// names `bound`.
fn check_range(pointer: &str, range: RangeInclusive<u64>, bound: &str) {
    for value in [*range.start(), *range.end()] {
        assert!(parse(&with(pointer, json!(value))).is_ok(), "{pointer} = {value}");
    }
    for value in [
        range.start().wrapping_sub(1),
        range.end().saturating_add(1),
        u64::from(u32::MAX) + 1,
        u64::MAX,
    ] {
        let text = rejection(&with(pointer, json!(value)));
        assert!(text.starts_with(&format!("{pointer}: out of range, accepted: ")), "{text}");
        assert!(text.contains(bound), "{text}");
    }
    for value in [json!(-1), json!(1.5), json!(true), json!(null), json!("")] {
        let text = rejection(&with(pointer, value));
        assert!(
            text.starts_with(&format!("{pointer}: ")) && text.contains(accepted::at(pointer)),
            "{text}"
        );
    }
}

#[test]
fn numbers_and_sizes_have_the_documented_ranges() {
    check_range("/request/max_body_bytes", 1..=64 << 20, "from 1 to 64MiB");
    check_range("/request/max_prompt_chars", 1..=1_000_000, "from 1 to 1000000");
    check_range("/request/max_n", 1..=10, "from 1 to 10");
    check_range("/request/max_reference_images", 1..=16, "from 1 to 16");
    check_range("/request/max_edit_images", 1..=16, "from 1 to 16");
    check_range("/request/max_reference_image_bytes", 1..=50 << 20, "from 1 to 50MiB");
    check_range("/max_image_bytes", 1..=64 << 20, "from 1 to 64MiB");
    check_range("/max_open_exchanges", 1..=100_000, "from 1 to 100000");
}

#[test]
fn the_budget_ends_well_below_linear_memory() {
    let budget = |bytes: u64| with("/max_buffered_bytes", json!(bytes));
    assert_eq!(parse(&budget(1)).unwrap().max_buffered_bytes(), 1);
    assert_eq!(parse(&budget(512 << 20)).unwrap().max_buffered_bytes(), 512 << 20);
    for bytes in [0, (512 << 20) + 1] {
        assert!(
            rejection(&budget(bytes))
                .contains("/max_buffered_bytes: out of range, accepted: bytes")
        );
    }
}

#[test]
fn timeouts_are_from_a_millisecond_to_a_day() {
    let at = "/upstreams/codex/timeout";
    let timeout = |text: &str| {
        parse(&with(at, json!(text))).map(|config| config.upstream("codex").unwrap().timeout())
    };
    assert_eq!(timeout("1ms").unwrap(), Duration::from_millis(1));
    assert_eq!(timeout("24h").unwrap(), Duration::from_secs(86_400));
    for text in ["0s", "0ms", "999us", "25h", "1d 1ms", "100years"] {
        let error = timeout(text).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{at}: out of range, accepted: ")), "{text}: {error}");
    }
    for text in ["", "0", "300", "-1s", "s", "1 fortnight"] {
        let error = timeout(text).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{at}: invalid value, accepted: ")), "{text}: {error}");
    }
    assert!(rejection(&with(at, json!(300))).starts_with(&format!("{at}: a number, accepted: ")));
}

#[test]
fn a_keepalive_is_off_or_from_a_second_to_five_minutes() {
    let keepalive = |text: &str| parse(&with("/keepalive", json!(text))).map(|it| it.keepalive());
    assert_eq!(keepalive("1s").unwrap(), Some(Duration::from_secs(1)));
    assert_eq!(keepalive("5m").unwrap(), Some(Duration::from_secs(300)));
    for text in ["0s", "999ms", "5m 1ms"] {
        let error = keepalive(text).unwrap_err().to_string();
        assert!(error.starts_with("/keepalive: out of range, accepted: "), "{text}: {error}");
    }
}

#[test]
fn reserved_headers_are_rejected_in_any_case() {
    for name in [
        "Authorization",
        "content-type",
        "ACCEPT",
        "host",
        "content-length",
        "transfer-encoding",
        "ChatGPT-Account-Id",
        "accept-encoding",
        "x-imagegate-upstream",
        "X-Imagegate-",
        ":path",
        "connection",
    ] {
        let text = rejection(&with("/upstreams/codex/headers", json!({ name: "v" })));
        assert!(
            text.contains(&format!("/headers/{name}: a header that the filter or Envoy sets")),
            "{text}"
        );
    }
}

#[test]
fn header_names_are_lowered_and_unique() {
    let document =
        with("/upstreams/codex/headers", json!({ "Originator": "codex", "openai-beta": "x=1" }));
    let config = parse(&document).unwrap();
    let headers = config.upstream("codex").unwrap().headers();
    let expected = [("openai-beta", "x=1"), ("originator", "codex")];
    assert!(headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).eq(expected));
    let text = rejection(&with("/upstreams/codex/headers", json!({ "a-b": "1", "A-B": "2" })));
    assert!(
        text.starts_with("/upstreams/codex/headers/a-b: the same as /upstreams/codex/headers/A-B"),
        "{text}"
    );
}

#[test]
fn a_configured_default_model_must_be_served() {
    let models = json!([{ "match": "openai:*", "upstream": "codex", "rename": "*" }]);
    let mut document = with("/models", models);
    let config = parse(&document).unwrap();
    assert!(config.resolve_model(None).is_none());
    assert!(config.resolve_model(Some("openai:")).is_none());
    assert_eq!(config.resolve_model(Some("openai:a")).unwrap().candidates[0].sent, "a");
    for (name, fault) in
        [("gpt", "no entry of `models` matches it"), ("openai:*", "invalid value"), ("", "invalid")]
    {
        document["default_model"] = json!(name);
        assert!(rejection(&document).starts_with(&format!("/default_model: {fault}")));
    }
    document["default_model"] = json!("openai:gpt");
    let config = parse(&document).unwrap();
    let model = config.resolve_model(None).unwrap();
    assert_eq!(
        (&*model.requested, served(&model)),
        ("openai:gpt", vec!["gpt at codex".to_owned()])
    );
}

/// The upstreams that may serve a model, and the name for each.
fn served(model: &Model<'_>) -> Vec<String> {
    let at = |it: &Candidate<'_>| format!("{} at {}", it.sent, it.upstream.name());
    model.candidates.iter().map(at).collect()
}

#[test]
fn several_upstreams_are_tried_in_order_each_with_its_own_name() {
    let renamed = |rename: &str| json!({ "name": "codex", "rename": rename });
    let list = json!(["codex", renamed("other-*"), renamed("x")]);
    let models = json!([{ "match": "openai:*", "upstream": list, "rename": "*" }]);
    let config = parse(&with("/models", models)).unwrap();
    let model = config.resolve_model(Some("openai:a")).unwrap();
    assert_eq!(served(&model), ["a at codex", "other-a at codex", "x at codex"]);
    // For the first of them nothing would be left of the name.
    assert!(config.resolve_model(Some("openai:")).is_none());
}

#[test]
fn the_first_entry_that_matches_wins() {
    let models = json!([
        { "match": "gpt-image-2", "upstream": "codex", "rename": "first" },
        { "match": "gpt-*", "upstream": "codex", "rename": "second" },
        { "match": "*", "upstream": "codex" },
    ]);
    let config = parse(&with("/models", models)).unwrap();
    let sent = |name: &str| served(&config.resolve_model(Some(name)).unwrap())[0].clone();
    assert_eq!(
        [sent("gpt-image-2"), sent("gpt-image-1"), sent("x")],
        ["first at codex", "second at codex", "x at codex"]
    );
}

#[test]
fn consumers_are_found_by_any_of_their_keys() {
    let mut document = minimal();
    document["consumers"][0]["key_sha256"] = json!(["01".repeat(32), "Ab".repeat(32)]);
    let config = parse(&document).unwrap();
    for digest in [[0x01; 32], [0xab; 32]] {
        assert_eq!(config.consumer_of(&digest).unwrap().name(), "web");
    }
    assert!(config.consumer_of(&[0; 32]).is_none());
}

#[test]
fn a_key_can_be_given_by_its_digest_alone() {
    const KEY: &str = "imagegate_plain";
    for (field, value) in [("key", json!(KEY)), ("keys", json!([KEY])), ("api_key", json!(KEY))] {
        let mut document = minimal();
        document["consumers"][0][field] = value;
        let error = parse(&document).unwrap_err();
        assert_eq!(error.pointer, format!("/consumers/0/{field}"));
        assert!(!format!("{error:?} {error}").contains(KEY), "{error}");
    }
    let error = parse(&with("/consumers/0/key_sha256", json!([KEY]))).unwrap_err();
    assert_eq!(error.pointer, "/consumers/0/key_sha256/0");
    assert!(!format!("{error:?} {error}").contains(KEY), "{error}");
}

#[test]
fn debug_and_errors_hold_no_secret() {
    let document = with(
        "/upstreams/codex/credential",
        json!({ "bearer_env": "TOKEN", "account_id_env": "TOKEN" }),
    );
    let config = parse(&document).unwrap();
    let upstream = config.upstream("codex").unwrap();
    let (name, value) = upstream.credential().unwrap();
    assert_eq!(format!("{value:?} {value:#?}").matches("[REDACTED]").count(), 2);
    assert_eq!(
        (name, value.expose_secret()),
        ("authorization", format!("Bearer {SECRET}").as_str())
    );
    assert_eq!(upstream.account_id(), Some(SECRET));
    let shown = format!(
        "{config:?} {upstream:?} {:?} {:?}",
        config.consumers(),
        config.resolve_model(None)
    );
    assert!(!shown.contains(SECRET) && !shown.contains("aaaa"), "{shown}");

    let key = "c".repeat(63);
    let document = with("/consumers/0/key_sha256", json!([key]));
    let error = parse(&document).unwrap_err();
    assert!(!format!("{error:?} {error}").contains("ccc"), "{error:?}");
}

//! The usage record: one line in Envoy's access log for each exchange, however it ended.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{
    Connection, Envoy, Generation, Key, Request, Setup, Step, Upstream, config, eventually,
};

fn body() -> Value {
    json!({"prompt": "a square", "model": "gpt-image-2", "size": "1024x1024"})
}

/// The access log so far: its lines, each with its usage record, `null` if there is none.
fn access_log(envoy: &Envoy) -> Vec<(Value, Value)> {
    let (records, lines) = (envoy.records(), envoy.access_log().into_iter());
    let record = |line: &Value| records.iter().find(|it| it["request_id"] == line["request_id"]);
    let lines = lines.filter(|line| line.get("usage").is_none());
    lines.map(|line| (line.clone(), record(&line).cloned().unwrap_or_default())).collect()
}

#[test]
fn every_exchange_leaves_one_record() {
    let generation = Generation::small(1);
    let upstream = Upstream::scripts([
        Step::generate(&generation),
        Step::json(429, &json!({"error": {"type": "usage_limit_reached", "message": "m"}})),
        vec![Step::StreamHead, Step::Chunk(generation.opening()), Step::Close],
        vec![Step::Close],
        vec![Step::KeepOpen],
    ]);
    let mut config = config();
    // Each request is to reach it, also after its 429.
    config["upstreams"]["codex"]["max_rest"] = json!("0s");
    let envoy = Setup::production(upstream.port()).configure_struct(&config).start();
    let mut large = body();
    large["size"] = json!("x");
    for request in [
        Request::generation(&body()),
        Request::generation(&body()).bearer(Key::UNKNOWN),
        Request::generation(&large),
        Request::generation(&body()),
        Request::generation(&body()),
        Request::generation(&body()),
        Request::new("GET", "/nothing"),
    ] {
        request.send(&envoy);
    }
    let request = Request::generation(&body());
    let mut leaving = Connection::open(envoy.port());
    leaving.write(&[request.head(), request.framed_body()].concat()).unwrap();
    upstream.wait_for(5);
    assert!(leaving.is_silent_for(Duration::from_millis(100)));
    drop(leaving);

    eventually("every exchange is logged", || envoy.access_log().len() >= 15);
    let log = access_log(&envoy);
    assert_eq!(log.len(), 8);
    let expected = [
        // It has passed through. A client that reads its `content-length` may close before the end.
        (json!(200), Value::Null, 1, ""),
        (json!(401), json!("invalid_api_key"), 0, "imagegate_invalid_api_key"),
        (json!(400), json!("invalid_value"), 0, "imagegate_invalid_value"),
        (json!(429), json!("rate_limit_exceeded"), 0, "imagegate_rate_limit_exceeded"),
        // Envoy's own answer.
        (json!(502), json!("upstream_disconnected"), 0, "upstream_reset_after_response_started"),
        (json!(502), json!("upstream_disconnected"), 0, "imagegate_upstream_disconnected"),
    ];
    for ((line, record), (status, code, delivered, details)) in log.iter().zip(&expected) {
        assert_eq!((&line["status"], &record["status"]), (status, status), "{line}");
        assert_eq!(
            (&record["code"], &record["images_delivered"]),
            (code, &json!(delivered)),
            "{line}"
        );
        assert!(line["details"].as_str().unwrap().starts_with(details), "{line}");
        assert_eq!(line["path"], "/v1/images/generations", "{line}");
        assert_eq!(record["endpoint"], "generations", "{line}");
        assert_eq!(record["request_id"], line["request_id"], "{line}");
        let consumer = if *status == json!(401) { Value::Null } else { json!("web") };
        assert_eq!(record["consumer"], consumer, "{line}");
        assert!(record["ms_total"].is_u64(), "{line}");
    }
    assert_eq!(log[6].1, Value::Null, "a record of what is not ours");
    let (line, record) = &log[7];
    assert_eq!(
        (&record["images_asked"], &record["images_delivered"]),
        (&json!(1), &json!(0)),
        "{line}"
    );
    assert_eq!(record["user"], "acme", "{line}");
}

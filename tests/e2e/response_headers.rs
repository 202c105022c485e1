//! The headers that Envoy's own filters and routes add to an answer, for each way in which one
//! leaves.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{
    Connection, Envoy, Gate, Generation, Request, Response, Setup, Step, Upstream, config,
};

/// The origin of the page in these cases.
const ORIGIN: &str = "https://app.example.com";
/// What upstreams send, and no client may get.
const SECRETS: [(&str, &str); 6] = [
    ("set-cookie", "__cf_bm=secret"),
    ("openai-organization", "org-secret"),
    ("x-codex-primary-used-percent", "12"),
    ("cf-ray", "ray-secret"),
    ("access-control-allow-origin", "https://upstream.example.com"),
    ("vary", "accept-encoding"),
];

/// A way in which an answer leaves.
struct Way {
    name: &'static str,
    status: u16,
    request: Request,
    script: fn() -> Vec<Step>,
    /// Its head leaves before the outcome is known, so it passes Envoy's filters.
    passes: bool,
}

fn body() -> Value {
    json!({"prompt": "a square", "model": "gpt-image-2", "size": "1024x1024"})
}

fn with(name: &str, value: impl Into<Value>) -> Request {
    let mut body = body();
    body[name] = value.into();
    Request::generation(&body)
}

fn head(content_type: &str) -> Step {
    let secrets = SECRETS.map(|(name, value)| (name, value.to_owned()));
    let own = [("content-type", content_type.to_owned())];
    Step::Head(200, own.into_iter().chain(secrets).collect())
}

fn refusal() -> Vec<Step> {
    let error = json!({"error": {"code": "rate_limit_exceeded", "message": "No.", "type": "x"}});
    let headers = SECRETS.map(|(name, value)| (name, value.to_owned())).to_vec();
    vec![Step::Whole(429, headers, error.to_string().into_bytes())]
}

/// Half an answer, which Envoy reports by itself.
fn cut() -> Vec<Step> {
    let half = Generation::of_bytes(300_000, 1).stream()[..100_000].to_vec();
    vec![head("text/event-stream"), Step::Chunk(half), Step::Close]
}

/// An answer of Codex, in two parts if it is slow.
fn codex(slow: bool) -> Vec<Step> {
    let generation = Generation::of_bytes(300_000, 1);
    let (opening, stream) = (generation.opening(), generation.stream());
    let middle = opening.len() + 100_000;
    match slow {
        true => parts(head("text/event-stream"), &stream, middle),
        false => vec![head("text/event-stream"), Step::Chunk(stream), Step::End],
    }
}

fn provider(slow: bool) -> Vec<Step> {
    let answer = json!({"created": 1, "data": [{"b64_json": "A".repeat(300_000)}]}).to_string();
    match slow {
        true => parts(head("application/json"), answer.as_bytes(), 100_000),
        false => vec![head("application/json"), Step::Chunk(answer.into_bytes()), Step::End],
    }
}

/// The second part comes when the client has the head.
fn parts(head: Step, bytes: &[u8], at: usize) -> Vec<Step> {
    let (first, rest) = bytes.split_at(at);
    let wait = Step::Wait(Gate::default());
    vec![head, Step::Chunk(first.to_vec()), wait, Step::Chunk(rest.to_vec()), Step::End]
}

fn ways() -> Vec<Way> {
    let image = || Request::generation(&body());
    let of_provider = || with("model", "provider");
    let way = |name, status, request, script: fn() -> Vec<Step>, passes| Way {
        name,
        status,
        request,
        script,
        passes,
    };
    vec![
        way("an image", 200, with("response_format", "url"), || codex(false), true),
        way("two held images", 200, with("n", 2), || codex(false), false),
        way("a quick stream", 200, with("stream", true), || codex(false), false),
        way("a slow stream", 200, with("stream", true), || codex(true), true),
        way("a quick answer of a provider", 200, of_provider(), || provider(false), false),
        way("a slow answer of a provider", 200, of_provider(), || provider(true), true),
        way("a wrong key", 401, image().bearer("sk-wrong"), Vec::new, false),
        way("a wrong request", 400, with("size", "1x1"), Vec::new, false),
        way("a refusal of the upstream", 429, image(), refusal, false),
        way("a broken answer", 502, image(), cut, false),
        way("an unknown path", 404, Request::new("GET", "/other"), Vec::new, false),
    ]
}

/// The answer to a page of this origin, whose secrets do not matter here.
fn ask(upstream: &Upstream, envoy: &Envoy, way: &Way, origin: &str) -> Response {
    let script = (way.script)();
    upstream.answer_with(script.clone());
    let request = way.request.clone().header("origin", origin);
    let mut connection = Connection::open(envoy.port());
    connection.write(&[request.head(), request.framed_body()].concat()).unwrap();
    let response = match way.passes {
        true => {
            let head = connection.read_head();
            open_gates(&script);
            head
        }
        false => connection.read(),
    };
    assert_eq!(response.status, way.status, "{}", way.name);
    response
}

fn open_gates(script: &[Step]) {
    for step in script {
        if let Step::Wait(gate) = step {
            gate.open();
        }
    }
}

/// The configuration of most cases, with a provider.
fn both() -> Value {
    let mut config = config();
    config["upstreams"]["provider"] = json!({"api": "images", "authority": "provider.test",
        "credential": {"key_env": "CODEX_ACCESS_TOKEN"}, "cluster": "codex", "timeout": "60s"});
    config["models"] = json!([{"match": "provider", "upstream": "provider",
        "rename": "gpt-image-1"}, {"match": "*", "upstream": "codex"}]);
    config
}

fn assert_nothing_of_the_upstream(way: &Way, response: &Response) {
    for (name, value) in SECRETS {
        let is = |(it, of): &(String, Vec<u8>)| it == name && of == value.as_bytes();
        assert!(!response.headers.iter().any(is), "{}: {name} is the upstream's", way.name);
    }
}

/// `envoy/cors.yaml`, with these further headers to keep.
fn cors(upstream: &Upstream) -> Envoy {
    let mut config = both();
    config["response_headers_to_keep"] = json!(["vary", "x-content-type-options"]);
    Setup::of("envoy/cors.yaml", upstream.port())
        .beside("provider", upstream.port())
        .configure(&config)
        .start()
}

#[test]
fn a_page_of_a_listed_origin_can_read_every_answer() {
    let upstream = Upstream::scripts([]);
    let envoy = cors(&upstream);
    for way in ways() {
        for origin in [ORIGIN, "https://studio.example.com"] {
            let response = ask(&upstream, &envoy, &way, origin);
            let value = |name: &str| response.header(name).unwrap_or_default();
            assert_eq!(value("access-control-allow-origin"), origin, "{}", way.name);
            assert_eq!(value("access-control-expose-headers"), "*", "{}", way.name);
            assert_eq!(value("vary"), "origin", "{}", way.name);
            assert_eq!(value("x-content-type-options"), "nosniff", "{}", way.name);
            assert_nothing_of_the_upstream(&way, &response);
        }
        let response = ask(&upstream, &envoy, &way, "https://other.example.com");
        assert_eq!(response.header("access-control-allow-origin"), None, "{}", way.name);
        assert_nothing_of_the_upstream(&way, &response);
    }
}

#[test]
fn a_preflight_request_needs_no_key() {
    let upstream = Upstream::unreached();
    let envoy = Setup::of("envoy/cors.yaml", upstream.port()).start();
    let preflight = |origin: &str| {
        Request::new("OPTIONS", "/v1/images/generations")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type,x-stainless-os")
            .send(&envoy)
    };
    let response = preflight(ORIGIN);
    assert_eq!(response.status, 200);
    let value = |name: &str| response.header(name).unwrap_or_default();
    assert_eq!(value("access-control-allow-origin"), ORIGIN);
    assert_eq!(value("access-control-allow-methods"), "GET, POST");
    assert_eq!(value("access-control-allow-headers"), "authorization, *");
    assert_eq!(value("access-control-max-age"), "7200");
    let response = preflight("https://other.example.com");
    assert_eq!(response.header("access-control-allow-origin"), None);
    assert_eq!(response.header("access-control-allow-headers"), None);
}

/// White space before the image, which takes the head along.
#[test]
fn an_answer_that_is_kept_alive_has_the_headers_of_cors_too() {
    let generation = Generation::of_bytes(300_000, 1);
    let stream = generation.stream();
    let middle = generation.opening().len();
    let upstream = Upstream::always(vec![
        head("text/event-stream"),
        Step::Chunk(stream[..middle - 1].to_vec()),
        Step::Pause(Duration::from_millis(1_200)),
        Step::Chunk(stream[middle - 1..middle].to_vec()),
        Step::Pause(Duration::from_millis(50)),
        Step::Chunk(stream[middle..].to_vec()),
        Step::End,
    ]);
    let mut config = both();
    config["keepalive"] = json!("1s");
    config["response_headers_to_keep"] = json!(["vary"]);
    let envoy = Setup::of("envoy/cors.yaml", upstream.port()).configure(&config).start();
    let response = Request::generation(&body()).header("origin", ORIGIN).send(&envoy);
    assert!(response.status == 200 && response.body.starts_with(b" "), "no white space");
    let value = |name: &str| response.header(name).unwrap_or_default();
    assert_eq!(value("access-control-allow-origin"), ORIGIN);
    assert_eq!(value("access-control-expose-headers"), "*");
    assert_eq!(value("vary"), "origin");
    for (name, secret) in SECRETS {
        assert_ne!(response.header(name).as_deref(), Some(secret), "{name}");
    }
}

/// What Envoy allows, without and with `response_headers_to_keep`: the table of docs/browsers.md.
#[test]
fn headers_of_a_route_and_of_a_filter_reach_the_answers_that_the_docs_name() {
    let upstream = Upstream::scripts([]);
    for keeps in [false, true] {
        let mut config = both();
        if keeps {
            config["response_headers_to_keep"] = json!(["Strict-Transport-Security"]);
        }
        let envoy = Setup::new(upstream.port())
            .beside("provider", upstream.port())
            .configure(&config)
            .replace(
                "                      routes:\n",
                "                      response_headers_to_add: [{ header: { key: \
                 strict-transport-security, value: max-age=60 }, append_action: \
                 OVERWRITE_IF_EXISTS_OR_ADD }]\n                      routes:\n",
            )
            .replace(
                "                http_filters:\n",
                "                http_filters:\n                  - name: mutation\n                    \
                 typed_config: { \"@type\": type.googleapis.com/envoy.extensions.filters.http.\
                 header_mutation.v3.HeaderMutation, mutations: { response_mutations: [{ append: { \
                 header: { key: x-mutated, value: \"yes\" } } }] } }\n",
            )
            .start();
        for way in ways() {
            let response = ask(&upstream, &envoy, &way, ORIGIN);
            let has = |name: &str| response.header(name).is_some();
            // Local replies before the upstream's head pass the filters too.
            let by_filters = way.passes || !matches!(way.status, 200 | 429 | 502);
            assert_eq!(has("x-mutated"), by_filters, "{}", way.name);
            let by_route = keeps || !way.passes;
            assert_eq!(has("strict-transport-security"), by_route, "{}", way.name);
            assert_nothing_of_the_upstream(&way, &response);
        }
    }
}

//! Which requests the filter takes, and which headers pass in each direction.

use serde_json::{Value, json};

use crate::harness::sse::Output;
use crate::harness::{Envoy, Generation, Key, Request, Setup, Step, Upstream};

fn body() -> Value {
    json!({"prompt": "a square", "model": "gpt-image-2"})
}

/// Spellings of the path that a server after Envoy might take for it.
const SPELLINGS: [&str; 37] = [
    "/v1/images/generations",
    "/v1/images/generations/",
    "/v1/images/generations?",
    "/v1/images/generations?a=b&c",
    "/v1/images/generations#x",
    "//v1/images/generations",
    "/v1//images/generations",
    "/v1/images//generations//",
    "/v1/images%2fgenerations",
    "/v1/images%2Fgenerations",
    "/v1%2fimages%2fgenerations",
    "/v1/images%252fgenerations",
    "/V1/Images/Generations",
    "/v1/./images/generations",
    "/v1/x/../images/generations",
    "/v1/x/%2e%2e/images/generations",
    "/../v1/images/generations",
    "/v1/images/generations;a=b",
    "/v1\\images\\generations",
    "/v1/images/%67enerations",
    "/v1/images/generations.",
    "/v1/images/generations%2e",
    "/v1/images/generations%20",
    "/v1/images/generations%09",
    "/v1/images/generations%00",
    "/v1/images/generations%00.png",
    "/v1/images/generations%0d%0a",
    "/v1/images/generations%0d%0ax:y",
    "/v1/images/generations+",
    "/v1/images/generations.json",
    "/v1/images/generations/.json",
    "/v1./images./generations",
    "/v1/images%c0%afgenerations",
    "/v1/images%ef%bc%8fgenerations",
    "/v1/images/%u0067enerations",
    "/v1/images/generations%c2%a0",
    "/v1/images/%ef%bd%87enerations",
];

#[test]
fn no_spelling_of_the_path_is_a_way_in_without_a_key() {
    // Nor to the responses of another route.
    let (upstream, plain) = (Upstream::unreached(), Upstream::unreached());
    let config = crate::harness::config();
    let production = || Setup::production(upstream.port()).configure_struct(&config);
    for (file, setup) in [
        ("envoy.yaml", Setup::new(upstream.port())),
        ("envoy.yaml, paths as sent", Setup::new(upstream.port()).paths_as_sent()),
        (
            "envoy.yaml with another route, paths as sent",
            Setup::new(upstream.port()).plain_route(plain.port()).paths_as_sent(),
        ),
        ("production.yaml", production()),
        ("production.yaml, paths as sent", production().paths_as_sent()),
    ] {
        let envoy = setup.start();
        for path in SPELLINGS {
            let request = Request::new("POST", path).json(&body());
            for request in [
                request.clone(),
                request.clone().bearer(Key::UNKNOWN),
                request.clone().header("x-imagegate-upstream", "codex"),
                request.header("X-ImageGate-Upstream", "codex"),
            ] {
                let status = request.send(&envoy).status;
                assert!([400, 401, 404].contains(&status), "{file}: {path}: {status}");
            }
        }
        assert!(upstream.received().is_empty(), "{file}: {:?}", upstream.received());
        assert!(plain.received().is_empty(), "{file}: {:?}", plain.received());
    }
}

/// An Envoy that cleans paths up, and one that leaves this to the filter.
fn both_ways(setup: impl Fn() -> Setup) -> [Envoy; 2] {
    [setup().start(), setup().paths_as_sent().start()]
}

#[test]
fn a_query_or_a_slash_at_the_end_does_not_hide_the_endpoint() {
    let upstream = Upstream::generating(&Generation::small(1));
    for envoy in both_ways(|| Setup::new(upstream.port())) {
        for path in ["/v1/images/generations?api-version=1", "/v1/images/generations/"] {
            Request::new("POST", path).bearer(Key::WEB).json(&body()).send(&envoy).images();
        }
    }
    for request in upstream.received() {
        assert_eq!(request.path, "/backend-api/codex/responses");
    }
}

#[test]
fn requests_that_are_not_ours_pass_untouched() {
    let (codex, plain) = (Upstream::unreached(), Upstream::unreached());
    for envoy in both_ways(|| Setup::new(codex.port()).plain_route(plain.port())) {
        assert_passes_untouched(&envoy, &plain);
    }
    assert!(codex.received().is_empty());
}

fn assert_passes_untouched(envoy: &Envoy, plain: &Upstream) {
    let answer_headers =
        vec![("set-cookie", "a=b".to_owned()), ("x-codex-plan-type", "plus".to_owned())];
    let large = vec![b'z'; 3_000_000];
    plain.push(vec![Step::Whole(201, answer_headers, large.clone())]);
    let response = Request::new("PUT", "/v1/images/other?a=%2f")
        .header("authorization", "Bearer anything")
        .header("cookie", "c=d")
        .header("accept-encoding", "gzip")
        .header("x-imagegate-upstream", "codex")
        .header("X-Imagegate-Anything", "1")
        .header("x-imagegate-upstream", "codex")
        .header("x-bytes", b"\xff\xfe")
        .body(large.clone())
        .send(envoy);
    assert_eq!(response.status, 201);
    assert_eq!(response.header("set-cookie").as_deref(), Some("a=b"));
    assert_eq!(response.header("x-codex-plan-type").as_deref(), Some("plus"));
    assert!(response.body == large, "the answer's body differs");

    let passed = plain.received().pop().unwrap();
    assert_eq!((passed.method.as_str(), passed.path.as_str()), ("PUT", "/v1/images/other?a=%2f"));
    assert!(*passed.body == large, "the request's body differs");
    for (name, value) in [
        ("authorization", "Bearer anything"),
        ("cookie", "c=d"),
        ("accept-encoding", "gzip"),
        ("host", "images.test"),
    ] {
        assert_eq!(passed.header(name).as_deref(), Some(value), "{name}");
    }
    assert!(passed.headers.iter().any(|(name, value)| name == "x-bytes" && value == b"\xff\xfe"));
    assert!(
        !passed.headers.iter().any(|(name, _)| name.starts_with("x-imagegate-")),
        "{:?}",
        passed.headers
    );
}

#[test]
fn requests_without_a_body_that_are_not_ours_pass() {
    let (codex, plain) =
        (Upstream::unreached(), Upstream::always(Step::json(200, &json!({"ok": true}))));
    for envoy in both_ways(|| Setup::new(codex.port()).plain_route(plain.port())) {
        for (method, path) in [
            ("GET", "/"),
            ("GET", "/v1/models"),
            ("DELETE", "/v1/images"),
            ("GET", "/v1/imagesx/generations"),
        ] {
            assert_eq!(Request::new(method, path).send(&envoy).status, 200, "{method} {path}");
        }
    }
    assert_eq!(plain.received().len(), 8);
}

#[test]
fn a_path_without_a_route_gets_openais_error() {
    let upstream = Upstream::unreached();
    for envoy in both_ways(|| Setup::new(upstream.port())) {
        for request in [
            Request::new("GET", "/nothing"),
            Request::new("GET", "/nothing").header("x-imagegate-upstream", "codex"),
            Request::new("POST", "/backend-api/codex/responses")
                .json(&body())
                .header("x-imagegate-upstream", "codex"),
        ] {
            request.send(&envoy).assert_error(404, "unknown_url");
        }
    }
    assert!(upstream.received().is_empty());
}

/// All headers that an upstream can receive: those of the filter, and those that Envoy adds. The
/// last two are those of side calls.
const KNOWN: [&str; 14] = [
    "accept",
    "authorization",
    "chatgpt-account-id",
    "content-length",
    "content-type",
    "host",
    "originator",
    "user-agent",
    "x-envoy-expected-rq-timeout-ms",
    "x-forwarded-proto",
    "x-request-id",
    "x-envoy-internal",
    "x-forwarded-for",
    "x-envoy-original-path",
];

#[test]
fn only_the_clients_wish_reaches_the_upstream() {
    let upstream = Upstream::generating(&Generation::small(1));
    // Without a configured identity, which would cover the client's.
    let mut config = crate::harness::config();
    config["upstreams"]["codex"]["headers"] = json!({"originator": "codex_cli_rs"});
    let envoy = Envoy::with(upstream.port(), &config);
    let mut body = body();
    body["n"] = json!(2);
    let names = [
        "version",
        "cookie",
        "x-openai-organization",
        "openai-project",
        "x-stainless-lang",
        "x-anything",
        "referer",
    ];
    let mut request = Request::generation(&body)
        .header("x-api-key", Key::WEB)
        .header("user-agent", "somebody/1.0")
        .header("accept-encoding", "gzip, br")
        .header("x-imagegate-upstream", "codex")
        .header("x-imagegate-anything", "1")
        .header("chatgpt-account-id", "of-the-client")
        // Envoy's own: a client must not set the patience with the upstream.
        .header("x-envoy-upstream-rq-timeout-ms", "1")
        .header("x-envoy-max-retries", "5");
    for name in names {
        request = request.header(name, "of-the-client");
    }
    request.send(&envoy).images();
    let received = upstream.received();
    assert_eq!(received.len(), 2);
    for request in received {
        let kept = request.headers.iter().filter(|(_, value)| {
            [Key::WEB.as_bytes(), b"of-the-client", b"somebody/1.0"]
                .iter()
                .any(|it| memchr::memmem::find(value, it).is_some())
        });
        assert_eq!(kept.count(), 0, "{:?}", request.headers);
        let names = request.headers.iter().map(|(name, _)| name.as_str());
        let strangers: Vec<_> = names.filter(|name| !KNOWN.contains(name)).collect();
        assert!(strangers.is_empty(), "{strangers:?}");
        for name in ["accept-encoding", "x-api-key", "x-imagegate-upstream", "x-imagegate-anything"]
        {
            assert_eq!(request.header(name), None, "{name}");
        }
    }
}

#[test]
fn only_the_image_of_the_upstream_reaches_the_client() {
    let generation = Generation::small(1);
    let names = [
        "set-cookie",
        "x-codex-plan-type",
        "x-codex-primary-used-percent",
        "openai-organization",
        "cf-ray",
        "x-models-etag",
    ];
    let mut headers: Vec<_> =
        names.iter().map(|name| (*name, "of-the-upstream".to_owned())).collect();
    headers.push(("content-type", "text/event-stream".to_owned()));
    headers.push(("x-request-id", "req_of_the_upstream".to_owned()));
    let good = vec![Step::Head(200, headers.clone()), Step::Chunk(generation.stream()), Step::End];
    let bad = vec![Step::Whole(500, headers.clone(), b"<html>of-the-upstream</html>".to_vec())];
    let cut = vec![Step::Head(200, headers), Step::Chunk(generation.opening()), Step::Close];
    let upstream = Upstream::scripts([good, bad, cut]);
    let envoy = Envoy::start(upstream.port());
    for status in [200, 502, 502] {
        let response = Request::generation(&body()).send(&envoy);
        assert_eq!(response.status, status);
        for name in names {
            assert_eq!(response.header(name), None, "{status}: {name}");
        }
        assert_ne!(response.header("x-request-id").unwrap(), "req_of_the_upstream");
        assert!(!response.body.windows(15).any(|it| it == b"of-the-upstream"), "{status}");
    }
}

#[test]
fn lengths_are_those_of_what_is_sent() {
    // A length that does not fit would leave bytes in the pooled connection, before the next
    // request.
    let generations = [Generation::small(1), Generation::of_bytes(1_000_000, 2)];
    let upstream = Upstream::choosing({
        let generations = generations.clone();
        move |request| {
            let length = request.header("content-length").expect("the length is declared");
            assert_eq!(length, request.body.len().to_string());
            let generation = &generations[usize::from(request.body.len() > 10_000)];
            let bytes =
                [generation.opening(), generation.image(), generation.completed(Output::Empty)]
                    .concat();
            vec![Step::Whole(200, vec![("content-type", "text/event-stream".to_owned())], bytes)]
        }
    });
    let envoy = Envoy::start(upstream.port());
    for turn in 0..6 {
        let prompt = "x".repeat([10, 20_000][turn % 2]);
        let response = Request::generation(&json!({"prompt": prompt})).send(&envoy);
        assert_eq!(response.image(), generations[turn % 2].base64, "{turn}");
    }
}

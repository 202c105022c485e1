//! Routes to upstreams: virtual hosts with real domains, routes and clusters that are missing, and
//! that no client reaches an upstream without a key, wherever the filter is disabled.

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{
    Connection, Envoy, Generation, Request, Setup, Sim, Step, Upstream, config, eventually,
};

/// The last route of the files in `envoy/`, which matches all other requests.
const LAST_ROUTE: &str = "- match: { prefix: \"/\" }";

fn body(n: u32) -> Value {
    json!({"prompt": "a square", "model": "gpt-image-2", "size": "1024x1024", "n": n})
}

/// `key: value` of a route or a virtual host that disables or enables the filter there.
fn per_filter(setting: &str) -> String {
    let kind = "type.googleapis.com/envoy.config.route.v3.FilterConfig";
    format!("typed_per_filter_config: {{ imagegate: {{ \"@type\": {kind}, {setting} }} }}")
}

/// Ways to have the filter not see some requests of the listener.
fn disabled_somewhere(setup: impl Fn() -> Setup) -> Vec<(&'static str, Setup)> {
    // In the first route to an upstream.
    let upstreams_route = "                          # What this Envoy knows of its clients";
    let on_path = format!(
        "- match: {{ prefix: /v1/images }}\n                          {}\n                          \
         route: {{ cluster: nowhere, cluster_not_found_response_code: NOT_FOUND }}\n                        \
         {LAST_ROUTE}",
        per_filter("config: {}")
    );
    let last_disabled =
        format!("{LAST_ROUTE}\n                          {}", per_filter("disabled: true"));
    let upstreams_disabled =
        format!("                          {}\n{upstreams_route}", per_filter("disabled: true"));
    let disabled =
        "- name: imagegate\n                    disabled: true\n                    typed_config:";
    let enabled = "- name: imagegate\n                    typed_config:";
    vec![
        ("enabled by path only", setup().replace(enabled, disabled).replace(LAST_ROUTE, &on_path)),
        ("disabled on the upstream's route", setup().replace(upstreams_route, &upstreams_disabled)),
        ("disabled on the last route", setup().replace(LAST_ROUTE, &last_disabled)),
        ("disabled everywhere", setup().replace(enabled, disabled)),
    ]
}

/// Headers that a client may hope to choose the upstream by.
const SPELLINGS: &[&[(&str, &str)]] = &[
    &[("x-imagegate-upstream", "codex")],
    &[("X-ImageGate-Upstream", "codex")],
    &[("X-IMAGEGATE-UPSTREAM", "codex")],
    &[("x-imagegate-upstream", "codex"), ("x-imagegate-upstream", "codex")],
    &[("x-imagegate-upstream", "Codex")],
    &[("x-imagegate-upstream", "codex,codex")],
    &[("x-imagegate-upstream", "")],
    &[("wasm.imagegate-upstream", "codex")],
    &[
        ("x-envoy-upstream-alt-stat-name", "codex"),
        ("x-envoy-original-path", "/v1/images/generations"),
    ],
];

const PATHS: [&str; 4] = [
    "/backend-api/codex/responses",
    "/v1/images/generations",
    "/v1/images/generations?x-imagegate-upstream=codex",
    "/anything",
];

/// Attacks at `port` over HTTP/1.1 and HTTP/2; how many there were.
fn attack(case: &str, port: u16) -> usize {
    let mut count = 0;
    for path in PATHS {
        for headers in SPELLINGS {
            let request = Request::new("POST", path).bearer("any").json(&body(1));
            let request = headers.iter().fold(request, |it, (name, value)| it.header(name, value));
            let status = request.send_on(&mut Connection::open(port)).status;
            assert!([401, 404].contains(&status), "{case}: {path} {headers:?}: {status}");
            let status = over_http2(port, path, headers);
            assert!([401, 404].contains(&status), "{case}, HTTP/2: {path} {headers:?}: {status}");
            count += 2;
        }
    }
    count
}

fn over_http2(port: u16, path: &str, headers: &[(&str, &str)]) -> u16 {
    let mut curl = Command::new("curl");
    curl.args(["--http2-prior-knowledge", "-sS", "-m", "60", "-o", "/dev/null"]);
    // Without a body: Envoy resets a stream that it answers before the body's end, and curl may
    // then report no status.
    curl.args(["-w", "%{http_code}", "-H", "authorization: Bearer any", "-X", "POST"]);
    curl.args(["-H", "content-type: application/json"]);
    for (name, value) in headers {
        curl.arg("-H").arg(format!("{name}: {value}"));
    }
    let output = curl.arg(format!("http://127.0.0.1:{port}{path}")).output();
    let output = output.expect("curl is installed; run: make setup");
    let words = String::from_utf8_lossy(&output.stderr);
    let status = String::from_utf8_lossy(&output.stdout).parse().unwrap();
    assert_ne!(status, 0, "{words}");
    status
}

/// The lines of the access log so far.
fn logged(envoy: &Envoy) -> usize {
    let is_request = |line: &&str| line.starts_with("{\"") && line.contains("\"path\":");
    envoy.log().lines().filter(is_request).count()
}

#[test]
fn nothing_that_a_client_sends_reaches_an_upstream_without_a_key() {
    let upstream = Upstream::unreached();
    let shipped = || Setup::production(upstream.port()).configure_struct(&config());
    let mut cases = vec![("as shipped", shipped())];
    cases.extend(disabled_somewhere(shipped));
    for (case, setup) in cases {
        let envoy = setup.start();
        let attacks = attack(case, envoy.port());
        eventually("every attack is in the access log", || logged(&envoy) >= attacks);
        assert_eq!(logged(&envoy), attacks, "{case}");
        assert!(upstream.received().is_empty(), "{case}: {:?}", upstream.received());
    }
}

#[test]
fn a_listener_without_the_filter_that_shares_the_routes_is_no_way_in() {
    let upstream = Upstream::unreached();
    let envoy = Setup::production(upstream.port()).beside_without_filter().start();
    let port = envoy.listener("without-filter");
    let attacks = attack("another listener", port);
    eventually("every attack is in the access log", || logged(&envoy) >= attacks);
    assert!(upstream.received().is_empty(), "{:?}", upstream.received());
}

#[test]
fn clients_with_a_key_are_served_if_the_filter_is_enabled_by_path() {
    let upstream = Upstream::generating(&Generation::small(1));
    let shipped = || Setup::production(upstream.port()).configure_struct(&config());
    for (case, setup) in disabled_somewhere(shipped).into_iter().take(2) {
        let envoy = setup.start();
        let images = Request::generation(&body(2)).send(&envoy).images();
        assert_eq!(images.len(), 2, "{case}");
    }
}

/// `identity.rs`, `credential.rs` and `rls.rs` do the same for the files that need more.
#[test]
fn every_example_serves_a_virtual_host_with_a_real_domain() {
    let sim = Sim::start();
    for (file, setup) in [
        ("envoy.yaml", Setup::of("envoy/envoy.yaml", sim.port())),
        ("production.yaml", Setup::production(sim.port())),
        (
            "providers.yaml",
            Setup::of("envoy/providers.yaml", sim.port()).variable("OPENAI_API_KEY", Some("any")),
        ),
    ] {
        let envoy = setup.replace("domains: [\"*\"]", "domains: [\"images.test\"]").start();
        for n in [1, 2] {
            let request = Request::new("POST", "/v1/images/generations");
            let images = request.bearer("sk-imagegate-demo").json(&body(n)).send(&envoy).images();
            assert_eq!(images.len(), usize::try_from(n).unwrap(), "{file}");
        }
    }
    assert_eq!(sim.received().len(), 9);
}

/// Envoy's own answers pass `local_reply_config`, which is for errors only.
#[test]
fn answers_of_other_routes_that_are_no_errors_stay_as_they_are() {
    let upstream = Upstream::unreached();
    let routes = "- match: { path: /healthz }\n                          direct_response: { \
                  status: 200, body: { inline_string: well } }\n                        - match: { \
                  path: /old }\n                          redirect: { path_redirect: /new }\n                        ";
    for (file, setup) in [
        ("envoy.yaml", Setup::new(upstream.port())),
        ("production.yaml", Setup::production(upstream.port()).configure_struct(&config())),
    ] {
        let envoy = setup.replace(LAST_ROUTE, &format!("{routes}{LAST_ROUTE}")).start();
        let healthy = Request::new("GET", "/healthz").send(&envoy);
        assert_eq!(healthy.status, 200, "{file}");
        assert_eq!(String::from_utf8_lossy(&healthy.body), "well", "{file}");
        let moved = Request::new("GET", "/old").send(&envoy);
        assert_eq!(moved.status, 301, "{file}");
        assert!(moved.header("location").is_some_and(|it| it.ends_with("/new")), "{file}");
        assert!(moved.body.is_empty(), "{file}: {}", String::from_utf8_lossy(&moved.body));
    }
}

/// Envoy answers 501 for it, before the filter sees the request.
#[test]
fn a_transfer_coding_that_envoy_does_not_know_is_the_clients_fault() {
    let upstream = Upstream::unreached();
    for (file, setup) in [
        ("envoy.yaml", Setup::new(upstream.port())),
        ("production.yaml", Setup::production(upstream.port()).configure_struct(&config())),
    ] {
        let envoy = setup.start();
        let request = Request::new("POST", "/v1/images/generations");
        let response = request.header("transfer-encoding", "gzip, chunked").send(&envoy);
        let error = &response.json()["error"];
        assert_eq!(response.status, 501, "{file}");
        assert_eq!(error["code"], json!("invalid_headers"), "{file}");
        assert_eq!(error["type"], json!("invalid_request_error"), "{file}");
    }
}

#[test]
fn a_route_that_is_missing_is_the_operators_fault_and_is_logged() {
    let upstream = Upstream::unreached();
    let without = |last: &str| {
        Setup::new(upstream.port())
            .replace("string_match: { exact: codex }", "string_match: { exact: elsewhere }")
            .replace(LAST_ROUTE, last)
    };
    for last in [LAST_ROUTE, "- match: { prefix: \"/nothing\" }"] {
        let envoy = without(last).start();
        let response = Request::generation(&body(1)).send(&envoy);
        response.assert_error(500, "gateway_misconfigured");
        assert_eq!(response.header("x-should-retry").as_deref(), Some("false"));
        let log = envoy.log();
        assert!(log.contains("upstream `codex`: Envoy has no route to it"), "{log}");
    }
    assert!(upstream.received().is_empty());
}

#[test]
fn a_cluster_of_side_calls_that_is_missing_is_an_error_and_not_fewer_images() {
    let upstream = Upstream::generating(&Generation::small(1));
    let mut missing = config();
    missing["upstreams"]["codex"]["cluster"] = json!("outbound|443||chatgpt.com");
    let envoy = Envoy::with(upstream.port(), &missing);
    Request::generation(&body(3)).send(&envoy).assert_error(500, "gateway_misconfigured");
    assert!(upstream.received().is_empty());
    let log = envoy.log();
    assert!(log.contains("Envoy has no cluster `outbound|443||chatgpt.com`"), "{log}");
    assert_eq!(Request::generation(&body(1)).send(&envoy).images().len(), 1);
}

#[test]
fn the_header_still_routes_if_it_is_chosen_and_the_log_warns() {
    let upstream = Upstream::always(Step::generate(&Generation::small(1)));
    let mut header = config();
    header["route_match"] = json!("header");
    let envoy = Setup::new(upstream.port())
        .configure(&header)
        .replace("filter_state:", "headers:")
        .replace("- key: wasm.imagegate_upstream", "- name: x-imagegate-upstream")
        .start();
    Request::generation(&body(1)).send(&envoy).images();
    let log = envoy.log();
    assert!(log.contains("a client can send on a route where this filter is disabled"), "{log}");
    // It is still removed from clients' requests.
    let attack = Request::new("POST", "/backend-api/codex/responses")
        .header("x-imagegate-upstream", "codex")
        .json(&body(1));
    attack.send(&envoy).assert_error(404, "unknown_url");
    assert_eq!(upstream.received().len(), 1);
}

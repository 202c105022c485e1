//! An upstream that speaks HTTP/2, as Codex does: streams are reset rather than connections closed,
//! and trailers cross without any setting.

use serde_json::{Value, json};

use crate::harness::{Envoy, Generation, Key, Request, Response, Setup, Sim, Upstream, config};

const HTTP2: &str = "http2_protocol_options: {}";

fn body(prompt: &str, n: u32) -> Value {
    json!({"prompt": prompt, "model": "gpt-image-2", "size": "1024x1024", "n": n})
}

fn send_request(envoy: &Envoy, prompt: &str, n: u32) -> Response {
    Request::generation(&body(prompt, n)).send(envoy)
}

#[test]
fn images_come_over_http2() {
    let sim = Sim::start();
    let envoy = Setup::new(sim.port()).upstream_protocol(HTTP2).start();
    for (prompt, n) in
        [("a lighthouse", 1), ("a lighthouse", 3), ("a lighthouse [[sim:bytes=6MB]]", 2)]
    {
        let images = send_request(&envoy, prompt, n).images();
        assert_eq!(images.len(), usize::try_from(n).unwrap(), "{prompt}");
        assert!(images.iter().all(|it| it.starts_with("iVBORw0KGgo")), "{prompt}");
    }
    let received = sim.received();
    assert_eq!(received.len(), 6);
    assert!(received.iter().all(|it| it["version"] == "HTTP/2.0"), "{received:?}");
}

/// The configuration with an upstream whose answers are held: one that passes through breaks off.
fn held() -> Value {
    let mut config = config();
    config["upstreams"]["codex"]["delivery"] = json!("hold");
    config
}

#[test]
fn a_stream_that_is_cut_is_a_bad_gateway() {
    let sim = Sim::start();
    let http1 = "explicit_http_config: { http_protocol_options: {} }";
    let production = Setup::production(sim.port())
        .configure_struct(&held())
        .replace(http1, &format!("explicit_http_config: {{ {HTTP2} }}"));
    let setup = Setup::new(sim.port()).configure(&held()).upstream_protocol(HTTP2);
    for setup in [setup, production] {
        let envoy = setup.start();
        for fault in
            ["cut_mid_image", "preview_then_cut", "reset", "bytes=3MB]] [[sim:cut_mid_image"]
        {
            let response = send_request(&envoy, &format!("a lighthouse [[sim:{fault}]]"), 1);
            assert_eq!(
                (response.status, response.error_code().as_str()),
                (502, "upstream_disconnected"),
                "{fault}: {}",
                response.json()
            );
        }
        send_request(&envoy, "a lighthouse", 1).images();
    }
}

#[test]
fn other_ends_of_a_stream_are_reported_as_over_http1() {
    let sim = Sim::start();
    let envoy = Setup::new(sim.port()).configure(&held()).upstream_protocol(HTTP2).start();
    for (fault, status, code) in [
        ("hang_up", 502, "upstream_disconnected"),
        ("reset_early", 502, "upstream_disconnected"),
        ("end_mid_image", 502, "upstream_disconnected"),
        ("empty_body", 502, "upstream_disconnected"),
        ("overloaded", 503, "server_is_overloaded"),
        ("rate_limit", 429, "rate_limit_exceeded"),
        ("moderation", 400, "moderation_blocked"),
    ] {
        let response = send_request(&envoy, &format!("a lighthouse [[sim:{fault}]]"), 1);
        assert_eq!(
            (response.status, response.error_code().as_str()),
            (status, code),
            "{fault}: {}",
            response.json()
        );
    }
    for fault in ["cut_before_completed", "keep_open"] {
        send_request(&envoy, &format!("a lighthouse [[sim:{fault}]]"), 1).images();
    }
}

#[test]
fn a_side_call_that_is_cut_costs_its_image_alone() {
    let (generation, sim) = (Generation::small(1), Sim::start());
    let own = Upstream::generating(&generation);
    // Side calls go to the cluster, and the client's own stream to the cluster of its route.
    let envoy = Setup::new(sim.port())
        .upstream_protocol(HTTP2)
        .plain_route(own.port())
        .replace(
            "                            cluster: codex\n",
            "                            cluster: plain\n",
        )
        .start();
    for fault in ["cut_mid_image", "reset", "hang_up"] {
        let response = send_request(&envoy, &format!("a lighthouse [[sim:{fault}]]"), 2);
        assert_eq!(response.image(), generation.base64, "{fault}");
        assert_eq!(response.header("x-imagegate-images-failed").as_deref(), Some("1"), "{fault}");
    }
    assert_eq!((own.received().len(), sim.received().len()), (3, 3));
    assert_eq!(send_request(&envoy, "a lighthouse", 2).images().len(), 2);
}

/// What a client might smuggle past the head.
const TRAILERS: [(&str, &str); 6] = [
    ("cookie", "of-the-client"),
    ("chatgpt-account-id", "of-the-client"),
    ("authorization", "Bearer of-the-client"),
    ("x-imagegate-upstream", "of-the-client"),
    ("x-api-key", Key::WEB),
    ("x-checksum", "of-the-client"),
];

fn trailer_lines() -> Vec<u8> {
    TRAILERS.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect::<String>().into()
}

#[test]
fn no_trailer_of_the_client_reaches_the_upstream() {
    let sim = Sim::start();
    let envoy = Setup::new(sim.port()).upstream_protocol(HTTP2).request_trailers().start();
    for n in [1, 2] {
        let request = Request::generation(&body("a lighthouse", n));
        let response = request.send_with_trailers(&envoy, &trailer_lines());
        assert_eq!(response.images().len(), usize::try_from(n).unwrap());
    }
    let received = sim.received();
    assert_eq!(received.len(), 3);
    for sent in received {
        assert_eq!(sent["trailers"], json!([]));
        let sent = sent.to_string();
        assert!(!sent.contains("of-the-client") && !sent.contains(Key::WEB), "{sent}");
    }
}

#[test]
fn the_trailers_of_requests_that_are_not_ours_reach_the_upstream() {
    // Without the filter they all would: the case above looks at the right place.
    let sim = Sim::start();
    let envoy = Setup::new(sim.port())
        .request_trailers()
        .upstream_protocol(HTTP2)
        .replace(
            "route: { cluster: nowhere, cluster_not_found_response_code: NOT_FOUND }",
            "route: { cluster: codex }",
        )
        .start();
    let request = Request::new("POST", "/responses").body(b"{}".to_vec());
    assert_eq!(request.send_with_trailers(&envoy, &trailer_lines()).status, 401);
    let received = sim.received();
    let names: Vec<_> = received[0]["trailers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it[0].as_str().unwrap())
        .collect();
    assert!(names.contains(&"x-checksum") && names.contains(&"cookie"), "{names:?}");
}

//! Callers that an earlier filter of Envoy names, in place of a key.

use serde_json::{Value, json};

use crate::harness::{Envoy, Generation, Key, Request, Setup, Upstream, config};

/// Tokens of the issuer of `envoy/identity.yaml`, which do not expire: one of its consumer, one of
/// another caller, and one with a signature of another issuer.
const WEB: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImV4YW1wbGUifQ.eyJpc3MiOiJodHRwczovL21lc2guZXhhbXBsZSIsInN1YiI6InNwaWZmZTovL21lc2guZXhhbXBsZS9ucy9zaG9wL3NhL3dlYiJ9.RqwXpbLkDPSzp35shCBNtFHbCb_Jc7Lp1OkL8VRUSO0";
const STRANGER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImV4YW1wbGUifQ.eyJpc3MiOiJodHRwczovL21lc2guZXhhbXBsZSIsInN1YiI6InNwaWZmZTovL21lc2guZXhhbXBsZS9ucy9zaG9wL3NhL2Nyb24ifQ.h6NkFuvbXm2wGUtuyjinV9OurF18OwAvN6QbV9EuKik";
const FORGED: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImV4YW1wbGUifQ.eyJpc3MiOiJodHRwczovL21lc2guZXhhbXBsZSIsInN1YiI6InNwaWZmZTovL21lc2guZXhhbXBsZS9ucy9zaG9wL3NhL3dlYiJ9.w88LVzzF54pCeIs3E-R18-jvK94gaxAAVQOkY971BF8";

fn body() -> Value {
    json!({"prompt": "a square", "model": "gpt-image-2"})
}

#[test]
fn the_subject_of_a_verified_token_is_the_caller() {
    let upstream = Upstream::generating(&Generation::small(1));
    let envoy = Setup::of("envoy/identity.yaml", upstream.port())
        .replace("domains: [\"*\"]", "domains: [\"images.test\"]")
        .start();
    let send = |token: &str| Request::generation(&body()).bearer(token).send(&envoy);
    assert_eq!(send(WEB).images().len(), 1);
    let sent = upstream.only();
    assert!(
        !String::from_utf8_lossy(&sent.body).contains("spiffe"),
        "the caller's name went upstream"
    );
    assert_ne!(sent.header("authorization"), Some(format!("Bearer {WEB}")));
    let rejected = send(STRANGER);
    rejected.assert_error(401, "invalid_api_key");
    assert!(rejected.json().to_string().contains("mesh"), "{}", rejected.json());
    send(FORGED).assert_error(401, "invalid_api_key");
    Request::generation(&body())
        .without("authorization")
        .send(&envoy)
        .assert_error(401, "invalid_api_key");
    // A key beside the token is checked, and no consumer has it.
    let both = Request::generation(&body()).bearer(WEB).header("x-api-key", Key::UNKNOWN);
    both.send(&envoy).assert_error(401, "invalid_api_key");
    assert_eq!(upstream.received().len(), 1);
}

/// The filter's configuration with callers known by a header, and a filter before it that sets this
/// header.
fn named_by(header: &str, earlier: &str, upstream: &Upstream) -> Envoy {
    let mut config = config();
    config["identity"] = json!({"header": header});
    config["consumers"][0]["identities"] = json!(["web.shop"]);
    let filter = format!("                http_filters:\n{earlier}");
    Setup::new(upstream.port())
        .configure(&config)
        .replace("                http_filters:\n", &filter)
        .start()
}

/// A filter that sets a header to the identity of the peer, and replaces the client's own header.
fn overwriting(header: &str) -> String {
    let kind =
        "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation";
    format!(
        "                  - name: who\n                    typed_config: {{ \"@type\": {kind}, \
         mutations: {{ request_mutations: [ {{ append: {{ header: {{ key: {header}, value: \
         web.shop }}, append_action: OVERWRITE_IF_EXISTS_OR_ADD }} }} ] }} }}\n"
    )
}

#[test]
fn a_header_that_an_earlier_filter_overwrites_is_the_caller() {
    for header in ["x-mesh-caller", "x-imagegate-caller"] {
        let upstream = Upstream::generating(&Generation::small(1));
        let envoy = named_by(header, &overwriting(header), &upstream);
        let request = Request::generation(&body()).without("authorization");
        let response = request.header(header, "somebody-else").send(&envoy);
        assert_eq!(response.images().len(), 1, "{header}");
        assert_eq!(upstream.only().header(header), None);
        // A key that is wrong does not fall back to it, one that is right wins.
        let wrong = Request::generation(&body()).bearer(Key::UNKNOWN).send(&envoy);
        wrong.assert_error(401, "invalid_api_key");
        let expired = Request::generation(&body()).bearer(Key::EXPIRED).send(&envoy);
        expired.assert_error(401, "invalid_api_key");
    }
}

#[test]
fn a_name_that_occurs_twice_or_is_no_text_identifies_no_caller() {
    let upstream = Upstream::generating(&Generation::small(1));
    let envoy = named_by("x-mesh-caller", "", &upstream);
    let bare = || Request::generation(&body()).without("authorization");
    for names in [
        &[&b"web.shop"[..], b"web.shop"][..],
        &[b"\xff\xfe"],
        &[b"web.shop "],
        &[b"WEB.SHOP"],
        &[b""],
    ] {
        let request = names.iter().fold(bare(), |it, name| it.header("x-mesh-caller", name));
        let response = request.send(&envoy);
        if names == [b"web.shop "] {
            // HTTP takes the space away.
            assert_eq!(response.images().len(), 1);
        } else {
            response.assert_error(401, "invalid_api_key");
        }
    }
    bare().send(&envoy).assert_error(401, "invalid_api_key");
    assert!(envoy.log().contains("an earlier filter has to set or remove it"));
}

#[test]
fn without_configuration_a_header_identifies_no_caller() {
    let upstream = Upstream::generating(&Generation::small(1));
    let envoy = Envoy::with(upstream.port(), &config());
    let request = Request::generation(&body()).without("authorization");
    let response =
        request.header("x-imagegate-caller", "web").header("x-jwt-sub", "web").send(&envoy);
    response.assert_error(401, "invalid_api_key");
}

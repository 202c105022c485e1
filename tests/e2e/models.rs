//! The list of models, and the paths around it.

use serde_json::json;

use crate::harness::{Envoy, Generation, Key, Request, Setup, Step, Upstream, config};

fn listing(upstream: &Upstream) -> Setup {
    let mut config = config();
    config["models_endpoint"] = json!({"names": ["gpt-image-1.5", "openai:gpt-image-2"]});
    Setup::new(upstream.port()).configure(&config)
}

fn ids(envoy: &Envoy, key: &str) -> Vec<String> {
    let response = Request::new("GET", "/v1/models").bearer(key).send(envoy);
    assert_eq!(response.status, 200, "{}", response.json());
    let list = response.json();
    assert_eq!(list["object"], "list");
    let data = list["data"].as_array().unwrap();
    data.iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn each_key_is_shown_what_it_may_ask_for_and_gets_it() {
    let upstream = Upstream::generating(&Generation::small(1));
    let envoy = listing(&upstream).start();
    let all = ids(&envoy, Key::WEB);
    assert_eq!(all, ["gpt-image-2", "gpt-image-1.5", "openai:gpt-image-2"]);
    assert_eq!(ids(&envoy, Key::MASTER), all);
    assert_eq!(ids(&envoy, Key::NARROW), ["gpt-image-2"]);
    for id in all {
        let path = format!("/v1/models/{}", id.replace(':', "%3A"));
        let model = Request::new("GET", path).bearer(Key::WEB).send(&envoy);
        assert_eq!((model.status, &model.json()["id"]), (200, &json!(id)));
        let request = Request::generation(&json!({"prompt": "a square", "model": id}));
        assert_eq!(request.bearer(Key::WEB).send(&envoy).images().len(), 1, "{id}");
    }
    let lost = Request::new("GET", "/v1/models/gpt-image-1.5").bearer(Key::NARROW).send(&envoy);
    lost.assert_error(404, "model_not_found");
    assert_eq!(lost.json()["error"]["param"], "model");
}

/// OpenAI's clients escape the slash in a name. `envoy/` has Envoy reject such a path, whatever
/// service it is for.
#[test]
fn a_slash_in_a_name_is_sent_as_it_is_where_envoy_rejects_escaped_ones() {
    let upstream = Upstream::unreached();
    let mut config = config();
    config["models"] = json!([{"match": "openai/gpt-image-2", "upstream": "codex"}]);
    config["models_endpoint"] = json!({});
    let envoy = Setup::new(upstream.port()).configure(&config).start();
    let model = |name: &str| {
        Request::new("GET", format!("/v1/models/{name}")).bearer(Key::WEB).send(&envoy)
    };
    let escaped = model("openai%2Fgpt-image-2");
    assert_eq!(
        (escaped.status, &escaped.json()["error"]["code"]),
        (400, &json!("invalid_headers"))
    );
    let sent_plainly = model("openai/gpt-image-2");
    assert_eq!(sent_plainly.status, 200, "{}", sent_plainly.json());
    assert_eq!(sent_plainly.json()["id"], "openai/gpt-image-2");
}

#[test]
fn no_spelling_of_the_list_reaches_another_route_without_a_key() {
    let (upstream, plain) = (Upstream::unreached(), Upstream::unreached());
    let setup = listing(&upstream).plain_route(plain.port()).paths_as_sent();
    let envoy = setup.start();
    for path in [
        "/v1/models",
        "/v1/models/",
        "/v1/models?x",
        "/v1//models",
        "/V1/Models",
        "/v1/x/../models",
        "/v1/%6dodels",
        "/v1%2fmodels",
        "/v1/models.json",
        "/v1/models%00",
        "/v1/models/gpt-image-2",
        "/v1/models%2fgpt-image-2",
        "/v1;a/models;b/gpt-image-2",
        "/v1/models%c0%afgpt-image-2",
        "\\v1\\models\\gpt-image-2",
    ] {
        for request in [Request::new("GET", path), Request::new("GET", path).bearer(Key::UNKNOWN)] {
            let status = request.send(&envoy).status;
            assert!([400, 401].contains(&status), "{path}: {status}");
        }
    }
    for method in ["POST", "DELETE", "OPTIONS", "HEAD"] {
        let response = Request::new(method, "/v1/models").bearer(Key::WEB).send(&envoy);
        assert_eq!(response.status, 405, "{method}");
        assert_eq!(response.header("allow").as_deref(), Some("GET"), "{method}");
    }
}

#[test]
fn without_the_setting_the_path_is_not_the_filters() {
    let upstream = Upstream::unreached();
    let plain = Upstream::always(Step::json(200, &json!({"object": "list", "data": ["theirs"]})));
    let envoy = Setup::new(upstream.port()).plain_route(plain.port()).start();
    let response = Request::new("GET", "/v1/models").send(&envoy);
    assert_eq!((response.status, &response.json()["data"][0]), (200, &json!("theirs")));
}

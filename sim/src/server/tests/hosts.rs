//! Host models over a socket: which path serves which, and how the others are rejected.

use std::net::SocketAddr;

use super::client::{CODEX, Received, body, get, send, start};

const PATH: &str = "/backend-api/codex/responses";
const PROMPT: &str = "[[sim:size=64x48]] a red fox";

async fn ask(address: SocketAddr, path: &str, headers: &str, host: &str, words: &str) -> Received {
    send(address, "POST", path, headers, body(host, &format!("{PROMPT} {words}"))).await
}

#[tokio::test]
async fn the_codex_path_rejects_retired_and_too_new_models() {
    let address = start(&[]).await;
    for (host, version, status) in [
        ("gpt-6-luna", "0.170.0", 200),
        ("gpt-6-luna", "0.154.0", 400),
        ("gpt-5.6-luna", "0.143.0", 404),
        ("gpt-5.4", "0.170.0", 400),
        ("gpt-5.5", "0.170.0", 404),
        ("gpt-5.3-codex-spark", "0.170.0", 400),
        ("gpt-99", "0.170.0", 400),
    ] {
        let headers = format!("authorization: Bearer t\r\nversion: {version}\r\n");
        let received = ask(address, PATH, &headers, host, "").await;
        assert_eq!(received.status(), status, "{host} {version}");
        assert_eq!(received.text().contains("partial_image"), status == 200);
    }
    let stats = get(address, "/stats").await.json();
    assert_eq!((&stats["refused"], &stats["images_drawn"]), (&6.into(), &1.into()));
}

#[tokio::test]
async fn a_client_without_a_version_is_too_old_for_every_host_model() {
    let address = start(&[]).await;
    let received = ask(address, PATH, "authorization: Bearer t\r\n", "gpt-6-luna", "").await;
    assert_eq!(received.status(), 400);
    assert!(received.text().contains("requires a newer version of Codex"));
}

#[tokio::test]
async fn other_paths_do_not_know_host_models() {
    let address = start(&[]).await;
    for path in ["/v1/responses", "/responses"] {
        let received = ask(address, path, "authorization: Bearer t\r\n", "gpt-5.4-mini", "").await;
        assert_eq!(received.status(), 200, "{path}");
    }
}

#[tokio::test]
async fn a_rejection_can_be_an_event_of_a_stream() {
    let address = start(&[]).await;
    let received = ask(address, PATH, CODEX, "gpt-5.4-mini", "").await;
    assert_eq!((received.status(), received.names()), (200, vec!["error".to_owned()]));
    assert!(received.head.contains("content-type: text/event-stream"));
    assert_eq!(received.events()[0]["status"], 400);
}

#[tokio::test]
async fn a_prompt_or_an_option_can_choose_another_rejection() {
    let address = start(&["--host-models", "+gpt-6-sol=e"]).await;
    assert_eq!(ask(address, PATH, CODEX, "gpt-6-sol", "").await.status(), 404);
    let one = "[[sim:refuse_host=gpt-6-luna:d]]";
    let rejected = ask(address, PATH, CODEX, "gpt-6-luna", one).await;
    assert_eq!(rejected.status(), 404);
    assert_eq!(rejected.json()["error"]["message"], "Model not found gpt-6-luna");
    assert_eq!(ask(address, PATH, CODEX, "gpt-5.6-luna", one).await.status(), 200);
    let all = ask(address, PATH, CODEX, "gpt-5.6-luna", "[[sim:refuse_host=f]]").await;
    assert_eq!(all.status(), 400);
    let image_model = ask(address, PATH, CODEX, "gpt-6-luna", "[[sim:no_image_model]]").await;
    assert_eq!(image_model.status(), 400);
    assert_eq!(image_model.json()["error"]["type"], "image_generation_user_error");
    let open = start(&["--host-models", "any"]).await;
    let received = ask(open, PATH, "authorization: Bearer t\r\n", "gpt-5.4-mini", "").await;
    assert_eq!(received.status(), 200);
}

#[tokio::test]
async fn the_catalogue_is_the_accounts() {
    let address = start(&["--token", "t"]).await;
    let path = "/backend-api/codex/models?client_version=0.170.0";
    let account = format!("{CODEX}chatgpt-account-id: a\r\n");
    let listed = send(address, "GET", path, &account, "").await;
    assert_eq!(listed.status(), 200);
    assert_eq!(listed.json()["models"][0]["slug"], "gpt-6.2-astra");
    let tag = |received: &Received, name: &str| {
        let line = received.head.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.to_owned()
    };
    let generated = ask(address, PATH, CODEX, "gpt-6-luna", "").await;
    assert_eq!(tag(&listed, "etag: "), tag(&generated, "x-models-etag: "));
    for (method, path, headers, status) in [
        ("GET", path, "", 401),
        ("GET", path, CODEX, 401),
        ("GET", path, "authorization: Bearer other\r\nchatgpt-account-id: a\r\n", 401),
        ("GET", "/backend-api/codex/models", account.as_str(), 400),
        ("POST", path, &account, 405),
    ] {
        let received = send(address, method, path, headers, "").await;
        assert_eq!(received.status(), status, "{method} {path} {headers}");
    }
    let missing = send(address, "GET", "/backend-api/codex/models", &account, "").await;
    assert_eq!(missing.json()["detail"], "missing client_version");
}

//! The Images API of the Codex backend over a socket.

use serde_json::json;

use super::client::{send, start};

const PATH: &str = "/backend-api/codex/images/generations";
const HEADERS: &str = "authorization: Bearer t\r\ncontent-type: application/json\r\n";

fn body(words: &str) -> String {
    json!({"model": "gpt-image-2.6-flare", "prompt": format!("[[sim:size=64x48]] {words}"),
        "quality": "high", "output_format": "jpeg", "stream": true})
    .to_string()
}

#[tokio::test]
async fn the_answer_is_one_document_with_the_limit_of_images() {
    let address = start(&[]).await;
    let received = send(address, "POST", PATH, HEADERS, body("fox")).await;
    assert_eq!(received.status(), 200);
    for header in [
        "content-type: application/json",
        "x-codex-active-limit: imagegen_premium",
        "x-codex-primary-window-minutes: 1440",
        "x-codex-primary-used-percent: ",
        "x-codex-imagegen-request-id: ",
    ] {
        assert_eq!(received.head.matches(header).count(), 1, "{header}");
    }
    for other in ["x-codex-secondary-", "openai-model", "x-ratelimit-"] {
        assert!(!received.head.contains(other), "{other}");
    }
    let answer = received.json();
    assert_eq!(
        (&answer["quality"], &answer["output_format"], &answer["size"]),
        (&json!("low"), &json!("png"), &json!("64x48"))
    );
    assert!(answer["data"][0]["b64_json"].as_str().unwrap().starts_with("iVBORw0KGgo"));
    assert_eq!(answer["usage"]["output_tokens"], 439);
}

#[tokio::test]
async fn it_rejects_a_credential_as_the_backend_does() {
    let address = start(&["--token", "right"]).await;
    let received = send(address, "POST", PATH, HEADERS, body("fox")).await;
    assert_eq!((received.status(), received.json()), (401, json!({"detail": "Unauthorized"})));
}

#[tokio::test]
async fn its_faults_are_worded_as_the_backends() {
    let address = start(&[]).await;
    for (fault, status) in [("unauthorized", 401), ("forbidden", 403), ("not_found", 404)] {
        let words = format!("[[sim:{fault}]]");
        let received = send(address, "POST", PATH, HEADERS, body(&words)).await;
        assert_eq!(received.status(), status, "{fault}");
        assert!(received.json()["detail"].is_string(), "{fault}");
    }
    let limit = send(address, "POST", PATH, HEADERS, body("[[sim:usage_limit]]")).await;
    assert_eq!(limit.status(), 429);
    assert!(limit.head.contains("x-codex-primary-used-percent: 100"));
    assert!(limit.head.contains("x-codex-active-limit: imagegen_premium"));
}

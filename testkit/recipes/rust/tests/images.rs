//! Sends requests to imagegate in a container.

use serde_json::{Value, json};
use testcontainers::{
    Container, GenericImage,
    core::{IntoContainerPort, WaitFor, wait::HttpWaitStrategy},
    runners::SyncRunner,
};

const PORT: u16 = 10000;

fn start() -> (Container<GenericImage>, String) {
    let ready = HttpWaitStrategy::new("/testkit/ready")
        .with_port(PORT.tcp())
        .with_expected_status_code(200u16);
    let container = GenericImage::new("imagegate-testkit", "latest")
        .with_exposed_port(PORT.tcp())
        .with_wait_for(WaitFor::http(ready))
        .start()
        .unwrap();
    let host = container.get_host().unwrap();
    let port = container.get_host_port_ipv4(PORT).unwrap();
    (container, format!("http://{host}:{port}"))
}

fn generate(url: &str, fault: &str) -> u16 {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut request = agent
        .post(format!("{url}/v1/images/generations"))
        .header("authorization", "Bearer sk-imagegate-test");
    if !fault.is_empty() {
        request = request.header("x-codex-sim-fault", fault);
    }
    let body = json!({ "model": "gpt-image-2", "prompt": "a red fox" });
    let mut response = request.send_json(body).unwrap();
    // The answer ends with its body, and the record is written at the end of the answer.
    response.body_mut().read_to_vec().unwrap();
    response.status().as_u16()
}

#[test]
fn images() {
    let (_container, url) = start();
    assert_eq!(generate(&url, ""), 200);
    assert_eq!(generate(&url, "rate_limit"), 429);
    let ledger: Value =
        ureq::get(format!("{url}/testkit/ledger")).call().unwrap().body_mut().read_json().unwrap();
    let statuses: Vec<_> =
        ledger["records"].as_array().unwrap().iter().map(|it| it["status"].clone()).collect();
    assert_eq!(statuses, [200, 429]);
}

//! Updates of a cluster, of the configuration and of the module while calls are open.

use std::fs;
use std::thread;

use serde_json::json;

use super::{assert_all, assert_clean, body, complete_then, looped, send_promptly, setup};
use crate::harness::config::sha256;
use crate::harness::{Gate, Generation, Key, Request, Setup, Step, Upstream, eventually};

#[test]
fn an_update_of_the_upstreams_cluster_loses_no_image() {
    let generations = [1, 2, 3].map(Generation::small);
    let gate = Gate::default();
    let scripts = generations.iter().map(|it| {
        let mut script = Step::generate(it);
        script.insert(1, Step::Wait(gate.clone()));
        script
    });
    let upstream = Upstream::scripts(scripts);
    let envoy = setup(&upstream).discovered_clusters("codex").start();
    let updates = "cluster_manager.cds.update_success";
    assert_eq!(envoy.metric(updates), Some(1));
    let response = thread::scope(|scope| {
        let client = scope.spawn(|| send_promptly(&envoy, 3));
        upstream.wait_for(3);
        let path = envoy.folder().join("clusters.yaml");
        let clusters = fs::read_to_string(&path).unwrap();
        let next = envoy.folder().join("clusters.next");
        fs::write(&next, clusters.replace("connect_timeout: 5s", "connect_timeout: 6s")).unwrap();
        fs::rename(next, path).unwrap();
        eventually("the update is in force", || envoy.metric(updates) == Some(2));
        assert_eq!(envoy.metric("cluster_manager.cluster_modified"), Some(1));
        gate.open();
        client.join().unwrap()
    });
    assert_all(&response, &generations);
    assert_clean(&envoy);
}

#[test]
fn a_change_of_the_configuration_loses_no_image_and_stays_in_one_vm() {
    let generations = [1, 2, 3, 4, 5].map(Generation::small);
    let gate = Gate::default();
    let scripts = generations.iter().enumerate().map(|(place, it)| {
        let mut script = complete_then(it, &[Step::Close]);
        if place < 3 {
            script.insert(1, Step::Wait(gate.clone()));
        }
        script
    });
    let upstream = Upstream::scripts(scripts);
    // An alias cannot lead into the file of discovery.
    let vm = "vm_config: { vm_id: imagegate, runtime: envoy.wasm.runtime.v8, code: { local: { \
              filename: build/imagegate.wasm } }, environment_variables: { host_env_keys: \
              [CODEX_ACCESS_TOKEN, CODEX_ACCOUNT_ID, OPENAI_API_KEY] } }";
    let envoy = Setup::of("envoy/providers.yaml", upstream.port())
        .configure(&looped())
        .replace("vm_config: *vm", vm)
        .discovered()
        .start();
    let response = thread::scope(|scope| {
        let client = scope.spawn(|| send_promptly(&envoy, 3));
        upstream.wait_for(3);
        let mut changed = looped();
        changed["consumers"][0]["key_sha256"] = json!([sha256(Key::WEB), sha256(Key::UNKNOWN)]);
        envoy.rediscover(&changed);
        let list = Request::new("GET", "/v1/images/limits").bearer(Key::UNKNOWN);
        eventually("the change is in force", || list.clone().send(&envoy).status == 200);
        gate.open();
        client.join().unwrap()
    });
    assert_all(&response, &generations[..3]);
    assert_all(&send_promptly(&envoy, 2), &generations[3..]);
    assert_clean(&envoy);
}

#[test]
fn calls_into_another_vm_are_made_as_without_the_listener() {
    // As while an update of the module has replaced one filter and not yet the other.
    let generation = Generation::small(1);
    let upstream = Upstream::generating(&generation);
    let other = "vm_config: { vm_id: imagegate, runtime: envoy.wasm.runtime.v8, code: { local: { \
                 filename: build/imagegate.wasm } }, configuration: { \"@type\": \
                 type.googleapis.com/google.protobuf.StringValue, value: other } }";
    let envoy = setup(&upstream).replace("vm_config: *vm", other).start();
    for n in [2, 3] {
        let expected = vec![generation.clone(); usize::try_from(n).unwrap()];
        assert_all(&send_promptly(&envoy, n), &expected);
    }
    let warning = "does not run in the VM of the filter that calls it";
    assert_eq!(envoy.log().matches(warning).count(), 1);
}

#[test]
fn a_filter_of_another_vm_id_refuses_calls_and_the_log_says_why() {
    let upstream = Upstream::unreached();
    let other = "vm_config: { vm_id: other, runtime: envoy.wasm.runtime.v8, code: { local: { \
                 filename: build/imagegate.wasm } } }";
    let envoy = setup(&upstream).replace("vm_config: *vm", other).start();
    for n in [2, 3] {
        Request::generation(&body(n)).send(&envoy).assert_error(500, "gateway_misconfigured");
    }
    let reason = "come from a filter with another `vm_id`: give both the same `vm_config`";
    assert_eq!(envoy.log().matches(reason).count(), 1);
    assert!(upstream.received().is_empty());
}

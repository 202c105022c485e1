//! The findings of `check` about the loopback listener: one change to the file for production at a
//! time.

use crate::lints::{changed, check, example, expect};

#[test]
fn a_loopback_listener_that_cannot_be_reached_is_an_error() {
    let whole = example("production.yaml");
    let fine = check(&whole);
    assert!(!fine.err.contains("loopback"), "{}", fine.err);
    for (from, to, title) in [
        (
            "loopback: { cluster: imagegate_loopback }",
            "loopback: { cluster: other }",
            "there is no cluster `other` for the loopback listener",
        ),
        (
            "server_listener_name: imagegate_loopback",
            "server_listener_name: images",
            "the cluster `imagegate_loopback` leads to no loopback listener",
        ),
        (
            "root_id: imagegate_loopback",
            "root_id: imagegate_other",
            "the cluster `imagegate_loopback` leads to no loopback listener",
        ),
        (
            "bootstrap_extensions:\n",
            "x:\n",
            "the bootstrap extension `envoy.bootstrap.internal_listener` is missing",
        ),
    ] {
        expect(&changed(&whole, from, to), "error", title);
    }
}

#[test]
fn a_loopback_listener_that_breaks_calls_or_opens_the_gate_is_an_error() {
    let whole = example("production.yaml");
    let alias = "                # The routes of the listener above.\n                route_config: *routes\n";
    let other_routes = "                route_config: { virtual_hosts: [{ name: x, domains: [\"*\"], routes: \
                        [] }] }\n";
    for (from, to, title) in [
        (
            "      internal_listener: {}\n",
            "      address: { socket_address: { address: 127.0.0.1, port_value: 10002 } }\n",
            "the loopback filter is on a listener that is not an internal one",
        ),
        (
            "vm_config: *vm",
            "vm_config: { vm_id: other, runtime: envoy.wasm.runtime.v8, code: { local: { filename: \
             build/imagegate.wasm } } }",
            "the `vm_id` of the loopback filter is not that of the filter that calls it",
        ),
        (alias, other_routes, "the loopback listener has no route for the upstream `codex`"),
        (
            "route: { cluster: nowhere, cluster_not_found_response_code: NOT_FOUND }",
            "route: { cluster: imagegate_loopback }",
            "another route leads to an upstream's cluster",
        ),
    ] {
        expect(&changed(&whole, from, to), "error", title);
    }
}

#[test]
fn a_loopback_filter_in_another_vm_is_a_warning() {
    let whole = example("production.yaml");
    let other = "vm_config: { vm_id: imagegate, runtime: envoy.wasm.runtime.v8, code: { local: { \
                 filename: build/other.wasm } } }";
    let title = "the `vm_config` of the loopback filter is not that of the filter that calls it";
    expect(&changed(&whole, "vm_config: *vm", other), "warning", title);
    // The order of fields is no difference.
    let same = "vm_config: { runtime: envoy.wasm.runtime.v8, code: { local: { filename: \
                build/imagegate.wasm } }, vm_id: imagegate }";
    assert!(!check(&changed(&whole, "vm_config: *vm", same)).err.contains("vm_config"));
}

#[test]
fn a_setting_of_the_loopback_filter_is_checked_as_of_the_other() {
    let whole = example("production.yaml");
    let alone = "root_id: imagegate_loopback\n                        allow_on_headers_stop_iteration: true\n";
    let without = "root_id: imagegate_loopback\n";
    expect(
        &changed(&whole, alone, without),
        "error",
        "`allow_on_headers_stop_iteration: true` is missing",
    );
}

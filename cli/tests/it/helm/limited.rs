//! The rate-limit service that the chart runs, and its Redis.

use std::fs;

use serde_json::Value;

use super::{case, compared::documents, template};
use crate::program::root;

/// The document with this kind and name.
fn one<'d>(documents: &'d [(String, Value)], name: &str) -> &'d Value {
    let found = documents.iter().find(|document| document.0 == name);
    &found.unwrap_or_else(|| panic!("there is no {name}")).1
}

/// Envoy asks at the port that the service listens on.
#[test]
#[ignore = "needs Helm: make test-helm"]
fn the_port_of_the_service_is_one_everywhere() {
    let (minimal, limits) = (case("minimal.yaml"), case("limits.yaml"));
    for mesh in ["envoy-gateway", "istio"] {
        let set = format!("mesh={mesh},rateLimit.port=9999");
        let all = template(&["--values", &minimal, "--values", &limits, "--set", &set]);
        let asked = "address: ratelimit.imagegate.svc.cluster.local\n";
        let port = all.split(asked).nth(1).unwrap().lines().next().unwrap();
        assert_eq!(port.trim(), "port_value: 9999", "{mesh}");
        let all = documents(&all);
        let container =
            one(&all, "Deployment ratelimit").pointer("/spec/template/spec/containers/0").unwrap();
        let variables = container["env"].as_array().unwrap();
        let listens = variables.iter().find(|it| it["name"] == "GRPC_PORT").unwrap();
        assert_eq!(listens["value"], "9999", "{mesh}");
        assert_eq!(container["ports"][1]["containerPort"], 9999, "{mesh}");
        assert_eq!(one(&all, "Service ratelimit")["spec"]["ports"][0]["port"], 9999, "{mesh}");
    }
}

/// The service has six units. The filter reads a window as a calendar period or as a duration.
#[test]
#[ignore = "needs Helm: make test-helm"]
fn a_window_is_the_unit_that_is_as_long() {
    let (minimal, limits) = (case("minimal.yaml"), case("limits.yaml"));
    for (window, unit) in [
        ("1s", "second"),
        ("1000ms", "second"),
        ("1m", "minute"),
        ("60s", "minute"),
        ("60 seconds", "minute"),
        ("1h", "hour"),
        ("60m", "hour"),
        ("3600s", "hour"),
        ("30m 1800s", "hour"),
        ("1d", "day"),
        ("24h", "day"),
        ("86400s", "day"),
        ("23h 0.5h 30min", "day"),
        ("day", "day"),
        ("1w", "week"),
        ("7d", "week"),
        ("week", "week"),
        ("30d", "month"),
        ("720h", "month"),
        ("month", "month"),
    ] {
        let set = format!("config.limits[0].window={window}");
        let text = template(&["--values", &minimal, "--values", &limits, "--set", &set]);
        let all = documents(&text);
        let descriptors = &one(&all, "ConfigMap ratelimit")["data"]["imagegate.yaml"];
        let limit = descriptors.pointer("/descriptors/0/descriptors/0/rate_limit").unwrap();
        assert_eq!(limit["unit"], unit, "{window}");
        // The filter takes it, too.
        super::rendered::assert_checked(&text, window);
    }
}

/// An image of Redis may be in protected mode, in which no other container can connect.
#[test]
fn redis_has_the_same_arguments_everywhere() {
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    let compose: Value = serde_yaml_ng::from_str(&read("deploy/compose/compose.yaml")).unwrap();
    let (program, expected) =
        compose["services"]["redis"]["command"].as_array().unwrap().split_first().unwrap();
    assert_eq!(program, "redis-server");
    assert!(expected.contains(&"--protected-mode".into()), "{expected:?}");
    let all = documents(&read("deploy/ratelimit.yaml"));
    let arguments = one(&all, "Deployment redis").pointer("/spec/template/spec/containers/0/args");
    assert_eq!(arguments.unwrap().as_array().unwrap(), expected);
}

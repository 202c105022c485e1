//! Names: those that YAML could read as other values, and those that Kubernetes or a mesh refuses.

use std::collections::HashSet;

use serde_json::Value;

use super::{CHART, case, compared::documents, helm, template};
use crate::program::run;

const MESHES: [&str; 2] = ["envoy-gateway", "istio"];

/// What sets a name, an ordinary name for it, one that YAML 1.2 reads as another value, and one
/// that Kubernetes does, whose YAML is 1.1.
const NAMES: &[(&str, &str, &str, &str)] = &[
    ("fullnameOverride", "plain-all", "true", "y"),
    ("namespaceOverride", "plain-namespace", "123", "yes"),
    ("names.gateway", "plain-gateway", "2e3", "no"),
    ("names.route", "plain-route", "1", "off"),
    ("names.rateLimit", "plain-counters", "false", "on"),
    ("names.redis", "plain-redis", "null", "n"),
    ("upstream.secretName", "plain-secret", "0x10", "0b1"),
    ("config.limits[0].name", "plain-rule", "0", "0o7"),
];

/// The manifests with the names of one column, in the order of their kinds and names.
fn with_names(mesh: &str, name: impl Fn(&(&str, &str, &str, &str)) -> String) -> String {
    let (minimal, limits) = (case("minimal.yaml"), case("limits.yaml"));
    let set: Vec<_> = NAMES.iter().map(|it| format!("{}={}", it.0, name(it))).collect();
    let (mesh, set) = (format!("mesh={mesh}"), set.join(","));
    template(&["--values", &minimal, "--values", &limits, "--set", &mesh, "--set-string", &set])
}

#[test]
#[ignore = "needs Helm: make test-helm"]
fn names_stay_text_whatever_they_look_like() {
    for mesh in MESHES {
        let plain = documents(&with_names(mesh, |it| it.1.to_owned()));
        let odd = documents(&with_names(mesh, |it| it.2.to_owned()));
        let mut expected = serde_json::to_string(&plain).unwrap();
        for (value, plain, odd, _) in NAMES {
            assert!(expected.contains(plain), "{mesh} {value}");
            expected = expected.replace(plain, odd);
        }
        let mut expected: Vec<(String, Value)> = serde_json::from_str(&expected).unwrap();
        expected.sort_by(|one, other| one.0.cmp(&other.0));
        assert_eq!(odd.len(), expected.len(), "{mesh}");
        for ((name, odd), (_, expected)) in odd.iter().zip(&expected) {
            let differences = json_patch::diff(expected, odd);
            assert!(differences.is_empty(), "{mesh}, {name}: {differences}");
        }
    }
}

/// The parser of these tests takes `on` for text, the one of Kubernetes for `true`.
#[test]
#[ignore = "needs Helm: make test-helm"]
fn names_are_quoted_for_the_yaml_of_kubernetes() {
    for mesh in MESHES {
        let text = with_names(mesh, |it| it.3.to_owned());
        for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
            for (_, _, _, name) in NAMES {
                for before in [": ", "- ", "["] {
                    for after in ["", " ", ",", "]"] {
                        let plain = format!("{before}{name}{after}");
                        let found = if after.is_empty() {
                            line.ends_with(&plain)
                        } else {
                            line.contains(&plain)
                        };
                        assert!(!found, "{mesh}: {line}");
                    }
                }
            }
        }
    }
}

#[test]
#[ignore = "needs Helm: make test-helm"]
fn the_name_of_a_release_may_be_a_number() {
    let minimal = case("minimal.yaml");
    let release = ["template", "123", CHART, "--namespace", "456", "--values", &minimal];
    let outcome = helm(&release);
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    for (name, document) in documents(&outcome.out) {
        let namespace = &document["metadata"]["namespace"];
        assert!(name.starts_with("GatewayClass ") || namespace == "456", "{name}: {namespace}");
    }
}

#[test]
#[ignore = "needs Helm: make test-helm"]
fn a_release_that_is_no_name_of_a_service_needs_another_name_in_istio() {
    let minimal = case("minimal.yaml");
    for release in ["a.b", "1gate", "123"] {
        let values = ["--values", &minimal, "--set"];
        let with =
            |more: &str| helm(&[&["template", release, CHART], &values[..], &[more]].concat());
        assert_eq!(with("mesh=envoy-gateway").code, Some(0), "{release}");
        let outcome = with("mesh=istio");
        let message = format!("fullnameOverride: \"{release}\" is no name of a Service, accepted");
        assert_eq!((outcome.code, outcome.out.as_str()), (Some(1), ""), "{release}");
        assert!(outcome.err.contains(&message), "{release}: {}", outcome.err);
        assert_eq!(with("mesh=istio,fullnameOverride=gate").code, Some(0), "{release}");
    }
}

/// With names of its own, a second release has no resource of the first.
#[test]
#[ignore = "needs Helm: make test-helm"]
fn two_releases_share_a_namespace() {
    let (minimal, limits) = (case("minimal.yaml"), case("limits.yaml"));
    let names =
        "names.gateway=gate-2,names.route=images-2,names.rateLimit=ratelimit-2,names.redis=redis-2";
    for mesh in MESHES {
        let mesh_is = format!("mesh={mesh}");
        let values = ["--values", &minimal, "--values", &limits, "--set", &mesh_is];
        let release = |name, more: &[&str]| -> HashSet<String> {
            let first = ["template", name, CHART, "--namespace", "imagegate"];
            let outcome = helm(&[&first, &values[..], more].concat());
            assert_eq!(outcome.code, Some(0), "{}", outcome.err);
            documents(&outcome.out).into_iter().map(|it| it.0).collect()
        };
        let (first, second) = (release("one", &[]), release("two", &["--set", names]));
        assert_eq!(first.len(), second.len(), "{mesh}");
        let shared: Vec<_> = first.intersection(&second).collect();
        assert!(shared.is_empty(), "{mesh}: {shared:?}");
    }
}

/// Hosts, some of which are none.
const HOSTS: &[&str] = &[
    "images.example.com",
    "no",
    "a1",
    "1a",
    "a.1b",
    "xn--bcher-kva.example",
    "192.0.2.1",
    "255.255.255.255",
    "256.0.0.1",
    "192.0.2.01",
    "192.0.2",
    "1.5",
    "a.1",
    "a..b",
    "a-.b",
    "-a.b",
    ".a",
    "a.",
    "a_b",
    "A.b",
    "images.example.com:443",
];

/// The chart accepts the hosts that `imagegatectl init` accepts.
#[test]
#[ignore = "needs Helm: make test-helm"]
fn a_host_is_what_init_accepts() {
    let minimal = case("minimal.yaml");
    let (longest, longer) = ("a".repeat(63), "a".repeat(64));
    let most = [longest.as_str(); 4].join(".");
    let names = [longest.as_str(), longer.as_str(), &most[..253], &most[..254]];
    let mut accepted = 0;
    for host in names.iter().chain(HOSTS) {
        for mesh in MESHES {
            let given = format!("--host={host}");
            let init = run(&["init", "--for", mesh, "--upstream", "codex", &given]);
            let set = format!("mesh={mesh},host={host}");
            let values = ["--values", &minimal, "--set-string", &set];
            let outcome = helm(&[&["template", "imagegate", CHART], &values[..]].concat());
            let is_accepted = outcome.code == Some(0);
            assert_eq!(is_accepted, init.code == Some(0), "{set}: {}{}", outcome.err, init.err);
            assert!(is_accepted || outcome.err.contains("host"), "{set}: {}", outcome.err);
            accepted += usize::from(is_accepted);
        }
    }
    assert_eq!(accepted, 18, "of {} hosts", names.len() + HOSTS.len());
}

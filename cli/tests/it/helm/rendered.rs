//! What the chart refuses, and what it renders to with many values.

use std::{fs, process::Command};

use super::{CHART, case, helm, template};
use crate::{
    fixtures::assert_expected,
    program::{Folder, root, run},
};

const CASES: [&str; 2] = ["azure-in-envoy-gateway", "openai-in-istio"];

#[test]
#[ignore = "needs Helm: make test-helm"]
fn strict_lint_finds_nothing() {
    let mut values: Vec<_> = CASES.map(|name| vec![case(&format!("{name}/values.yaml"))]).into();
    values.push(vec![case("minimal.yaml")]);
    values.push(vec![case("minimal.yaml"), case("limits.yaml")]);
    for files in values {
        let files: Vec<_> = files.iter().flat_map(|file| ["--values", file]).collect();
        let outcome = helm(&[&["lint", "--strict", CHART], &files[..]].concat());
        assert_eq!(outcome.code, Some(0), "{files:?}: {}{}", outcome.out, outcome.err);
        assert!(outcome.out.contains("1 chart(s) linted, 0 chart(s) failed"), "{}", outcome.out);
    }
}

/// `cli/tests/helm/CASE/` has the values, the manifests and the notes.
#[test]
#[ignore = "needs Helm: make test-helm"]
fn cases_render_to_their_goldens_and_pass_the_check() {
    for name in CASES {
        let values = case(&format!("{name}/values.yaml"));
        let manifests = template(&["--values", &values]);
        assert_expected(case(&format!("{name}/manifests.yaml")).as_ref(), &manifests);
        let install = ["install", "imagegate", CHART, "--namespace", "imagegate"];
        let outcome = helm(&[&install[..], &["--dry-run=client", "--values", &values]].concat());
        assert_eq!(outcome.code, Some(0), "{name}: {}", outcome.err);
        let notes = outcome.out.split_once("\nNOTES:\n").unwrap().1;
        assert_expected(case(&format!("{name}/notes.txt")).as_ref(), notes);
        assert_checked(&manifests, name);
    }
}

#[test]
#[ignore = "needs Helm: make test-helm"]
fn the_values_of_the_guides_pass_the_check() {
    for guide in ["envoy-gateway", "istio"] {
        let page = root().join(format!("docs/guides/{guide}.md"));
        let page = fs::read_to_string(page).unwrap();
        let values = page.split("```yaml\n# my-values.yaml\n").nth(1).unwrap();
        let values = values.split("```").next().unwrap();
        assert!(values.starts_with(&format!("mesh: {guide}\n")), "{values}");
        let folder = Folder::new();
        assert_checked(&template(&["--values", &folder.file("values.yaml", values)]), guide);
    }
}

#[test]
#[ignore = "needs Helm: make test-helm"]
fn every_mesh_and_upstream_passes_the_check() {
    let (minimal, limits) = (case("minimal.yaml"), case("limits.yaml"));
    for mesh in ["envoy-gateway", "istio"] {
        for upstream in ["codex", "openai", "azure,upstream.host=acme.openai.azure.com"] {
            let set = format!("mesh={mesh},upstream.kind={upstream}");
            let values = ["--set", &set, "--values", &minimal];
            assert_checked(&template(&values), &set);
            let values = [&values[..], &["--values", &limits]].concat();
            assert_checked(&template(&values), &format!("{set} with limits"));
        }
    }
}

/// As Envoy would see them: the filter, its configuration, the routes and the clusters.
#[track_caller]
pub(super) fn assert_checked(manifests: &str, case: &str) {
    let folder = Folder::new();
    let check = run(&["check", "--strict", &folder.file("manifests.yaml", manifests)]);
    assert_eq!(check.code, Some(0), "{case}: {}", check.err);
    assert!(check.err.contains("1 configuration, 0 errors, 0 warnings"), "{case}: {}", check.err);
    assert!(!check.err.contains("only the filter is seen"), "{case}: {}", check.err);
}

#[test]
#[ignore = "needs Helm: make test-helm"]
fn nothing_is_rendered_until_what_has_no_default_is_given() {
    let outcome = helm(&["template", "imagegate", CHART]);
    assert_eq!((outcome.code, outcome.out.as_str()), (Some(1), ""));
    for place in ["at '/host'", "at '/module/image/reference'", "missing property 'consumers'"] {
        assert!(outcome.err.contains(place), "{place}: {}", outcome.err);
    }
}

/// Values beside minimal.yaml and limits.yaml, and what Helm says of them.
const REFUSED: &[(&str, &str)] = &[
    ("mesh=linkerd", "at '/mesh': value must be one of"),
    ("host=images.example.com:443", "at '/host'"),
    ("host=Images.example.com", "at '/host'"),
    ("fullnameOverride=Gate", "at '/fullnameOverride'"),
    ("names.gateway=", "at '/names/gateway'"),
    ("module.image.reference=", "at '/module'"),
    ("module.http.url=https://files.example.com/a.wasm", "at '/module'"),
    ("module.image.reference=,module.http.url=https://files.example.com/a.wasm", "sha256'"),
    ("module.image.pullPolicy=Sometimes", "at '/module/image/pullPolicy'"),
    ("upstream.kind=gemini", "at '/upstream/kind'"),
    ("upstream.kind=azure", "at '/upstream/host': minLength"),
    ("upstream.timeoutSeconds=0", "at '/upstream/timeoutSeconds'"),
    ("upstreams.kind=azure", "additional properties 'upstreams' not allowed"),
    ("config.consumers=null", "at '/config/consumers'"),
    ("config.max_image_byte=24MiB", "additional properties 'max_image_byte' not allowed"),
    ("config.request.max_n=many", "at '/config/request/max_n'"),
    ("config.upstreams.openai.stream=send", "config.upstreams.openai: the chart has the route"),
    ("config.request.max_body_bytes=1GB", "config.request.max_body_bytes: 1GB, accepted"),
    (
        "config.loopback.cluster=other",
        "config.loopback.cluster: there is no cluster other, accepted: codex",
    ),
    (
        "config.upstreams.codex.cluster=other",
        "config.upstreams.codex.cluster: there is no cluster other",
    ),
    (
        "config.consumers_from.cluster=keys,config.consumers_from.authority=keys.internal,config.consumers_from.path=/",
        "config.consumers_from.cluster: there is no cluster keys, accepted: codex, imagegate_loopback, ratelimit, or one that the value clusters adds",
    ),
    (
        "rateLimit.enabled=false,config.engine.kind=rls",
        "config.engine.cluster: there is no cluster ratelimit, accepted: codex, imagegate_loopback, or one that the value clusters adds; rateLimit.enabled adds ratelimit",
    ),
    (
        "rateLimit.enabled=false,config.engine.kind=rls,config.engine.cluster=other",
        "config.engine.cluster: there is no cluster other",
    ),
    ("clusters[0].type=STATIC", "at '/clusters/0': missing property 'name'"),
    (
        "clusters[0].name=codex",
        "clusters: there are two clusters codex, accepted: a name other than",
    ),
    ("clusters[0].name=a,clusters[1].name=a", "clusters: there are two clusters a, accepted"),
    ("clusters[0].name=nowhere", "clusters: the last route leads to nowhere"),
    (
        "config.limits[3].name=new,config.limits[3].per=key,config.limits[3].unit=images,config.limits[3].max=1",
        "config.limits: the rule new has no window, accepted: day, week",
    ),
    (
        "config.limits[0].window=90s",
        "the window 90s of key-rpm is none of the service, accepted: day, week",
    ),
    ("config.limits[0].window=1h 1s", "the window 1h 1s of key-rpm is none"),
    ("config.limits[0].window=60 fortnights", "the window 60 fortnights of key-rpm is none"),
    (
        "config.limits[0].max=0",
        "the max 0 of key-rpm is less than one hit of the service, accepted: at least 1",
    ),
    (
        "config.limits[0].max=4294967296",
        "the max 4294967296 of key-rpm is more than the service can count",
    ),
    (
        "config.limits[0].unit=megapixels,config.limits[0].max=4294968",
        "the max 4294968 of key-rpm is more than the service can count, accepted: at most \"4294967.295\"",
    ),
    ("names.rateLimit=same,names.redis=same", "names: the Deployments same, same have one name"),
    (
        "mesh=istio,names.redis=imagegate",
        "names: the Deployments ratelimit, imagegate, imagegate have one name",
    ),
    ("names.rateLimit=1", "at '/names/rateLimit'"),
    ("names.redis=a.b", "at '/names/redis'"),
    (
        "rateLimit.port=8080",
        "rateLimit.port: 8080 is the HTTP port of the service that the chart runs",
    ),
    ("rateLimit.port=6070", "rateLimit.port: 6070 is the debug port"),
    ("rateLimit.host=a..b", "at '/rateLimit/host'"),
    ("upstream.host=a-.b", "at '/upstream/host'"),
    (
        "config.limits[0].unit=concurrent,config.limits[1].unit=concurrent,config.limits[2].unit=concurrent",
        "rateLimit.enabled: config.limits has no rule that the service could count",
    ),
    (
        "rateLimit.host=limits.example.com,config.limits[0].unit=concurrent,config.limits[1].unit=concurrent,config.limits[2].unit=concurrent",
        "rateLimit.enabled: config.limits has no rule that the service could count",
    ),
    (
        "config.engine.kind=local",
        "config.engine.kind: with local no rule asks the service of rateLimit.enabled; accepted: rls",
    ),
    (
        "config.engine.kind=rls,config.engine.cluster=mine,clusters[0].name=mine",
        "config.engine.cluster: with mine no rule asks the service of rateLimit.enabled",
    ),
    (
        "config.engine.kind=rls,config.engine.domain=other",
        "config.engine.domain: the service that the chart runs has no limits in the domain other",
    ),
    (
        "rateLimit.enabled=false,rateLimit.host=limits.example.com",
        "rateLimit.host: no rule asks limits.example.com; accepted: with rateLimit.enabled: true",
    ),
    (
        "rateLimit.enabled=false",
        "config.limits: on_error of key-rpm is about a rate-limit service, and each proxy counts itself",
    ),
    ("rateLimit.onError=open", "at '/rateLimit/onError'"),
    ("rateLimit.replicas=0", "at '/rateLimit/replicas'"),
    ("rateLimit.redis.url=redis", "at '/rateLimit/redis/url'"),
    ("replicas=0", "at '/replicas'"),
    ("service.type=ExternalName", "at '/service/type'"),
];

/// Text that `--set` takes for numbers, and what Helm says of it.
const REFUSED_TEXT: &[(&str, &str)] = &[
    ("mesh=istio,names.gateway=1", "names.gateway: \"1\" is a number, which a VirtualService"),
    ("host=192.0.2.1", "host: 192.0.2.1 is an IP address, which an HTTPRoute of the Gateway API"),
    (
        "config.limits[2].max=0.00001",
        "the max \"0.00001\" of user-budget is less than one hit of the service, accepted: at least \"0.0001\"",
    ),
    (
        "config.limits[2].max=429496.7296",
        "the max \"429496.7296\" of user-budget is more than the service can count, accepted: at most \"429496.7295\"",
    ),
];

/// Values that have a default, and no words of their own for null in the schema.
const NOT_NULL: &[&str] = &[
    "names",
    "names.gateway",
    "names.route",
    "names.rateLimit",
    "names.redis",
    "module.image",
    "module.image.pullPolicy",
    "module.http",
    "upstream.kind",
    "upstream.secretName",
    "upstream.timeoutSeconds",
    "upstream.azure",
    "rateLimit",
    "rateLimit.enabled",
    "rateLimit.onError",
    "rateLimit.timeout",
    "rateLimit.port",
    "rateLimit.image",
    "rateLimit.replicas",
    "rateLimit.redis",
    "rateLimit.redis.image",
    "service",
    "service.type",
];

/// Values that may be null: then they are what they are by default.
const MAY_BE_NULL: &[&str] = &[
    "fullnameOverride",
    "namespaceOverride",
    "upstream.host",
    "upstream.secretKey",
    "clusters",
    "rateLimit.host",
    "rateLimit.redis.url",
    "replicas",
    "resources",
];

#[test]
#[ignore = "needs Helm: make test-helm"]
fn null_is_the_default_or_refused() {
    let (minimal, limits) = (case("minimal.yaml"), case("limits.yaml"));
    let folder = Folder::new();
    for mesh in ["mesh=envoy-gateway", "mesh=istio"] {
        let files = ["--set", mesh, "--values", &minimal, "--values", &limits];
        let given = template(&files);
        let with_null = |path: &str| {
            let value =
                path.rsplit('.').fold("null".to_owned(), |it, name| format!("{{{name}: {it}}}"));
            let null = folder.file("null.yaml", &value);
            helm(
                &[
                    &["template", "imagegate", CHART, "--namespace", "imagegate"],
                    &files[..],
                    &["--values", &null],
                ]
                .concat(),
            )
        };
        for path in NOT_NULL {
            let outcome = with_null(path);
            assert_eq!((outcome.code, outcome.out.as_str()), (Some(1), ""), "{mesh} {path}");
            let message = format!("{path}: null is no value, accepted");
            assert!(outcome.err.contains(&message), "{mesh} {path}: {}", outcome.err);
        }
        for path in ["host", "module", "upstream", "config"] {
            let outcome = with_null(path);
            let message = format!("missing property '{path}'");
            assert!(outcome.err.contains(&message), "{mesh} {path}: {}", outcome.err);
        }
        for path in MAY_BE_NULL {
            let outcome = with_null(path);
            assert_eq!(outcome.code, Some(0), "{mesh} {path}: {}", outcome.err);
            assert!(outcome.out == given, "{mesh} {path} renders another way");
        }
    }
}

#[test]
#[ignore = "needs Helm: make test-helm"]
fn numbers_have_no_exponent() {
    let (minimal, limits) = (case("minimal.yaml"), case("limits.yaml"));
    // In a file, because Helm reads each number there as one with a fraction.
    let folder = Folder::new();
    let numbers = "{ replicas: 1000000, rateLimit: { replicas: 2000000 } }";
    let numbers = folder.file("numbers.yaml", numbers);
    for mesh in ["mesh=envoy-gateway", "mesh=istio"] {
        let files = ["--set", mesh, "--values", &minimal, "--values", &limits];
        let text = template(&[&files, &["--values", numbers.as_str()][..]].concat());
        for number in ["replicas: 1000000\n", "replicas: 2000000\n"] {
            assert_eq!(text.matches(number).count(), 1, "{mesh} {number}");
        }
    }
}

#[test]
#[ignore = "needs Helm: make test-helm"]
fn wrong_values_are_refused() {
    let (minimal, limits) = (case("minimal.yaml"), case("limits.yaml"));
    let text = REFUSED_TEXT.iter().map(|it| ("--set-string", it));
    for (option, (values, message)) in REFUSED.iter().map(|it| ("--set", it)).chain(text) {
        let files = ["--values", &minimal, "--values", &limits, option, values];
        let outcome = helm(&[&["template", "imagegate", CHART], &files[..]].concat());
        assert_eq!((outcome.code, outcome.out.as_str()), (Some(1), ""), "{values}");
        assert!(outcome.err.contains(message), "{values}: {}", outcome.err);
    }
}

/// A service of one's own, in a cluster of one's own, needs none of `rateLimit`. The limits are not
/// those of each proxy then, which the notes otherwise say.
#[test]
#[ignore = "needs Helm: make test-helm"]
fn the_rules_may_ask_another_service() {
    let (minimal, limits) = (case("minimal.yaml"), case("limits.yaml"));
    let off = "rateLimit.enabled=false";
    let other = "config.engine.kind=rls,config.engine.cluster=mine,clusters[0].name=mine";
    let rule = r#"config.limits=[{"name": "a", "per": "key", "unit": "images", "max": 9, "window": "day"}]"#;
    for (option, value, is_alone) in [("--set", other, false), ("--set-json", rule, true)] {
        let files = ["--values", &minimal, "--values", &limits];
        let values = [&files[..], &["--set", off, option, value]].concat();
        assert_checked(&template(&values), value);
        let install = ["install", "imagegate", CHART, "--dry-run=client"];
        let outcome = helm(&[&install[..], &values].concat());
        let note = "Each proxy counts the limits for itself.";
        assert_eq!(outcome.out.contains(note), is_alone, "{value}: {}", outcome.err);
    }
}

/// Istio itself has a cluster for each port of each Service.
#[test]
#[ignore = "needs Helm: make test-helm"]
fn a_cluster_of_istio_needs_no_other() {
    let minimal = case("minimal.yaml");
    let from = "config.consumers_from";
    let set = format!(
        "{from}.cluster=outbound|80||keys.media,{from}.authority=keys.media,{from}.path=/consumers.json"
    );
    for (mesh, code) in [("mesh=istio", Some(0)), ("mesh=envoy-gateway", Some(1))] {
        let values = ["--values", &minimal, "--set", mesh, "--set", &set];
        let outcome = helm(&[&["template", "imagegate", CHART], &values[..]].concat());
        assert_eq!(outcome.code, code, "{mesh}: {}", outcome.err);
    }
}

/// `tools/dist.sh` makes it without Helm, so that its bytes depend on the files alone.
#[test]
#[ignore = "needs Helm: make test-helm"]
fn the_archive_of_a_release_is_a_chart() {
    let folder = Folder::new();
    let archive = folder.path("imagegate.tgz").to_str().unwrap().to_owned();
    let tar = Command::new("tar")
        .args(["--create", "--gzip", "--file", &archive, "--directory"])
        .arg(root().join(CHART).parent().unwrap())
        .arg("imagegate")
        .status()
        .unwrap();
    assert!(tar.success());
    let minimal = case("minimal.yaml");
    let values = ["--namespace", "imagegate", "--values", &minimal];
    let outcome = helm(&[&["template", "imagegate", &archive], &values[..]].concat());
    assert!(outcome.out == template(&values[2..]), "it renders another way: {}", outcome.err);
}

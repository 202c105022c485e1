//! Keys and limits of a running Envoy, changed by `envoy/ecds.yaml` and its file of discovery.
//!
//! docs/changing-a-running-gate.md describes what these cases prove.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use serde_json::{Value, json};

use crate::harness::config::{ACCOUNT, TOKEN, sha256};
use crate::harness::{
    Connection, Envoy, Gate, Generation, Key, Request, Setup, Step, Upstream, eventually, program,
    root,
};

/// The demo key of the shipped file.
const DEMO: &str = "sk-imagegate-demo";
/// The counter that the alert looks at, as Prometheus gets it.
const REFUSED: &str = "envoy_extension_config_discovery_http_filter_imagegate_config_fail";
/// How many updates Envoy has accepted.
const ACCEPTED: &str = "envoy_extension_config_discovery_http_filter_imagegate_update_success";

/// The shipped file of discovery.
fn shipped() -> String {
    fs::read_to_string(root().join("envoy/ecds/imagegate.yaml")).unwrap()
}

/// The shipped file with one text in place of another that occurs once.
#[track_caller]
fn with(from: &str, to: &str) -> String {
    assert_eq!(shipped().matches(from).count(), 1, "'{from}' must occur exactly once");
    shipped().replace(from, to)
}

/// The shipped file with these keys of the consumer.
fn with_keys(keys: &[&str]) -> String {
    let digests: Vec<_> = keys.iter().map(|key| sha256(key)).collect();
    with(&format!("[\"{}\"]", sha256(DEMO)), &json!(digests).to_string())
}

/// A folder with a file of discovery.
struct Watched(PathBuf);

impl Watched {
    fn new(name: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = format!("build/e2e/{name}-{}-{number}", std::process::id());
        let folder = root().join(folder);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// Puts a file in place as the documentation says: by a rename.
    fn rename(&self, text: &str) {
        fs::write(self.0.join("next.yaml"), text).unwrap();
        fs::rename(self.0.join("next.yaml"), self.0.join("imagegate.yaml")).unwrap();
    }

    /// Points the volume at a folder of its own with this file, as a kubelet does with a ConfigMap.
    fn swap(&self, version: &str, text: &str) {
        fs::create_dir(self.0.join(version)).unwrap();
        fs::write(self.0.join(version).join("imagegate.yaml"), text).unwrap();
        symlink(version, self.0.join("..data_tmp")).unwrap();
        fs::rename(self.0.join("..data_tmp"), self.0.join("..data")).unwrap();
    }

    /// The shipped bootstrap with this file; `more` settings beside its path.
    fn setup(&self, port: u16, more: &str) -> Setup {
        let path = self.0.join("imagegate.yaml");
        let source = format!("{{ path: {}{more} }}", path.display());
        Setup::of("envoy/ecds.yaml", port)
            .replace("{ path: envoy/ecds/imagegate.yaml }", &source)
            .replace("domains: [\"*\"]", "domains: [\"images.test\"]")
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn send_request(envoy: &Envoy, key: &str) -> u16 {
    Request::generation(&json!({"prompt": "a square"})).bearer(key).send(envoy).status
}

/// The status of a question that is not counted: 200 for a valid key, else 401.
fn known(envoy: &Envoy, key: &str) -> u16 {
    Request::new("GET", "/v1/images/limits").bearer(key).send(envoy).status
}

/// All requests that the filter has counted.
fn counted(envoy: &Envoy) -> u64 {
    let stats = envoy.admin("/stats");
    let lines = stats.lines().filter(|it| it.starts_with("wasmcustom.imagegate_requests_total"));
    lines.map(|line| line.rsplit(": ").next().unwrap().parse::<u64>().unwrap()).sum()
}

/// The rule of this name, as the caller sees it.
fn rule(envoy: &Envoy, key: &str, name: &str) -> Value {
    let list = Request::new("GET", "/v1/images/limits").bearer(key).send(envoy).json();
    list["data"].as_array().unwrap().iter().find(|it| it["name"] == name).unwrap().clone()
}

/// The value of a metric as Prometheus gets it.
fn prometheus(envoy: &Envoy, name: &str) -> Option<u64> {
    let page = envoy.admin("/stats/prometheus");
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix("{} "))?;
    line.parse().ok()
}

#[test]
fn the_shipped_file_for_changes_boots() {
    let upstream = Upstream::generating(&Generation::small(1));
    let envoy = Setup::of("envoy/ecds.yaml", upstream.port()).start();
    assert_eq!((send_request(&envoy, DEMO), send_request(&envoy, Key::WEB)), (200, 401));
    assert_eq!(upstream.only().header("host").as_deref(), Some("chatgpt.com"));
}

#[test]
fn a_renamed_file_adds_and_revokes_keys_and_keeps_the_counters() {
    let watched = Watched::new("changes");
    watched.rename(&shipped());
    let upstream = Upstream::generating(&Generation::small(1));
    let envoy = watched.setup(upstream.port(), "").start();
    assert_eq!((send_request(&envoy, DEMO), send_request(&envoy, DEMO)), (200, 200));
    let mut connection = Connection::open(envoy.port());
    let list = Request::new("GET", "/v1/images/limits").bearer(DEMO);
    assert_eq!(list.send_on(&mut connection).status, 200);
    let used = |key| rule(&envoy, key, "requests")["used"].clone();
    assert_eq!(used(DEMO), json!(2));

    watched.rename(&with_keys(&[DEMO, Key::WEB]));
    eventually("the new key is valid", || known(&envoy, Key::WEB) == 200);
    assert_eq!(send_request(&envoy, Key::WEB), 200);
    assert_eq!((used(DEMO), used(Key::WEB)), (json!(3), json!(3)));

    watched.rename(&with_keys(&[Key::WEB]).replace("max: 60", "max: 4"));
    eventually("the old key is revoked", || known(&envoy, DEMO) == 401);
    assert_eq!(send_request(&envoy, DEMO), 401);
    // On a connection that was open before, too.
    assert_eq!(list.send_on(&mut connection).status, 401);
    assert!(counted(&envoy) >= 3, "the metrics began anew");
    assert_eq!(rule(&envoy, Key::WEB, "requests")["remaining"], json!(1));
    assert_eq!(rule(&envoy, Key::WEB, "budget")["used"], json!("0.12"));
    assert_eq!((send_request(&envoy, Key::WEB), send_request(&envoy, Key::WEB)), (200, 429));
}

#[test]
fn an_open_answer_outlives_the_key_that_asked_for_it() {
    let (generation, gate) = (Generation::of_bytes(100_000, 1), Gate::default());
    let mut script = Step::generate(&generation);
    script.insert(1, Step::Wait(gate.clone()));
    let upstream = Upstream::scripts([script]);
    let watched = Watched::new("open");
    watched.rename(&shipped());
    let envoy = watched.setup(upstream.port(), "").start();
    let request = Request::generation(&json!({"prompt": "a square"})).bearer(DEMO);
    thread::scope(|scope| {
        let client = scope.spawn(|| request.send(&envoy));
        upstream.wait_for(1);
        watched.rename(&with_keys(&[Key::WEB]));
        eventually("the key is revoked", || known(&envoy, DEMO) == 401);
        gate.open();
        assert!(client.join().unwrap().image() == generation.base64, "the image differs");
    });
    assert_eq!(rule(&envoy, Key::WEB, "requests")["used"], json!(1));
}

#[test]
fn a_rejected_update_leaves_the_old_one_in_force_and_is_counted() {
    let watched = Watched::new("refused");
    watched.rename(&shipped());
    let envoy = watched.setup(Upstream::closed_port(), "").start();
    let list = |key| known(&envoy, key);
    assert_eq!((list(DEMO), prometheus(&envoy, REFUSED)), (200, Some(0)));
    let resources = shipped().find("  - \"@type\"").unwrap();
    let rejected = [
        with("window: 1h", "window: 1x"),
        with("name: demo", "nmae: demo"),
        with("    name: imagegate\n    typed_config", "    name: other\n    typed_config"),
        shipped().replace("\nresources:", "\nresources: ]"),
        format!("{}[]\n", &shipped()[..resources].trim_end()),
    ];
    for (count, text) in (1..).zip(rejected) {
        // Each of them would have revoked the key.
        watched.rename(&text.replace(&sha256(DEMO), &sha256(Key::WEB)));
        eventually("it is counted", || prometheus(&envoy, REFUSED) == Some(count));
        assert_eq!((list(DEMO), list(Key::WEB)), (200, 401), "{text}");
    }
    let log = envoy.log();
    assert!(log.contains("imagegate: configuration refused: /limits/0/window: "), "{log}");
    for words in ["Filesystem config update rejected", "Filesystem config update failure"] {
        assert!(log.contains(words), "{words}");
    }
    watched.rename(&with_keys(&[Key::WEB]));
    eventually("the next one is in force", || (list(DEMO), list(Key::WEB)) == (401, 200));
}

#[test]
fn the_documented_alerts_read_the_counters_of_updates() {
    let read = |path| fs::read_to_string(root().join(path)).unwrap();
    let rules = read("deploy/prometheus/imagegate.rules.yaml");
    let page = read("docs/changing-a-running-gate.md");
    for (alert, metric, expression) in [
        ("ImagegateConfigurationRefused", REFUSED, format!("increase({REFUSED}[")),
        ("ImagegateNoConfiguration", ACCEPTED, format!("{ACCEPTED} == 0")),
    ] {
        let rule = rules.split_once(&format!("alert: {alert}\n")).unwrap().1;
        let rule = rule.split("- alert:").next().unwrap();
        assert!(rule.contains(&expression), "{alert} does not read {metric}");
        // The page writes the start of the names once.
        let name = metric.rsplit_once("http_filter").unwrap().1;
        assert!(page.contains(alert) && page.contains(name), "{alert}, {name}");
    }
}

#[test]
fn a_file_that_is_rejected_at_the_start_lets_no_request_through() {
    let watched = Watched::new("start");
    watched.rename(&with("window: 1h", "window: 1x"));
    let upstream = Upstream::generating(&Generation::small(1));
    let envoy = watched.setup(upstream.port(), "").start();
    assert_eq!((send_request(&envoy, DEMO), send_request(&envoy, Key::WEB)), (500, 500));
    assert!(upstream.received().is_empty());
    assert_eq!((prometheus(&envoy, ACCEPTED), prometheus(&envoy, REFUSED)), (Some(0), Some(1)));
    watched.rename(&shipped());
    eventually("the next one is in force", || send_request(&envoy, DEMO) == 200);
}

#[test]
fn a_config_map_that_changes_is_read_again() {
    let watched = Watched::new("map");
    watched.swap("..1", &shipped());
    symlink("..data/imagegate.yaml", watched.0.join("imagegate.yaml")).unwrap();
    let upstream = Upstream::generating(&Generation::small(1));
    let directory = format!(", watched_directory: {{ path: {} }}", watched.0.display());
    let envoy = watched.setup(upstream.port(), &directory).start();
    assert_eq!((send_request(&envoy, DEMO), send_request(&envoy, Key::WEB)), (200, 401));
    watched.swap("..2", &with_keys(&[Key::WEB]));
    eventually("the key is revoked", || send_request(&envoy, DEMO) == 401);
    assert_eq!(send_request(&envoy, Key::WEB), 200);
    watched.swap("..3", &shipped());
    eventually("the key is back", || send_request(&envoy, DEMO) == 200);
}

#[test]
fn the_script_for_ci_finds_what_envoy_would_reject() {
    let watched = Watched::new("script");
    let accepts = |text: &str| {
        watched.rename(text);
        let mut script = Command::new(root().join("envoy/ecds/validate.sh"));
        script.arg(watched.0.join("imagegate.yaml")).current_dir(root());
        script.env("ENVOY", program());
        script.envs([("CODEX_ACCESS_TOKEN", TOKEN), ("CODEX_ACCOUNT_ID", ACCOUNT)]);
        let output = script.output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!words.contains(TOKEN) && !words.contains(ACCOUNT), "a secret is shown: {words}");
        (output.status.success(), words)
    };
    assert!(accepts(&shipped()).0, "{}", accepts(&shipped()).1);
    for (text, words) in [
        (with("window: 1h", "window: 1x"), "/limits/0/window: "),
        (with("name: demo", "nmae: demo"), "/consumers/0/nmae: "),
        // Envoy itself takes this one, with a warning in its log.
        (with("failure_policy:", "failure_polici:"), "failure_polici"),
        (
            with("    name: imagegate\n    typed_config", "    name: other\n    typed_config"),
            "begin",
        ),
        (shipped().replace("\nresources:", "\nresources: ]"), "begin"),
        (String::new(), "begin"),
    ] {
        let (accepted, output) = accepts(&text);
        assert!(!accepted && output.contains(words), "{words}: {output}");
    }
}

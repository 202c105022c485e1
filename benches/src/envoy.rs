//! A running Envoy: the shipped configuration, with copies of its listener that differ in one thing.

use std::fs;
use std::ops::Deref;
use std::path::Path;
use std::process::Stdio;

use imagegate_testkit::envoy::Envoy as Process;
use imagegate_testkit::yaml::{self, block, replace, with_port};
use imagegate_testkit::{needed, root};
use serde_json::Value;

use super::upstream::{Protocol, Upstream};

/// The filter that does nothing, in the folder of the build.
const EMPTY: &str = "target/wasm/wasm32-wasip1/release/imagegate_empty.wasm";

/// A route that answers a wrong key as the filter does.
const REFUSAL: &str = r#"                        - match: { prefix: "/" }
                          direct_response:
                            status: 401
                            body: { inline_string: '{"error":{"message":"Incorrect API key provided.","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}' }
                          response_headers_to_add:
                            - header: { key: content-type, value: application/json }
                            - header: { key: www-authenticate, value: Bearer }
"#;

/// A running Envoy with one worker; it ends when this is dropped.
pub(crate) struct Envoy {
    process: Process,
}

/// Which listeners an Envoy has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listeners {
    /// `images` with the filter, `empty` with the empty filter, `refusing` with the same and a
    /// route that answers 401, and `plain` without a filter.
    All,
    /// `images` alone.
    Gate,
}

/// The path of the empty filter, which benches/run.sh builds.
pub(crate) fn empty_filter() -> std::path::PathBuf {
    needed(EMPTY, "benches/run.sh")
}

impl Envoy {
    /// Starts it with this filter before the upstream, to which it speaks this protocol. Requests
    /// that are not the filter's reach the upstream too.
    pub(crate) fn start(
        filter: &Path,
        upstream: &Upstream,
        protocol: Protocol,
        listeners: Listeners,
    ) -> Self {
        let yaml = shipped(filter, upstream.port(protocol));
        let yaml = match protocol {
            Protocol::Http1 => yaml,
            Protocol::Http2 => over_http2(&yaml),
        };
        let nowhere = "{ cluster: nowhere, cluster_not_found_response_code: NOT_FOUND }";
        let yaml = replace(&yaml, nowhere, "{ cluster: codex, timeout: 310s }");
        Self::boot(&match listeners {
            Listeners::All => with_copies(&yaml, filter),
            Listeners::Gate => yaml,
        })
    }

    /// The same, but both listeners have the filter, and only the first has these settings, the
    /// start of a JSON object. `service` is the target of the cluster `ratelimit`.
    pub(crate) fn with_settings(
        filter: &Path,
        upstream: u16,
        settings: &str,
        service: u16,
    ) -> Self {
        let yaml = shipped(filter, upstream);
        let [head, listener, clusters] = parts(&yaml);
        let consumers = r#""consumers": ["#;
        // A request may name any user.
        let listener =
            &replace(listener, r#""name": "demo","#, r#""name": "demo", "any_user": true,"#);
        let measured = replace(listener, consumers, &format!("{settings}, {consumers}"));
        let plain = named(listener, "plain");
        let with_service = fs::read_to_string(root().join("envoy/rls.yaml")).unwrap();
        let cluster = with_service.split_once("    - name: ratelimit\n").unwrap().1;
        let cluster = with_port(cluster, 8081, service);
        let yaml = format!(
            "{head}  listeners:\n{measured}\n{plain}\n  clusters:\n{clusters}\n    - name: \
             ratelimit\n{cluster}"
        );
        Self::boot(&yaml)
    }

    /// Starts it, and waits until it listens.
    fn boot(yaml: &str) -> Self {
        let folder = root().join("build/bench");
        let mut process = Process::spawn(&folder, yaml, |command| {
            command
                .args(["--concurrency", "1"])
                .envs([
                    ("CODEX_ACCESS_TOKEN", "bench-token"),
                    ("CODEX_ACCOUNT_ID", "bench-account"),
                ])
                .stdout(Stdio::null());
        });
        // For benches/run.sh, should this program be killed.
        fs::write(folder.join("envoy.pid"), process.id().to_string()).unwrap();
        process.wait_until_ready();
        Self { process }
    }

    /// The port of the listener with the measured filter.
    pub(crate) fn gate(&self) -> u16 {
        self.process.port()
    }

    /// The port of the listener without the measured part.
    pub(crate) fn plain(&self) -> u16 {
        self.listener("plain")
    }

    /// The port of the listener with the empty filter.
    pub(crate) fn empty(&self) -> u16 {
        self.listener("empty")
    }

    /// The port of the listener with the empty filter whose route answers 401.
    pub(crate) fn refusing(&self) -> u16 {
        self.listener("refusing")
    }

    /// Its version, for example `1.40.0`.
    pub(crate) fn version(&self) -> String {
        let info: Value = serde_json::from_str(&self.admin("/server_info")).unwrap();
        info["version"].as_str().and_then(|it| it.split('/').nth(1)).unwrap_or("?").to_owned()
    }

    /// The CPU time that all threads of the process have had, in nanoseconds.
    pub(crate) fn cpu_ns(&self) -> u64 {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.id())).unwrap().flatten();
        tasks
            .filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok())
            .filter_map(|line| line.split(' ').next()?.parse::<u64>().ok())
            .sum()
    }

    /// The CPU time of the process in seconds, to a hundredth, with that of threads that have
    /// ended (proc(5), `utime` and `stime` in ticks of 10 ms).
    pub(crate) fn whole_cpu_seconds(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.id())).unwrap();
        let fields = stat.rsplit_once(") ").unwrap().1.split(' ');
        fields.skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap() / 100.0).sum()
    }

    /// What the process has in memory, in bytes.
    pub(crate) fn rss(&self) -> u64 {
        self.rss_kib() * 1024
    }

    /// The most it has had since [`forget_peak`](Self::forget_peak), in bytes.
    pub(crate) fn peak_rss(&self) -> u64 {
        self.peak_rss_kib() * 1024
    }

    /// Restarts the measurement of the peak (proc(5), `clear_refs`).
    pub(crate) fn forget_peak(&self) {
        fs::write(format!("/proc/{}/clear_refs", self.id()), "5").unwrap();
    }
}

impl Deref for Envoy {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        self.process.stop();
        let _ = fs::remove_file(self.folder().join("envoy.pid"));
    }
}

/// `envoy/envoy.yaml` with this filter before the upstream at this port, on free ports.
fn shipped(filter: &Path, upstream: u16) -> String {
    let yaml = with_port(&yaml::shipped("envoy/envoy.yaml"), 10001, upstream);
    replace(&yaml, "build/imagegate.wasm", filter.to_str().unwrap())
}

/// What comes before the listener, the listener, and the clusters.
fn parts(yaml: &str) -> [&str; 3] {
    let (head, rest) = yaml.split_once("  listeners:\n").unwrap();
    let (listener, clusters) = rest.split_once("\n  clusters:\n").unwrap();
    [head, listener, clusters]
}

/// The listener under another name.
fn named(listener: &str, name: &str) -> String {
    replace(listener, "- name: images\n      address", &format!("- name: {name}\n      address"))
}

/// The configuration with the other listeners of [`Listeners::All`].
fn with_copies(yaml: &str, filter: &Path) -> String {
    let [head, listener, clusters] = parts(yaml);
    let plain = listener.replace(block(listener, "- name: imagegate\n"), "");
    let empty = replace(listener, filter.to_str().unwrap(), empty_filter().to_str().unwrap());
    let empty = replace(&empty, "vm_id: imagegate", "vm_id: empty");
    let routes = "                      routes:\n";
    let refusing = replace(&empty, routes, &format!("{routes}{REFUSAL}"));
    let copies = [(plain, "plain"), (empty, "empty"), (refusing, "refusing")];
    let copies = copies.map(|(copy, name)| named(&copy, name)).join("\n");
    format!("{head}  listeners:\n{listener}\n{copies}\n  clusters:\n{clusters}")
}

/// The configuration with an upstream that speaks HTTP/2.
fn over_http2(yaml: &str) -> String {
    let kind = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    let options = format!(
        "connect_timeout: 5s\n      typed_extension_protocol_options: {{ {kind}: {{ \"@type\": \
         type.googleapis.com/{kind}, explicit_http_config: {{ http2_protocol_options: {{}} }} }} \
         }}\n"
    );
    replace(yaml, "connect_timeout: 5s\n", &options)
}

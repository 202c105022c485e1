//! How an Envoy is started: with one of the shipped files, after a change of ports and of the
//! filter's configuration.

use std::fs;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicU32, Ordering};

use imagegate_testkit::envoy::Envoy as Process;
use imagegate_testkit::yaml::{self, block, indent_of, with_value};
use serde_json::Value;

use super::config::{ACCOUNT, TOKEN, config};
use super::{Envoy, needed, root};

/// How an Envoy is started.
pub(crate) struct Setup {
    yaml: String,
    filter: Filter,
    workers: u32,
    variables: Vec<(&'static str, String)>,
    discovered: bool,
    /// The cluster that comes by discovery.
    discovered_cluster: Option<&'static str>,
}

/// The filter's configuration.
enum Filter {
    /// As in the file.
    Shipped,
    /// A `google.protobuf.StringValue`.
    Text(String),
    /// A `google.protobuf.Struct`.
    Struct(Value),
}

impl Setup {
    /// `envoy/envoy.yaml` before the upstream at `port`, with the configuration of the harness.
    pub(crate) fn new(port: u16) -> Self {
        Self::of("envoy/envoy.yaml", port).configure(&config())
    }

    /// A file of `envoy/`, unchanged but for the upstream at `port`.
    pub(crate) fn of(file: &str, port: u16) -> Self {
        Self::read(file).with_port(10001, port)
    }

    /// `envoy/rls.yaml` before the upstream at `port`, with the rate-limit service at `service`.
    pub(crate) fn counted_by(service: u16, port: u16) -> Self {
        Self::of("envoy/rls.yaml", port)
            .with_port(8081, service)
            .replace("domains: [\"*\"]", "domains: [\"images.test\"]")
    }

    /// `envoy/production.yaml` before the upstream at `port`, which speaks neither TLS nor HTTP/2.
    pub(crate) fn production(port: u16) -> Self {
        Self::plain_codex(Self::read("envoy/production.yaml"), port)
    }

    /// A configuration that `imagegatectl init --for envoy --upstream codex` printed, before the
    /// upstream at `port`. Its credential is that of the shipped files.
    pub(crate) fn printed(yaml: &str, port: u16) -> Self {
        let yaml =
            yaml::with_free_ports(yaml).replace("path: /run/imagegate/", "path: envoy/credential/");
        Self::plain_codex(Self::with(yaml), port)
    }

    /// The upstream Codex is at `port`, and speaks neither TLS nor HTTP/2.
    fn plain_codex(setup: Self, port: u16) -> Self {
        let mut setup = setup
            .replace("chatgpt.com, port_value: 443 ", &format!("127.0.0.1, port_value: {port} "));
        let plain = block(&setup.yaml, "explicit_http_config:");
        let plain = setup
            .yaml
            .replace(plain, "          explicit_http_config: { http_protocol_options: {} }\n");
        setup.yaml = plain.replace(block(&plain, "transport_socket:"), "");
        // For configurations whose credential is in the environment; the cluster's own then
        // replaces it.
        setup.replace(
            "local: { filename: build/imagegate.wasm }\n",
            "local: { filename: build/imagegate.wasm }\n                          \
             environment_variables: { host_env_keys: [CODEX_ACCESS_TOKEN, CODEX_ACCOUNT_ID] }\n",
        )
    }

    fn read(file: &str) -> Self {
        Self::with(yaml::shipped(file))
    }

    fn with(yaml: String) -> Self {
        Self {
            yaml,
            workers: 1,
            variables: vec![
                ("CODEX_ACCESS_TOKEN", TOKEN.to_owned()),
                ("CODEX_ACCOUNT_ID", ACCOUNT.to_owned()),
            ],
            filter: Filter::Shipped,
            discovered: false,
            discovered_cluster: None,
        }
    }

    fn with_port(mut self, from: u16, to: u16) -> Self {
        self.yaml = yaml::with_port(&self.yaml, from, to);
        self
    }

    /// Replaces a text that occurs exactly once.
    #[track_caller]
    pub(crate) fn replace(mut self, from: &str, to: &str) -> Self {
        self.yaml = yaml::replace(&self.yaml, from, to);
        self
    }

    /// Replaces the filter's configuration. An upstream rests only if it says so (`max_rest`): many
    /// cases let one Envoy see failure after failure.
    pub(crate) fn configure(self, config: &Value) -> Self {
        let mut config = config.clone();
        let upstreams = config.get_mut("upstreams").and_then(Value::as_object_mut);
        for upstream in upstreams.into_iter().flat_map(|it| it.values_mut()) {
            if let Some(upstream) = upstream.as_object_mut() {
                upstream.entry("max_rest").or_insert_with(|| "0s".into());
            }
        }
        self.configure_text(&config.to_string())
    }

    /// Replaces the filter's configuration by one that need not be JSON.
    pub(crate) fn configure_text(mut self, config: &str) -> Self {
        self.filter = Filter::Text(config.to_owned());
        self
    }

    /// The filter's configuration as a `google.protobuf.Struct`.
    pub(crate) fn configure_struct(mut self, config: &Value) -> Self {
        self.filter = Filter::Struct(config.clone());
        self
    }

    /// Routes requests that are not the filter's to `port`, as the other routes of a mesh do.
    pub(crate) fn plain_route(mut self, port: u16) -> Self {
        self.yaml = with_cluster(&self.yaml, "plain", port);
        self.replace(
            "route: { cluster: nowhere, cluster_not_found_response_code: NOT_FOUND }",
            "route: { cluster: plain }",
        )
    }

    /// Adds a cluster, which speaks HTTP/1.1 at `port`.
    pub(crate) fn with_cluster(mut self, name: &str, port: u16) -> Self {
        self.yaml = with_cluster(&self.yaml, name, port);
        self
    }

    /// Adds another upstream of this name at `port`: a cluster, and a route to it before the
    /// other routes.
    pub(crate) fn beside(mut self, name: &str, port: u16) -> Self {
        let route = format!(
            "routes:\n                        - match: {{ prefix: \"/\", filter_state: [{{ key: \
             wasm.imagegate_upstream, string_match: {{ exact: {name} }} }}] }}\n                          \
             route: {{ cluster: {name}, host_rewrite_literal: {name}.test, timeout: 310s }}\n"
        );
        self.yaml = with_cluster(&self.yaml, name, port);
        self.replace("routes:\n", &route)
    }

    /// Adds a listener `without-filter` with the same routes.
    pub(crate) fn beside_without_filter(mut self) -> Self {
        let listener = block(&self.yaml, "- name: images\n      address:");
        let filter = block(listener, "- name: imagegate\n                    typed_config:");
        let twin = listener.replace(filter, "").replacen("images", "without-filter", 1);
        self.yaml = self.yaml.replace(listener, &format!("{listener}{twin}"));
        self
    }

    /// Sets the cluster's protocol, which is HTTP/1.1 by default, by these options of its
    /// `explicit_http_config`.
    pub(crate) fn upstream_protocol(self, options: &str) -> Self {
        let kind = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
        let cluster = format!(
            "connect_timeout: 5s\n      typed_extension_protocol_options: {{ {kind}: {{ \"@type\": \
             type.googleapis.com/{kind}, explicit_http_config: {{ {options} }} }} }}\n"
        );
        self.replace("connect_timeout: 5s\n", &cluster)
    }

    /// Lets the trailers of HTTP/1.1 requests through to the filters; by default Envoy drops them.
    pub(crate) fn request_trailers(self) -> Self {
        self.replace(
            "stat_prefix: images\n",
            "stat_prefix: images\n                http_protocol_options: { enable_trailers: true \
             }\n",
        )
    }

    /// Lets Envoy pass each path on as it was sent, so that the filter alone keeps strangers out.
    pub(crate) fn paths_as_sent(self) -> Self {
        let keys = [
            "normalize_path: true",
            "merge_slashes: true",
            "path_with_escaped_slashes_action: REJECT_REQUEST",
        ];
        keys.into_iter()
            .fold(self, |setup, key| setup.replace(&format!("                {key}\n"), ""))
    }

    /// Removes the hosts of the cluster.
    pub(crate) fn without_hosts(mut self) -> Self {
        let hosts = block(&self.yaml, "- lb_endpoints:");
        self.yaml = self.yaml.replace(hosts, "          - lb_endpoints: []\n");
        self
    }

    pub(crate) fn workers(mut self, workers: u32) -> Self {
        self.workers = workers;
        self
    }

    /// Sets or removes a variable of Envoy's environment.
    pub(crate) fn variable(mut self, name: &'static str, value: Option<&str>) -> Self {
        self.variables.retain(|(it, _)| *it != name);
        self.variables.extend(value.map(|value| (name, value.to_owned())));
        self
    }

    /// Lets Envoy read the filter from a file of its own, which [`Envoy::rediscover`] replaces.
    pub(crate) fn discovered(mut self) -> Self {
        self.discovered = true;
        self
    }

    /// Lets Envoy read the cluster `name` from the file `clusters.yaml` in its folder (CDS).
    pub(crate) fn discovered_clusters(mut self, name: &'static str) -> Self {
        self.discovered_cluster = Some(name);
        self
    }

    pub(crate) fn start(self) -> Envoy {
        Envoy::once_ready(self.spawn())
    }

    /// Starts an Envoy that must reject its configuration, and returns how it ended and its log.
    pub(crate) fn start_rejected(self) -> (ExitStatus, String) {
        let mut process = self.spawn();
        let ended = (process.wait_for_end(), process.log());
        let _ = fs::remove_dir_all(process.folder());
        ended
    }

    fn spawn(self) -> Process {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        needed("build/imagegate.wasm", "make build");
        let name = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = root().join("build/e2e").join(name);
        fs::create_dir_all(&folder).unwrap();
        let yaml = configured(&self.yaml, &self.filter);
        let yaml = if self.discovered { discovered(&yaml, &folder) } else { yaml };
        let yaml = match self.discovered_cluster {
            Some(name) => with_discovered_cluster(&yaml, name, &folder),
            None => yaml,
        };
        Process::spawn(&folder, &yaml, |command| {
            command
                .args(["--component-log-level", "wasm:debug"])
                .args(["--concurrency", &self.workers.to_string()])
                // By default Envoy writes its access log every 10 s.
                .args(["--file-flush-interval-msec", "50"])
                .envs(self.variables);
        })
    }
}

/// `yaml` with a further cluster, which speaks HTTP/1.1 at `port`.
fn with_cluster(yaml: &str, name: &str, port: u16) -> String {
    const CLUSTERS: &str = "  clusters:\n";
    let cluster = format!(
        "{CLUSTERS}    - name: {name}\n      connect_timeout: 1s\n      load_assignment:\n        \
         cluster_name: {name}\n        endpoints:\n          - lb_endpoints:\n              - \
         endpoint: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: {port} }} }} \
         }}\n"
    );
    yaml::replace(yaml, CLUSTERS, &cluster)
}

/// `yaml` with this configuration of the filter.
fn configured(yaml: &str, filter: &Filter) -> String {
    match filter {
        Filter::Shipped => yaml.to_owned(),
        Filter::Text(config) => with_value(yaml, "value: |", config),
        Filter::Struct(config) => {
            let block = block(yaml, "configuration:\n");
            let any = "type.googleapis.com/google.protobuf.Struct";
            let indent = " ".repeat(indent_of(block));
            yaml.replace(
                block,
                &format!("{indent}configuration: {{ \"@type\": {any}, value: {config} }}\n"),
            )
        }
    }
}

/// `yaml` with the filter moved to a file in `folder`, which Envoy watches (ECDS).
fn discovered(yaml: &str, folder: &Path) -> String {
    let filter = block(yaml, "- name: imagegate\n                    typed_config:");
    let (name, typed_config) = filter.split_once('\n').unwrap();
    let kind = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";
    let resource = format!(
        "resources:\n                  - \"@type\": {kind}\n                    name: \
         imagegate\n{typed_config}"
    );
    let path = folder.join("filter.yaml");
    fs::write(&path, resource).unwrap();
    let discovery = format!(
        "{name}\n                    config_discovery: {{ type_urls: \
         [type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm], config_source: {{ \
         resource_api_version: V3, path_config_source: {{ path: {path:?} }} }} }}\n"
    );
    yaml.replace(filter, &discovery) + "\nnode: { id: imagegate, cluster: imagegate }\n"
}

/// `yaml`, which names its node, with this cluster moved to a file in `folder`, which Envoy watches
/// (CDS).
fn with_discovered_cluster(yaml: &str, name: &str, folder: &Path) -> String {
    let cluster = block(yaml, &format!("    - name: {name}\n"));
    let kind = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
    let resource = cluster.replacen("- name", &format!("- \"@type\": {kind}\n      name"), 1);
    let path = folder.join("clusters.yaml");
    fs::write(&path, format!("resources:\n{resource}")).unwrap();
    let source = format!(
        "dynamic_resources: {{ cds_config: {{ resource_api_version: V3, path_config_source: {{ \
         path: {path:?} }} }} }}\n"
    );
    yaml.replace(cluster, "") + &source
}

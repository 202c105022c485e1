//! The Compose file around a bootstrap.

use crate::cli::UpstreamKind;

/// Where the container has the module, whatever its place on the machine is.
pub(super) const MODULE: &str = "/etc/imagegate/imagegate.wasm";

/// A Compose file with this bootstrap as one of its `configs`. `module` is a path on the machine.
pub(super) fn around(bootstrap: &str, upstream: UpstreamKind, module: &str) -> String {
    // In the container other addresses than this one are its own.
    let bootstrap = bootstrap.replacen(LISTENER, EVERY_ADDRESS, 1);
    let (about, environment, volume) = match upstream.variable() {
        Some(variable) => (API_KEY.replace("VARIABLE", variable), key(variable), ""),
        None => (CODEX.to_owned(), String::new(), "      - ./credential:/run/imagegate:ro\n"),
    };
    let mut file = format!("{about}{SERVICE}{environment}");
    file += &format!("    volumes:\n      - {}:{MODULE}:ro\n{volume}{CONFIG}", mounted(module));
    for line in bootstrap.lines() {
        // Compose replaces variables in the content, and reads `$$` as `$`.
        let line = format!("      {}", line.replace('$', "$$"));
        file.push_str(line.trim_end());
        file.push('\n');
    }
    file
}

/// The bootstrap without the comments at its top, which are about starting Envoy itself.
pub(super) fn without_head(bootstrap: &str) -> String {
    let is_head = |line: &&str| line.starts_with('#') || line.is_empty();
    bootstrap.lines().skip_while(is_head).fold(String::new(), |text, line| text + line + "\n")
}

fn key(variable: &str) -> String {
    format!("    environment:\n      {variable}: ${{{variable}:?is not set}}\n")
}

/// A path as Compose takes it for a file, and not for the name of a volume.
fn mounted(module: &str) -> String {
    match module.starts_with(['/', '.']) {
        true => module.to_owned(),
        false => format!("./{module}"),
    }
}

const LISTENER: &str = "socket_address: { address: 127.0.0.1, port_value: 10000 }";
const EVERY_ADDRESS: &str = "socket_address: { address: 0.0.0.0, port_value: 10000 }";
const API_KEY: &str = "\
# Written by `imagegatectl init`. The API key comes from the environment. Check it, then start it:
#
#     imagegatectl check compose.yaml && VARIABLE=… docker compose up
#
# The Images API is then on 127.0.0.1:10000. Add your own: TLS (or a load balancer in front that
# terminates it), the consumers, xff_num_trusted_hops.
";
const CODEX: &str = "\
# Written by `imagegatectl init`. Check it, write the credential, then start it:
#
#     imagegatectl check compose.yaml
#     imagegatectl token --auth-file auth.json --sds-dir credential
#     ENVOY_USER=$(id -u):$(id -g) docker compose up
#
# Let `imagegatectl token` run on: it renews the credential. Only the owner of its files can read
# them, so Envoy runs as ENVOY_USER. The Images API is then on 127.0.0.1:10000. Add your own: TLS (or
# a load balancer in front that terminates it), the consumers, xff_num_trusted_hops.
";
const SERVICE: &str = "\
services:
  envoy:
    image: envoyproxy/envoy:v1.40.0
    command: [envoy, -c, /etc/imagegate/envoy.yaml, --log-level, warning]
    user: ${ENVOY_USER:-101:101}
    restart: unless-stopped
    cap_drop: [ALL]
    # Without `127.0.0.1:` other machines can reach it.
    ports: [\"127.0.0.1:10000:10000\"]
    configs: [{ source: envoy, target: /etc/imagegate/envoy.yaml }]
";
const CONFIG: &str = "\
configs:
  envoy:
    # Compose reads `$$` as `$`.
    content: |
";

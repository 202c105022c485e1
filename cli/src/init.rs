//! `init`: a configuration to start from, with a fresh key.
//!
//! The files that it prints are those of the repository: `envoy/production.yaml` and the manifests
//! under `deploy/`, which are for Codex. What another upstream has in their place is in
//! `cli/templates/`.

mod compose;
mod sections;

use std::net::Ipv4Addr;

use crate::cli::{InitArguments, Target, UpstreamKind};
use crate::exit::CommandError;
use crate::key::{self, Fresh};
use crate::output;

/// Prints the configuration on standard output, and its key on standard error.
///
/// # Errors
///
/// If the host is one that the target does not accept, the operating system returns no random bytes,
/// or standard output cannot be written.
pub(crate) fn run(arguments: &InitArguments) -> Result<(), CommandError> {
    let address = arguments.host.as_ref().filter(|host| host.parse::<Ipv4Addr>().is_ok());
    if let (Target::EnvoyGateway, Some(host)) = (arguments.target, address) {
        return Err(CommandError::HostIsAddress(host.clone()));
    }
    let Fresh { key, sha256 } = key::fresh("imagegate")?;
    let text = configuration(arguments, &sha256);
    output::print(&text)?;
    output::report(&format!(
        "The key of the consumer acme-web, shown here only. The configuration has its SHA-256.\n\n  \
         {key}\n\nNext: read the comments at the top, and run `imagegatectl check` on the file.\n"
    ))
}

fn configuration(arguments: &InitArguments, sha256: &str) -> String {
    let target = arguments.target;
    let other = match arguments.upstream {
        UpstreamKind::Codex => "",
        UpstreamKind::Openai => include_str!("../templates/openai.yaml"),
        UpstreamKind::Azure => include_str!("../templates/azure.yaml"),
    };
    let content = |name: &str| match name {
        "about" => Some(about(arguments.upstream)),
        "key" => Some(KEY.to_owned()),
        name => sections::part(other, &format!("{} {name}", target.template()))
            .or_else(|| sections::part(other, name)),
    };
    let text = sections::fill(target.file(), &content);
    let text = text.replace("NAMESPACE", target.namespace());
    // The host of the API may be the one that the files have for the upstream.
    let text = match arguments.authority {
        Some(_) => text.replace(arguments.upstream.authority(), AUTHORITY),
        None => text,
    };
    let text = with_host(&text, target, arguments.host.as_deref());
    let text = match &arguments.authority {
        Some(authority) => text.replace(AUTHORITY, &format!("\"{authority}\"")),
        None => text,
    };
    let module = arguments.module.as_deref().unwrap_or_else(|| target.default_module());
    let text = text.replace(DEMO_SHA256, sha256).replace("envoy/credential", CREDENTIAL_FOLDER);
    match target {
        Target::Compose => {
            let bootstrap = compose::without_head(&text).replace(target.module(), compose::MODULE);
            compose::around(&bootstrap, arguments.upstream, module)
        }
        Target::Envoy | Target::EnvoyGateway | Target::Istio => {
            text.replace(target.module(), &quoted(module))
        }
    }
}

/// A path as YAML takes it for text. Without a slash it may be a word or a number that YAML reads
/// as another value, or no value at all: `true`, `1.5`, `-`.
fn quoted(path: &str) -> String {
    if path.contains('/') { path.to_owned() } else { format!("\"{path}\"") }
}

/// `text` for this host of the API. Without one it is for all.
fn with_host(text: &str, target: Target, host: Option<&str>) -> String {
    match (target, host) {
        (Target::Envoy | Target::Compose, None) => text.to_owned(),
        // The loopback listener of a bootstrap has the same routes.
        (Target::Envoy | Target::Compose, Some(host)) => {
            text.replacen("[\"*\"]", &format!("[\"{host}\", \"{host}:*\"]"), 1)
        }
        // In quotes, because YAML reads some words as other values: `no` is false.
        (Target::EnvoyGateway | Target::Istio, Some(host)) => {
            text.replace(EXAMPLE_HOST, &format!("\"{host}\""))
        }
        // No `hostnames` are all of them.
        (Target::EnvoyGateway, None) => {
            text.replace(&format!("  hostnames: [{EXAMPLE_HOST}]\n"), "")
        }
        (Target::Istio, None) => text.replace(EXAMPLE_HOST, "\"*\""),
    }
}

impl Target {
    /// Its name in the templates.
    fn template(self) -> &'static str {
        match self {
            Self::Envoy | Self::Compose => "envoy",
            Self::EnvoyGateway => "envoy-gateway",
            Self::Istio => "istio",
        }
    }

    fn file(self) -> &'static str {
        match self {
            Self::Envoy | Self::Compose => include_str!("../../envoy/production.yaml"),
            Self::EnvoyGateway => include_str!("../../deploy/envoy-gateway/imagegate.yaml"),
            Self::Istio => include_str!("../../deploy/istio/imagegate.yaml"),
        }
    }

    /// Where the proxies run.
    fn namespace(self) -> &'static str {
        match self {
            Self::Envoy | Self::Compose | Self::Istio => "imagegate",
            Self::EnvoyGateway => "envoy-gateway-system",
        }
    }

    /// The module's path in the file.
    fn module(self) -> &'static str {
        match self {
            Self::Envoy | Self::Compose => "build/imagegate.wasm",
            Self::EnvoyGateway | Self::Istio => IMAGE_MODULE,
        }
    }

    fn default_module(self) -> &'static str {
        match self {
            Self::Envoy => "/etc/imagegate/imagegate.wasm",
            Self::Compose => "./imagegate.wasm",
            Self::EnvoyGateway | Self::Istio => IMAGE_MODULE,
        }
    }
}

impl UpstreamKind {
    /// The upstream's host in the files.
    fn authority(self) -> &'static str {
        match self {
            Self::Codex => "chatgpt.com",
            Self::Openai => "api.openai.com",
            Self::Azure => "resource.openai.azure.com",
        }
    }

    /// The environment variable of the API key.
    fn variable(self) -> Option<&'static str> {
        match self {
            Self::Codex => None,
            Self::Openai => Some("OPENAI_API_KEY"),
            Self::Azure => Some("AZURE_OPENAI_KEY"),
        }
    }
}

/// The variable is in the command: without it the filter refuses its configuration.
fn about(upstream: UpstreamKind) -> String {
    let (variable, note) = match upstream.variable() {
        Some(variable) => (format!("{variable}=… "), VALIDATE),
        None => (String::new(), ""),
    };
    format!(
        "# Written by `imagegatectl init`. Check it, then start it:\n#\n#     imagegatectl check \
         envoy.yaml && {variable}envoy -c envoy.yaml\n#\n{note}# What to watch: docs/operations.md \
         in the repository of imagegate.\n"
    )
}

const VALIDATE: &str = "\
# `envoy --mode validate` needs the variable too, with any value.
#
";
const KEY: &str = "\
# The SHA-256 of the key that `imagegatectl init` printed. `imagegatectl key new` makes more.
";
/// Of the key `sk-imagegate-demo`.
const DEMO_SHA256: &str = "f76ded3971b64183db256bf323c33bcb6c859846b00e21cfc29074444a8a1328";
/// In place of the upstream's host, until that of the API is written. No host has these characters.
const AUTHORITY: &str = "<authority>";
const EXAMPLE_HOST: &str = "images.example.com";
/// In the OCI image of the module, as the manifests mount it.
const IMAGE_MODULE: &str = "/etc/imagegate/module/plugin.wasm";
/// Where `imagegatectl token` writes, as in `deploy/systemd/`.
const CREDENTIAL_FOLDER: &str = "/run/imagegate";

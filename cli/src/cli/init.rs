//! The arguments of `init`.

use std::net::Ipv4Addr;

use clap::{Args, ValueEnum};

#[derive(Args, Debug)]
#[command(after_help = "\
The configuration goes to standard output, with comments that say what to do next. It has one \
consumer, acme-web, with a fresh key: the key itself is on standard error and nowhere else. \
Nothing is asked, and no file is read or written.

Examples:
  imagegatectl init --for envoy --upstream openai > envoy.yaml
  imagegatectl init --for envoy --upstream codex --host images.example.com > envoy.yaml
  imagegatectl init --for istio --upstream azure --authority acme.openai.azure.com > gate.yaml
  imagegatectl check envoy.yaml")]
pub(crate) struct InitArguments {
    /// What runs the filter
    #[arg(long = "for", value_enum, value_name = "TARGET")]
    pub(crate) target: Target,
    /// What generates the images
    #[arg(long, value_enum)]
    pub(crate) upstream: UpstreamKind,
    /// The host name of your API [default: every host]
    #[arg(long, value_name = "NAME", value_parser = host)]
    pub(crate) host: Option<String>,
    /// The upstream's host, needed for azure [default: chatgpt.com or api.openai.com]
    #[arg(long, value_name = "NAME", value_parser = host, required_if_eq("upstream", "azure"))]
    pub(crate) authority: Option<String>,
    /// Where the proxy finds the module [default: /etc/imagegate/imagegate.wasm, for
    /// envoy-gateway and istio its place in the OCI image, for compose ./imagegate.wasm on this
    /// machine]
    #[arg(long, value_name = "PATH", value_parser = path)]
    pub(crate) module: Option<String>,
}

/// What runs the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    /// A whole Envoy bootstrap
    Envoy,
    /// Kubernetes resources for Envoy Gateway
    EnvoyGateway,
    /// Kubernetes resources for Istio: a gateway of its own
    Istio,
    /// A Compose file with that bootstrap in it
    Compose,
}

/// What generates the images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum UpstreamKind {
    /// The Codex backend, with the account of a `codex login`
    Codex,
    /// The Images API of OpenAI, with an API key
    Openai,
    /// A deployment of Azure OpenAI, with an API key
    Azure,
}

/// A DNS name in lower case, as Envoy compares it, or an IPv4 address.
fn host(text: &str) -> Result<String, String> {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // A name whose last label is a number is an address (WHATWG URL, "ends in a number"), or none.
    let is_name = text.rsplit('.').next().is_some_and(|last| last.contains(char::is_alphabetic));
    let is_host = is_name || text.parse::<Ipv4Addr>().is_ok();
    if is_host && text.len() <= 253 && text.split('.').all(is_label) {
        return Ok(text.to_owned());
    }
    Err("accepted: a host name in lower case, without a port, such as images.example.com, or an \
         IPv4 address"
        .into())
}

/// A path that YAML takes as it is, alone or in quotes.
fn path(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        return Ok(text.to_owned());
    }
    Err("accepted: a path of letters, digits and / . _ - +".into())
}

//! The arguments of `check`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

#[derive(Args, Debug)]
#[command(after_help = "\
A FILE is the plugin configuration itself, or a file that holds one: an Envoy bootstrap, a \
listener, an ECDS file, an Istio EnvoyFilter, an EnvoyPatchPolicy of Envoy Gateway, or a ConfigMap \
with any of these as text. It is YAML or JSON, and may have several documents. The filter's own \
parser reads each configuration. The settings of Envoy that the filter depends on are checked too. \
Patches of an EnvoyPatchPolicy or an EnvoyFilter that change the filter are applied first, also \
those of another file.

Errors are settings that the filter or Envoy rejects, that make every request fail, or that let \
clients in without a key. Warnings are settings that fail sometimes. All errors of a file are \
listed in its order. A file that has nothing to do with imagegate is skipped. If all are skipped, \
that is an error. With --format json or github the findings are on standard output.

Istio's WasmPlugin and TrafficExtension are errors: they cannot set \
allow_on_headers_stop_iteration. So is the EnvoyExtensionPolicy of Envoy Gateway, unless a patch in \
the same call sets it.

Keys, tokens, digests and values of headers are never shown: * replaces each of their \
characters.

Examples:
  imagegatectl check envoy.yaml
  imagegatectl check --strict envoy/*.yaml
  imagegatectl check bootstrap.yaml ecds.yaml
  imagegatectl check imagegate.yaml limits.yaml
  imagegatectl check --format github deploy/*.yaml
  helm template . | imagegatectl check -

Exit codes: 0 no errors, 1 errors (with --strict also warnings) or nothing to check, 2 wrong usage \
or a file that cannot be read.")]
pub(crate) struct CheckArguments {
    /// Files to check; - is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Read the variables that credentials name from this environment: one that is missing or
    /// unusable is an error
    #[arg(long)]
    pub(crate) env: bool,
    /// The files are lists of consumers that the filter fetches (`consumers_from`)
    #[arg(long)]
    pub(crate) list: bool,
    /// Treat warnings as errors
    #[arg(long)]
    pub(crate) strict: bool,
    /// How findings are printed
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    pub(crate) format: CheckFormat,
    /// Print errors and warnings only: no notes, no sums
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// How findings are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckFormat {
    /// For people, with excerpts, on standard error
    Text,
    /// One JSON object
    Json,
    /// Workflow commands of GitHub Actions
    Github,
}

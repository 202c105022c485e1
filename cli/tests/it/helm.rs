//! The chart `deploy/helm/imagegate`. What is ignored needs Helm: `make test-helm` builds it.

mod compared;
mod described;
mod limited;
mod named;
mod rendered;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::{Outcome, root};

const CHART: &str = "deploy/helm/imagegate";

fn chart(file: &str) -> PathBuf {
    root().join(CHART).join(file)
}

/// A file of the tests, as an argument.
fn case(file: &str) -> String {
    root().join("cli/tests/helm").join(file).to_str().unwrap().to_owned()
}

/// Runs Helm, at the top of the repository.
fn helm(arguments: &[&str]) -> Outcome {
    let program = std::env::var_os("HELM").unwrap_or_else(|| panic!("HELM is not set"));
    let output = Command::new(Path::new(&program))
        .args(arguments)
        .current_dir(root())
        .env_clear()
        .env("HOME", std::env::temp_dir())
        .output()
        .unwrap();
    Outcome {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// What the chart renders to with these values, as the release `imagegate` in the namespace
/// `imagegate`.
fn template(values: &[&str]) -> String {
    let release = ["template", "imagegate", CHART, "--namespace", "imagegate"];
    let outcome = helm(&[&release, values].concat());
    assert_eq!(outcome.code, Some(0), "{values:?}: {}", outcome.err);
    outcome.out
}

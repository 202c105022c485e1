//! The `PluginConfig` around the configuration.

use std::ops::Range;

use super::super::finding::Finding;
use super::super::tree::{Kind, Node};
use super::super::words;
use super::place_of;

/// Looks at the settings of a filter whose configuration names `variables`.
pub(super) fn check(
    settings: &Node,
    variables: &[(String, Range<usize>)],
    findings: &mut Vec<Finding>,
) {
    let field = "allow_on_headers_stop_iteration";
    let value = settings.get(field);
    if !value.is_some_and(Node::is_true) {
        let is = if value.is_some() { "is not set" } else { "is missing" };
        findings.push(
            Finding::error(format!("`{field}: true` {is}"), place_of(settings, field))
                .why(
                    "Envoy then holds the body back together with the headers, and every request \
                     is answered 500",
                )
                .help("Envoy 1.35 and later have this key"),
        );
    }
    check_code(settings, findings);
    check_failure(settings, findings);
    check_variables(settings, variables, findings);
}

fn check_code(settings: &Node, findings: &mut Vec<Finding>) {
    let code = settings.at(&["vm_config", "code", "local"]);
    let Some(name) = code.and_then(|it| it.get("filename")) else { return };
    let is = match &name.kind {
        Kind::Text(text) if text.value.is_empty() => "empty",
        Kind::Text(_) => return,
        Kind::Null => "null",
        Kind::Bool(_) => "a boolean",
        Kind::Number(_) => "a number",
        Kind::List(_) => "an array",
        Kind::Object(_) => "an object",
    };
    findings.push(
        Finding::error(
            format!("`filename` is {is}, expected the path of the module"),
            name.span.clone(),
        )
        .why("Envoy refuses it")
        .help("put the path in quotes if YAML reads it as another value"),
    );
}

fn check_failure(settings: &Node, findings: &mut Vec<Finding>) {
    let opens = "after a crash of the VM requests pass the filter, and nobody asks for a key";
    if settings.get("fail_open").is_some_and(Node::is_true) {
        findings.push(
            Finding::error("`fail_open: true` opens the gate", place_of(settings, "fail_open"))
                .why(opens)
                .help("write `failure_policy: FAIL_RELOAD` instead"),
        );
    }
    let place = place_of(settings, "failure_policy");
    match settings.get("failure_policy").and_then(Node::text) {
        Some("FAIL_RELOAD") => {}
        Some("FAIL_OPEN") => findings.push(
            Finding::error("`failure_policy: FAIL_OPEN` opens the gate", place)
                .why(opens)
                .help("write `failure_policy: FAIL_RELOAD`"),
        ),
        Some(other) if !["FAIL_CLOSED", "UNSPECIFIED"].contains(&other) => findings.push(
            Finding::error(
                format!("`failure_policy` has no value `{}`", words::named(other)),
                place,
            )
            .why("Envoy refuses it")
            .help("write `failure_policy: FAIL_RELOAD`"),
        ),
        _ => findings.push(
            Finding::warning("`failure_policy: FAIL_RELOAD` is missing", place)
                .why("without it a VM that has crashed answers 503 until Envoy restarts"),
        ),
    }
}

fn check_variables(
    settings: &Node,
    variables: &[(String, Range<usize>)],
    findings: &mut Vec<Finding>,
) {
    let passed = settings.at(&["vm_config", "environment_variables"]);
    let keys = passed.and_then(|it| it.get("host_env_keys")).map(Node::items).unwrap_or_default();
    let values = passed.and_then(|it| it.get("key_values")).map(Node::fields).unwrap_or_default();
    for (name, span) in variables {
        let is_key = keys.iter().any(|key| key.text() == Some(name));
        if !is_key && !values.iter().any(|it| it.name == *name) {
            findings.push(
                Finding::error(
                    format!(
                        "the environment variable {} is not passed into the VM",
                        words::named(name)
                    ),
                    span.clone(),
                )
                .why("the filter refuses the configuration without it, and Envoy does not start")
                .help("list it under `vm_config.environment_variables.host_env_keys`"),
            );
        }
    }
}

//! The rules of `deploy/prometheus` and the dashboards of `deploy/grafana`: each alert is explained and
//! tested, each panel says what it shows, and no query names what does not exist.
//!
//! `UPDATE_GOLDEN=1 cargo test --test contract -- stack::` writes prometheusrule.yaml again.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use imagegate::exchange::metrics::{Kind, METRICS, Metric};
use imagegate::openai::error::table::Class;
use serde_json::Value;

use crate::fixtures::assert_expected;
use crate::queries::{DASHBOARD, Query, RULES, document, panels, queries, recorded, rules};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const CONSUMERS: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/grafana/dashboards/consumers.json");

fn read(path: &str) -> String {
    fs::read_to_string(format!("{ROOT}/{path}")).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn alerts() -> Vec<Value> {
    let alerts: Vec<_> = rules().into_iter().filter(|rule| rule.get("alert").is_some()).collect();
    assert!(alerts.len() > 25, "only {} alerts", alerts.len());
    alerts
}

#[test]
fn the_operators_resource_has_the_same_groups() {
    let rules = fs::read_to_string(RULES).unwrap();
    let (_, groups) = rules.split_once("\ngroups:\n").unwrap();
    let mut resource = String::from(
        "# imagegate.rules.yaml for the Prometheus operator. Written by a test: change that file, and run\n\
         # UPDATE_GOLDEN=1 cargo test --test contract -- stack::\n\
         apiVersion: monitoring.coreos.com/v1\n\
         kind: PrometheusRule\n\
         metadata: { namespace: imagegate, name: imagegate }\n\
         spec:\n  groups:\n",
    );
    for line in groups.lines() {
        let indent = if line.is_empty() { "" } else { "  " };
        resource.push_str(&format!("{indent}{line}\n"));
    }
    let path = format!("{ROOT}/deploy/prometheus/prometheusrule.yaml");
    assert_expected(Path::new(&path), &resource);
    assert_eq!(document(&path)["spec"]["groups"], document(RULES)["groups"]);
}

/// The anchors of a page, as GitHub makes them of its headings.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    let anchor = |line: &str| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        title.chars().filter(|it| it.is_alphanumeric() || "-_ ".contains(*it)).collect::<String>()
    };
    headings.map(|line| anchor(line).replace(' ', "-")).collect()
}

#[test]
fn each_alert_says_what_it_means_and_where_it_is_explained() {
    let anchors = anchors(&read("docs/operations.md"));
    for alert in alerts() {
        let name = text(&alert["alert"]);
        for key in ["summary", "description"] {
            assert!(text(&alert["annotations"][key]).len() > 5, "{name} has no {key}");
        }
        assert!(["page", "ticket"].contains(&text(&alert["labels"]["severity"])), "{name}");
        let anchor = text(&alert["annotations"]["runbook_url"]).split_once("docs/operations.md#");
        let anchor = anchor.unwrap_or_else(|| panic!("{name} has no runbook_url")).1;
        assert_eq!(anchor, name.to_lowercase());
        assert!(anchors.contains(anchor), "docs/operations.md has no section {name}");
    }
}

#[test]
fn each_alert_has_a_case_that_fires_and_one_that_does_not() {
    let cases: Vec<_> = ["imagegate", "imagegate-slow"]
        .iter()
        .flat_map(|name| {
            let tests = document(&format!("{ROOT}/deploy/prometheus/{name}.tests.yaml"));
            tests["tests"].as_array().unwrap().clone()
        })
        .flat_map(|test| test["alert_rule_test"].as_array().unwrap().clone())
        .collect();
    for alert in alerts() {
        let of_it = |case: &&Value| case["alertname"] == alert["alert"];
        let severity = |it: &Value| {
            let labels = &it["exp_labels"];
            (labels["severity"].clone(), labels["window"].clone())
        };
        let labels = (alert["labels"]["severity"].clone(), alert["labels"]["window"].clone());
        let expected = |case: &Value| case["exp_alerts"].as_array().unwrap().clone();
        let fires = |case: &Value| expected(case).iter().any(|it| severity(it) == labels);
        let cases = || cases.iter().filter(of_it);
        assert!(cases().any(fires), "{} {labels:?}: no case fires", alert["alert"]);
        let quiet = cases().any(|case| expected(case).is_empty());
        assert!(quiet, "{}: there is no case in which it does not fire", alert["alert"]);
    }
}

/// The codes whose status says that the gateway, or its upstream, is at fault.
fn codes_of_the_gateway() -> BTreeSet<&'static str> {
    let rows = Class::ALL.iter().map(|class| class.row()).filter(|row| row.status >= 500);
    rows.flat_map(|row| row.codes.to_vec()).collect()
}

fn every_code() -> BTreeSet<&'static str> {
    let codes = Class::ALL.iter().flat_map(|class| class.row().codes.to_vec());
    codes.chain(["ok", "client_closed_request"]).collect()
}

/// Whether a value of a label matches one of the alternatives of a pattern as the queries have them.
fn matches(pattern: &str, value: &str) -> bool {
    pattern.split('|').any(|it| match it.strip_suffix(".+") {
        Some(prefix) => value.starts_with(prefix),
        None => it == value,
    })
}

#[test]
fn the_objective_counts_the_failures_of_the_gateway_and_no_others() {
    let mut checked = 0;
    for query in
        queries().iter().filter(|it| it.place.starts_with("job:imagegate_requests_failed:"))
    {
        for selector in query.selectors().iter().filter(|it| it.metric.ends_with("requests_total"))
        {
            let (_, pattern) = selector.values.iter().find(|(label, _)| label == "code").unwrap();
            let failures = pattern.strip_prefix("ok|").unwrap_or(pattern);
            let counted: BTreeSet<_> =
                every_code().into_iter().filter(|code| matches(failures, code)).collect();
            assert_eq!(counted, codes_of_the_gateway(), "{}", query.place);
            checked += 1;
        }
    }
    assert_eq!(checked, 10);
}

/// The metric of the filter that a series belongs to.
fn metric(series: &str) -> Option<&'static Metric> {
    let of_histogram = |metric: &Metric| {
        let rest = series.strip_prefix(metric.name).unwrap_or_default();
        metric.kind == Kind::Histogram && ["_bucket", "_sum", "_count"].contains(&rest)
    };
    METRICS.iter().find(|it| it.name == series || of_histogram(it))
}

/// Each metric of the filter and each of its labels that a query names is in the code. What is Envoy's
/// own, `tests/e2e/stack.rs` compares with a scrape.
#[test]
fn each_query_reads_metrics_and_labels_of_the_code() {
    let recorded = recorded();
    let codes = every_code();
    for query in queries() {
        for selector in query.selectors() {
            let name = &selector.metric;
            if recorded.contains(name) || name.starts_with("envoy_") {
                continue;
            }
            let place = &query.place;
            let metric = metric(name).unwrap_or_else(|| panic!("{place}: there is no {name}"));
            for label in selector.labels.iter().filter(|label| *label != "le") {
                assert!(metric.labels.contains(&label.as_str()), "{place}: {name} has no {label}");
            }
            let named = |(label, _): &&(String, String)| ["code", "kind"].contains(&label.as_str());
            for (_, pattern) in selector.values.iter().filter(named) {
                for code in pattern.split('|') {
                    let known = codes.iter().any(|it| matches(code, it));
                    assert!(known, "{place}: there is no code {code}");
                }
            }
        }
    }
}

/// Istio's proxies leave out most of them.
#[test]
fn the_page_names_each_metric_of_envoy_that_a_query_reads() {
    let page = read("docs/operations.md");
    let (_, section) = page.split_once("### In a mesh\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let mut found = BTreeSet::new();
    for query in queries() {
        let names = query.selectors().into_iter().map(|it| it.metric);
        found.extend(names.filter(|name| name.starts_with("envoy_")));
    }
    assert!(found.len() >= 8, "{found:?}");
    for name in found {
        assert!(section.contains(&format!("`{name}`")), "docs/operations.md has no {name}");
    }
}

/// How the names of counters end.
const COUNTERS: [&str; 7] =
    ["_total", "_count", "_sum", "_bucket", "_vm_reload", "_config_fail", "_update_rejected"];

#[test]
fn each_counter_is_read_as_a_rate() {
    // What is reserved now is a difference of counters, and so is whether one is new.
    let exempt = ["instance:imagegate_unsettled_usd:difference", "Reserved now"];
    for query in queries().into_iter().filter(|it| !exempt.contains(&it.place.as_str())) {
        for selector in query.selectors() {
            let name = &selector.metric;
            let is_counter = COUNTERS.iter().any(|end| name.ends_with(end));
            let function = selector.function.as_deref();
            let is_rate = ["rate", "increase"].map(Some).contains(&function);
            if is_counter && !is_rate {
                assert!(query.text.contains("unless"), "{}: {name} is no rate", query.place);
            }
            assert!(is_counter || !is_rate, "{}: {name} is no counter", query.place);
        }
    }
}

#[test]
fn the_variables_of_the_dashboard_read_a_metric_that_exists() {
    let dashboard = document(DASHBOARD);
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let queries = variables.iter().filter(|it| it["type"] == "query");
    let mut found = 0;
    for variable in queries {
        let query = text(&variable["query"]["query"]);
        let name = query.strip_prefix("label_values(").unwrap().split(['{', ',']).next().unwrap();
        assert!(metric(name).is_some(), "{query}");
        found += 1;
    }
    assert_eq!(found, 2);
}

fn targets(panel: &Value) -> Vec<Value> {
    let targets = panel["targets"].as_array().unwrap().clone();
    assert!(!targets.is_empty(), "{} shows nothing", panel["title"]);
    targets
}

#[test]
fn each_panel_says_what_it_shows_and_reads_the_chosen_source() {
    for path in [DASHBOARD, CONSUMERS] {
        let dashboard = document(path);
        assert_eq!(dashboard["editable"], false);
        let variables = dashboard["templating"]["list"].as_array().unwrap();
        let source = variables.iter().find(|it| it["name"] == "datasource").unwrap();
        assert_eq!(source["type"], "datasource");
        let mut ids = BTreeSet::new();
        for panel in panels(path) {
            let title = text(&panel["title"]).to_owned();
            assert!(!title.is_empty() && text(&panel["description"]).len() > 20, "{title}");
            assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{title} has no unit");
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}: its id is not its own");
            for target in targets(&panel) {
                assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
                assert_eq!(target["datasource"]["type"], source["query"], "{title}");
                assert!(!text(&target["legendFormat"]).is_empty(), "{title}: no legend");
            }
        }
    }
}

#[test]
fn each_query_of_the_dashboard_is_of_the_chosen_job_and_follows_the_time_range() {
    let recorded = recorded();
    for panel in panels(DASHBOARD) {
        for target in targets(&panel) {
            let query = Query {
                place: text(&panel["title"]).to_owned(),
                text: text(&target["expr"]).to_owned(),
            };
            for selector in query.selectors() {
                let chosen = |label: &str, value: &str| {
                    selector.values.contains(&(label.to_owned(), value.to_owned()))
                };
                let place = &query.place;
                let of_all = selector.metric.starts_with("imagegate:");
                assert!(of_all || chosen("job", "$job"), "{place}: any job");
                let of_a_job = recorded.contains(&selector.metric);
                assert!(of_a_job || chosen("instance", "$instance"), "{place}: any instance");
            }
            for range in query.text.split('[').skip(1) {
                let range = range.split(']').next().unwrap();
                assert!(["$__rate_interval", "$__range"].contains(&range), "{}", query.text);
            }
        }
    }
}

#[test]
fn what_the_dashboard_of_consumers_reads_is_in_the_usage_record() {
    let page = read("docs/operations.md");
    let mut fields = BTreeSet::new();
    for panel in panels(CONSUMERS) {
        for target in targets(&panel) {
            let words = text(&target["expr"]).split(|it: char| !it.is_alphanumeric() && it != '_');
            fields.extend(words.filter_map(|it| it.strip_prefix("usage_")).map(str::to_owned));
        }
    }
    assert!(fields.len() >= 8, "{fields:?}");
    let (_, rows) = page.split_once("| Field | Meaning |\n").unwrap();
    let rows: Vec<_> = rows.lines().take_while(|line| line.starts_with('|')).collect();
    for field in fields {
        let named = format!("`{field}`");
        let first = |row: &str| row.split(" | ").next().unwrap().contains(&named);
        assert!(rows.iter().any(|row| first(row)), "the record has no {field}");
    }
}

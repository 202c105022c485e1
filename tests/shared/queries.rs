//! The queries of `deploy/prometheus` and `deploy/grafana`, and what each of them reads.

use std::collections::BTreeSet;
use std::fs;

use promql_parser::parser::{self, Expr, LabelModifier, VectorSelector};
use serde_json::Value;

pub(crate) const RULES: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/prometheus/imagegate.rules.yaml");
pub(crate) const DASHBOARD: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/grafana/dashboards/imagegate.json");

/// Labels that Prometheus itself sets.
const OF_THE_SCRAPE: [&str; 2] = ["job", "instance"];

/// A query, and where it is.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    pub(crate) place: String,
    pub(crate) text: String,
}

/// The series that a query reads.
#[derive(Debug, Clone)]
pub(crate) struct Selector {
    pub(crate) metric: String,
    /// The labels that the query selects by or groups by, without those of the scrape.
    pub(crate) labels: BTreeSet<String>,
    /// The values that it selects, as they are in the query.
    pub(crate) values: Vec<(String, String)>,
    /// The function that takes its range.
    pub(crate) function: Option<String>,
}

/// A file in YAML or JSON.
pub(crate) fn document(path: &str) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|it| panic!("{path}: {it}"));
    serde_yaml_ng::from_str(&text).unwrap_or_else(|it| panic!("{path}: {it}"))
}

/// All rules: those that record and the alerts.
pub(crate) fn rules() -> Vec<Value> {
    let groups = document(RULES)["groups"].as_array().unwrap().clone();
    groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

/// The panels of a dashboard, without the rows.
pub(crate) fn panels(path: &str) -> Vec<Value> {
    let panels = document(path)["panels"].as_array().unwrap().clone();
    panels.into_iter().filter(|panel| panel["type"] != "row").collect()
}

/// The queries of the rules and of the panels.
pub(crate) fn queries() -> Vec<Query> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rule = |rule: &Value| {
        let name = rule.get("alert").or_else(|| rule.get("record")).unwrap();
        Query { place: text(name), text: text(&rule["expr"]) }
    };
    let mut queries: Vec<_> = rules().iter().map(rule).collect();
    for panel in panels(DASHBOARD) {
        for target in panel["targets"].as_array().unwrap() {
            queries.push(Query { place: text(&panel["title"]), text: text(&target["expr"]) });
        }
    }
    queries
}

impl Query {
    /// What the query reads. Panics if it is not PromQL.
    #[track_caller]
    pub(crate) fn selectors(&self) -> Vec<Selector> {
        let text = self.text.replace("$__rate_interval", "5m").replace("$__range", "1h");
        let tree = parser::parse(&text)
            .unwrap_or_else(|it| panic!("{}: not PromQL: {it}: {}", self.place, self.text));
        let mut found = Vec::new();
        walk(&tree, &BTreeSet::new(), None, &mut found);
        found
    }
}

fn grouped(modifier: Option<&LabelModifier>, outer: &BTreeSet<String>) -> BTreeSet<String> {
    let labels = modifier.map(|it| it.labels().labels.clone()).unwrap_or_default();
    outer.iter().cloned().chain(labels).collect()
}

fn walk(tree: &Expr, by: &BTreeSet<String>, function: Option<&str>, found: &mut Vec<Selector>) {
    match tree {
        Expr::Aggregate(it) => walk(&it.expr, &grouped(it.modifier.as_ref(), by), None, found),
        Expr::Unary(it) => walk(&it.expr, by, function, found),
        Expr::Binary(it) => {
            let matching = it.modifier.as_ref().and_then(|it| it.matching.as_ref());
            let by = grouped(matching, by);
            walk(&it.lhs, &by, None, found);
            walk(&it.rhs, &by, None, found);
        }
        Expr::Paren(it) => walk(&it.expr, by, function, found),
        Expr::Subquery(it) => walk(&it.expr, by, function, found),
        Expr::Call(it) => {
            for argument in &it.args.args {
                walk(argument, by, Some(it.func.name), found);
            }
        }
        Expr::VectorSelector(it) => found.push(selector(it, by, function)),
        Expr::MatrixSelector(it) => found.push(selector(&it.vs, by, function)),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) => {}
        Expr::Extension(_) => panic!("an extension of PromQL"),
    }
}

fn selector(it: &VectorSelector, by: &BTreeSet<String>, function: Option<&str>) -> Selector {
    let metric = it.name.clone().expect("a selector names its metric");
    let matchers = &it.matchers.matchers;
    let values: Vec<_> = matchers.iter().map(|it| (it.name.clone(), it.value.clone())).collect();
    let names = values.iter().map(|(name, _)| name).chain(by);
    let labels = names.filter(|name| !OF_THE_SCRAPE.contains(&name.as_str())).cloned().collect();
    Selector { metric, labels, values, function: function.map(str::to_owned) }
}

/// The names of what the rules record.
pub(crate) fn recorded() -> BTreeSet<String> {
    let names = rules();
    names.iter().filter_map(|rule| rule["record"].as_str().map(str::to_owned)).collect()
}

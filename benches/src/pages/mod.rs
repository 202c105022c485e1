//! `make bench-docs`: the measured figures in `docs/bench.json`, and the chart and the tables of
//! the documentation made from that one file. A test holds them together.

mod summary;
mod tables;

use std::fs;

use serde::de::DeserializeOwned;

use super::report::{Figures, Run, read, write};
use super::{chart, filter, root};

const FIGURES: &str = "docs/bench.json";
const CHART: &str = "docs/bench.svg";
const BENCHMARKS: &str = "docs/benchmarks.md";

/// A part of a page between `<!-- NAME: begin -->` and `<!-- NAME: end -->`.
struct Part {
    page: &'static str,
    name: &'static str,
    text: String,
}

/// Takes the last measurements into the documentation, and generates its chart and tables. A part
/// that was not measured again stays.
pub(crate) fn take() {
    let mut figures: Figures = read(&root().join(FIGURES));
    let mut commits = Vec::new();
    let whole = filter::WHOLE_RUN.as_secs();
    if let Some(run) = last(super::FILTER_RUN, whole, &mut commits) {
        figures.filter = run;
    }
    if let Some(run) = last(super::RULES_RUN, super::RULES_RUN_SECONDS, &mut commits) {
        figures.rules = run;
    }
    if let Some(run) = last(super::USERS_RUN, super::RULES_RUN_SECONDS, &mut commits) {
        figures.users = Some(run);
    }
    if let Some(why) = mixed(&commits) {
        panic!("these runs are not for the documentation: {why}");
    }
    write(&root().join(FIGURES), &figures);
    fs::write(root().join(CHART), chart::svg(&figures.filter)).unwrap();
    for part in parts(&figures) {
        let path = root().join(part.page);
        let page = fs::read_to_string(&path).unwrap();
        let [before, _, after] = split(&page, &part);
        fs::write(path, [before, &part.text, after].concat()).unwrap();
    }
    println!("{FIGURES}, {CHART}, {BENCHMARKS}");
}

/// The run in this file; `None` if there is no such file. Adds the file and its commit to
/// `commits`. Panics if the run is not for the documentation.
fn last<T: serde::Serialize + DeserializeOwned>(
    file: &'static str,
    least_seconds: u64,
    commits: &mut Vec<(&'static str, String)>,
) -> Option<Run<T>> {
    let path = root().join(file);
    if !path.exists() {
        return None;
    }
    let run: Run<T> = read(&path);
    if let Some(why) = run.unfit(least_seconds) {
        panic!("{file} is not for the documentation: {why}");
    }
    commits.push((file, run.commit.clone()));
    Some(run)
}

/// Why these runs cannot be taken together, if so: they are of more than one commit.
fn mixed(commits: &[(&str, String)]) -> Option<String> {
    let (_, first) = commits.first()?;
    if commits.iter().all(|(_, commit)| commit == first) {
        return None;
    }
    let runs: Vec<_> = commits.iter().map(|(file, commit)| format!("{file} of {commit}")).collect();
    let runs = runs.join(", ");
    Some(format!("they are of different commits: {runs}. Measure again, or remove the old ones"))
}

/// The page before the part, the part, and the page after it.
fn split<'a>(page: &'a str, part: &Part) -> [&'a str; 3] {
    let mark = |side| format!("<!-- {}: {side} -->\n", part.name);
    let begin = page.find(&mark("begin")).expect("a mark") + mark("begin").len();
    let end = page.find(&mark("end")).expect("a mark");
    [&page[..begin], &page[begin..end], &page[end..]]
}

/// Everything in the pages that shows a figure.
fn parts(figures: &Figures) -> Vec<Part> {
    let Figures { filter, rules, users } = figures;
    let part = |page, name, text| Part { page, name, text };
    let mut parts = vec![
        part(BENCHMARKS, "bench summary", summary::text(figures)),
        part(BENCHMARKS, "bench cpu", tables::cpu(filter)),
        part(BENCHMARKS, "bench small", tables::small(filter)),
        part(BENCHMARKS, "bench requests", tables::requests(filter)),
        part(BENCHMARKS, "bench rules", tables::rules(rules)),
        part(BENCHMARKS, "bench start", tables::start(filter)),
        part(BENCHMARKS, "bench memory", tables::memory(filter)),
    ];
    parts.extend(users.iter().map(|run| part(BENCHMARKS, "bench users", tables::users(run))));
    parts
}

#[cfg(test)]
mod tests;

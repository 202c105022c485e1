//! All files together: each configuration is read, then everything around it is compared with its
//! requirements.

mod sorted;

use std::ops::Range;

use super::excerpt::{self, Values};
use super::find::{self, Found, Plugin};
use super::finding::{Finding, Level};
use super::input::{self, Document};
use super::lint::{self, Scope};
use super::plugin::{self, Outcome, Written};
use super::report::{Report, State};
use super::tree::{Kind, Node};
use super::{Environment, File, words};

/// A plugin configuration that was read.
pub(crate) struct Judged<'t> {
    /// The filter around it; `None` if the document is the configuration itself.
    pub(crate) plugin: Option<Plugin<'t>>,
    /// What reading it gave.
    pub(crate) outcome: Outcome,
}

/// Judges all files; one report for each.
pub(crate) fn all(files: &[File], environment: Environment<'_>) -> Vec<Report> {
    let is_alone = files.len() == 1;
    let judged: Vec<_> =
        files.iter().map(|file| configurations(file, is_alone, environment)).collect();
    let documents = files.iter().zip(&judged).flat_map(|(file, judged)| {
        let trees = file.documents.iter().map(Document::judged);
        trees.zip(judged.iter().map(Vec::as_slice))
    });
    let scope = Scope::new(&documents.collect::<Vec<_>>());
    let each = files.iter().zip(&judged);
    // What the documents with patches are without them: what there is to hide, and what the patches
    // have not caused.
    let before: Vec<_> = files.iter().map(|file| without_patches(file, environment)).collect();
    let mut gates = Vec::new();
    let found = each.clone().zip(&before).map(|((file, judged), before)| {
        let (found, count) = findings(file, judged, before, &scope);
        gates.push(count);
        found
    });
    let found = sorted::by_file(files, found.collect());
    let report = |(index, (file, judged)): (usize, (&File, &Vec<Vec<Judged<'_>>>))| {
        let configurations = judged.iter().flatten().count();
        let checked = configurations
            + gates.get(index).unwrap_or(&0)
            + file.findings.len()
            + usize::from(file.patches.are_followed);
        let state = if checked == 0 {
            State::PassedOver(reason(file, environment.is_of_lists))
        } else {
            State::Checked
        };
        let before = before.get(index).map(Vec::as_slice).unwrap_or_default();
        let masked = mask(file, judged.iter().flatten().chain(before));
        let findings = found.get(index).cloned().unwrap_or_default();
        Report { name: file.name.clone(), masked, findings, configurations, state }
    };
    each.enumerate().map(report).collect()
}

/// The plugin configurations of each document.
fn configurations<'f>(
    file: &'f File,
    is_alone: bool,
    environment: Environment<'_>,
) -> Vec<Vec<Judged<'f>>> {
    let only = is_alone && file.documents.len() == 1;
    file.documents.iter().map(|it| of_document(file, it, only, environment)).collect()
}

fn of_document<'f>(
    file: &'f File,
    document: &'f Document,
    only: bool,
    environment: Environment<'_>,
) -> Vec<Judged<'f>> {
    if environment.is_of_lists {
        let outcomes = super::list::all(&document.tree, &file.source).into_iter();
        return outcomes.map(|outcome| Judged { plugin: None, outcome }).collect();
    }
    match find::find(document.judged()) {
        Found::Plugins(plugins) => of_plugins(plugins, environment),
        // A single file of no other kind is meant as a configuration, and the filter reports its
        // errors.
        found if matches!(found, Found::Bare) || (only && is_shapeless(&document.tree)) => {
            let written = match document.key {
                None => Written::bare(&document.tree, &file.source),
                Some(_) => Written::Struct(&document.tree),
            };
            vec![Judged { plugin: None, outcome: plugin::check(&written, environment) }]
        }
        _ => Vec::new(),
    }
}

fn of_plugins<'f>(plugins: Vec<Plugin<'f>>, environment: Environment<'_>) -> Vec<Judged<'f>> {
    let judge = |plugin| {
        let outcome = plugin::check_plugin(&plugin, environment);
        Judged { plugin: Some(plugin), outcome }
    };
    plugins.into_iter().map(judge).collect()
}

/// The configurations of the documents that patches change, without these patches.
fn without_patches<'f>(file: &'f File, environment: Environment<'_>) -> Vec<Judged<'f>> {
    let written = file.documents.iter().filter_map(|document| document.before.as_ref());
    let plugins = written.flat_map(|document| match find::find(document) {
        Found::Plugins(plugins) => plugins,
        _ => Vec::new(),
    });
    of_plugins(plugins.collect(), environment)
}

/// A single value, or an empty object or list.
fn is_shapeless(document: &Node) -> bool {
    let is_empty = document.fields().is_empty() && document.items().is_empty();
    // A document between two `---` may be empty.
    let is_nothing = matches!(document.kind, Kind::Null) && document.span.is_empty();
    is_empty && !is_nothing
}

/// What there is to say about a file, and how many connection managers were checked.
fn findings(
    file: &File,
    judged: &[Vec<Judged<'_>>],
    before: &[Judged<'_>],
    scope: &Scope<'_>,
) -> (Vec<Finding>, usize) {
    let mut findings = file.findings.clone();
    let mut gates = 0;
    let is_old = |it: &Finding| {
        let mut old = before.iter().flat_map(|it| &it.outcome.findings);
        old.any(|old| old.title == it.title && old.span == it.span)
    };
    for (document, judged) in file.documents.iter().zip(judged) {
        let mut found = Vec::new();
        found.extend(judged.iter().flat_map(|it| it.outcome.findings.iter().cloned()));
        gates += lint::check(document.judged(), judged, scope, &mut found);
        let is_patched = !document.changed_by.is_empty();
        for it in found.iter_mut().filter(|it| is_patched && it.level > Level::Note && !is_old(it))
        {
            it.notes.push(("patched by", document.changed_by.join(", ")));
        }
        findings.extend(found.into_iter().map(|it| match &document.key {
            Some(key) => input::inside(it, key),
            None => it,
        }));
    }
    findings.extend(unset(judged));
    if file.source.starts_with('\u{feff}') {
        let first = findings.iter_mut().filter(|it| it.level == Level::Error && it.span.start == 0);
        first.for_each(|it| {
            it.notes
                .push(("help", "remove the byte order mark, with which the file begins".into()));
        });
    }
    (findings, gates)
}

/// Why a file was passed over.
fn reason(file: &File, is_of_lists: bool) -> &'static str {
    let is_nothing =
        |document: &Document| matches!(document.tree.kind, Kind::Null) && document.key.is_none();
    if file.documents.iter().all(is_nothing) {
        "it is empty"
    } else if file.patches.are_unseen {
        "its patches of imagegate's filter are not checked"
    } else if is_of_lists {
        "no list of consumers in it"
    } else if file.documents.iter().any(|document| find::is_envoy(&document.tree)) {
        "no imagegate filter in it"
    } else {
        "it is neither a configuration of imagegate nor of Envoy"
    }
}

/// One note for all variables of a file that are not set here.
fn unset(judged: &[Vec<Judged<'_>>]) -> Option<Finding> {
    let outcomes = judged.iter().flatten().map(|it| &it.outcome);
    let mut missing: Vec<(&String, &Range<usize>)> = outcomes
        .flat_map(|it| it.variables.iter().filter(|(name, _)| it.assumed.contains(name)))
        .map(|(name, span)| (name, span))
        .collect();
    missing.sort_by_key(|(_, span)| span.start);
    let (_, span) = *missing.first()?;
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in &missing {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let names: Vec<_> = names.into_iter().map(words::named).collect();
    let title = match names.as_slice() {
        [only] => format!("the environment variable {only} is not set here"),
        _ => format!("these environment variables are not set here: {}", names.join(", ")),
    };
    let why = "Envoy reads them from its own environment; with --env they are read from this one, \
               and a missing one is an error";
    Some(Finding::note(title, span.clone()).why(why))
}

/// The text of the file without its secrets.
fn mask<'j, 't: 'j>(file: &File, judged: impl Iterator<Item = &'j Judged<'t>>) -> String {
    let mut values = Values { unread: file.lost.clone(), ..Values::default() };
    values.documents.extend(file.documents.iter().map(Document::written));
    for it in judged {
        values.unread.extend(it.outcome.unread.clone());
        values.configurations.extend(&it.outcome.tree);
    }
    for part in &file.patches.parts {
        match &part.pointer {
            Some(pointer) => values.parts.push((&part.value, pointer)),
            None => values.unread.push(part.value.span.clone()),
        }
    }
    excerpt::mask(&file.source, &values)
}

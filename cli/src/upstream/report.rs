//! Prints the result, for people and for programs.

use serde_json::{Value, json};

use super::catalogue::{CatalogueError, Listed};
use super::target::Target;
use super::verdict::{HostModel, State, Verdict};
use crate::cli::OutputFormat;
use crate::exit::CommandError;
use crate::output;

/// An upstream and its answer.
pub(crate) struct Report<'t> {
    pub(crate) target: &'t Target,
    pub(crate) answer: Result<Verdict, CatalogueError>,
}

impl Report<'_> {
    /// Whether the upstream has a usable host model.
    fn is_usable(&self) -> bool {
        self.answer.as_ref().is_ok_and(Verdict::is_usable)
    }
}

/// Prints everything on standard output. `others` are upstreams that were not called.
///
/// # Errors
///
/// If the output cannot be written.
pub(crate) fn print(
    format: OutputFormat,
    reports: &[Report<'_>],
    others: &[String],
) -> Result<(), CommandError> {
    let text = match format {
        OutputFormat::Text => text(reports, others),
        OutputFormat::Json => {
            let upstreams: Vec<_> = reports.iter().map(object).collect();
            let usable = reports.iter().all(Report::is_usable);
            format!(
                "{:#}\n",
                json!({ "usable": usable, "upstreams": upstreams, "not_asked": others })
            )
        }
    };
    output::print(&text)
}

/// The result of the command.
///
/// # Errors
///
/// [`CommandError::ErrorsFound`] if an upstream has no usable host model, and
/// [`CommandError::Upstream`] if an upstream did not answer.
pub(crate) fn outcome(reports: Vec<Report<'_>>) -> Result<(), CommandError> {
    let mut unanswered = None;
    for Report { target, answer } in reports {
        match answer {
            Ok(verdict) if verdict.is_usable() => {}
            Err(error) if error.is_transient() => unanswered = Some((&target.name, error)),
            Ok(_) | Err(_) => return Err(CommandError::ErrorsFound),
        }
    }
    unanswered.map_or(Ok(()), |(name, error)| {
        Err(CommandError::Upstream { name: name.clone(), error: Box::new(error) })
    })
}

fn object(report: &Report<'_>) -> Value {
    let Report { target, answer } = report;
    let mut object = json!({ "name": target.name, "version": target.version(), "error": null });
    let model = |it: &Listed| json!({ "name": it.slug, "minimal_client_version": it.least });
    let more = match answer {
        Err(error) => json!({ "usable": false, "error": error.to_string() }),
        Ok(verdict) => {
            let host_models: Vec<_> = verdict.host_models.iter().map(host_model).collect();
            json!({
                "usable": verdict.is_usable(),
                "listed": verdict.listed,
                "host_models": host_models,
                "other_models": verdict.others.iter().map(model).collect::<Vec<_>>(),
                "hidden_models": verdict.hidden,
            })
        }
    };
    if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
        object.extend(more);
    }
    object
}

fn host_model(it: &HostModel) -> Value {
    json!({ "name": it.name, "state": it.state, "minimal_client_version": it.least })
}

fn text(reports: &[Report<'_>], others: &[String]) -> String {
    let mut text = String::new();
    for report in reports {
        text.push_str(&one(report));
    }
    for name in others {
        text.push_str(&format!("{name}: not asked, since it is not Codex by `api` and `path`\n"));
    }
    text
}

fn one(Report { target, answer }: &Report<'_>) -> String {
    let name = &target.name;
    let verdict = match answer {
        Ok(verdict) => verdict,
        Err(error) => return format!("{name}: {error}\n"),
    };
    let version = target.version();
    let sent =
        version.map_or_else(|| "no `version` header".to_owned(), |it| format!("`version` {it}"));
    let usable = verdict.host_models.iter().filter(|it| it.state == State::Usable).count();
    let all = verdict.host_models.len();
    let mut text = format!(
        "{name}: {usable} of {all} host models usable ({sent}; {} listed)\n",
        verdict.listed
    );
    let width = verdict.host_models.iter().map(|it| it.name.len()).max().unwrap_or_default();
    for it in &verdict.host_models {
        // Nothing is known of a model that is not listed.
        let least = match it.state {
            State::NotListed => "-".to_owned(),
            _ => needs(it.least.as_deref()),
        };
        text.push_str(&format!(
            "  {:<width$}  {least:<13}  {}\n",
            it.name,
            it.state.words(version)
        ));
    }
    let other = |it: &Listed| format!("{} ({})", it.slug, needs(it.least.as_deref()));
    let lists = [
        ("others that take images", verdict.others.iter().map(other).collect::<Vec<_>>()),
        ("hidden, not for use", verdict.hidden.clone()),
    ];
    for (title, names) in lists.into_iter().filter(|(_, names)| !names.is_empty()) {
        text.push_str(&format!("  {title}: {}\n", names.join(", ")));
    }
    text
}

fn needs(least: Option<&str>) -> String {
    least.map_or_else(|| "any version".to_owned(), |least| format!("needs {least}"))
}

//! An error of the filter's parser, in words for the person who corrects it.

mod hints;
mod shown;

use std::ops::Range;

use imagegate::config::Fault;

use super::errors::Located;
use super::fields::Fields;
use super::finding::Finding;
use super::suggest;
use super::tree::{Kind, Node, split};
use shown::{cut, without_secrets};
pub(crate) use shown::{is_measure, is_secret_place, is_shown, named, printable};

/// The finding for an error, at `span`; `root` is the whole configuration.
pub(crate) fn finding(located: &Located, span: Range<usize>, root: Option<&Node>) -> Finding {
    let at = Context::of(located, root);
    let finding = match &located.error.fault {
        Fault::Type { found, accepted } => at.mistyped(found, accepted, span),
        Fault::Value { accepted } => at.unfit("", accepted, span),
        Fault::Range { accepted } => at.unfit("out of range: ", accepted, span),
        Fault::UnknownField { accepted } => at.unknown_field(accepted, span),
        Fault::UnknownUpstream { known } => {
            at.undefined("upstream", known.iter().map(String::as_str), span)
        }
        Fault::Undefined { what, .. } => at.undefined(what, at.names_of(what), span),
        Fault::Missing { accepted } => {
            let title = format!("`{}` is missing", at.name());
            with_accepted(Finding::error(title, span), accepted)
        }
        Fault::Empty { accepted } => {
            Finding::error(format!("empty, expected {}", at.accepted(accepted)), span)
        }
        Fault::SameName => {
            let title = format!("a second field `{}` in one object", at.name());
            Finding::error(title, span).help("keep one of them")
        }
        Fault::Syntax(error) => {
            not_json(error, span).with("accepted", "JSON text or a google.protobuf.Struct")
        }
        Fault::EntrySyntax { error, accepted } => not_json(error, span).with("accepted", *accepted),
        other => at.misplaced(other, span),
    };
    hints::add(finding, &at, &located.error.fault)
}

/// What is known about the place of an error.
pub(crate) struct Context<'e> {
    /// The pointer, with the right names.
    pub(crate) pointer: &'e str,
    /// The value there.
    pub(crate) value: Option<&'e Node>,
    /// The object or the list around it.
    pub(crate) owner: Option<&'e Node>,
    root: Option<&'e Node>,
}

impl<'e> Context<'e> {
    fn of(located: &'e Located, root: Option<&'e Node>) -> Self {
        let pointer = located.canonical.as_str();
        let owner = located.owner.as_ref();
        let value = root.and_then(|root| root.pointed(&located.error.pointer));
        Self { pointer, value, owner, root }
    }

    /// The name of the field, or the index of the element.
    pub(crate) fn name(&self) -> String {
        named(&split(self.pointer).map(|(_, name)| name).unwrap_or_default())
    }

    /// The value, unless it may be secret.
    fn shown(&self) -> Option<String> {
        match &self.value?.kind {
            Kind::Bool(truth) => Some(truth.to_string()),
            Kind::Number(number) if number.abs() < MANY => Some(number.to_string()),
            Kind::Number(number) => Some(format!("{number:e}")),
            Kind::Text(text) if is_shown(self.pointer, &text.value) => {
                Some(format!("\"{}\"", cut(&text.value)))
            }
            Kind::Object(fields) => {
                let names: Vec<_> =
                    fields.iter().map(|it| format!("`{}`", named(&it.name))).collect();
                Some(if names.is_empty() { "none".to_owned() } else { names.join(" and ") })
            }
            Kind::List(items) => Some(format!("an array of {}", items.len())),
            _ => None,
        }
    }

    /// Fields of a credential that do not go together.
    fn excluded(&self) -> Option<&'static str> {
        let owner = self.owner.filter(|_| self.pointer.contains("/credential/"))?;
        owner.get("bearer_env")?;
        match self.name().as_str() {
            "key_env" => Some("`bearer_env` and `key_env` do not go together"),
            "header" => Some("`header` goes with `key_env`, not with `bearer_env`"),
            _ => None,
        }
    }

    /// Whether the error is in the name of an upstream.
    fn is_upstream(&self) -> bool {
        self.pointer.starts_with("/upstreams/") && self.pointer.matches('/').count() == 2
    }

    fn mistyped(&self, found: &str, accepted: &str, span: Range<usize>) -> Finding {
        let accepted = self.accepted(accepted);
        let title = format!("expected {}, found {found}", short(&accepted));
        with_rest(Finding::error(title, span), &accepted)
    }

    fn unfit(&self, before: &str, accepted: &str, span: Range<usize>) -> Finding {
        if self.is_upstream() {
            let title = "expected the name of an upstream, 1 to 128 visible ASCII characters";
            return Finding::error(title, span);
        }
        if let Some(title) = self.excluded() {
            return Finding::error(title, span);
        }
        let accepted = self.accepted(accepted);
        let found = match self.shown() {
            Some(value) => format!("found {value}"),
            None => "found something else".to_owned(),
        };
        // A range is all that there is to say.
        let expected = if before.is_empty() { short(&accepted) } else { &accepted };
        let title = format!("{before}expected {expected}, {found}");
        let finding = match before {
            "" => with_rest(Finding::error(title, span), &accepted),
            _ => Finding::error(title, span),
        };
        let fields = Fields::get();
        let words = fields.words(self.pointer);
        let text = self.value.and_then(Node::text);
        match text.and_then(|text| suggest::nearest(text, words)) {
            Some(meant) => finding.help(format!("did you mean \"{meant}\"?")),
            None => finding,
        }
    }

    fn unknown_field(&self, accepted: &[&'static str], span: Range<usize>) -> Finding {
        let name = split(self.pointer).map(|(_, name)| name).unwrap_or_default();
        let finding = Finding::error(format!("unknown field `{}`", self.name()), span);
        if let Some(meant) = suggest::nearest(&name, accepted.iter().copied()) {
            return finding.help(format!("did you mean `{meant}`?"));
        }
        match Fields::get().owners(&name).as_slice() {
            [] => finding.with("accepted", accepted.join(", ")),
            owners => {
                let owners: Vec<_> = owners.iter().map(|it| format!("`{it}`")).collect();
                finding.help(format!("`{name}` is a field of {}", owners.join(" and ")))
            }
        }
    }

    fn undefined<'k>(
        &self,
        what: &str,
        known: impl Iterator<Item = &'k str>,
        span: Range<usize>,
    ) -> Finding {
        let known: Vec<_> = known.collect();
        let text = self.value.and_then(Node::text);
        let named = match self.shown() {
            Some(name) => format!("there is no {what} {name}"),
            None => format!("there is no such {what}"),
        };
        let finding = Finding::error(named, span);
        if let Some(meant) = text.and_then(|text| suggest::nearest(text, known.iter().copied())) {
            return finding.help(format!("did you mean \"{}\"?", printable(meant)));
        }
        let listed: Vec<_> = known.iter().take(MAX_NAMES).map(|it| printable(it)).collect();
        match known.len().saturating_sub(MAX_NAMES) {
            0 if listed.is_empty() => finding,
            0 => finding.with("accepted", listed.join(", ")),
            more => finding.with("accepted", format!("{} and {more} more", listed.join(", "))),
        }
    }

    /// The names of the consumers or of the listed users.
    fn names_of(&self, what: &str) -> impl Iterator<Item = &'e str> {
        let (list, field) = if what == "user" { ("users", "id") } else { ("consumers", "name") };
        let entries = self.root.and_then(|root| root.get(list)).map(Node::items);
        let entries = entries.unwrap_or_default().iter();
        entries.filter_map(move |entry| entry.get(field)).filter_map(Node::text)
    }

    /// A field that others forbid, or the parser's own words.
    fn misplaced(&self, fault: &Fault, span: Range<usize>) -> Finding {
        match fault {
            Fault::OtherApi { api } => {
                let title =
                    format!("`{}` is only for upstreams whose `api` is \"{api}\"", self.name());
                Finding::error(title, span).help("leave it out")
            }
            Fault::NotOfService => {
                let title =
                    format!("`{}` is only for what a rate-limit service counts", self.name());
                Finding::error(title, span).help(
                    "leave it out; with the engine `local` and the unit `concurrent` there is no \
                     service",
                )
            }
            Fault::WindowOfConcurrent => {
                Finding::error("`window` does not go with the unit `concurrent`", span)
                    .help("leave it out: requests in flight have no window")
            }
            Fault::UserOfMaster => {
                Finding::error("`user` does not go with the role `master`", span)
                    .help("leave it out: each request of a master names its user")
            }
            Fault::WeightsUnused => {
                Finding::error("`weights` do nothing with `balance: first`", span).help(
                    "write `balance: round_robin` or `least_used` beside them, or leave them out",
                )
            }
            Fault::BothHostModels => {
                Finding::error("`host_model` and `host_models` do not go together", span)
                    .help("keep `host_models`, a list with the names of both")
            }
            Fault::ReservedHeader { .. } => {
                let title = format!("the filter or Envoy sets the header `{}` itself", self.name());
                Finding::error(title, span).help("leave it out")
            }
            other => self.plain(&without_secrets(&other.to_string()), span),
        }
    }

    /// The parser's own words.
    fn plain(&self, words: &str, span: Range<usize>) -> Finding {
        match words.split_once(", accepted: ") {
            Some((title, accepted)) => {
                with_accepted(Finding::error(title, span), &self.accepted(accepted))
            }
            None => Finding::error(words, span),
        }
    }

    /// The accepted forms, without those that only other units have.
    fn accepted(&self, words: &str) -> String {
        let unit = self.owner.and_then(|owner| owner.get("unit")).and_then(Node::text);
        let is_maximum = self.pointer.starts_with("/limits/") && self.pointer.ends_with("/max");
        let of_unit = match unit.filter(|_| is_maximum) {
            Some("usd") => {
                "a quoted decimal such as \"25.00\", up to \"1000000000\" and with up to 9 digits \
                 after the point"
            }
            Some("megapixels") => {
                "a whole number from 1 to 1000000000000, or a quoted decimal such as \"2.5\" with \
                 up to 6 digits after the point"
            }
            Some("requests" | "images" | "concurrent") => "a whole number from 1 to 1000000000000",
            _ => return words.replace("a decimal string", "a quoted decimal"),
        };
        of_unit.to_owned()
    }
}

/// The words up to their first limit or reason.
fn short(accepted: &str) -> &str {
    let ends = [
        "; ",
        ", from ",
        ", up to ",
        ", 1 to ",
        ", since ",
        ", not of ",
        ", as JSON",
        ", under a name",
    ];
    let end = ends.iter().filter_map(|it| accepted.find(it)).min();
    end.and_then(|end| accepted.get(..end)).unwrap_or(accepted)
}

fn with_rest(finding: Finding, accepted: &str) -> Finding {
    if short(accepted) == accepted { finding } else { with_accepted(finding, accepted) }
}

/// `error` is what serde_json says of text that is not JSON. Its position is known better here.
fn not_json(error: &impl ToString, span: Range<usize>) -> Finding {
    let words = error.to_string();
    let words = words.split(" at line ").next().unwrap_or_default();
    Finding::error(format!("not JSON: {words}"), span)
}

fn with_accepted(finding: Finding, accepted: &str) -> Finding {
    finding.with("accepted", accepted)
}

/// A number with more digits is shown by its exponent.
const MANY: f64 = 1e15;
/// Names in one message.
const MAX_NAMES: usize = 8;

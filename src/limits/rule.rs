//! A rule: the amount, the unit, the scope and the period of a limit.

use sha2::{Digest, Sha256};

use super::Window;
use crate::pattern::Pattern;

/// A limit as an operator wrote it.
#[derive(Debug)]
pub struct Rule {
    /// Its unique name, for errors, headers and metrics.
    pub name: String,
    /// The name under which its states are kept: [`Rule::id_of`] its fields.
    pub id: u64,
    /// What is counted together.
    pub per: Per,
    /// What is counted.
    pub unit: Unit,
    /// How much there may be, in the unit's own integers.
    pub max: u64,
    /// In which period.
    pub window: Window,
    /// The rule counts only requests for these models. One in [`Per::Model`] counts together what
    /// the same pattern matches.
    pub models: Option<Vec<Pattern>>,
    /// The rule counts only requests of these consumers.
    pub consumers: Option<Vec<String>>,
    /// The rule counts only requests for these users.
    pub users: Option<Vec<String>>,
    /// The rule counts only requests of these groups.
    pub groups: Option<Vec<String>>,
    /// The rule counts and reports, but rejects nothing.
    pub shadow: bool,
    /// Where it is counted.
    pub engine: Engine,
}

/// Where a rule is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// In the shared data of this Envoy: [`local`](super::local).
    Local,
    /// By a rate-limit service: [`rls`](super::rls).
    Rls(OnError),
}

/// What happens to a request if the rate-limit service does not answer for a rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// It is rejected.
    #[default]
    Deny,
    /// It is admitted as if the rule were not there.
    Allow,
}

/// What a rule counts together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// A consumer's keys.
    Key,
    /// A user.
    User,
    /// A model, as the configuration names it: no client can spread itself over the spellings that
    /// a pattern matches.
    Model,
    /// A group of consumers and users.
    Group,
    /// Everybody.
    Global,
}

/// What a rule counts, the cheapest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Requests that went upstream.
    Requests,
    /// Images.
    Images,
    /// Pixels of images; written in millions.
    Megapixels,
    /// Requests in flight.
    Concurrent,
    /// Nano-dollars; written in dollars.
    Usd,
}

/// Who requests what.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The consumer's name.
    pub consumer: &'a str,
    /// The user that pays.
    pub user: &'a str,
    /// The model asked for.
    pub model: &'a str,
    /// The groups of the consumer and of the user, each once.
    pub groups: &'a [String],
}

impl Rule {
    /// Whether the rule counts a request. A rule `per` group counts none of a caller in no group.
    #[must_use]
    pub fn applies(&self, scope: &Scope<'_>) -> bool {
        let named = |list: &Option<Vec<String>>, name: &str| {
            list.as_ref().is_none_or(|list| list.iter().any(|it| it == name))
        };
        self.models.as_ref().is_none_or(|list| list.iter().any(|it| it.matches(scope.model)))
            && named(&self.consumers, scope.consumer)
            && named(&self.users, scope.user)
            && (!self.selects_groups() || scope.groups.iter().any(|it| self.counts_group(it)))
    }

    /// Whether the rule concerns only callers in a group.
    fn selects_groups(&self) -> bool {
        self.groups.is_some() || self.per == Per::Group
    }

    /// Whether `group` is one of those that the rule is for.
    fn counts_group(&self, group: &str) -> bool {
        self.groups.as_ref().is_none_or(|list| list.iter().any(|it| it == group))
    }

    /// The name under which the rule counts requests for a model: the first of its patterns that
    /// matches, which is the model itself if it has no wildcard.
    fn model<'s>(&'s self, name: &'s str) -> &'s str {
        let pattern = self.models.iter().flatten().find(|it| it.matches(name));
        pattern.map_or(name, Pattern::as_str)
    }

    /// What the rule counts together with a request to which it applies: the name of `per`, and its
    /// value. `None` if everything counts together.
    ///
    /// A request counts once, except in a rule `per` group: there it counts in each group that the
    /// rule is for, and all of them have to admit it.
    pub fn scopes<'s>(
        &'s self,
        scope: &Scope<'s>,
    ) -> impl Iterator<Item = Option<(&'static str, &'s str)>> {
        let (one, groups) = match self.per {
            Per::Key => (Some(Some(("key", scope.consumer))), Default::default()),
            Per::User => (Some(Some(("user", scope.user))), Default::default()),
            Per::Model => (Some(Some(("model", self.model(scope.model)))), Default::default()),
            Per::Group => (None, scope.groups),
            Per::Global => (Some(None), Default::default()),
        };
        let groups = groups.iter().filter(|it| self.counts_group(it));
        one.into_iter().chain(groups.map(|it| Some(("group", it.as_str()))))
    }

    /// The name under which a rule keeps its states. What it counts, and in which period, is part
    /// of it: a rule that is redefined starts from zero. One with only a new `max` goes on.
    #[must_use]
    pub fn id_of(name: &str, per: Per, unit: Unit, window: Window) -> u64 {
        let digest = digest(&[name, &key_words(per, unit, window)]);
        u64::from_le_bytes(digest.first_chunk().copied().unwrap_or_default())
    }

    /// The name that 0.1 gave the state of a rule for a value of its scope.
    #[must_use]
    pub fn old_state_id(&self, value: &str) -> [u8; 16] {
        let words = key_words(self.per, self.unit, self.window);
        digest(&[&self.name, &words, value]).first_chunk().copied().unwrap_or_default()
    }
}

/// A SHA-256 of texts, with the length of each.
fn digest(parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// What a rule counts, in words that must never change: other words are another name, and so every
/// counter and budget of a running Envoy would start from zero after an update.
fn key_words(per: Per, unit: Unit, window: Window) -> String {
    let per = match per {
        Per::Key => "Key",
        Per::User => "User",
        Per::Model => "Model",
        Per::Group => "Group",
        Per::Global => "Global",
    };
    let unit = match unit {
        Unit::Requests => "Requests",
        Unit::Images => "Images",
        Unit::Megapixels => "Megapixels",
        Unit::Concurrent => "Concurrent",
        Unit::Usd => "Usd",
    };
    format!("{per} {unit} {}", window.key_words())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn rule(per: Per, unit: Unit, window: Window) -> Rule {
        Rule {
            name: "budget".to_owned(),
            id: Rule::id_of("budget", per, unit, window),
            per,
            unit,
            max: 1,
            window,
            models: None,
            consumers: None,
            users: None,
            groups: None,
            shadow: false,
            engine: Engine::Local,
        }
    }

    /// Counters of a running Envoy are found by these names.
    #[test]
    fn the_names_of_rules_never_change() {
        let minute = Window::Sliding(Duration::from_secs(60));
        assert_eq!(
            Rule::id_of("budget", Per::Key, Unit::Requests, minute),
            5_027_089_477_886_065_372
        );
        assert_eq!(
            Rule::id_of("budget", Per::User, Unit::Usd, Window::Month),
            13_267_009_464_834_970_566
        );
    }

    /// Counters that 0.1 has left in a running Envoy are found by these names.
    #[test]
    fn the_names_of_old_states_never_change() {
        let scope = Scope { consumer: "acme-web", user: "acme", model: "gpt-image-2", groups: &[] };
        let sliding = |millis| Window::Sliding(Duration::from_millis(millis));
        for (per, unit, window, id) in [
            (Per::Key, Unit::Requests, sliding(60_000), "996fd9b4355aa3bbd5db4ba31dca5617"),
            (Per::User, Unit::Usd, Window::Month, "7c3e5f01ac279f8b8aea08e650000f52"),
            (Per::Model, Unit::Images, Window::Day, "b3428f7afb706b8ca70ada001d9519df"),
            (Per::Global, Unit::Megapixels, Window::Week, "eb841729be06618e2ecd9a0338af49c4"),
            (Per::Key, Unit::Concurrent, Window::Now, "3de56eb55b3dc6d152e4363c705b6ede"),
            (Per::User, Unit::Requests, sliding(90_500), "708b8653ee12b7ff5059aa3837f0af56"),
        ] {
            let rule = rule(per, unit, window);
            let value = rule.scopes(&scope).next().unwrap().map_or("", |(_, value)| value);
            let found: String =
                rule.old_state_id(value).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(found, id, "{per:?} {unit:?} {window:?}");
        }
    }

    #[test]
    fn a_request_counts_in_each_group_that_the_rule_is_for() {
        let groups = ["design".to_owned(), "web".to_owned()];
        let scope = Scope { consumer: "c", user: "design", model: "m", groups: &groups };
        let mut rule = rule(Per::Group, Unit::Usd, Window::Month);
        let scopes = |rule: &Rule| {
            let values = rule.scopes(&scope).map(|it| it.unwrap().1.to_owned());
            values.collect::<Vec<_>>()
        };
        assert_eq!(scopes(&rule), ["design", "web"]);
        rule.groups = Some(vec!["web".to_owned()]);
        assert_eq!(scopes(&rule), ["web"]);
        assert!(rule.applies(&scope));
        rule.groups = Some(vec!["sales".to_owned()]);
        assert!(!rule.applies(&scope));
        rule.groups = None;
        assert!(!rule.applies(&Scope { groups: &[], ..scope }));
    }
}

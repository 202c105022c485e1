//! Models of a configuration that have ended or end soon.

use std::time::{Duration, UNIX_EPOCH};

use imagegate::openai::retirement::{Retirement, Service};
use imagegate::pattern::Pattern;

use super::finding::Finding;
use super::tree::Node;

/// Looks at the models of `configuration`; `now` is the time since the Unix epoch.
pub(crate) fn check(configuration: &Node, now: Duration, findings: &mut Vec<Finding>) {
    let mut check = Check { configuration, now, findings };
    check.models();
    check.default_model();
    check.host_models();
    check.prices();
}

struct Check<'c> {
    configuration: &'c Node,
    now: Duration,
    findings: &'c mut Vec<Finding>,
}

/// Whose dates count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dates {
    OpenAi,
    Azure,
    /// Some provider's, or that of one of several.
    Unknown,
}

impl Check<'_> {
    /// The names that `models` sends to upstreams. A name that a client uses and that is renamed
    /// may be any.
    fn models(&mut self) {
        for (index, entry) in items(self.configuration, "models").iter().enumerate() {
            let here = format!("/models/{index}");
            let own = entry
                .get("rename")
                .map(|it| (it, format!("{here}/rename")))
                .or_else(|| Some((entry.get("match")?, format!("{here}/match"))));
            let upstream = entry.get("upstream");
            let listed = upstream.map(Node::items).unwrap_or_default();
            for (place, candidate) in listed.iter().enumerate() {
                let rename = candidate.get("rename");
                let rename = rename.map(|it| (it, format!("{here}/upstream/{place}/rename")));
                let name = candidate.get("name").unwrap_or(candidate);
                self.sent(rename.or_else(|| own.clone()), name);
            }
            if let Some(name) = upstream.filter(|_| listed.is_empty()) {
                self.sent(own, name);
            }
        }
    }

    fn sent(&mut self, sent: Option<(&Node, String)>, upstream: &Node) {
        let dates = self.dates_of(upstream.text());
        if let Some((name, pointer)) = sent {
            self.warn(Service::Images, name, &pointer, dates);
        }
    }

    /// The default is sent as it is, unless an entry of `models` renames it.
    fn default_model(&mut self) {
        let Some(node) = self.configuration.get("default_model") else { return };
        let Some(name) = node.text() else { return };
        let takes = |entry: &&Node| {
            let pattern = entry.get("match").and_then(Node::text).and_then(Pattern::parse);
            pattern.is_some_and(|it| it.matches(name))
        };
        let entry = items(self.configuration, "models").iter().find(takes);
        let is_renamed = |entry: &Node| {
            let listed = entry.get("upstream").map(Node::items).unwrap_or_default();
            let each = !listed.is_empty() && listed.iter().all(|it| it.get("rename").is_some());
            entry.get("rename").is_some() || each
        };
        if !entry.is_some_and(is_renamed) {
            self.warn(Service::Images, node, "/default_model", self.dates_of(None));
        }
    }

    /// Text models end on other days for accounts that sign in with ChatGPT than for the API.
    fn host_models(&mut self) {
        let upstreams = self.configuration.get("upstreams").map(Node::fields).unwrap_or_default();
        for field in upstreams {
            let text = |name: &str| field.value.get(name).and_then(Node::text);
            let is_chatgpt = text("path").is_none_or(|it| it.starts_with("/backend-api/"));
            let service = match text("authority") {
                _ if text("api") == Some("images") => continue,
                Some(authority) if host(authority) == "api.openai.com" => Service::Api,
                _ if is_chatgpt => Service::ChatGpt,
                _ => continue,
            };
            let here = format!("/upstreams/{}", field.name.replace('~', "~0").replace('/', "~1"));
            if let Some(name) = field.value.get("host_model") {
                self.warn(service, name, &format!("{here}/host_model"), Dates::OpenAi);
            }
            for (index, name) in items(&field.value, "host_models").iter().enumerate() {
                self.warn(service, name, &format!("{here}/host_models/{index}"), Dates::OpenAi);
            }
        }
    }

    /// A list has several entries for each model: the first of them is enough.
    fn prices(&mut self) {
        let mut named = Vec::new();
        for (index, entry) in items(self.configuration, "prices").iter().enumerate() {
            let Some(name) = entry.get("model") else { continue };
            let model = name.text().and_then(|it| Retirement::of(Service::Images, it));
            if let Some(model) = model.filter(|it| !named.contains(it)) {
                named.push(model);
                let pointer = format!("/prices/{index}/model");
                self.warn(Service::Images, name, &pointer, self.dates_of(None));
            }
        }
    }

    /// Whose dates count at the upstream of this name, or at all of them.
    fn dates_of(&self, upstream: Option<&str>) -> Dates {
        let upstreams = self.configuration.get("upstreams").map(Node::fields).unwrap_or_default();
        let mut found = upstreams
            .iter()
            .filter(|it| upstream.is_none_or(|name| it.name == name))
            .map(|it| dates(it.value.get("authority").and_then(Node::text).unwrap_or_default()));
        let first = found.next().unwrap_or(Dates::Unknown);
        if found.all(|it| it == first) { first } else { Dates::Unknown }
    }

    fn warn(&mut self, service: Service, name: &Node, pointer: &str, dates: Dates) {
        let Some(retirement) = name.text().and_then(|it| Retirement::of(service, it)) else {
            return;
        };
        let Some(end) = start_of(retirement.date) else { return };
        let verb = match end {
            _ if end <= self.now => "ended",
            _ if end <= self.now + NOTICE => "ends",
            _ => return,
        };
        let Retirement { model, date, replacements } = retirement;
        let title = match dates {
            Dates::OpenAi => format!("the model `{model}` {verb} on {date}"),
            Dates::Azure | Dates::Unknown => {
                format!("the model `{model}` {verb} on {date} at OpenAI")
            }
        };
        let why = match (dates, verb) {
            (Dates::Azure, _) => "Azure ends models on dates of its own: look into its schedule",
            (Dates::Unknown, _) => {
                "other providers, such as Azure, end models on dates of their own"
            }
            (Dates::OpenAi, "ended") => "requests for it fail",
            (Dates::OpenAi, _) => "requests for it fail from then on",
        };
        let named: Vec<_> = replacements.iter().map(|it| format!("`{it}`")).collect();
        let help = format!("named in its place: {}", named.join(" or "));
        let finding = Finding::warning(title, name.span.clone()).with("at", pointer);
        self.findings.push(finding.why(why).help(help));
    }
}

fn items<'n>(node: &'n Node, name: &str) -> &'n [Node] {
    node.get(name).map(Node::items).unwrap_or_default()
}

fn dates(authority: &str) -> Dates {
    match host(authority) {
        "api.openai.com" | "chatgpt.com" => Dates::OpenAi,
        host if AZURE.iter().any(|end| host.ends_with(end)) => Dates::Azure,
        _ => Dates::Unknown,
    }
}

/// An authority without its port.
fn host(authority: &str) -> &str {
    authority.split(':').next().unwrap_or_default()
}

/// When a day of the table begins.
fn start_of(date: &str) -> Option<Duration> {
    let start = humantime::parse_rfc3339(&format!("{date}T00:00:00Z")).ok()?;
    start.duration_since(UNIX_EPOCH).ok()
}

/// OpenAI gives notice of the end of image models at least three months before.
const NOTICE: Duration = Duration::from_secs(90 * 86_400);
const AZURE: [&str; 3] =
    [".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com"];

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::check::json;

    /// The findings for a configuration at the start of a day: the pointer and the title of each.
    fn found(configuration: &Value, day: &str) -> Vec<(String, String)> {
        let tree = json::parse(&configuration.to_string()).unwrap();
        let mut findings = Vec::new();
        check(&tree, start_of(day).unwrap(), &mut findings);
        let reported = findings.into_iter().map(|it| {
            let (label, pointer) = it.notes.first().cloned().unwrap();
            assert_eq!(label, "at");
            (pointer, it.title)
        });
        reported.collect()
    }

    fn pointers(configuration: &Value, day: &str) -> Vec<String> {
        found(configuration, day).into_iter().map(|it| it.0).collect()
    }

    #[test]
    fn a_model_is_named_from_ninety_days_before_its_end() {
        let configuration = json!({"default_model": "gpt-image-1.5",
            "upstreams": {"a": {"authority": "api.openai.com:443"}}});
        for (day, verb) in [
            ("2026-09-01", None),
            ("2026-09-02", Some("ends")),
            ("2026-11-30", Some("ends")),
            ("2026-12-01", Some("ended")),
            ("2027-12-01", Some("ended")),
        ] {
            let title = verb.map(|verb| format!("the model `gpt-image-1.5` {verb} on 2026-12-01"));
            let expected: Vec<_> =
                title.into_iter().map(|it| ("/default_model".to_owned(), it)).collect();
            assert_eq!(found(&configuration, day), expected, "{day}");
        }
    }

    #[test]
    fn the_name_that_is_sent_counts_and_not_the_name_of_clients() {
        let models = json!([
            {"match": "gpt-image-1", "upstream": "a"},
            {"match": "gpt-image-1-mini", "upstream": "a", "rename": "gpt-image-2.6-flare"},
            {"match": "draw", "upstream": "a", "rename": "dall-e-3"},
            {"match": "fast", "upstream": ["b",
             {"name": "a", "rename": "gpt-image-1.5-2025-12-16"}]},
            {"match": "chatgpt-image-latest", "upstream": [
                {"name": "a", "rename": "gpt-image-2"}, {"name": "b", "rename": "gpt-image-2"}]},
            {"match": "gpt-image-*", "upstream": "b"},
            {"match": "dall-e-2", "upstream": ["a", "b"], "rename": "gpt-image-2"},
        ]);
        let configuration = |default: &str| json!({"models": models, "default_model": default});
        let of_models = ["/models/0/match", "/models/2/rename", "/models/3/upstream/1/rename"]
            .map(str::to_owned);
        for (default, is_reported) in [
            ("gpt-image-2", false),
            ("gpt-image-1-mini", false),
            ("chatgpt-image-latest", false),
            ("dall-e-2", false),
            ("gpt-image-1.5", true),
        ] {
            let mut expected = of_models.to_vec();
            expected.extend(is_reported.then(|| "/default_model".to_owned()));
            assert_eq!(pointers(&configuration(default), "2026-11-29"), expected, "{default}");
        }
    }

    #[test]
    fn the_end_of_a_text_model_depends_on_the_way_of_signing_in() {
        let upstreams = json!({"upstreams": {
            "codex": {"authority": "chatgpt.com", "host_models":
                ["gpt-6-luna", "gpt-5.5", "gpt-5"]},
            "a/b": {"authority": "relay.example", "path": "/backend-api/codex/responses",
                "host_model": "gpt-5.4-mini"},
            "api": {"authority": "api.openai.com", "path": "/v1/responses",
                "host_models": ["gpt-5.5", "gpt-5-mini"]},
            "other": {"authority": "llm.example", "path": "/v1/responses", "host_model": "gpt-5.4"},
            "images": {"api": "images", "authority": "api.openai.com", "host_model": "gpt-5"},
        }});
        let reported = pointers(&upstreams, "2026-11-29");
        let expected = [
            "/upstreams/a~1b/host_model",
            "/upstreams/api/host_models/1",
            "/upstreams/codex/host_models/1",
        ];
        assert_eq!(reported, expected);
    }

    #[test]
    fn a_price_list_is_reported_of_each_model_once() {
        let prices: Vec<_> = ["gpt-image-2", "gpt-image-1.5", "gpt-image-1.5-20*", "gpt-image-1*"]
            .into_iter()
            .map(|it| json!({"model": it}))
            .collect();
        let configuration = json!({"prices": prices});
        assert_eq!(pointers(&configuration, "2026-11-29"), ["/prices/1/model"]);
    }

    #[test]
    fn other_providers_have_dates_of_their_own() {
        let of = |authorities: &[&str]| {
            let upstreams = authorities.iter().enumerate();
            let upstreams = upstreams.map(|(at, it)| (at.to_string(), json!({"authority": it})));
            let upstreams: serde_json::Map<_, _> = upstreams.collect();
            let configuration = json!({"upstreams": upstreams, "default_model": "gpt-image-1"});
            let tree = json::parse(&configuration.to_string()).unwrap();
            let mut findings = Vec::new();
            check(&tree, start_of("2026-11-29").unwrap(), &mut findings);
            let finding = findings.pop().unwrap();
            let why = finding.notes.iter().find(|it| it.0 == "why").unwrap().1.clone();
            (finding.title.ends_with("at OpenAI"), why)
        };
        assert_eq!(of(&["api.openai.com"]), (false, "requests for it fail".to_owned()));
        let (at_openai, why) = of(&["acme.openai.azure.com"]);
        assert!(at_openai && why.starts_with("Azure ends models"), "{why}");
        let (at_openai, why) = of(&["acme.openai.azure.com", "api.openai.com"]);
        assert!(at_openai && why.starts_with("other providers"), "{why}");
        assert!(of(&["evilopenai.azure.com.example"]).1.starts_with("other providers"));
    }
}

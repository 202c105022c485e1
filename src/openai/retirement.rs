//! Models that have ended or will end, for warnings only. No request is rejected for it.
//!
//! The dates are OpenAI's (its page "Deprecations", November 2026, and for accounts that sign in
//! with ChatGPT the dates from which its Codex backend refused the models). Others, such as Azure,
//! serve the same models until other dates, so the filter lets every request for them through.

/// The end of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retirement {
    /// The model. Dated snapshots (`-2025-12-16`) end with it.
    pub model: &'static str,
    /// The first day without it, `YYYY-MM-DD` in UTC.
    pub date: &'static str,
    /// The recommended replacement.
    pub replacements: &'static [&'static str],
}

/// Where a model is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Image models, at the Images API and in the image tool.
    Images,
    /// Text models for accounts that sign in with ChatGPT.
    ChatGpt,
    /// Text models of the API at api.openai.com.
    Api,
}

impl Retirement {
    /// The end of the model called `name`, or of its base model. `None` if none is known.
    #[must_use]
    pub fn of(service: Service, name: &str) -> Option<&'static Self> {
        let table = match service {
            Service::Images => IMAGES,
            Service::ChatGpt => CHATGPT,
            Service::Api => API,
        };
        table.iter().find(|it| {
            let rest = name.strip_prefix(it.model);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(SNAPSHOT))
        })
    }
}

/// How the date of a snapshot begins.
const SNAPSHOT: &str = "-20";

const fn end(
    model: &'static str,
    date: &'static str,
    replacements: &'static [&'static str],
) -> Retirement {
    Retirement { model, date, replacements }
}

const NEWEST: &[&str] = &["gpt-image-2.6-sunburst", "gpt-image-2.6-flare"];

const IMAGES: &[Retirement] = &[
    end("dall-e-2", "2026-05-12", NEWEST),
    end("dall-e-3", "2026-05-12", NEWEST),
    end("gpt-image-1", "2026-10-23", NEWEST),
    end("gpt-image-1-mini", "2026-12-01", NEWEST),
    end("gpt-image-1.5", "2026-12-01", NEWEST),
    end("chatgpt-image-latest", "2026-12-01", NEWEST),
];

const CHATGPT: &[Retirement] = &[
    end("gpt-5.2", "2026-06-02", &["gpt-5.6-luna", "gpt-6-luna"]),
    end("gpt-5.3-codex", "2026-06-02", &["gpt-5.6-luna", "gpt-6-luna"]),
    end("gpt-5.4", "2026-09-08", &["gpt-5.6-terra"]),
    end("gpt-5.4-mini", "2026-09-08", &["gpt-5.6-luna"]),
    end("gpt-5.5", "2026-10-14", &["gpt-6-sol"]),
    end("gpt-5.5-pro", "2026-10-14", &["gpt-6-astra"]),
];

const API: &[Retirement] = &[
    end("gpt-5", "2026-12-11", &["gpt-6.1-sol"]),
    end("gpt-5-mini", "2026-12-11", &["gpt-6.1-terra"]),
    end("gpt-5-nano", "2026-12-11", &["gpt-6-luna"]),
];

#[cfg(test)]
mod tests {
    use super::{API, CHATGPT, IMAGES, Retirement, Service};

    #[test]
    fn a_snapshot_ends_with_its_model() {
        for (service, name, model) in [
            (Service::Images, "gpt-image-1", Some("gpt-image-1")),
            (Service::Images, "gpt-image-1-mini", Some("gpt-image-1-mini")),
            (Service::Images, "gpt-image-1.5-2025-12-16", Some("gpt-image-1.5")),
            (Service::Images, "gpt-image-1.5-20*", Some("gpt-image-1.5")),
            (Service::Images, "chatgpt-image-latest", Some("chatgpt-image-latest")),
            (Service::Images, "gpt-image-1*", None),
            (Service::Images, "gpt-image-2", None),
            (Service::Images, "gpt-image-2.6-flare", None),
            (Service::Images, "gpt-5.5", None),
            (Service::ChatGpt, "gpt-5.5", Some("gpt-5.5")),
            (Service::ChatGpt, "gpt-5.5-pro", Some("gpt-5.5-pro")),
            (Service::ChatGpt, "gpt-5.6-luna", None),
            (Service::ChatGpt, "gpt-5-mini", None),
            (Service::Api, "gpt-5.5", None),
            (Service::Api, "gpt-5-mini-2025-08-07", Some("gpt-5-mini")),
        ] {
            assert_eq!(Retirement::of(service, name).map(|it| it.model), model, "{name}");
        }
    }

    #[test]
    fn every_date_is_one_and_no_replacement_ends_as_well() {
        for (service, table) in
            [(Service::Images, IMAGES), (Service::ChatGpt, CHATGPT), (Service::Api, API)]
        {
            for it in table {
                let noon = format!("{}T12:00:00Z", it.date);
                assert!(humantime::parse_rfc3339(&noon).is_ok(), "{}", it.model);
                assert!(!it.replacements.is_empty(), "{}", it.model);
                for name in it.replacements {
                    assert_eq!(Retirement::of(service, name), None, "{name}");
                }
            }
        }
    }
}

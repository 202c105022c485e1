//! The host models that a ChatGPT account has, and those that it had, in November 2026.

use std::borrow::Cow;

use super::{Form, HostModel, Listing, State, Version};

/// A model that is served: its slug, the client version that it declares, the one from which it is
/// listed and served, and how an older client is rejected.
fn alive(slug: &'static str, declares: Version, needs: Version, too_old: Form) -> HostModel {
    HostModel {
        slug: Cow::Borrowed(slug),
        state: State::Alive,
        declares,
        needs,
        too_old,
        listing: Listing::List,
    }
}

/// A model that was removed, and how it is rejected.
fn retired(slug: &'static str, form: Form) -> HostModel {
    HostModel {
        slug: Cow::Borrowed(slug),
        state: State::Rejected(form),
        declares: Version(0, 0, 0),
        needs: Version(0, 0, 0),
        too_old: form,
        listing: Listing::Absent,
    }
}

const V100: Version = Version(0, 100, 0);
const V144: Version = Version(0, 144, 0);
const V153: Version = Version(0, 153, 0);
const V155: Version = Version(0, 155, 0);
const V160: Version = Version(0, 160, 0);
const V169: Version = Version(0, 169, 1);

/// All of them; the catalogue lists its entries in this order. The models have different
/// forms, so that a test meets each of them.
pub(super) fn models() -> Vec<HostModel> {
    vec![
        alive("gpt-6.2-astra", V169, V169, Form::NotFound),
        alive("gpt-6.2-sol", V169, V169, Form::Upgrade),
        // It declares less than it needs.
        alive("gpt-6.1-sol", V153, V160, Form::Upgrade),
        alive("gpt-6.1-terra", V160, V160, Form::Detail),
        alive("gpt-6-astra", V153, V153, Form::Upgrade),
        alive("gpt-6-sol", V155, V155, Form::Upgrade),
        alive("gpt-6-luna", V155, V155, Form::Upgrade),
        alive("gpt-5.6-sol", V144, V144, Form::NotFound),
        alive("gpt-5.6-terra", V144, V144, Form::Detail),
        alive("gpt-5.6-luna", V144, V144, Form::NotFoundSuffix),
        HostModel {
            state: State::TextOnly,
            ..alive("gpt-5.3-codex-spark", V100, V100, Form::Upgrade)
        },
        HostModel {
            state: State::Rejected(Form::NoAccess),
            listing: Listing::Hide,
            ..alive("gpt-reserve", V100, V100, Form::NoAccess)
        },
        HostModel {
            state: State::TextOnly,
            listing: Listing::Hide,
            ..alive("codex-auto-review", V100, V100, Form::Upgrade)
        },
        retired("gpt-5.2", Form::Detail),
        retired("gpt-5.3-codex", Form::Detail),
        retired("gpt-5.4", Form::Error),
        retired("gpt-5.4-mini", Form::Event),
        retired("gpt-5.5", Form::NoAccess),
        retired("gpt-5.5-pro", Form::NotFound),
    ]
}

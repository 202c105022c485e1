//! Everything that can go wrong on demand.
//!
//! A fault has a name, by which a prompt asks for it (`[[sim:NAME]]`), and one line that says what
//! it does; the lists here are what `codex-sim --faults` prints. There are four kinds: an answer
//! that is no stream, other events, another wire, and unusual answers of the Images API.

pub mod answer;
pub mod images;
pub mod script;
pub mod wire;

pub use self::{answer::AnswerFault, images::ImagesFault, script::ScriptFault, wire::WireFault};

/// Declares an enum of faults with their names and what they do.
macro_rules! faults {
    ($(#[$meta:meta])* $kind:ident { $($variant:ident $name:literal $about:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $kind {
            $(#[doc = concat!("`", $about, "`")] $variant,)*
        }

        impl $kind {
            /// All of them, in the order of the list.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in a directive.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it does, in one line.
            pub const fn about(self) -> &'static str {
                match self { $(Self::$variant => $about,)* }
            }
        }
    };
}
use faults;

/// One fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A status and a body in place of the stream.
    Answer(AnswerFault),
    /// Other events than the recorded ones.
    Script(ScriptFault),
    /// The recorded events, sent in an unusual way.
    Wire(WireFault),
    /// An answer of the Images API in an unusual form.
    Images(ImagesFault),
}

/// Status codes as short names.
const ALIASES: [(&str, &str); 8] = [
    ("302", "redirect"),
    ("401", "unauthorized"),
    ("403", "forbidden"),
    ("404", "not_found"),
    ("413", "too_large"),
    ("500", "server_error"),
    ("502", "bad_gateway"),
    ("503", "unavailable"),
];

impl Fault {
    /// The fault of this name.
    pub fn parse(name: &str) -> Option<Self> {
        let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, full)| full);
        Self::all().find(|fault| fault.name() == name)
    }

    /// All faults in the order of the list.
    pub fn all() -> impl Iterator<Item = Self> {
        let answers = AnswerFault::ALL.iter().copied().map(Self::Answer);
        let scripts = ScriptFault::ALL.iter().copied().map(Self::Script);
        let images = ImagesFault::ALL.iter().copied().map(Self::Images);
        answers.chain(scripts).chain(WireFault::ALL.iter().copied().map(Self::Wire)).chain(images)
    }

    /// The name in a directive.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Answer(fault) => fault.name(),
            Self::Script(fault) => fault.name(),
            Self::Wire(fault) => fault.name(),
            Self::Images(fault) => fault.name(),
        }
    }

    /// What it does, in one line.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Answer(fault) => fault.about(),
            Self::Script(fault) => fault.about(),
            Self::Wire(fault) => fault.about(),
            Self::Images(fault) => fault.about(),
        }
    }

    /// Its heading in the list.
    pub const fn heading(self) -> &'static str {
        match self {
            Self::Answer(_) => "A status and a body in place of the stream",
            Self::Script(_) => "A stream that says something else",
            Self::Wire(_) => "The usual stream, sent in an unusual way",
            Self::Images(_) => "The JSON of the Images API in an unusual but legal form",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_name_is_unique_and_leads_back_to_its_fault() {
        let names: HashSet<_> = Fault::all().map(Fault::name).collect();
        assert_eq!(names.len(), Fault::all().count());
        assert!(Fault::all().all(|fault| Fault::parse(fault.name()) == Some(fault)));
        assert!(ALIASES.iter().all(|(alias, _)| Fault::parse(alias).is_some()));
        assert_eq!(Fault::parse("nonsense"), None);
    }

    #[test]
    fn the_readme_lists_every_fault() {
        let readme = include_str!("../../README.md");
        let missing: Vec<_> =
            Fault::all().filter(|it| !readme.contains(&format!("`{}`", it.name()))).collect();
        assert_eq!(missing, []);
    }
}

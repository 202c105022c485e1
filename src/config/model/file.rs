//! An entry of `models` as it is written: its upstream is one name, or several that are tried in
//! turn.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::Balance;

/// An entry of `models`.
#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct ModelFile {
    #[serde(rename = "match")]
    pub(super) pattern: String,
    pub(super) upstream: CandidatesFile,
    pub(super) rename: Option<String>,
    #[serde(default)]
    pub(super) balance: Balance,
    pub(super) weights: Option<BTreeMap<String, u64>>,
}

/// `upstream` of such an entry.
pub(in crate::config) enum CandidatesFile {
    /// A name.
    One(String),
    /// Several, in the order in which they are tried.
    Several(Vec<CandidateFile>),
}

/// One of several: a name, or a name and how the model is called there.
pub(in crate::config) struct CandidateFile {
    pub(super) name: String,
    pub(super) rename: Option<String>,
    /// It is written as an object.
    pub(super) is_object: bool,
}

/// The object form of it.
#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct RenamedFile {
    name: String,
    rename: Option<String>,
}

impl<'de> Deserialize<'de> for CandidatesFile {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        struct Candidates;
        impl<'de> Visitor<'de> for Candidates {
            type Value = CandidatesFile;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of an upstream, or several")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<CandidatesFile, E> {
                Ok(CandidatesFile::One(name.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<CandidatesFile, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(CandidatesFile::Several)
            }
        }
        value.deserialize_any(Candidates)
    }
}

impl<'de> Deserialize<'de> for CandidateFile {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        struct Candidate;
        impl<'de> Visitor<'de> for Candidate {
            type Value = CandidateFile;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of an upstream, or an object with it")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<CandidateFile, E> {
                Ok(CandidateFile { name: name.to_owned(), rename: None, is_object: false })
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<CandidateFile, A::Error> {
                let fields = MapAccessDeserializer::new(fields);
                let RenamedFile { name, rename } = RenamedFile::deserialize(fields)?;
                Ok(CandidateFile { name, rename, is_object: true })
            }
        }
        value.deserialize_any(Candidate)
    }
}

//! Files as trees: reading, YAML or JSON, and the texts of ConfigMaps that are documents
//! themselves.

use std::io::Read;
use std::ops::Range;
use std::path::Path;

use super::finding::Finding;
use super::tree::{Field, Kind, Node, Text};
use super::{find, items, json, merge_keys, words, yaml};
use crate::exit::CommandError;
use crate::pipe;

/// Why a file cannot be read as one to check.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InputError {
    /// The path names a folder.
    #[error("{path}: a folder; name the files in it, such as \
             {}/*.yaml", path.trim_end_matches('/'))]
    Folder {
        /// The path, as it was given.
        path: String,
    },
    /// The file is too large for a configuration.
    #[error("{name}: larger than {} MiB, accepted: a configuration, or with --list a list of up \
             to 32 MiB", most >> 20)]
    TooLarge {
        /// The file.
        name: String,
        /// How many bytes it may have.
        most: u64,
    },
    /// The file is not valid YAML or JSON.
    #[error("{name}: {title}; run `imagegatectl check`")]
    Invalid {
        /// The file.
        name: String,
        /// The finding that `check` prints for it.
        title: String,
    },
}

impl InputError {
    /// Whether the argument is wrong, and not the content of the file.
    pub(crate) fn is_usage(&self) -> bool {
        match self {
            Self::Folder { .. } | Self::TooLarge { .. } => true,
            Self::Invalid { .. } => false,
        }
    }
}

/// A document of a file.
pub(crate) struct Document {
    /// Its values.
    pub(crate) tree: Node,
    /// What holds it as text: a key of a ConfigMap, or a configuration of a Compose file.
    pub(crate) key: Option<String>,
    /// What its patches amount to, if it is a resource of a mesh.
    pub(crate) assembled: Option<Node>,
    /// What it was before the patches of other resources.
    pub(crate) before: Option<Node>,
    /// Those resources.
    pub(crate) changed_by: Vec<String>,
}

impl Document {
    fn new(tree: Node, key: Option<String>) -> Self {
        Self { tree, key, assembled: None, before: None, changed_by: Vec::new() }
    }

    /// What the file has.
    pub(crate) fn written(&self) -> &Node {
        self.before.as_ref().unwrap_or(&self.tree)
    }

    /// What is judged.
    pub(crate) fn judged(&self) -> &Node {
        self.assembled.as_ref().unwrap_or(&self.tree)
    }
}

/// Reads a file of `most` bytes, or standard input for `-`: its name and its text.
///
/// # Errors
///
/// A folder, a file that cannot be read or is not UTF-8, and one that is too large.
pub(crate) fn read(path: &Path, most: u64) -> Result<(String, String), CommandError> {
    let shown = path.display().to_string();
    let (name, from): (_, Box<dyn Read>) = if path == Path::new("-") {
        ("standard input".to_owned(), Box::new(std::io::stdin().lock()))
    } else {
        if path.is_dir() {
            return Err(InputError::Folder { path: shown }.into());
        }
        (shown, Box::new(pipe::open(path).map_err(|error| CommandError::file(path, error))?))
    };
    let fail = |error| CommandError::file(Path::new(&name), error);
    let source = pipe::text(from, most).map_err(fail)?;
    if source.len() as u64 > most {
        return Err(InputError::TooLarge { name, most }.into());
    }
    Ok((name, source))
}

/// What a file or a text of a ConfigMap holds.
pub(crate) struct Parsed {
    /// Its documents: one of JSON, or any number of YAML.
    pub(crate) documents: Vec<Node>,
    /// Names that their objects have twice: errors beside the rest.
    pub(crate) repeated: Vec<Finding>,
    /// The values that have no place in the documents for that reason.
    pub(crate) lost: Vec<Range<usize>>,
}

impl Parsed {
    fn of(document: Node) -> Self {
        Self { documents: vec![document], repeated: Vec::new(), lost: Vec::new() }
    }
}

/// Reads YAML or JSON.
///
/// # Errors
///
/// What is neither JSON nor YAML.
pub(crate) fn parse(source: &str, path: &Path) -> Result<Parsed, Finding> {
    if let Some(tree) = json::parse(source) {
        return Ok(Parsed::of(tree));
    }
    let starts_json = source.trim_start().starts_with(['{', '[']);
    if path.extension().is_some_and(|end| end == "json") {
        // So that the filter reports the syntax error itself. It also rejects text with a hole in
        // it.
        let text = Kind::Text(Text::opaque(source.to_owned()));
        return Ok(Parsed::of(Node { span: 0..source.len(), kind: text }));
    }
    let parsed = yaml::parse(source).map_err(|error| {
        let accepted = match starts_json {
            true => "JSON or YAML; JSON alone is judged in files named .json",
            false => "YAML",
        };
        Finding::error(error.to_string(), error.span()).with("accepted", accepted)
    })?;
    let lost = parsed.repeated.iter().map(|(_, value)| value.clone()).collect();
    let repeated = parsed.repeated.into_iter().map(|(span, _)| {
        let name = source.get(span.clone()).unwrap_or_default().trim_matches(['"', '\'']);
        let title = format!("a second field `{}` in one object", words::named(name));
        Finding::error(title, span).why("Envoy refuses such a file")
    });
    Ok(Parsed { documents: parsed.documents, repeated: repeated.collect(), lost })
}

/// The documents of a file, each resource of a list as one, and those inside of its ConfigMaps.
pub(crate) fn with_embedded(parsed: Parsed) -> (Vec<Document>, Parsed) {
    let mut all = Vec::new();
    let mut rest = Parsed { documents: Vec::new(), repeated: parsed.repeated, lost: parsed.lost };
    let mut documents = parsed.documents;
    documents.iter_mut().for_each(merge_keys::resolve);
    for tree in items::flattened(documents) {
        let mut inner = Vec::new();
        let of_compose = compose_texts(&tree);
        for (key, node, text) in texts(&tree).into_iter().chain(of_compose) {
            match embedded(text, node) {
                Ok(found) => {
                    let trees = found.documents.into_iter();
                    inner.extend(trees.map(|tree| Document::new(tree, Some(key.clone()))));
                    rest.repeated.extend(found.repeated.into_iter().map(|it| inside(it, &key)));
                    rest.lost.extend(found.lost);
                }
                Err(finding) => rest.repeated.push(inside(finding, &key)),
            }
        }
        all.push(Document::new(tree, None));
        all.extend(inner);
    }
    (all, rest)
}

/// Says which text it is in.
pub(crate) fn inside(finding: Finding, key: &str) -> Finding {
    finding.with("inside", key)
}

/// The texts of a document that is a ConfigMap. None in others.
pub(crate) fn data(document: &Node) -> &[Field] {
    let is_map = document.get("kind").and_then(Node::text) == Some("ConfigMap");
    document.get("data").filter(|_| is_map).map(Node::fields).unwrap_or_default()
}

/// A text that may be something to check, and what holds it.
type Held<'n> = (String, &'n Node, &'n Text);

/// The texts of a ConfigMap that may be something to check.
fn texts(document: &Node) -> Vec<Held<'_>> {
    let held = |name: &str| format!("`data.{name}` of the ConfigMap");
    data(document).iter().filter_map(|it| text_of(&it.value, held(&it.name))).collect()
}

/// The contents of the `configs` of a Compose file that may be something to check. Compose reads
/// `$$` in them as `$`, which changes nothing that is checked.
fn compose_texts(document: &Node) -> Vec<Held<'_>> {
    if document.get("services").is_none() {
        return Vec::new();
    }
    let configs = document.get("configs").map(Node::fields).unwrap_or_default().iter();
    let held = |name: &str| format!("`configs.{name}.content` of the Compose file");
    configs.filter_map(|it| text_of(it.value.get("content")?, held(&it.name))).collect()
}

fn text_of(node: &Node, held: String) -> Option<Held<'_>> {
    match &node.kind {
        Kind::Text(text) if has_envoy(&text.value) => Some((held, node, text)),
        _ => None,
    }
}

/// Whether a text may be a bootstrap, a resource or a plugin configuration: scripts and
/// certificates are none.
fn has_envoy(text: &str) -> bool {
    let words = ["static_resources", "dynamic_resources", "resources", "upstreams", "@type"];
    words.iter().any(|word| text.contains(word))
}

/// The documents of such a text, with the places of the file.
fn embedded(text: &Text, node: &Node) -> Result<Parsed, Finding> {
    let place = |span: Range<usize>| match (text.place(span.start), text.place(span.end)) {
        (Some(start), Some(end)) => start..end,
        _ => node.span.clone(),
    };
    let mut parsed = match parse(&text.value, Path::new("")) {
        Ok(parsed) => parsed,
        // Only files that mention imagegate have to be readable.
        Err(_) if !text.value.contains("imagegate") => {
            return Ok(Parsed { documents: Vec::new(), repeated: Vec::new(), lost: Vec::new() });
        }
        Err(mut finding) => {
            finding.span = place(finding.span);
            return Err(finding);
        }
    };
    let is_plugin = |tree: &Node| !matches!(find::find(tree), find::Found::Nothing);
    parsed.documents.retain(|tree| is_plugin(tree) || find::is_envoy(tree));
    parsed.documents.iter_mut().for_each(|tree| tree.relocate(&place));
    parsed.repeated.retain(|_| !parsed.documents.is_empty());
    parsed.repeated.iter_mut().for_each(|finding| finding.span = place(finding.span.clone()));
    parsed.lost.iter_mut().for_each(|span| *span = place(span.clone()));
    Ok(parsed)
}

/// Far beyond any configuration.
pub(crate) const MAX_FILE_BYTES: u64 = 16 << 20;
/// As much as the filter takes.
pub(crate) const MAX_LIST_BYTES: u64 = 32 << 20;

//! The body of a request: JSON, or `multipart/form-data` with files.

use bytes::Bytes;
use http_body_util::{BodyDataStream, Full};
use multer::Multipart;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// Fields that are numbers, which a form spells as text.
const NUMBERS: [&str; 5] =
    ["frame_count", "frame_duration_ms", "n", "output_compression", "partial_images"];

/// A body.
#[derive(Clone, Debug)]
pub enum Sent {
    /// A JSON document.
    Json(Value),
    /// A form.
    Form {
        /// Its texts as a JSON object; the last one of each name.
        texts: Value,
        /// Its files in order.
        files: Vec<File>,
    },
    /// Neither, or a broken one, and what is wrong.
    Unreadable(String),
}

/// A file of a form.
#[derive(Clone, Debug)]
pub struct File {
    /// The name of the field.
    pub name: String,
    /// The file name.
    pub filename: Option<String>,
    /// The media type that the client gave.
    pub content_type: Option<String>,
    /// The file itself.
    pub bytes: Bytes,
}

impl Sent {
    /// Reads a body of this content type.
    pub async fn read(content_type: &str, body: Bytes) -> Self {
        if let Ok(boundary) = multer::parse_boundary(content_type) {
            return match read_form(boundary, body).await {
                Ok((texts, files)) => Self::Form { texts: Value::Object(texts), files },
                Err(error) => Self::Unreadable(format!("Invalid multipart body: {error}.")),
            };
        }
        if !content_type.to_ascii_lowercase().starts_with("application/json") {
            return Self::Unreadable(format!("Unsupported content type: '{content_type}'."));
        }
        match serde_json::from_slice(&body) {
            Ok(json @ Value::Object(_)) => Self::Json(json),
            _ => Self::Unreadable(
                "We could not parse the JSON body of your request. The OpenAI API expects a JSON payload."
                    .to_owned(),
            ),
        }
    }

    /// The body for `/stats`, with the length and digest of each file.
    pub fn shown(&self) -> Value {
        match self {
            Self::Json(json) => json.clone(),
            Self::Form { texts, files } => {
                let mut shown = texts.clone();
                if let Value::Object(members) = &mut shown {
                    let files = files.iter().map(File::shown).collect();
                    members.insert("files".to_owned(), Value::Array(files));
                }
                shown
            }
            Self::Unreadable(_) => Value::Null,
        }
    }
}

impl File {
    fn shown(&self) -> Value {
        let digest: String =
            Sha256::digest(&self.bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        json!({
            "name": self.name, "filename": self.filename, "content_type": self.content_type,
            "len": self.bytes.len(), "sha256": digest,
        })
    }
}

async fn read_form(
    boundary: String,
    body: Bytes,
) -> Result<(Map<String, Value>, Vec<File>), multer::Error> {
    let mut form = Multipart::new(BodyDataStream::new(Full::new(body)), boundary);
    let (mut texts, mut files) = (Map::new(), Vec::new());
    while let Some(field) = form.next_field().await? {
        let name = field.name().unwrap_or_default().to_owned();
        let filename = field.file_name().map(str::to_owned);
        let content_type = field.content_type().map(ToString::to_string);
        // A part without a file name is text, except images: some clients name no file.
        if filename.is_some() || matches!(name.as_str(), "image" | "image[]" | "mask" | "markup") {
            files.push(File { name, filename, content_type, bytes: field.bytes().await? });
        } else {
            let text = field.text().await?;
            texts.insert(name.clone(), typed(&name, text));
        }
    }
    Ok((texts, files))
}

/// A text as the type of its field, if it can be parsed.
fn typed(name: &str, text: String) -> Value {
    match text.as_str() {
        "true" if name == "stream" => Value::Bool(true),
        "false" if name == "stream" => Value::Bool(false),
        digits if NUMBERS.contains(&name) => {
            digits.parse::<i64>().map_or_else(|_| Value::String(text.clone()), Value::from)
        }
        _ => Value::String(text),
    }
}

//! The credential of an upstream with `credential: envoy`, which the filter never sees.

use std::fs;
use std::path::PathBuf;

use super::target::TargetError;
use crate::cli::UpstreamCheckArguments;
use crate::exit::CommandError;
use crate::pipe;
use crate::token::auth_file::AuthFile;

/// Where such a credential comes from. It has no `Debug`, since it holds secrets.
pub(crate) enum Source {
    /// No argument names one.
    None,
    /// An access token and an account id.
    Read {
        /// For `authorization`.
        access_token: String,
        /// For `chatgpt-account-id`.
        account_id: String,
    },
}

impl Source {
    /// Reads the files that the arguments name.
    ///
    /// # Errors
    ///
    /// If a file cannot be read or holds no credential.
    pub(crate) fn of(arguments: &UpstreamCheckArguments) -> Result<Self, CommandError> {
        match (&arguments.auth_file, &arguments.sds_dir) {
            (Some(path), _) => {
                let bytes =
                    pipe::bytes(path).map_err(|error| CommandError::no_login(path, error))?;
                let auth =
                    AuthFile::parse(&bytes).map_err(|error| CommandError::unusable(path, error))?;
                let (access_token, account_id) = (auth.access_token(), auth.account_id());
                Ok(Self::Read {
                    access_token: access_token.to_owned(),
                    account_id: account_id.to_owned(),
                })
            }
            (None, Some(folder)) => Ok(Self::Read {
                access_token: secret(folder.join("access-token.yaml"))?,
                account_id: secret(folder.join("account-id.yaml"))?,
            }),
            (None, None) => Ok(Self::None),
        }
    }
}

/// The secret in a file that `imagegatectl token` has written.
fn secret(path: PathBuf) -> Result<String, CommandError> {
    let text = fs::read_to_string(&path).map_err(|error| CommandError::file(&path, error))?;
    inline_string(&text).ok_or_else(|| TargetError::NoSecret(path).into())
}

/// The value of `inline_string`, as JSON text or a plain scalar, of visible characters.
fn inline_string(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("inline_string:")?;
    let rest = rest.trim_start();
    let value = if rest.starts_with('"') {
        serde_json::Deserializer::from_str(rest).into_iter::<String>().next()?.ok()?
    } else {
        rest.split(|it: char| it.is_whitespace() || it == '}').next()?.to_owned()
    };
    let visible = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic());
    visible.then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_as_it_is_written() {
        for (text, secret) in [
            (r#"secret: { inline_string: "a.b}c" }"#, Some("a.b}c")),
            ("secret: { inline_string: put-it-here }", Some("put-it-here")),
            ("secret:\n  inline_string: abc\n", Some("abc")),
            (r#"secret: { inline_string: "" }"#, None),
            (r#"secret: { inline_string: "a b" }"#, None),
            (r#"secret: { inline_string: "a"#, None),
            ("secret: { filename: /x }", None),
        ] {
            assert_eq!(inline_string(text).as_deref(), secret, "{text}");
        }
    }
}

//! Credentials of upstreams: from the VM's environment, or set by Envoy.

use secrecy::SecretString;

use super::error::{ConfigError, Fault, Flaw};
use super::file::{CredentialFile, EnvironmentFile};
use super::pointer::Pointer;
use super::text;

/// The variables of the VM's environment.
pub(super) type Environment<'e> = dyn Fn(&str) -> Option<String> + 'e;

/// The credential from the environment. Empty if Envoy sets the header.
#[derive(Default)]
pub(super) struct Credential {
    /// The name of a header in lower case, and its whole value.
    pub(super) header: Option<(String, SecretString)>,
    pub(super) account_id: Option<String>,
}

impl Credential {
    /// Compiles `file`, which is at `here`.
    pub(super) fn compile(
        file: CredentialFile,
        here: &Pointer,
        env: &Environment<'_>,
    ) -> Result<Self, ConfigError> {
        let CredentialFile::Environment(file) = file else {
            return Ok(Self::default());
        };
        let EnvironmentFile { bearer_env, account_id_env, key_env, header } = file;
        let header = match (bearer_env, key_env, header) {
            (Some(variable), None, None) => {
                let bearer = read_variable(&variable, &here.key("bearer_env"), env)?;
                ("authorization".to_owned(), format!("Bearer {bearer}").into())
            }
            (None, Some(variable), header) => {
                let name = header.unwrap_or_else(|| DEFAULT_KEY_HEADER.to_owned());
                let name = name.to_ascii_lowercase();
                if !text::is_header_name(&name)
                    || text::is_reserved_header(&name)
                    || name == "user-agent"
                {
                    return Err(here.key("header").invalid());
                }
                (name, read_variable(&variable, &here.key("key_env"), env)?.into())
            }
            (None, None, _) => return Err(here.key("bearer_env").missing()),
            (Some(_), Some(_), _) => return Err(here.key("key_env").invalid()),
            (Some(_), None, Some(_)) => return Err(here.key("header").invalid()),
        };
        let account_id = account_id_env
            .map(|variable| read_variable(&variable, &here.key("account_id_env"), env))
            .transpose()?;
        Ok(Self { header: Some(header), account_id })
    }
}

/// The value of `variable`, which the field at `here` names.
fn read_variable(
    variable: &str,
    here: &Pointer,
    env: &Environment<'_>,
) -> Result<String, ConfigError> {
    if !text::is_variable(variable) {
        return Err(here.invalid());
    }
    let variable = variable.to_owned();
    match env(&variable) {
        None => Err(here.fault(Fault::Unset { variable })),
        Some(value) if value.is_empty() => {
            Err(here.fault(Fault::Unusable { variable, flaw: Flaw::Empty }))
        }
        Some(value) if !text::is_visible(&value) => {
            Err(here.fault(Fault::Unusable { variable, flaw: Flaw::NotVisible }))
        }
        Some(value) => Ok(value),
    }
}

/// The header of Azure for keys.
const DEFAULT_KEY_HEADER: &str = "api-key";

//! The two secrets of `envoy/credential-injector.yaml`, each in its own file, as Envoy's SDS reads
//! them.
//!
//! Envoy reads a file again when another one is moved into its place. [`AtomicFile`] does that.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::atomic_file::AtomicFile;

/// Writes both files if they differ. Returns the paths of those that changed.
///
/// # Errors
///
/// The file that cannot be written, and the system's error.
pub(crate) fn write(
    folder: &Path,
    mode: u32,
    account_id: &str,
    access_token: &str,
) -> Result<Vec<PathBuf>, (PathBuf, io::Error)> {
    let mut written = Vec::new();
    // The account first: upstreams refuse a new token for an old account.
    for (file, name, value) in [
        ("account-id.yaml", "codex-account-id", account_id),
        ("access-token.yaml", "codex-access-token", access_token),
    ] {
        let path = folder.join(file);
        let text = secret(name, value);
        if is_current(&path, mode, &text) {
            continue;
        }
        let replaced =
            AtomicFile::open(&path, mode, 0).and_then(|mut file| file.commit(text.as_bytes()));
        match replaced {
            Ok(()) => written.push(path),
            Err(error) => return Err((path, error)),
        }
    }
    Ok(written)
}

fn is_current(path: &Path, mode: u32, text: &str) -> bool {
    let has_mode = fs::metadata(path).is_ok_and(|it| it.permissions().mode() & 0o7777 == mode);
    has_mode && fs::read(path).is_ok_and(|content| content == text.as_bytes())
}

/// A `DiscoveryResponse` with one secret. A JSON string is a YAML string.
fn secret(name: &str, value: &str) -> String {
    let value = serde_json::Value::from(value);
    format!(
        "# Written by imagegatectl token, which replaces this file.\nresources:\n  - \"@type\": \
         type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret\n    name: {name}\n    \
         generic_secret:\n      secret: {{ inline_string: {value} }}\n"
    )
}

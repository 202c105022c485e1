//! One pass: read the credential, refresh it if it is due, and write Envoy's files from it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::atomic_file::{self, AtomicFile};
use super::auth_file::AuthFile;
use super::error::{LoginError, RefreshError, SaveError, TransientError};
use super::lock::{Lock, LockError};
use super::oauth::TokenError;
use super::sds;
use super::settings::Settings;
use super::stop::Stop;
use crate::clock;
use crate::exit::CommandError;
use crate::output;

/// What a pass did.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Whether there is a new access token.
    pub(crate) refreshed: bool,
    /// Envoy's files that changed.
    pub(crate) written: Vec<PathBuf>,
    /// When the access token ends.
    pub(crate) expires: Duration,
    /// When it has to be refreshed.
    pub(crate) due: Duration,
}

/// When to refresh a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Only when it is due.
    Due,
    /// Now, due or not.
    Now,
}

/// Makes one pass, with the credential's lock.
///
/// # Errors
///
/// See [`RefreshError`].
pub(crate) fn pass(settings: &Settings, when: When, stop: &Stop) -> Result<Outcome, RefreshError> {
    let _lock = Lock::acquire(&settings.auth_file, stop).map_err(|error| match error {
        LockError::Stopped => RefreshError::Stopped,
        LockError::Busy => TransientError::Locked.into(),
        LockError::System(error) => CommandError::file(&settings.auth_file, error).into(),
    })?;
    let auth = read(settings)?;
    let due = when == When::Now || auth.due(settings.margin) <= clock::now();
    let renewed = due.then(|| refresh(settings, &auth));
    // If the refresh failed, Envoy's files still get the current token.
    let (auth, failed) = match renewed {
        Some(Ok(renewed)) => (renewed, None),
        Some(Err(error)) => (auth, Some(error)),
        None => (auth, None),
    };
    let written =
        sds::write(&settings.sds_dir, settings.sds_mode, auth.account_id(), auth.access_token())
            .map_err(|(path, error)| CommandError::file(&path, error))?;
    if let Some(error) = failed {
        return Err(error);
    }
    let (expires, due_at) = (auth.expires(), auth.due(settings.margin));
    if due && due_at <= clock::now() {
        return Err(TransientError::Ended.into());
    }
    Ok(Outcome { refreshed: due, written, expires, due: due_at })
}

fn read(settings: &Settings) -> Result<AuthFile, CommandError> {
    let path = &settings.auth_file;
    let mut outcome = read_once(path);
    for _ in 0..READ_ATTEMPTS {
        if outcome.is_ok() {
            break;
        }
        // `codex login` empties the file before it writes it.
        thread::sleep(READ_PAUSE);
        outcome = read_once(path);
    }
    let auth = outcome?;
    if fs::metadata(path).is_ok_and(|it| it.permissions().mode() & 0o077 != 0) {
        // Others could read the file until now. The next refresh would set the same mode.
        let closed = fs::set_permissions(path, fs::Permissions::from_mode(0o600));
        closed.map_err(|error| CommandError::file(path, error))?;
        output::say(&format!(
            "{}: others could read it; its mode is 0600 from here on",
            path.display()
        ));
    }
    recover(settings, auth)
}

fn read_once(path: &Path) -> Result<AuthFile, CommandError> {
    let bytes = fs::read(path).map_err(|error| CommandError::no_login(path, error))?;
    AuthFile::parse(&bytes).map_err(|error| CommandError::unusable(path, error))
}

/// Takes the new credential of a killed process, which had written it but not renamed it.
fn recover(settings: &Settings, auth: AuthFile) -> Result<AuthFile, CommandError> {
    let path = &settings.auth_file;
    let left = atomic_file::leftover(path).and_then(|bytes| AuthFile::parse(&bytes).ok());
    match left.filter(|left| left.is_newer_than(&auth)) {
        None => Ok(auth),
        Some(left) => {
            atomic_file::adopt(path).map_err(|error| CommandError::file(path, error))?;
            output::say(&format!("{}: finished what an earlier process had begun", path.display()));
            Ok(left)
        }
    }
}

/// Spends the refresh token. Returns after the next one is on the disk.
fn refresh(settings: &Settings, auth: &AuthFile) -> Result<AuthFile, RefreshError> {
    let path = &settings.auth_file;
    let login = |error| CommandError::login(path, error);
    let spent =
        auth.refresh_token().ok_or_else(|| login(LoginError::NoRefreshToken(path.clone())))?;
    let room = auth.to_bytes().map(|bytes| bytes.len()).unwrap_or_default().saturating_add(ROOM);
    let mut file = AtomicFile::open(path, 0o600, room).map_err(|e| CommandError::file(path, e))?;
    // If the process is killed from here to the end of `save`, the credential is lost.
    let reply = settings.client.refresh(spent).map_err(|error| match error {
        TokenError::Rejected(code) => login(LoginError::Rejected(code)).into(),
        error => RefreshError::Transient(TransientError::Server(error)),
    })?;
    let renewed = auth.renewed(&reply, clock::now());
    let renewed = renewed.map_err(|error| login(LoginError::Reply(error)))?;
    save(&mut file, &renewed)
        .map_err(|error| login(LoginError::NotSaved { path: path.clone(), error }))?;
    match reply.access_token {
        Some(_) => Ok(renewed),
        None => Err(TransientError::NoAccessToken.into()),
    }
}

/// Writes the credential, with several attempts, since there is no other copy of it.
fn save(file: &mut AtomicFile, renewed: &AuthFile) -> Result<(), SaveError> {
    let bytes = renewed.to_bytes()?;
    let mut outcome = file.commit(&bytes);
    for _ in 0..SAVE_ATTEMPTS {
        if outcome.is_ok() {
            break;
        }
        thread::sleep(SAVE_PAUSE);
        outcome = file.commit(&bytes);
    }
    Ok(outcome?)
}

/// How much longer the next tokens may be.
const ROOM: usize = 16 << 10;
/// One second in total.
const READ_ATTEMPTS: u32 = 10;
const READ_PAUSE: Duration = Duration::from_millis(100);
/// Ten seconds in total.
const SAVE_ATTEMPTS: u32 = 20;
const SAVE_PAUSE: Duration = Duration::from_millis(500);

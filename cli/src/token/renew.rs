//! One pass: read the credential, refresh it where it is due, and bring Envoy's files to what is on the disk.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::auth_file::AuthFile;
use super::draft::{self, Draft};
use super::lock::{Lock, Unlocked};
use super::oauth::Refusal;
use super::sds;
use super::settings::Settings;
use super::stop::Stop;
use crate::clock;
use crate::exit::Failure;

/// What a pass did.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Whether there is a new access token.
    pub(crate) refreshed: bool,
    /// Envoy's files that changed.
    pub(crate) written: Vec<PathBuf>,
    /// When the access token ends.
    pub(crate) expires: Duration,
    /// When it is to be refreshed.
    pub(crate) due: Duration,
}

/// Why a pass came to nothing.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The process was told to stop.
    Stopped,
    /// It may work later.
    Passing {
        /// What happened.
        words: String,
        /// How long the server wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// A person has to do something.
    Final(Failure),
}

/// Whether a token is refreshed that is not due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Only when it is due.
    Due,
    /// In any case.
    Now,
}

/// Makes one pass, under the credential's lock.
///
/// # Errors
///
/// See [`Trouble`].
pub(crate) fn pass(settings: &Settings, when: When, stop: &Stop) -> Result<Outcome, Trouble> {
    let _lock = Lock::acquire(&settings.auth_file, stop).map_err(|unlocked| match unlocked {
        Unlocked::Stopped => Trouble::Stopped,
        Unlocked::Busy => passing("another process holds the credential's lock"),
        Unlocked::System(error) => Trouble::Final(Failure::file(&settings.auth_file, error)),
    })?;
    let auth = read(settings)?;
    let due = when == When::Now || auth.due(settings.margin) <= clock::now();
    let renewed = due.then(|| refresh(settings, &auth));
    // Where the server cannot be reached, Envoy's files still get what there is.
    let (auth, trouble) = match renewed {
        Some(Ok(renewed)) => (renewed, None),
        Some(Err(trouble)) => (auth, Some(trouble)),
        None => (auth, None),
    };
    let written =
        sds::write(&settings.sds_dir, settings.sds_mode, auth.account_id(), auth.access_token())
            .map_err(|(path, error)| Trouble::Final(Failure::file(&path, error)))?;
    if let Some(trouble) = trouble {
        return Err(trouble);
    }
    let (expires, due_at) = (auth.expires(), auth.due(settings.margin));
    if due && due_at <= clock::now() {
        return Err(passing(
            "the access token that came has ended already, or this machine's clock is wrong",
        ));
    }
    Ok(Outcome { refreshed: due, written, expires, due: due_at })
}

fn read(settings: &Settings) -> Result<AuthFile, Trouble> {
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
    let auth = outcome.map_err(Trouble::Final)?;
    if fs::metadata(path).is_ok_and(|it| it.permissions().mode() & 0o077 != 0) {
        // A file that others could read till now; the next refresh would do the same.
        let closed = fs::set_permissions(path, fs::Permissions::from_mode(0o600));
        closed.map_err(|error| Trouble::Final(Failure::file(path, error)))?;
        anstream::eprintln!(
            "{}: others could read it; its mode is 0600 from here on",
            path.display()
        );
    }
    recover(settings, auth)
}

fn read_once(path: &Path) -> Result<AuthFile, Failure> {
    let bytes = fs::read(path).map_err(|error| Failure::no_login(path, error))?;
    AuthFile::parse(&bytes)
        .map_err(|flaw| Failure::login(path, format!("{}: {flaw}", path.display())))
}

/// Takes the successor that a process which was killed had written and not put in place.
fn recover(settings: &Settings, auth: AuthFile) -> Result<AuthFile, Trouble> {
    let path = &settings.auth_file;
    let left = draft::left_behind(path).and_then(|bytes| AuthFile::parse(&bytes).ok());
    match left.filter(|left| left.is_newer_than(&auth)) {
        None => Ok(auth),
        Some(left) => {
            draft::adopt(path).map_err(|error| Trouble::Final(Failure::file(path, error)))?;
            anstream::eprintln!("{}: finished what an earlier process had begun", path.display());
            Ok(left)
        }
    }
}

/// Spends the refresh token, and returns when its successor is on the disk.
fn refresh(settings: &Settings, auth: &AuthFile) -> Result<AuthFile, Trouble> {
    let path = &settings.auth_file;
    let login = |words: String| Trouble::Final(Failure::login(path, words));
    let spent = auth.refresh_token().ok_or_else(|| {
        login(format!(
            "{}: the access token is due and there is no refresh token in it",
            path.display()
        ))
    })?;
    let unwritable = |error| Trouble::Final(Failure::file(path, error));
    let room = auth.to_bytes().map(|bytes| bytes.len()).unwrap_or_default().saturating_add(ROOM);
    let mut draft = Draft::open(path, 0o600, room).map_err(unwritable)?;
    // From here to the end of `save` a process that is killed takes the credential with it.
    let reply = settings.client.refresh(spent).map_err(|refusal| match refusal {
        Refusal::Final(code) => login(format!("the refresh token is no longer accepted: {code}")),
        Refusal::Passing { words, retry_after } => Trouble::Passing { words, retry_after },
    })?;
    let renewed = auth.renewed(&reply, clock::now());
    let renewed = renewed.map_err(|flaw| login(format!("the token server's answer: {flaw}")))?;
    save(&mut draft, &renewed).map_err(|words| {
        login(format!(
            "{}: the refresh token was spent and its successor cannot be written: {words}",
            path.display()
        ))
    })?;
    match reply.access_token {
        Some(_) => Ok(renewed),
        None => Err(passing("the token server answered without an access token")),
    }
}

/// Writes the credential, in several attempts: there is no other copy of it.
fn save(draft: &mut Draft, renewed: &AuthFile) -> Result<(), String> {
    let bytes = renewed.to_bytes().map_err(|flaw| flaw.to_string())?;
    let mut outcome = draft.commit(&bytes);
    for _ in 0..SAVE_ATTEMPTS {
        if outcome.is_ok() {
            break;
        }
        thread::sleep(SAVE_PAUSE);
        outcome = draft.commit(&bytes);
    }
    outcome.map_err(|error| error.to_string())
}

fn passing(words: &str) -> Trouble {
    Trouble::Passing { words: words.to_owned(), retry_after: None }
}

/// How much longer the next tokens may be.
const ROOM: usize = 16 << 10;
/// A second together.
const READ_ATTEMPTS: u32 = 10;
const READ_PAUSE: Duration = Duration::from_millis(100);
/// Ten seconds together.
const SAVE_ATTEMPTS: u32 = 20;
const SAVE_PAUSE: Duration = Duration::from_millis(500);

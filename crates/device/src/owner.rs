//! The owner of a store: the running shell that answers the command line over a local socket.
//!
//! One request a connection: a line of JSON, answered by a line of JSON. On Unix the socket is a
//! file that only its user can open; on Windows it is a named pipe, whose default rights let others
//! neither write nor connect. Whoever holds the lock on `owner.lock` is the owner, so a socket file
//! that a dead owner left behind is simply replaced.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use interprocess::local_socket::tokio::{Listener, Stream, prelude::*};
use interprocess::local_socket::{ListenerOptions, Name};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};

use crate::{Applied, Problem, Status, Upgraded, Workspace, WorkspaceStatus};
use rollout::Version;

/// A request is a line of at most this many bytes.
const REQUEST_BYTES: u64 = 64 * 1024;
/// How long a connected client may take to say what it wants.
const REQUEST_TIME: Duration = Duration::from_secs(5);

/// What the command line may ask of a running shell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub enum Request {
    /// The whole status.
    Status,
    /// Restart into what is staged.
    Apply,
    /// Roll back and restart.
    RollBack {
        /// The version to go to; none for the previous one.
        to: Option<Version>,
        /// Whether the data folder goes back too.
        #[serde(default)]
        with_data: bool,
    },
    /// Read the store again: another process changed it. Nothing is restarted.
    Changed,
    /// Every workspace.
    Workspaces,
    /// Add a workspace, and start it with what runs already.
    AddWorkspace {
        /// What it is to be.
        workspace: Workspace,
    },
    /// Stop a workspace and forget it.
    RemoveWorkspace {
        /// Its name.
        name: String,
    },
    /// Restart a workspace.
    RestartWorkspace {
        /// Its name.
        name: String,
    },
    /// Pull the newest version and bring it to every workspace.
    Upgrade,
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", content = "with", rename_all = "kebab-case")]
pub enum Answer {
    /// To `status`.
    Status(Box<Status>),
    /// To everything that restarts.
    Applied(Applied),
    /// To `changed`.
    Noted,
    /// To `workspaces`.
    Workspaces(Vec<WorkspaceStatus>),
    /// To everything about one workspace: how it is now.
    Workspace(WorkspaceStatus),
    /// To `upgrade`.
    Upgraded(Box<Upgraded>),
    /// It did not work.
    Problem(Problem),
}

/// The owner's end: the lock and the socket. Dropping it lets both go.
#[derive(Debug)]
pub(crate) struct Owner {
    listener: Listener,
    _lock: File,
}

impl Owner {
    /// Becomes the owner of `store`, or says that another shell is.
    pub(crate) fn claim(store: &Path) -> io::Result<Option<Self>> {
        let lock = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(store.join("owner.lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let place = Place::of(store);
        place.clear()?;
        let options = ListenerOptions::new().name(place.name()?);
        #[cfg(unix)]
        let options = {
            use interprocess::os::unix::local_socket::ListenerOptionsExt as _;
            options.mode(0o600)
        };
        Ok(Some(Self {
            listener: options.create_tokio()?,
            _lock: lock,
        }))
    }

    /// The next request, with the connection to answer on. A client that says nothing sensible is
    /// passed over.
    pub(crate) async fn next(&self) -> Option<(Request, Asker)> {
        let stream = match self.listener.accept().await {
            Ok(stream) => stream,
            Err(error) => {
                // Out of file handles, most likely: a moment later there may be some again.
                tracing::warn!(%error, "the owner's socket accepts nothing");
                tokio::time::sleep(REQUEST_TIME).await;
                return None;
            }
        };
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        let mut capped = (&mut stream).take(REQUEST_BYTES);
        match tokio::time::timeout(REQUEST_TIME, capped.read_line(&mut line)).await {
            Ok(Ok(_)) => match serde_json::from_str(&line) {
                Ok(request) => Some((request, Asker(stream))),
                Err(error) => {
                    tracing::debug!(%error, "a request on the owner's socket made no sense");
                    None
                }
            },
            _ => None,
        }
    }
}

/// Who asked.
pub(crate) struct Asker(BufReader<Stream>);

impl Asker {
    /// Answers and hangs up. A client that has gone is nobody's loss.
    pub(crate) async fn answer(mut self, answer: &Answer) {
        let Ok(mut line) = serde_json::to_vec(answer) else {
            return;
        };
        line.push(b'\n');
        if let Err(error) = self.0.get_mut().write_all(&line).await {
            tracing::debug!(%error, "nobody waits for this answer");
        }
    }
}

/// Asks the owner of the store below `data`; `None` where no shell runs.
pub async fn ask(data: &Path, request: &Request) -> Result<Option<Answer>, Problem> {
    let store = data.join("runtime-store");
    let store = std::fs::canonicalize(&store).unwrap_or(store);
    let name = match Place::of(&store).name() {
        Ok(name) => name,
        Err(error) => return Err(broken(&error)),
    };
    // Nobody listens: there is no socket, or a dead owner's.
    let Ok(stream) = Stream::connect(name).await else {
        return Ok(None);
    };
    let mut line = serde_json::to_vec(request)
        .map_err(|error| Problem::from_error("internal", &error, "Please report this."))?;
    line.push(b'\n');
    let mut stream = BufReader::new(stream);
    stream
        .get_mut()
        .write_all(&line)
        .await
        .map_err(|error| broken(&error))?;
    let mut answer = String::new();
    let read = stream.read_line(&mut answer).await;
    if read.map_err(|error| broken(&error))? == 0 {
        // It ends while it works on this, most likely.
        return Err(broken(&io::ErrorKind::UnexpectedEof.into()));
    }
    serde_json::from_str(&answer).map(Some).map_err(|error| {
        Problem::from_error(
            "owner-answer",
            &error,
            "The running app may be of another version; restart it and try again.",
        )
    })
}

fn broken(error: &io::Error) -> Problem {
    Problem::from_error(
        "owner-gone",
        error,
        "The running app stopped answering; see `refit status`, then try again.",
    )
}

/// Where the socket is.
#[derive(Debug)]
enum Place {
    File(PathBuf),
    Pipe(String),
}

/// The longest path that `sockaddr_un` holds everywhere, less the final NUL (macOS has 104 bytes).
const SOCKET_PATH: usize = 103;

impl Place {
    fn of(store: &Path) -> Self {
        let digest = hex::encode(&Sha256::digest(store.as_os_str().as_encoded_bytes())[..8]);
        if cfg!(windows) {
            return Self::Pipe(format!("refit-{digest}"));
        }
        let beside = store.join("owner.sock");
        if beside.as_os_str().len() <= SOCKET_PATH {
            return Self::File(beside);
        }
        // A long path does not fit; the user's own runtime folder is short and closed to others.
        let base = dirs::runtime_dir().unwrap_or_else(std::env::temp_dir);
        Self::File(base.join(format!("refit-{digest}.sock")))
    }

    fn name(&self) -> io::Result<Name<'static>> {
        use interprocess::local_socket::{GenericFilePath, GenericNamespaced};
        match self {
            Self::File(path) => path.clone().to_fs_name::<GenericFilePath>(),
            Self::Pipe(name) => name.clone().to_ns_name::<GenericNamespaced>(),
        }
    }

    /// Removes what a dead owner left. Called by the holder of the lock only.
    fn clear(&self) -> io::Result<()> {
        match self {
            Self::Pipe(_) => Ok(()),
            Self::File(path) => match std::fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
        }
    }
}

#[cfg(test)]
mod tests;

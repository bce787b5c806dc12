//! The agent as a service of the system: units for systemd, launchd and Windows, and who is told of them.
//!
//! What is written and what is run follows from plain data ([`Unit::text`], [`Manager::to_install`]); [`install`]
//! and [`uninstall`] do it. How the agent is restarted is no part of this: it ends, and every unit here has
//! whatever ends started again. That needs no right over the service manager, cannot cut off the program that
//! asks for it, and is the same everywhere.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What every unit of ours says in a comment; nothing else is replaced or removed.
const MARK: &str = "Written by";

/// A service manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manager {
    /// Linux.
    Systemd,
    /// macOS.
    Launchd,
    /// Windows, by way of the Windows Service Wrapper.
    WinSw,
}

/// Whose service it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The machine's.
    System,
    /// That of the user who installs it.
    User,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unit {
    /// Its name.
    pub(crate) name: String,
    /// Whose it is.
    pub(crate) scope: Scope,
    /// The binary, absolute.
    pub(crate) exe: String,
    /// Its arguments.
    pub(crate) arguments: Vec<String>,
    /// The folder that versions are kept in, absolute.
    pub(crate) data_dir: String,
    /// The user it runs as; none is whoever the manager takes.
    pub(crate) run_as: Option<String>,
}

/// Folders that units are put into.
#[derive(Debug, Clone)]
pub(crate) struct Folders {
    /// The user's own.
    pub(crate) home: Option<PathBuf>,
    /// The user's settings.
    pub(crate) config: Option<PathBuf>,
}

/// Why a service is not there, or still is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServiceError {
    /// The name would be more than one.
    #[error("`{0}` is no name for a service: letters, digits, `-` and `_` make one, at most 64")]
    Name(String),
    /// A text that no unit can hold.
    #[error("`{0}` cannot stand in a unit")]
    Text(String),
    /// It has no place.
    #[error("this user has no home folder to put a service into")]
    NoHome,
    /// Another one is there.
    #[error("there is another service at {}", .0.display())]
    Other(PathBuf),
    /// Its file.
    #[error("could not {doing} {}: {source}", path.display())]
    File {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The service manager refused.
    #[error("`{command}` failed: {why}")]
    Manager {
        /// What was run.
        command: String,
        /// What it said.
        why: String,
    },
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Done {
    /// The unit's file.
    pub(crate) file: PathBuf,
    /// Whether anything of it changed; false where it was as it is to be.
    pub(crate) changed: bool,
    /// The commands that were run.
    pub(crate) commands: Vec<String>,
}

impl Manager {
    /// This system's own.
    pub(crate) fn own() -> Self {
        if cfg!(target_os = "macos") {
            Self::Launchd
        } else if cfg!(windows) {
            Self::WinSw
        } else {
            Self::Systemd
        }
    }

    /// Where it looks for a unit of this name.
    pub(crate) fn file(
        self,
        name: &str,
        scope: Scope,
        folders: &Folders,
    ) -> Result<PathBuf, ServiceError> {
        let home = || folders.home.clone().ok_or(ServiceError::NoHome);
        let (folder, ending) = match (self, scope) {
            (Self::Systemd, Scope::System) => (PathBuf::from("/etc/systemd/system"), "service"),
            (Self::Systemd, Scope::User) => {
                let config = folders.config.clone().ok_or(ServiceError::NoHome)?;
                (config.join("systemd/user"), "service")
            }
            (Self::Launchd, Scope::System) => (PathBuf::from("/Library/LaunchDaemons"), "plist"),
            (Self::Launchd, Scope::User) => (home()?.join("Library/LaunchAgents"), "plist"),
            (Self::WinSw, _) => (home()?.join("refit-services"), "xml"),
        };
        Ok(folder.join(format!("{name}.{ending}")))
    }

    /// What is run once the unit's file is there.
    pub(crate) fn to_install(self, name: &str, scope: Scope, file: &Path) -> Vec<Vec<String>> {
        let file = file.display().to_string();
        match self {
            Self::Systemd => vec![
                systemctl(scope, &["daemon-reload"]),
                systemctl(scope, &["enable", "--now", &format!("{name}.service")]),
            ],
            Self::Launchd => vec![words(&["launchctl", "bootstrap", &domain(scope), &file])],
            Self::WinSw => vec![
                words(&["winsw", "install", &file]),
                words(&["winsw", "start", &file]),
            ],
        }
    }

    /// What is run before the unit's file is removed, and what after that.
    pub(crate) fn to_uninstall(
        self,
        name: &str,
        scope: Scope,
        file: &Path,
    ) -> (Vec<Vec<String>>, Vec<Vec<String>>) {
        let file = file.display().to_string();
        match self {
            Self::Systemd => (
                vec![systemctl(
                    scope,
                    &["disable", "--now", &format!("{name}.service")],
                )],
                vec![systemctl(scope, &["daemon-reload"])],
            ),
            Self::Launchd => (
                vec![words(&[
                    "launchctl",
                    "bootout",
                    &format!("{}/{name}", domain(scope)),
                ])],
                Vec::new(),
            ),
            Self::WinSw => (
                vec![
                    words(&["winsw", "stop", &file]),
                    words(&["winsw", "uninstall", &file]),
                ],
                Vec::new(),
            ),
        }
    }
}

impl Unit {
    /// The unit's file.
    ///
    /// # Errors
    /// A name or text that no unit can hold.
    pub(crate) fn text(&self, manager: Manager) -> Result<String, ServiceError> {
        self.check()?;
        let all = || std::iter::once(&self.exe).chain(&self.arguments);
        Ok(match manager {
            Manager::Systemd => {
                let exec: Vec<_> = all().map(|it| systemd_quoted(it, true)).collect();
                let user = self.run_as.as_ref().map(|user| format!("User={user}"));
                let binaries = Path::new(&self.exe).parent().unwrap_or(Path::new("/"));
                let writable = [&*self.data_dir, &binaries.display().to_string()]
                    .map(|it| systemd_quoted(it, false))
                    .join(" ");
                let template = match self.scope {
                    Scope::System => {
                        include_str!("../../../../packaging/systemd/refit-agent.service")
                    }
                    Scope::User => {
                        include_str!("../../../../packaging/systemd/refit-agent-user.service")
                    }
                };
                template
                    .replace("@USER@\n", &user.map(|it| it + "\n").unwrap_or_default())
                    .replace("@NAME@", &self.name)
                    .replace("@WRITABLE@", &writable)
                    .replace("@EXEC@", &exec.join(" "))
            }
            Manager::Launchd => {
                let lines: Vec<_> = all()
                    .map(|it| format!("    <string>{}</string>", xml(it)))
                    .collect();
                let user = self.run_as.as_ref().map(|user| {
                    format!("  <key>UserName</key>\n  <string>{}</string>\n", xml(user))
                });
                let log = Path::new(&self.data_dir).join("agent.log");
                include_str!("../../../../packaging/launchd/refit-agent.plist")
                    .replace("@USER@\n", &user.unwrap_or_default())
                    .replace("@NAME@", &self.name)
                    .replace("@LOG@", &xml(&log.display().to_string()))
                    .replace("@ARGUMENTS@", &lines.join("\n"))
            }
            Manager::WinSw => {
                let arguments: Vec<_> =
                    self.arguments.iter().map(|it| windows_quoted(it)).collect();
                include_str!("../../../../packaging/windows/refit-agent.xml")
                    .replace("@NAME@", &self.name)
                    .replace("@EXE@", &xml(&self.exe))
                    .replace("@ARGUMENTS@", &xml(&arguments.join(" ")))
            }
        })
    }

    fn check(&self) -> Result<(), ServiceError> {
        check_name(&self.name)?;
        let texts = std::iter::once(&self.exe)
            .chain(&self.arguments)
            .chain(std::iter::once(&self.data_dir));
        for text in texts {
            if text.chars().any(char::is_control) {
                return Err(ServiceError::Text(text.escape_debug().to_string()));
            }
        }
        let is_user = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        match &self.run_as {
            Some(user)
                if user.is_empty() || user.starts_with('-') || !user.chars().all(is_user) =>
            {
                Err(ServiceError::Text(user.escape_debug().to_string()))
            }
            _ => Ok(()),
        }
    }
}

/// Writes a unit and has it started, now and with the machine or the session. One that is there already, just
/// so, is started only.
///
/// # Errors
/// Another is there, or the service manager refuses; then nothing new is left behind.
pub(crate) fn install(
    manager: Manager,
    unit: &Unit,
    folders: &Folders,
) -> Result<Done, ServiceError> {
    let text = unit.text(manager)?;
    let file = manager.file(&unit.name, unit.scope, folders)?;
    let failed = |doing, source| ServiceError::File {
        doing,
        path: file.clone(),
        source,
    };
    let changed = match fs::read_to_string(&file) {
        Ok(there) if there == text => false,
        Ok(_) => return Err(ServiceError::Other(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(error) => return Err(failed("read", error)),
    };
    if changed {
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).map_err(|error| failed("make the folder of", error))?;
        }
        fs::write(&file, text).map_err(|error| failed("write", error))?;
    }
    let commands = manager.to_install(&unit.name, unit.scope, &file);
    match run_all(&commands) {
        Ok(commands) => Ok(Done {
            file,
            changed,
            commands,
        }),
        Err(error) => {
            if changed {
                let (before, after) = manager.to_uninstall(&unit.name, unit.scope, &file);
                let _ = run_all(&before);
                let _ = fs::remove_file(&file);
                let _ = run_all(&after);
            }
            Err(error)
        }
    }
}

/// Stops a service of ours and removes its unit. None where there is none.
///
/// # Errors
/// What is there is not ours, or the service manager refuses; the unit stays then.
pub(crate) fn uninstall(
    manager: Manager,
    name: &str,
    scope: Scope,
    folders: &Folders,
) -> Result<Option<Done>, ServiceError> {
    check_name(name)?;
    let file = manager.file(name, scope, folders)?;
    let failed = |doing, source| ServiceError::File {
        doing,
        path: file.clone(),
        source,
    };
    match fs::read_to_string(&file) {
        Ok(there) if there.contains(MARK) && there.contains("refit agent install") => {}
        Ok(_) => return Err(ServiceError::Other(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("read", error)),
    }
    let (before, after) = manager.to_uninstall(name, scope, &file);
    let mut commands = run_all(&before)?;
    fs::remove_file(&file).map_err(|error| failed("remove", error))?;
    commands.extend(run_all(&after)?);
    Ok(Some(Done {
        file,
        changed: true,
        commands,
    }))
}

fn check_name(name: &str) -> Result<(), ServiceError> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let good =
        (1..=64).contains(&name.len()) && name.chars().all(is_part) && !name.starts_with('-');
    if good {
        Ok(())
    } else {
        Err(ServiceError::Name(name.escape_debug().to_string()))
    }
}

fn run_all(commands: &[Vec<String>]) -> Result<Vec<String>, ServiceError> {
    let mut done = Vec::new();
    for command in commands {
        let line = command.join(" ");
        let failed = |why: String| ServiceError::Manager {
            command: line.clone(),
            why,
        };
        let output = Command::new(&command[0])
            .args(&command[1..])
            .output()
            .map_err(|error| failed(error.to_string()))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            let why = if said.is_empty() {
                output.status.to_string()
            } else {
                said
            };
            return Err(failed(why));
        }
        done.push(line);
    }
    Ok(done)
}

fn systemctl(scope: Scope, arguments: &[&str]) -> Vec<String> {
    let mut line = vec!["systemctl"];
    if scope == Scope::User {
        line.push("--user");
    }
    line.extend(arguments);
    words(&line)
}

/// launchd's name for where a service belongs.
fn domain(scope: Scope) -> String {
    match scope {
        Scope::System => "system".to_owned(),
        Scope::User => format!("gui/{}", user_id()),
    }
}

#[cfg(unix)]
fn user_id() -> u32 {
    rustix::process::getuid().as_raw()
}

#[cfg(not(unix))]
fn user_id() -> u32 {
    0
}

fn words(line: &[&str]) -> Vec<String> {
    line.iter().map(|&word| word.to_owned()).collect()
}

/// A word of a setting: quoted, and with nothing that systemd would put something else for. Variables are
/// put into command lines only.
fn systemd_quoted(word: &str, command: bool) -> String {
    let mut quoted = word
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('%', "%%");
    if command {
        quoted = quoted.replace('$', "$$");
    }
    format!("\"{quoted}\"")
}

/// A word of a command line, by the rules of Microsoft's C runtime.
fn windows_quoted(word: &str) -> String {
    let mut quoted = String::from("\"");
    let mut backslashes = 0;
    for c in word.chars() {
        match c {
            '\\' => backslashes += 1,
            '"' => {
                // Doubled before a quote, and one more for the quote itself.
                let _ = write!(quoted, "{}", "\\".repeat(backslashes + 1));
                backslashes = 0;
            }
            _ => backslashes = 0,
        }
        quoted.push(c);
    }
    quoted.push_str(&"\\".repeat(backslashes));
    quoted.push('"');
    quoted
}

fn xml(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests;

//! Which program the configured command starts, and which Node that is.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, UNIX_EPOCH};

use rollout::{NodeFact, Version};
use serde::{Deserialize, Serialize};

/// Finds the program: a bare name in the bundled runtime's `bin/`, then on `PATH`. A name in which
/// `{entry}` and the like stand is left to each launch, which knows them.
///
/// A name that is nowhere is given back as it is: the spawn will say so, with the system's words,
/// as an error of the environment.
pub(crate) fn find(name: &str, bundled: &Path, env: &BTreeMap<OsString, OsString>) -> PathBuf {
    let name = name.replace("{bundled}", &bundled.to_string_lossy());
    if name.contains(['/', '\\', '{']) {
        return PathBuf::from(name);
    }
    let own = bundled
        .join("bin")
        .join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    if own.is_file() {
        return own;
    }
    let path = env
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case("PATH"))
        .map(|(_, value)| value);
    which::which_in(&name, path, bundled).unwrap_or_else(|_| PathBuf::from(name))
}

/// Which Node `program` is, for `engines.node`. Asking Node costs some 40 ms, so the answer is kept
/// in `cache` by path, size and time.
pub(crate) fn node(program: &Path, cache: &Path) -> NodeFact {
    if !program
        .file_stem()
        .is_some_and(|stem| stem.eq_ignore_ascii_case(OsStr::new("node")))
    {
        return NodeFact::NotUsed;
    }
    let Some(print) = Print::of(program) else {
        return NodeFact::Unknown;
    };
    if let Some(known) = read(cache).filter(|known| known.print == print) {
        return NodeFact::Is(known.version);
    }
    let Some(version) = ask(program) else {
        return NodeFact::Unknown;
    };
    write(
        cache,
        &Known {
            print,
            version: version.clone(),
        },
    );
    NodeFact::Is(version)
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Print {
    path: PathBuf,
    size: u64,
    modified_ms: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Known {
    #[serde(flatten)]
    print: Print,
    version: Version,
}

impl Print {
    fn of(program: &Path) -> Option<Self> {
        let found = std::fs::metadata(program).ok()?;
        let modified = found.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(Self {
            path: program.to_owned(),
            size: found.len(),
            modified_ms: u64::try_from(modified.as_millis()).ok()?,
        })
    }
}

fn read(cache: &Path) -> Option<Known> {
    serde_json::from_slice(&std::fs::read(cache).ok()?).ok()
}

/// A cache only: it is written without ceremony, and one that is torn is asked for again.
fn write(cache: &Path, known: &Known) {
    if let Ok(json) = serde_json::to_vec(known)
        && let Err(error) = std::fs::write(cache, json)
    {
        tracing::debug!(path = %cache.display(), %error, "the version of Node is not kept");
    }
}

/// A Node that is really a version manager may want to download one first; nobody waits for that.
const PATIENCE: Duration = Duration::from_secs(2);

fn ask(program: &Path) -> Option<Version> {
    let mut child = Command::new(program)
        .arg("--version")
        .env_remove("NODE_OPTIONS")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut output = child.stdout.take()?.take(1024);
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        // Nobody listens any more where this took too long.
        let _ = tell.send(output.read_to_string(&mut text).ok().map(|_| text));
    });
    let text = told.recv_timeout(PATIENCE).ok().flatten();
    if text.is_none()
        && let Err(error) = child.kill()
    {
        tracing::debug!(%error, program = %program.display(), "it has ended by itself");
    }
    if let Err(error) = child.wait() {
        tracing::debug!(%error, program = %program.display(), "it was not waited for");
    }
    text?.trim().trim_start_matches('v').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    fn script(path: &Path, body: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::write(path, format!("#!/bin/sh\n{body}\n")).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn a_bare_name_is_sought_in_the_bundled_bin_first() {
        let dir = tempfile::tempdir().unwrap();
        let bin = dir.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        let own = bin.join(format!("node{}", std::env::consts::EXE_SUFFIX));
        std::fs::write(&own, "").unwrap();
        assert_eq!(find("node", dir.path(), &BTreeMap::new()), own);
    }

    #[cfg(unix)]
    #[test]
    fn a_bare_name_is_then_sought_on_path_and_otherwise_kept() {
        let dir = tempfile::tempdir().unwrap();
        script(&dir.path().join("tool"), "exit 0");
        let env = BTreeMap::from([("PATH".into(), dir.path().as_os_str().to_owned())]);
        let bundled = dir.path().join("runtime");
        assert_eq!(find("tool", &bundled, &env), dir.path().join("tool"));
        assert_eq!(
            find("no-such-tool", &bundled, &env),
            PathBuf::from("no-such-tool")
        );
    }

    #[test]
    fn a_name_that_only_a_launch_can_fill_is_left_to_it() {
        let found = find("{entry}", Path::new("/opt/app/runtime"), &BTreeMap::new());
        assert_eq!(found, PathBuf::from("{entry}"));
    }

    #[cfg(unix)]
    #[test]
    fn a_node_that_does_not_answer_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let node_file = dir.path().join("node");
        // One that was waited for would tell its version in the end.
        script(&node_file, "sleep 10; echo v22.1.0");
        assert_eq!(
            node(&node_file, &dir.path().join("node.json")),
            NodeFact::Unknown
        );
    }

    #[test]
    fn a_path_may_name_the_bundled_folder() {
        let found = find(
            "{bundled}/bin/serve",
            Path::new("/opt/app/runtime"),
            &BTreeMap::new(),
        );
        assert_eq!(found, PathBuf::from("/opt/app/runtime/bin/serve"));
    }

    #[cfg(unix)]
    #[test]
    fn the_version_of_node_is_asked_once_and_again_when_node_changes() {
        let dir = tempfile::tempdir().unwrap();
        let (node_file, cache) = (dir.path().join("node"), dir.path().join("node.json"));
        let asked = dir.path().join("asked");
        script(
            &node_file,
            &format!("echo x >> {}; echo v22.1.0", asked.display()),
        );
        let times = || std::fs::read_to_string(&asked).unwrap().lines().count();
        let expected = NodeFact::Is("22.1.0".parse().unwrap());
        assert_eq!((node(&node_file, &cache), times()), (expected.clone(), 1));
        assert_eq!((node(&node_file, &cache), times()), (expected, 1));
        std::fs::write(&cache, "torn{").unwrap();
        node(&node_file, &cache);
        assert_eq!(times(), 2);
        script(
            &node_file,
            &format!("echo xx >> {}; echo v24.0.0-pre", asked.display()),
        );
        assert_eq!(
            node(&node_file, &cache),
            NodeFact::Is("24.0.0-pre".parse().unwrap())
        );
    }

    #[test]
    fn a_command_without_node_has_no_node_to_judge() {
        let cache = Path::new("unused.json");
        assert_eq!(
            node(Path::new("/usr/bin/python3"), cache),
            NodeFact::NotUsed
        );
        assert_eq!(node(Path::new("/nowhere/node"), cache), NodeFact::Unknown);
    }
}

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::ReadBuf;

use super::*;
use crate::agent::cuts::binary;

/// A folder with a binary 1.0.0 in it.
struct Scene {
    dir: tempfile::TempDir,
    replacer: Replacer,
}

impl Scene {
    fn new() -> Self {
        Self::with(|_, _| Ok(()))
    }

    fn with(starts: fn(&Path, &Version) -> Result<(), Silent>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::of(dir.path().join("refit"));
        std::fs::write(place.exe(), binary("1.0.0")).unwrap();
        let own = Label {
            version: "1.0.0".parse().unwrap(),
            platform: label::platform(),
            development: false,
        };
        Self {
            dir,
            replacer: Replacer::new(place, own, starts),
        }
    }

    /// Everything that lies there, but for the lock.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = std::fs::read_dir(self.dir.path())
            .unwrap()
            .map(|it| it.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != "refit.lock")
            .collect();
        names.sort();
        names
    }

    /// Why this is not staged; nothing may be left of it.
    async fn stopped(&self, wanted: &Wanted, bytes: &[u8]) -> Stopped {
        let stopped = self.replacer.stage(wanted, bytes).await.unwrap_err();
        assert_eq!(self.names(), ["refit"], "{stopped}");
        assert_eq!(
            std::fs::read(self.replacer.place().exe()).unwrap(),
            binary("1.0.0")
        );
        stopped
    }
}

/// What is recorded of these bytes, under this version.
fn recorded(version: &str, bytes: &[u8]) -> Wanted {
    Wanted {
        version: version.parse().unwrap(),
        sha256: hex::encode(Sha256::digest(bytes)),
        size: bytes.len() as u64,
    }
}

#[tokio::test]
async fn a_good_binary_is_staged_and_swapped_and_the_old_one_kept() {
    let scene = Scene::new();
    let bytes = binary("2.0.0");
    let wanted = recorded("2.0.0", &bytes);
    let staged = scene.replacer.stage(&wanted, &*bytes).await.unwrap();
    assert_eq!(scene.names(), ["refit", "refit.new"]);
    // As after a restart in between.
    assert_eq!(
        scene.replacer.staged(&wanted).await.unwrap(),
        Some(staged.clone())
    );
    let swapped = scene.replacer.swap(staged, Timestamp::UNIX_EPOCH).await;
    assert_eq!(swapped.unwrap().to.as_str(), "2.0.0");
    assert_eq!(scene.names(), ["refit", "refit.boot.json", "refit.old"]);
    let place = scene.replacer.place();
    assert_eq!(std::fs::read(place.exe()).unwrap(), bytes);
    assert_eq!(std::fs::read(place.old()).unwrap(), binary("1.0.0"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(place.exe()).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o755);
    }
    let replacement = sentinel::look(place).unwrap().replacement.unwrap();
    assert_eq!(replacement.sha256, wanted.sha256);
    assert_eq!(replacement.from.as_str(), "1.0.0");
}

#[tokio::test]
async fn what_is_not_what_was_recorded_is_refused() {
    let scene = Scene::new();
    let bytes = binary("2.0.0");
    let wanted = recorded("2.0.0", &bytes);
    let truncated = &bytes[..bytes.len() - 1];
    let longer = [&*bytes, b"x"].concat();
    let mut other = bytes.clone();
    other[7] ^= 1;
    let large = Wanted {
        size: label::MOST_BYTES + 1,
        ..wanted.clone()
    };
    for (wanted, bytes, code) in [
        (&wanted, truncated, "wrong-size"),
        (&wanted, &*longer, "wrong-size"),
        (&wanted, &*other, "wrong-digest"),
        (&large, &*bytes, "wrong-size"),
    ] {
        let stopped = scene.stopped(wanted, bytes).await;
        assert!(matches!(stopped, Stopped::Refused(_)), "{stopped}");
        assert_eq!(stopped.code(), code, "{stopped}");
    }
}

#[tokio::test]
async fn a_binary_has_to_say_what_it_is() {
    let scene = Scene::new();
    let here = label::platform();
    let plain = b"no agent at all".to_vec();
    let two = [binary("2.0.0"), binary("3.0.0")].concat();
    let elsewhere = label::said("2.0.0", "plan9-vax");
    for (bytes, code) in [
        (binary("2.0.1"), "mislabelled"),
        (binary("2.0.0+other"), "mislabelled"),
        (plain, "no-label"),
        (two, "no-label"),
        (elsewhere, "other-platform"),
    ] {
        let wanted = recorded("2.0.0", &bytes);
        let stopped = scene.stopped(&wanted, &bytes).await;
        assert_eq!(stopped.code(), code, "{stopped} on {here}");
    }
    let development = crate::agent::label::own_block();
    let own = label::own();
    let wanted = recorded(own.version.as_str(), &development);
    assert_eq!(
        scene.stopped(&wanted, &development).await.code(),
        "built-for-development"
    );
}

#[tokio::test]
async fn a_binary_that_does_not_start_here_is_refused_before_the_swap() {
    let scene = Scene::with(|_, _| Err(Silent::Binary("no such library".to_owned())));
    let bytes = binary("2.0.0");
    let stopped = scene.stopped(&recorded("2.0.0", &bytes), &bytes).await;
    assert_eq!(stopped.code(), "does-not-start");
    // The real question: these bytes are no program.
    let scene = Scene::with(starts::says);
    let stopped = scene.stopped(&recorded("2.0.0", &bytes), &bytes).await;
    assert_eq!(stopped.code(), "does-not-start");
}

#[tokio::test]
async fn what_runs_and_what_is_quarantined_is_not_taken() {
    let scene = Scene::new();
    let same = binary("1.0.0");
    let stopped = scene.stopped(&recorded("1.0.0", &same), &same).await;
    assert_eq!(stopped.code(), "runs-already");

    let bytes = binary("2.0.0");
    let wanted = recorded("2.0.0", &bytes);
    let one = quarantine::Quarantined {
        version: wanted.version.clone(),
        sha256: wanted.sha256.clone(),
        at: Timestamp::UNIX_EPOCH,
        starts: 3,
        untold: false,
    };
    let place = scene.replacer.place();
    quarantine::add(place, one, Timestamp::UNIX_EPOCH).unwrap();
    let stopped = scene.replacer.stage(&wanted, &*bytes).await.unwrap_err();
    assert_eq!(stopped.code(), "quarantined");
    // The same version with other bytes is another.
    let mended = [binary("2.0.0"), b"mended".to_vec()].concat();
    let wanted_mended = recorded("2.0.0", &mended);
    scene
        .replacer
        .stage(&wanted_mended, &*mended)
        .await
        .unwrap();
    scene.replacer.discard().await.unwrap();
    std::fs::write(place.quarantine(), "{").unwrap();
    let stopped = scene.replacer.stage(&wanted, &*bytes).await.unwrap_err();
    assert!(matches!(stopped, Stopped::Trouble(_)), "{stopped}");
    std::fs::remove_file(place.quarantine()).unwrap();
    scene.replacer.stage(&wanted, &*bytes).await.unwrap();
}

#[tokio::test]
async fn a_development_build_replaces_nothing() {
    let mut scene = Scene::new();
    scene.replacer.own.development = true;
    let bytes = binary("2.0.0");
    let stopped = scene.stopped(&recorded("2.0.0", &bytes), &bytes).await;
    assert_eq!(stopped.code(), "development-build");
}

#[tokio::test]
async fn what_lies_there_is_believed_only_after_another_look() {
    let scene = Scene::new();
    let bytes = binary("2.0.0");
    let wanted = recorded("2.0.0", &bytes);
    assert_eq!(scene.replacer.staged(&wanted).await.unwrap(), None);
    let staged = scene.replacer.stage(&wanted, &*bytes).await.unwrap();
    let next = scene.replacer.place().next();
    let mut other = bytes.clone();
    other[7] ^= 1;
    std::fs::write(&next, &other).unwrap();
    let stopped = scene.replacer.swap(staged, Timestamp::UNIX_EPOCH).await;
    assert_eq!(stopped.unwrap_err().code(), "wrong-digest");
    assert_eq!(scene.names(), ["refit"]);
    // A leftover of another order, or of a fetch that was cut, makes room.
    std::fs::write(&next, "half").unwrap();
    assert_eq!(scene.replacer.staged(&wanted).await.unwrap(), None);
    std::fs::write(&next, "half").unwrap();
    scene.replacer.stage(&wanted, &*bytes).await.unwrap();
    assert_eq!(std::fs::read(&next).unwrap(), bytes);
}

/// Gives some bytes, and then breaks off.
struct BrokenOff(Vec<u8>);

impl AsyncRead for BrokenOff {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.0.is_empty() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let take = buffer.remaining().min(self.0.len());
        buffer.put_slice(&self.0.drain(..take).collect::<Vec<_>>());
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_connection_that_breaks_off_is_no_fault_of_the_version() {
    let scene = Scene::new();
    let bytes = binary("2.0.0");
    let wanted = recorded("2.0.0", &bytes);
    let half = BrokenOff(bytes[..70_000].to_vec());
    let stopped = scene.replacer.stage(&wanted, half).await.unwrap_err();
    assert_eq!(stopped.code(), "transfer");
    assert!(matches!(stopped, Stopped::Trouble(_)), "{stopped}");
    assert_eq!(scene.names(), ["refit"]);
    scene.replacer.stage(&wanted, &*bytes).await.unwrap();
}

#[tokio::test]
async fn what_is_on_trial_itself_is_replaced_once_it_is_known_to_be_good() {
    let scene = Scene::new();
    let place = scene.replacer.place();
    let trial = Replacement {
        version: "1.0.0".parse().unwrap(),
        sha256: "own".to_owned(),
        from: "0.9.0".parse().unwrap(),
        from_sha256: "good".to_owned(),
        at: Timestamp::UNIX_EPOCH,
        ordered: false,
    };
    sentinel::announce(place, trial.clone()).unwrap();
    std::fs::write(place.old(), "known to be good").unwrap();
    let bytes = binary("2.0.0");
    let wanted = recorded("2.0.0", &bytes);
    let staged = scene.replacer.stage(&wanted, &*bytes).await.unwrap();
    let swap = || scene.replacer.swap(staged.clone(), Timestamp::UNIX_EPOCH);
    assert_eq!(swap().await.unwrap_err().code(), "on-trial");
    assert_eq!(sentinel::look(place).unwrap().replacement, Some(trial));
    assert_eq!(std::fs::read(place.old()).unwrap(), b"known to be good");
    sentinel::healthy(place, &"1.0.0".parse().unwrap()).unwrap();
    assert_eq!(swap().await.unwrap().to.as_str(), "2.0.0");
}

#[tokio::test]
async fn one_replacement_at_a_time() {
    let scene = Scene::new();
    let bytes = binary("2.0.0");
    let wanted = recorded("2.0.0", &bytes);
    let other = scene.replacer.lock().await.unwrap();
    let stopped = scene.replacer.stage(&wanted, &*bytes).await.unwrap_err();
    assert_eq!(stopped.code(), "busy");
    drop(other);
    scene.replacer.stage(&wanted, &*bytes).await.unwrap();
}

#[tokio::test]
async fn where_the_swap_cannot_be_announced_nothing_is_swapped() {
    let scene = Scene::new();
    let bytes = binary("2.0.0");
    let wanted = recorded("2.0.0", &bytes);
    let staged = scene.replacer.stage(&wanted, &*bytes).await.unwrap();
    // A folder in its place cannot be renamed over.
    std::fs::create_dir_all(scene.replacer.place().boot().join("x")).unwrap();
    let stopped = scene.replacer.swap(staged, Timestamp::UNIX_EPOCH).await;
    assert_eq!(stopped.unwrap_err().code(), "file");
    assert_eq!(scene.names(), ["refit", "refit.boot.json", "refit.new"]);
    assert_eq!(
        std::fs::read(scene.replacer.place().exe()).unwrap(),
        binary("1.0.0")
    );
}

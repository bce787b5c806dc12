//! Small file systems of a story's own. Root only.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// A mounted file system; dropping it takes it away.
#[derive(Debug)]
pub struct Mount {
    at: PathBuf,
    image: Option<PathBuf>,
}

impl Mount {
    /// A tmpfs of so many KiB.
    pub fn small(at: &Path, kib: u32) -> Result<Self> {
        std::fs::create_dir_all(at)?;
        let size = format!("size={kib}k");
        run(
            "mount",
            &[
                "-t",
                "tmpfs",
                "-o",
                &size,
                "refit-story",
                &at.to_string_lossy(),
            ],
        )?;
        Ok(Self {
            at: at.to_owned(),
            image: None,
        })
    }

    /// An ext4 in a file beside the mount point, with everything off that would write by itself.
    pub fn disk(at: &Path) -> Result<Self> {
        std::fs::create_dir_all(at)?;
        let image = at.with_extension("img");
        std::fs::File::create(&image)?.set_len(48 << 20)?;
        run(
            "mkfs.ext4",
            &[
                "-q",
                "-F",
                "-E",
                "lazy_itable_init=0",
                &image.to_string_lossy(),
            ],
        )?;
        let mount = Self {
            at: at.to_owned(),
            image: Some(image),
        };
        mount.attach()?;
        Ok(mount)
    }

    /// A read-only view of a folder, in its own place.
    pub fn read_only_view(at: &Path) -> Result<Self> {
        let dir = at.to_string_lossy();
        run("mount", &["--bind", &dir, &dir])?;
        let mount = Self {
            at: at.to_owned(),
            image: None,
        };
        run("mount", &["-o", "remount,bind,ro", &dir])?;
        Ok(mount)
    }

    fn attach(&self) -> Result<()> {
        let image = self.image.as_deref().context("this mount has no disk")?;
        // A file renamed over another without an fsync would be saved by auto_da_alloc.
        let options = "loop,noauto_da_alloc,commit=600";
        run(
            "mount",
            &[
                "-o",
                options,
                &image.to_string_lossy(),
                &self.at.to_string_lossy(),
            ],
        )
    }

    /// Cuts the power: what was not synced is gone. Then the disk is there again.
    pub fn cut(&self) -> Result<()> {
        // FS_IOC_SHUTDOWN with "no log flush": not even the journal gets out.
        let cut = "import fcntl, os, struct, sys; \
                   fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))";
        let at = self.at.to_string_lossy();
        run("python3", &["-c", cut, &at])?;
        run("umount", &[&at])?;
        self.attach()
    }

    /// Lets nobody write any more, root neither.
    pub fn read_only(&self) -> Result<()> {
        run("mount", &["-o", "remount,ro", &self.at.to_string_lossy()])
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = run("umount", &["--lazy", &self.at.to_string_lossy()]);
    }
}

fn run(program: &str, args: &[&str]) -> Result<()> {
    let done = Command::new(program)
        .args(args)
        .output()
        .with_context(|| format!("cannot run {program}"))?;
    let words = String::from_utf8_lossy(&done.stderr);
    ensure!(
        done.status.success(),
        "{program} {}: {words}",
        args.join(" ")
    );
    Ok(())
}

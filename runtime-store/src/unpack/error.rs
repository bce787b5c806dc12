//! Why an archive was not unpacked.

use std::io;
use std::path::{Path, PathBuf};

/// Why unpacking ended early. Nothing of the archive may be used.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The archive breaks a rule.
    #[error(
        "the archive was refused: `{entry}` {why}. Nothing was kept; ask the package's publisher \
         for an archive made by `npm pack`"
    )]
    Refused {
        /// Its name in the archive, made readable.
        entry: String,
        /// Which rule.
        why: Refusal,
    },
    /// The bytes are no gzip, no tar, or end too early.
    #[error("the archive is damaged: {0}. Fetch it again")]
    Damaged(String),
    /// More packed bytes than allowed.
    #[error(
        "the archive is larger than {0} bytes, the most that is accepted. Check that it is the \
         right file, or raise the limit"
    )]
    TooLarge(u64),
    /// Its bytes could not be read: a network that went away, a disk that failed.
    #[error("the archive could not be read to its end: {0}. Try again")]
    Read(#[source] io::Error),
    /// What it holds could not be written.
    #[error("could not {doing} {}: {source}", .path.display())]
    Write {
        /// The step, as a verb.
        doing: &'static str,
        /// What was being written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The rule that an entry breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A symbolic link.
    #[error("is a symbolic link")]
    SymbolicLink,
    /// A hard link.
    #[error("is a hard link")]
    HardLink,
    /// A device node.
    #[error("is a device")]
    Device,
    /// A named pipe.
    #[error("is a named pipe")]
    Fifo,
    /// A sparse file, of the GNU or the pax kind.
    #[error("is a sparse file")]
    Sparse,
    /// Any other type of entry.
    #[error("has the unknown entry type {0:?}")]
    UnknownType(char),
    /// Begins with a slash.
    #[error("is an absolute path")]
    Absolute,
    /// Has a `..` component.
    #[error("leads out of its folder by `..`")]
    ParentFolder,
    /// Has an empty or a `.` component behind the first.
    #[error("has an empty or `.` component")]
    NotPlain,
    /// Has a backslash.
    #[error("has a backslash in its name")]
    Backslash,
    /// Has a NUL byte.
    #[error("has a NUL byte in its name")]
    Nul,
    /// Is not UTF-8.
    #[error("has a name that is not UTF-8")]
    NotUtf8,
    /// A device name, a character or an ending that Windows reserves.
    #[error("has a name that Windows reserves: `{0}`")]
    Reserved(String),
    /// A file that lies beside the package's folder, not in it.
    #[error("is a file outside the package's folder")]
    OutsidePackage,
    /// Folders too deep.
    #[error("lies deeper than {0} folders")]
    TooDeep(usize),
    /// A component too long.
    #[error("has a component longer than {0} bytes")]
    ComponentTooLong(usize),
    /// The name too long.
    #[error("has a name longer than {0} bytes")]
    NameTooLong(usize),
    /// Too many files and folders.
    #[error("is one too many: at most {0} files and folders are accepted")]
    TooMany(u64),
    /// Too much content.
    #[error("makes the content larger than {0} bytes, the most that is accepted")]
    TooBig(u64),
    /// Named twice.
    #[error("is there twice")]
    Duplicate,
    /// The same as another name on a file system that ignores case or normalises Unicode.
    #[error("is the same as `{0}` where letter case and Unicode forms do not count")]
    Collides(String),
    /// Both a file and a folder.
    #[error("is used both as a file and as a folder")]
    FileAndFolder,
    /// A folder with bytes of its own.
    #[error("is a folder with content")]
    FolderWithContent,
    /// Names, sizes or records that contradict one another.
    #[error("contradicts itself: {0}")]
    Contradiction(&'static str),
    /// A pax or long-name record larger than is ever needed.
    #[error("has a metadata record of {0} bytes")]
    RecordTooBig(u64),
    /// A pax record that cannot be read.
    #[error("has a metadata record that cannot be read")]
    BadRecord,
}

impl UnpackError {
    /// `entry` breaks the rule `why`.
    pub(super) fn refused(entry: &[u8], why: Refusal) -> Self {
        Self::Refused {
            entry: readable(entry),
            why,
        }
    }

    /// `doing` something to `path` failed.
    pub(super) fn write(doing: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Write {
            doing,
            path: path.to_owned(),
            source,
        }
    }
}

/// A name out of an archive, fit for a terminal and a log: short, on one line.
fn readable(name: &[u8]) -> String {
    const SHOWN: usize = 120;
    let text = String::from_utf8_lossy(name);
    let mut shown: String = text
        .chars()
        .take(SHOWN)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

//! The label: version and platform of a `refit`, compiled into the binary and read out of any other.
//!
//! A block of [`LENGTH`] bytes, once in every binary: [`START`] and a JSON object, blanks, [`END`]. It is
//! what a binary says it is; `docs/formats/agent.md` has it. Whoever patches the block changes what the
//! running program says of itself, for it reads the same block.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};

use memchr::memmem::Finder;
use rollout::Version;
use serde::{Deserialize, Serialize};

/// The largest binary that is looked through, in bytes; a release of `refit` has some 40 MiB.
pub(crate) const MOST_BYTES: u64 = 256 << 20;
/// Bytes of the whole block: the longest version and platform fit twice.
const LENGTH: usize = 512;
/// What it begins with; the object's brace follows.
const START: &str = "refit-agent-label";
/// What it ends with.
const END: &str = "label-ends\n";
/// Bytes that are looked through at once.
const BLOCK: usize = 1 << 20;
/// The longest name of a platform.
const LONGEST_PLATFORM: usize = 48;

/// What a binary says it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Label {
    /// Its version.
    pub(crate) version: Version,
    /// The operating system and processor that it is for: `linux-x86_64`.
    pub(crate) platform: String,
    /// Whether it was built for whoever works on it, with the checks of a debug build.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) development: bool,
}

/// Why a file's label cannot be told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LabelError {
    /// It cannot be read.
    #[error("could not read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is too large to be one of ours.
    #[error("it is larger than {} MiB, the most that is read as an agent", MOST_BYTES >> 20)]
    TooLarge,
    /// There is none.
    #[error("it has no label of a refit agent in it")]
    Missing,
    /// There is one that says nothing.
    #[error("its label is damaged: {0}")]
    Malformed(String),
    /// There are several, and they disagree.
    #[error("it has two labels: {} for {}, and {} for {}", .0.version, .0.platform, .1.version, .1.platform)]
    Several(Box<Label>, Box<Label>),
}

/// The block itself. Atomic bytes, although nobody writes them: so no compiler may take what stands here
/// now for what stands in the file that is run.
#[used]
static OWN: [AtomicU8; LENGTH] = block();

/// What this very program says it is.
pub(crate) fn own() -> Label {
    parse(&own_block()).unwrap_or_else(|_| Label {
        #[expect(clippy::unwrap_used, reason = "Cargo takes no version that is none")]
        version: env!("CARGO_PKG_VERSION").parse().unwrap(),
        platform: platform(),
        development: cfg!(debug_assertions),
    })
}

/// The platform that this program was built for.
pub(crate) fn platform() -> String {
    format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH)
}

/// What the binary at `path` says it is.
pub(crate) fn of_file(path: &Path) -> Result<Label, LabelError> {
    let failed = |source| LabelError::Read {
        path: path.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(failed)?.take(MOST_BYTES + 1);
    let mut search = Search::new();
    let mut block = Vec::new();
    let mut seen = 0;
    loop {
        block.clear();
        let mut piece = (&mut file).take(BLOCK as u64);
        let read = piece.read_to_end(&mut block).map_err(failed)?;
        if read == 0 {
            return search.end();
        }
        seen += read as u64;
        if seen > MOST_BYTES {
            return Err(LabelError::TooLarge);
        }
        search.feed(&block)?;
    }
}

/// What the binary of these bytes says it is.
#[cfg(test)]
pub(crate) fn of_bytes(bytes: &[u8]) -> Result<Label, LabelError> {
    let mut search = Search::new();
    search.feed(bytes)?;
    search.end()
}

/// A search for the one label in bytes that come piece by piece.
struct Search {
    /// Taken from our own block: written out, it would be another beginning of one in this binary.
    start: Finder<'static>,
    /// What may be the beginning of a block, or of its beginning.
    rest: Vec<u8>,
    found: Option<Label>,
}

impl Search {
    fn new() -> Self {
        Self {
            start: Finder::new(&own_block()[..=START.len()]).into_owned(),
            rest: Vec::new(),
            found: None,
        }
    }

    fn feed(&mut self, piece: &[u8]) -> Result<(), LabelError> {
        self.rest.extend_from_slice(piece);
        let mut from = 0;
        while let Some(at) = self.start.find(&self.rest[from..]) {
            let Some(block) = self.rest[from + at..].get(..LENGTH) else {
                // The rest of it comes with the next piece.
                self.rest.drain(..from + at);
                return Ok(());
            };
            let label = parse(block)?;
            match &self.found {
                Some(before) if *before != label => {
                    return Err(LabelError::Several(
                        Box::new(before.clone()),
                        Box::new(label),
                    ));
                }
                _ => self.found = Some(label),
            }
            from += at + LENGTH;
        }
        // All that may still become a beginning.
        let keep = self.rest.len().saturating_sub(START.len()).max(from);
        self.rest.drain(..keep);
        Ok(())
    }

    fn end(self) -> Result<Label, LabelError> {
        if self.start.find(&self.rest).is_some() {
            return Err(LabelError::Malformed("it is cut off".to_owned()));
        }
        self.found.ok_or(LabelError::Missing)
    }
}

/// Reads a whole block.
fn parse(block: &[u8]) -> Result<Label, LabelError> {
    let malformed = |why: &str| LabelError::Malformed(why.to_owned());
    let text = std::str::from_utf8(block).map_err(|_| malformed("it is no text"))?;
    // That it begins like one is how it was found. To look here again would put the beginning, as text, into
    // this binary once more.
    let json = text
        .get(START.len()..)
        .and_then(|rest| rest.strip_suffix(END))
        .ok_or_else(|| malformed("it does not end where it should"))?;
    let label: Label =
        serde_json::from_str(json).map_err(|error| LabelError::Malformed(error.to_string()))?;
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    if label.platform.is_empty()
        || label.platform.len() > LONGEST_PLATFORM
        || !label.platform.bytes().all(plain)
    {
        return Err(malformed("its platform is no name"));
    }
    Ok(label)
}

/// The bytes of our own block, as they stand in the file that is run.
pub(super) fn own_block() -> Vec<u8> {
    let read = |byte: &AtomicU8| byte.load(Ordering::Relaxed);
    OWN.iter().map(read).collect()
}

/// Writes the block, while this is compiled.
const fn block() -> [AtomicU8; LENGTH] {
    let parts = [
        START,
        "{\"version\":\"",
        env!("CARGO_PKG_VERSION"),
        "\",\"platform\":\"",
        std::env::consts::OS,
        "-",
        std::env::consts::ARCH,
        if cfg!(debug_assertions) {
            "\",\"development\":true}"
        } else {
            "\"}"
        },
    ];
    let mut block = [const { AtomicU8::new(b' ') }; LENGTH];
    let mut at = 0;
    let mut part = 0;
    while part < parts.len() {
        at = put(&mut block, at, parts[part]);
        part += 1;
    }
    put(&mut block, LENGTH - END.len(), END);
    block
}

/// Puts a text at a place of the block, and says where it ends.
const fn put(block: &mut [AtomicU8; LENGTH], at: usize, text: &str) -> usize {
    let mut byte = 0;
    while byte < text.len() {
        block[at + byte] = AtomicU8::new(text.as_bytes()[byte]);
        byte += 1;
    }
    at + text.len()
}

/// A block that says this version and platform.
#[cfg(test)]
pub(super) fn said(version: &str, platform: &str) -> Vec<u8> {
    says(&format!(
        "{{\"version\":\"{version}\",\"platform\":\"{platform}\"}}"
    ))
}

/// A block with this in it.
#[cfg(test)]
fn says(json: &str) -> Vec<u8> {
    let room = LENGTH - START.len() - END.len();
    format!("{START}{json:room$}{END}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(version: &str) -> Vec<u8> {
        said(version, "linux-x86_64")
    }

    fn label(version: &str) -> Label {
        Label {
            version: version.parse().unwrap(),
            platform: "linux-x86_64".to_owned(),
            development: false,
        }
    }

    #[test]
    fn this_program_says_what_it_was_built_as() {
        assert_eq!(own_block().len(), LENGTH);
        let own = own();
        assert_eq!(own.version.as_str(), env!("CARGO_PKG_VERSION"));
        assert_eq!(own.platform, platform());
        assert_eq!(own.development, cfg!(debug_assertions));
        assert_eq!(of_bytes(&own_block()).unwrap(), own);
    }

    #[test]
    fn one_label_is_found_wherever_it_lies_and_however_the_bytes_come() {
        for before in [0, 1, START.len(), BLOCK - LENGTH / 2, 2 * BLOCK + 7] {
            let mut bytes = vec![b'r'; before];
            bytes.extend(of("1.2.3-rc.1"));
            bytes.extend(b"refit-agent-labels are no label");
            assert_eq!(of_bytes(&bytes).unwrap(), label("1.2.3-rc.1"), "{before}");
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), &bytes).unwrap();
            assert_eq!(of_file(file.path()).unwrap(), label("1.2.3-rc.1"));
            for size in [1, 7, LENGTH] {
                let mut search = Search::new();
                let tail = &bytes[before.saturating_sub(2 * LENGTH)..];
                for piece in tail.chunks(size) {
                    search.feed(piece).unwrap();
                }
                assert_eq!(search.end().unwrap(), label("1.2.3-rc.1"), "{size}");
            }
        }
    }

    #[test]
    fn the_same_label_twice_is_one_and_two_are_none() {
        let twice = [of("1.0.0"), of("1.0.0")].concat();
        assert_eq!(of_bytes(&twice).unwrap(), label("1.0.0"));
        let two = [of("1.0.0"), b"between".to_vec(), of("2.0.0")].concat();
        let error = of_bytes(&two).unwrap_err();
        assert!(matches!(error, LabelError::Several(..)), "{error}");
        assert!(error.to_string().contains("2.0.0 for linux-x86_64"));
    }

    #[test]
    fn what_is_no_label_is_refused() {
        assert!(matches!(of_bytes(b""), Err(LabelError::Missing)));
        assert!(matches!(of_bytes(&[0; 4096]), Err(LabelError::Missing)));
        let whole = of("1.0.0");
        for cut in [START.len() + 1, LENGTH - 1] {
            let error = of_bytes(&whole[..cut]).unwrap_err();
            assert!(matches!(error, LabelError::Malformed(_)), "{cut}: {error}");
        }
        let mut no_end = whole.clone();
        no_end[LENGTH - 2] = b'x';
        let mut no_text = whole;
        no_text[START.len() + 3] = 0xff;
        for malformed in [
            no_end,
            no_text,
            says("{}"),
            says("{\"version\":\"1.0\",\"platform\":\"linux-x86_64\"}"),
            says("{\"version\":\"1.0.0\",\"platform\":\"../linux\"}"),
            says("{\"version\":\"1.0.0\",\"platform\":\"linux-x86_64\"} and more"),
            [of("1.0.0"), says("{")].concat(),
        ] {
            let error = of_bytes(&malformed).unwrap_err();
            assert!(matches!(error, LabelError::Malformed(_)), "{error}");
        }
    }

    #[test]
    fn a_label_of_a_later_program_may_say_more() {
        let more = says("{\"version\":\"9.0.0\",\"platform\":\"linux-x86_64\",\"libc\":\"musl\"}");
        assert_eq!(of_bytes(&more).unwrap(), label("9.0.0"));
    }

    #[test]
    fn a_file_that_is_missing_is_named() {
        let error = of_file(Path::new("/nowhere/refit")).unwrap_err();
        assert!(error.to_string().contains("/nowhere/refit"), "{error}");
    }
}

//! Agents of several versions: copies of the real binary, with another label, or with a hole in their code.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use object::{Object as _, ObjectSection as _, ObjectSymbol as _};
use sha2::{Digest as _, Sha256};

use crate::support::REFIT;

/// What a label begins with, its length, and its end: `docs/formats/agent.md`.
const START: &[u8] = b"refit-agent-label{";
const LENGTH: usize = 512;
const END: &[u8] = b"label-ends\n";

/// A binary's bytes.
#[derive(Clone)]
pub(super) struct Binary(pub(super) Vec<u8>);

impl Binary {
    /// A release that says it is this version, for this machine.
    pub(super) fn release(version: &str) -> Self {
        let os = std::env::consts::OS;
        let arch = std::env::consts::ARCH;
        Self(std::fs::read(REFIT).unwrap()).labelled(&format!(
            "{{\"version\":\"{version}\",\"platform\":\"{os}-{arch}\"}}"
        ))
    }

    /// The same with this in its label.
    pub(super) fn labelled(mut self, json: &str) -> Self {
        let at = memchr::memmem::find(&self.0, START).unwrap();
        let begins = at + START.len() - 1;
        let label = &mut self.0[begins..at + LENGTH - END.len()];
        label.fill(b' ');
        label[..json.len()].copy_from_slice(json.as_bytes());
        assert_eq!(&self.0[at + LENGTH - END.len()..][..END.len()], END);
        self
    }

    /// The same, but that it dies as soon as it serves: the code that would is traps.
    pub(super) fn crashing(self) -> Self {
        self.serving_with(if cfg!(target_arch = "x86_64") {
            &[0xcc]
        } else {
            &[0; 4]
        })
    }

    /// The same, but that it hangs as soon as it serves: the code that would is jumps to themselves.
    pub(super) fn hanging(self) -> Self {
        self.serving_with(if cfg!(target_arch = "x86_64") {
            &[0xeb, 0xfe]
        } else {
            &[0, 0, 0, 0x14]
        })
    }

    /// The same with this instruction, again and again, for the code that serves.
    fn serving_with(mut self, instruction: &[u8]) -> Self {
        let (at, length) = {
            let file = object::File::parse(&*self.0).unwrap();
            let symbol = file
                .symbols()
                .find(|symbol| {
                    let name = symbol.name().unwrap_or_default();
                    ["commands", "agent", "serve"]
                        .iter()
                        .all(|it| name.contains(it))
                        && !name.contains("closure")
                        && symbol.size() > 0
                })
                .expect("the code of commands::agent::serve");
            let section = file
                .section_by_index(symbol.section_index().unwrap())
                .unwrap();
            let (start, _) = section.file_range().unwrap();
            let offset = start + symbol.address() - section.address();
            (
                usize::try_from(offset).unwrap(),
                usize::try_from(symbol.size()).unwrap(),
            )
        };
        for code in self.0[at..at + length].chunks_exact_mut(instruction.len()) {
            code.copy_from_slice(instruction);
        }
        self
    }

    pub(super) fn sha256(&self) -> String {
        hex::encode(Sha256::digest(&self.0))
    }

    /// Puts it there as a program.
    pub(super) fn put(&self, path: &Path) -> PathBuf {
        std::fs::write(path, &self.0).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path.to_owned()
    }
}

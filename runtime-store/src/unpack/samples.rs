//! Archives for tests: good ones, and every kind of bad one.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use rollout::Integrity;
use sha2::{Digest as _, Sha512};
use tar::{EntryType, Header};

/// A tar stream being written, without any of the care that a real writer takes.
#[derive(Clone, Default)]
pub(crate) struct Archive {
    bytes: Vec<u8>,
}

impl Archive {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// An npm package: package.json and one entry file.
    pub(crate) fn package(name: &str, version: &str, entry: &str) -> Self {
        Self::new()
            .file(
                "package/package.json",
                format!(r#"{{"name": "{name}", "version": "{version}"}}"#),
            )
            .file(&format!("package/{entry}"), format!("// {version}"))
    }

    pub(crate) fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.entry(EntryType::Regular, path.as_bytes(), content.as_ref())
    }

    pub(crate) fn folder(self, path: &str) -> Self {
        self.entry(EntryType::Directory, path.as_bytes(), b"")
    }

    pub(crate) fn entry(self, kind: EntryType, path: &[u8], content: &[u8]) -> Self {
        self.with(kind, path, content, |_| {})
    }

    /// An entry whose header is changed by `change` before its checksum is made.
    pub(crate) fn with(
        mut self,
        kind: EntryType,
        path: &[u8],
        content: &[u8],
        change: impl FnOnce(&mut Header),
    ) -> Self {
        let mut header = Header::new_gnu();
        if path.len() > 100 {
            self = self.entry(EntryType::GNULongName, b"././@LongLink", path);
        }
        let short = &path[..path.len().min(100)];
        header.as_old_mut().name[..short.len()].copy_from_slice(short);
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        header.set_entry_type(kind);
        change(&mut header);
        header.set_cksum();
        self.raw(header.as_bytes()).padded(content)
    }

    /// A pax record in front of the next entry.
    pub(crate) fn pax(self, records: &[(&str, &str)]) -> Self {
        let content = pax(records);
        self.entry(EntryType::XHeader, b"PaxHeader/x", &content)
    }

    /// A pax record for all that follows.
    pub(crate) fn global_pax(self, records: &[(&str, &str)]) -> Self {
        let content = pax(records);
        self.entry(EntryType::XGlobalHeader, b"pax_global_header", &content)
    }

    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    fn padded(mut self, content: &[u8]) -> Self {
        self.bytes.extend_from_slice(content);
        self.bytes.resize(self.bytes.len().next_multiple_of(512), 0);
        self
    }

    /// The tar stream as it is, without an end.
    pub(crate) fn unfinished(self) -> Vec<u8> {
        self.bytes
    }

    /// The tar stream with its end, packed.
    pub(crate) fn tgz(self) -> Vec<u8> {
        gzip(&self.raw(&[0; 1024]).bytes)
    }
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn integrity(bytes: &[u8]) -> Integrity {
    Integrity::from_digest(Sha512::digest(bytes).into())
}

fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (key, value) in records {
        let rest = key.len() + value.len() + 3;
        let mut length = rest + 1;
        while length != rest + length.to_string().len() {
            length += 1;
        }
        bytes.extend_from_slice(format!("{length} {key}={value}\n").as_bytes());
    }
    bytes
}

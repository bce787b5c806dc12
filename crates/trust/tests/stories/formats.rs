//! Stores that were written once have to be read for ever.

use std::path::Path;

use crate::support::device::{Device, tree};
use crate::support::{days, start};

/// Two roots, a delegated role whose name has a capital, two kept targets.
#[tokio::test]
async fn a_store_of_schema_1_is_read() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/store-schema-1");
    let device = Device::new(std::fs::read(fixture.join("shipped-root.json")).unwrap());
    for (path, bytes) in tree(&fixture.join("trust")) {
        let path = device
            .folder
            .path()
            .join(path.strip_prefix(&fixture).unwrap());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    assert_eq!(device.versions(), [2, 3, 3, 3]);
    let kept = device.trust().kept().await.unwrap().unwrap();
    assert_eq!(kept.expires(), start() + days(30));
    assert_eq!(kept.signed_at(), Some(start()));
    for (name, content) in [
        ("latest.json", &b"{\"version\":\"1.0.0\"}\n"[..]),
        ("a-1.json", b"of a team\n"),
    ] {
        let read = kept.read(name, 100).await.unwrap().unwrap();
        assert_eq!(read, content, "{name}");
    }
}

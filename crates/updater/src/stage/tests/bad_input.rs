//! Whatever a registry answers: a clear error, and everything as it was.

use super::*;

/// What is said, with what it is answered, and a part of the error that follows.
type Case = (&'static str, (Reply, Reply), &'static str);

const DIST: &str = "/versions/1.2.0/dist";

/// 1.2.0 as it should be offered, and all the ways in which it is not.
struct Offer {
    origin: String,
    new: Vec<u8>,
    manifest: String,
}

impl Offer {
    fn listed(&self, bytes: &[u8]) -> Value {
        packument("demo", &self.origin, &[("1.2.0", bytes)])
    }

    /// The right packument and this tarball.
    fn tarball(&self, reply: Reply) -> (Reply, Reply) {
        (Reply::json(&self.listed(&self.new)), reply)
    }

    /// This packument and the right tarball.
    fn packument(&self, reply: Reply) -> (Reply, Reply) {
        (reply, Reply::new(200, self.new.clone()))
    }

    /// A packument that truly describes these bytes, and the bytes.
    fn archive(&self, bytes: Vec<u8>) -> (Reply, Reply) {
        (Reply::json(&self.listed(&bytes)), Reply::new(200, bytes))
    }

    fn without(&self, parent: &str, key: &str) -> (Reply, Reply) {
        let mut packument = self.listed(&self.new);
        let parent = packument.pointer_mut(parent).unwrap();
        parent.as_object_mut().unwrap().remove(key);
        self.packument(Reply::json(&packument))
    }

    fn with(&self, path: &str, value: Value) -> (Reply, Reply) {
        let mut packument = self.listed(&self.new);
        *packument.pointer_mut(path).unwrap() = value;
        self.packument(Reply::json(&packument))
    }

    fn good(&self) -> Reply {
        Reply::new(200, self.new.clone())
    }
}

async fn nothing_changes(cases: impl FnOnce(&Offer) -> Vec<Case>) {
    let device = Device::new();
    let (server, answers) = offering("1.1.0", &version("demo", "1.1.0")).await;
    let updater = device.updater(&server.origin);
    updater.check(By::Person).await.unwrap();
    let before = device.state();
    assert_eq!(before.next.as_str(), "1.1.0");
    let offer = Offer {
        origin: server.origin.clone(),
        new: version("demo", "1.2.0"),
        manifest: json!({ "name": "demo", "version": "1.2.0" }).to_string(),
    };
    for (what, reply, words) in cases(&offer) {
        *answers.lock().unwrap() = reply;
        let error = updater.check(By::Person).await.expect_err(what);
        let text = error.to_string();
        assert!(text.contains(words), "{what}: {text}");
        assert!(
            text.contains(&server.origin),
            "{what} names no address: {text}"
        );
        assert!(!error.hint().is_empty());
        assert_eq!(device.state(), before, "{what}");
        let status = updater.status().borrow().clone();
        assert_eq!(status.progress, None, "{what}");
        let last = status.last_check.unwrap();
        assert_eq!(last.error.unwrap().kind, error.kind(), "{what}");
    }
    // And then it is offered properly.
    *answers.lock().unwrap() = offer.archive(offer.new.clone());
    updater.check(By::Person).await.unwrap();
    assert_eq!(device.state().next.as_str(), "1.2.0");
}

#[tokio::test]
async fn a_packument_that_is_none_or_cannot_be_had_changes_nothing() {
    nothing_changes(|offer| {
        let status = |status| offer.packument(Reply::new(status, ""));
        let elsewhere = Reply::new(302, "").with("location", "http://reg.test/");
        let endless = Reply::new(200, vec![b' '; 1 << 20]).repeated(100);
        let sha1 = json!("sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=");
        vec![
            ("404", status(404), "404"),
            ("401", status(401), "401"),
            ("429", status(429), "429"),
            ("503", status(503), "503"),
            (
                "a redirect elsewhere",
                offer.packument(elsewhere),
                "redirects to",
            ),
            (
                "a web page",
                offer.packument(Reply::new(200, "<html>")),
                "not JSON",
            ),
            (
                "a hundred megabytes",
                offer.packument(endless),
                "larger than",
            ),
            (
                "no versions",
                offer.without("", "versions"),
                "no `versions`",
            ),
            (
                "versions of another type",
                offer.with("/versions", json!([])),
                "a list",
            ),
            ("no tags", offer.without("", "dist-tags"), "no `dist-tags`"),
            (
                "tags of another type",
                offer.with("/dist-tags", json!("1.2.0")),
                "a text",
            ),
            (
                "no integrity",
                offer.without(DIST, "integrity"),
                "no sha512",
            ),
            (
                "sha1 alone",
                offer.with(&format!("{DIST}/integrity"), sha1),
                "sha1-",
            ),
        ]
    })
    .await;
}

#[tokio::test]
async fn a_tarball_that_does_not_come_whole_changes_nothing() {
    nothing_changes(|offer| {
        let length = offer.new.len();
        let large = Reply::new(200, vec![0; (1 << 20) + 1]);
        let mut changed = offer.new.clone();
        changed[length / 2] ^= 0x55;
        vec![
            ("not there", offer.tarball(Reply::new(404, "")), "404"),
            ("for members", offer.tarball(Reply::new(403, "")), "403"),
            ("later perhaps", offer.tarball(Reply::new(503, "")), "503"),
            ("cut off", offer.tarball(offer.good().cut(60)), "cut off"),
            (
                "cut off, chunked",
                offer.tarball(offer.good().chunked().cut(60)),
                "cut off",
            ),
            (
                "a length too long",
                offer.tarball(offer.good().announcing(length + 9)),
                "cut off",
            ),
            (
                "a length too short",
                offer.tarball(offer.good().announcing(length - 9)),
                "damaged",
            ),
            (
                "silence",
                offer.tarball(offer.good().cut(60).silent()),
                "sent nothing",
            ),
            ("too large", offer.tarball(large), "larger than"),
            (
                "a web page",
                offer.tarball(Reply::new(200, "<html>")),
                "damaged",
            ),
            (
                "damaged bytes",
                offer.tarball(Reply::new(200, changed)),
                "archive",
            ),
        ]
    })
    .await;
}

fn link() -> Vec<u8> {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut archive = tar::Builder::new(gzip);
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    let path = "package/cli.js";
    archive
        .append_link(&mut header, path, "/etc/passwd")
        .unwrap();
    archive.into_inner().unwrap().finish().unwrap()
}

#[tokio::test]
async fn an_archive_that_is_another_or_hostile_changes_nothing() {
    nothing_changes(|offer| {
        let manifest = ("package.json", offer.manifest.as_str());
        let other = Reply::new(200, version("demo", "1.1.9"));
        vec![
            ("another content", offer.tarball(other), "integrity"),
            (
                "another package",
                offer.archive(version("other", "1.2.0")),
                "other",
            ),
            (
                "another version",
                offer.archive(version("demo", "1.3.0")),
                "1.3.0",
            ),
            ("no entry", offer.archive(tarball(&[manifest])), "cli.js"),
            (
                "no package.json",
                offer.archive(tarball(&[("cli.js", "")])),
                "package.json",
            ),
            ("a link", offer.archive(link()), "symbolic link"),
            (
                "a reserved name",
                offer.archive(tarball(&[manifest, ("con", "")])),
                "reserves",
            ),
            ("no archive", offer.archive(b"plain".to_vec()), "damaged"),
        ]
    })
    .await;
}

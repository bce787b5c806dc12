//! A signed repository beside a registry that may say anything.

use rollout::Description;
use trust::{Limits as TrustLimits, Trust};

use super::*;
use crate::{By, Mode, Outcome, Wanted};

mod bytes;
mod stored;
mod time;

#[path = "../../../trust/tests/support/mod.rs"]
#[expect(dead_code, reason = "its own stories need all of it")]
mod publisher;

use publisher::{Publisher, days};

/// A device that trusts `publisher`, with 1.1.0 and 1.2.0 described.
struct Signed {
    bench: Bench,
    publisher: Publisher,
    root: Vec<u8>,
    folder: TempDir,
}

impl Signed {
    async fn new() -> Self {
        let publisher = Publisher::new();
        let signed = Self {
            bench: Bench::new().await,
            root: publisher.first_root(),
            publisher,
            folder: tempfile::tempdir().unwrap(),
        };
        signed.bench.host.clear();
        signed
    }

    /// With a manifest that `change` made, and both versions described.
    async fn saying(change: impl FnOnce(&mut Value)) -> Self {
        let mut signed = Self::new().await;
        for name in ["1.1.0", "1.2.0"] {
            signed.describe(name, |_| {});
        }
        signed.manifest(change);
        signed
    }

    fn describe(&mut self, name: &str, change: impl FnOnce(&mut Value)) {
        let bytes = version("demo", name);
        let mut described = json!({
            "schema": 1, "package": "demo", "version": name, "integrity": integrity(&bytes),
            "packedSize": bytes.len(), "unpackedSize": 1000,
            "tarball": format!("demo/-/demo-{name}.tgz"),
        });
        change(&mut described);
        let target = Description::target_name(&"demo".parse().unwrap(), &v(name));
        self.publisher
            .add(&target, described.to_string().as_bytes());
    }

    fn manifest(&mut self, change: impl FnOnce(&mut Value)) {
        let manifest = hour(change).to_string();
        self.publisher.add("latest.json", manifest.as_bytes());
        self.publish();
    }

    fn publish(&mut self) {
        self.publisher.publish();
        self.serve();
    }

    fn serve(&self) {
        for (path, bytes) in &self.publisher.files {
            self.bench.host.put(&format!("/repo/{path}"), bytes.clone());
        }
    }

    /// The site has the tarball too.
    fn copy(&self, name: &str) {
        let path = format!("/demo/-/demo-{name}.tgz");
        self.bench.host.put(&path, version("demo", name));
    }

    fn policy(&self) -> Policy {
        let host = &self.bench.host;
        let trust = Trust::new(
            self.root.clone(),
            self.folder.path().join("trust"),
            host.url("/repo/metadata/"),
            host.url("/repo/targets/"),
            TrustLimits {
                idle: Duration::from_secs(2),
                ..TrustLimits::default()
            },
        );
        Policy {
            follow: Follow::Tuf {
                trust: Arc::new(trust),
                site: host.url("/"),
            },
            ..Policy::registry(Timestamp::UNIX_EPOCH)
        }
    }

    /// A new process.
    fn updater(&self) -> Updater {
        self.bench.updater(self.policy())
    }

    fn move_clock(&self, to: &str) {
        self.bench.move_clock(at(to));
    }
}

fn named(text: &str) -> Wanted {
    Wanted::Version(v(text))
}

#[tokio::test]
async fn what_is_signed_and_due_is_staged() {
    let signed = Signed::saying(everyone).await;
    let updater = signed.updater();
    let report = updater.check(By::Timer).await.unwrap();
    assert_eq!(said(&report), ("stage", "eligible", Some("1.1.0")));
    assert_eq!(signed.bench.staged(), Some(("1.1.0".into(), true)));
    let terms = signed.bench.releases().manifest.unwrap();
    let expires = Some(start() + days(30));
    assert_eq!((terms.signed, terms.expires), (true, expires));
    let view = updater.status().borrow().terms.clone().unwrap();
    assert_eq!((view.mode, view.expires), (Mode::Tuf, expires));
    let registry = signed.bench.registry.server.lines();
    assert_eq!(registry, ["GET /demo", "GET /demo/-/demo-1.1.0.tgz"]);
}

#[tokio::test]
async fn held_asks_the_registry_nothing_and_the_turn_comes_with_the_host_off() {
    let signed = Signed::saying(|_| {}).await;
    let updater = signed.updater();
    for _ in 0..2 {
        let report = updater.check(By::Timer).await.unwrap();
        assert_eq!(said(&report), ("hold", "held", Some("1.1.0")));
    }
    assert_eq!(signed.bench.registry.asked(), 0);
    signed.bench.host.down();
    signed.move_clock("2026-06-12T09:00:00Z");
    // After a restart too: everything is on disk.
    let report = signed.updater().check(By::Timer).await.unwrap();
    assert_eq!(said(&report), ("stage", "eligible", Some("1.1.0")));
    assert_eq!(report.trouble.unwrap().kind, "trust-unreachable");
    assert_eq!(signed.bench.staged(), Some(("1.1.0".into(), true)));
}

#[tokio::test]
async fn a_person_waits_for_no_turn_and_hears_when_nobody_could_be_asked() {
    let signed = Signed::saying(|_| {}).await;
    let report = signed.updater().check(By::Person).await.unwrap();
    assert!(report.bypassed);
    assert_eq!(signed.bench.staged(), Some(("1.1.0".into(), false)));
    signed.bench.running.send_replace(Some(v("1.1.0")));
    signed.bench.host.down();
    let error = signed.updater().check(By::Person).await.unwrap_err();
    assert_eq!(error.kind(), "trust-unreachable");
    let words = error.to_string();
    assert_eq!(words.matches("http:").count(), 1, "{words}");
    assert!(!words.contains("sending request"), "{words}");
    let report = signed.updater().check(By::Timer).await.unwrap();
    assert_eq!(report.reason, "not-newer");
    assert_eq!(report.trouble.unwrap().kind, "trust-unreachable");
}

#[tokio::test]
async fn a_device_that_never_verified_anything_stages_nothing() {
    let other = Signed::saying(everyone).await;
    let login = Reply::new(200, "<!doctype html>");
    for (reply, kind) in [
        (Reply::new(404, ""), "trust-missing"),
        (Reply::new(503, ""), "trust-unreachable"),
        (login, "trust-malformed"),
        (
            Reply::new(200, " ".repeat(1 << 16))
                .chunked()
                .repeated(1 << 20),
            "trust-too-large",
        ),
    ] {
        let signed = Signed::new().await;
        signed.bench.host.answer("*", reply.clone());
        signed
            .bench
            .host
            .answer("/repo/metadata/2.root.json", Reply::new(404, ""));
        // Nor by what lies there unsigned.
        signed.bench.manifest(everyone);
        signed.bench.host.put("/latest.txt", "1.1.0");
        refuses(&signed, kind).await;
    }
    // Somebody else's keys.
    let signed = Signed::new().await;
    for (path, bytes) in &other.publisher.files {
        signed
            .bench
            .host
            .put(&format!("/repo/{path}"), bytes.clone());
    }
    refuses(&signed, "trust-signatures").await;
}

/// Nothing that can be asked of the device gets anything staged.
async fn refuses(signed: &Signed, kind: &str) {
    let bench = &signed.bench;
    let file = bench.file("demo.tgz");
    std::fs::write(&file, version("demo", "1.1.0")).unwrap();
    let tarball = Wanted::Tarball {
        file,
        integrity: Some(integrity(&version("demo", "1.1.0"))),
    };
    let updater = signed.updater();
    for by in [By::Timer, By::Person] {
        assert_eq!(updater.check(by).await.unwrap_err().kind(), kind);
    }
    for wanted in [Wanted::Latest, named("1.1.0"), tarball] {
        let error = updater.stage(wanted, false).await.unwrap_err();
        assert_eq!(error.kind(), kind);
    }
    let error = updater.stage(named("1.1.0"), true).await.unwrap_err();
    assert_eq!(error.kind(), kind);
    assert_eq!(bench.registry.asked(), 0);
    assert_eq!((bench.staged(), bench.releases().manifest), (None, None));
    let view = updater.status().borrow().terms.clone().unwrap();
    assert!(view.trouble.is_some() && view.version.is_none());
}

#[tokio::test]
async fn a_host_that_wants_to_be_left_alone_is() {
    let signed = Signed::saying(|_| {}).await;
    let busy = Reply::new(429, "").with("retry-after", "7200");
    let later = start() + jiff::SignedDuration::from_hours(2);
    // Whether anything was kept that counts, or not.
    for kept in [false, true] {
        signed.bench.host.clear();
        if kept {
            signed.serve();
            signed.updater().check(By::Timer).await.unwrap();
            assert_eq!(signed.bench.releases().not_before, None);
        }
        signed
            .bench
            .host
            .answer("/repo/metadata/2.root.json", busy.clone());
        let checked = signed.updater().check(By::Timer).await;
        assert_eq!(checked.is_ok(), kept);
        assert_eq!(signed.bench.releases().not_before, Some(later));
    }
}

#[tokio::test]
async fn a_repository_that_goes_back_is_refused_and_what_was_heard_stays() {
    let mut signed = Signed::saying(|_| {}).await;
    let before = signed.publisher.clone();
    signed.manifest(|it| it["recalled"] = json!(["1.1.0"]));
    let updater = signed.updater();
    let report = updater.check(By::Timer).await.unwrap();
    assert_eq!(said(&report), ("hold", "recalled", Some("1.1.0")));
    let heard = signed.bench.releases().manifest;
    signed.publisher = before;
    signed.serve();
    let report = updater.check(By::Timer).await.unwrap();
    assert_eq!(said(&report), ("hold", "recalled", Some("1.1.0")));
    assert_eq!(report.trouble.unwrap().kind, "trust-rollback");
    assert_eq!(signed.bench.releases().manifest, heard);
}

#[tokio::test]
async fn what_the_repository_does_not_name_is_never_staged() {
    let mut signed = Signed::new().await;
    signed.describe("1.1.0", |_| {});
    signed.manifest(|it| {
        it["version"] = json!("1.2.0");
        everyone(it);
    });
    let updater = signed.updater();
    for by in [By::Timer, By::Person] {
        let error = updater.check(by).await.unwrap_err();
        assert_eq!(error.kind(), "not-signed");
        assert!(error.to_string().contains("1.2.0"), "{error}");
    }
    for older in [false, true] {
        let error = updater.stage(named("1.2.0"), older).await.unwrap_err();
        assert_eq!(error.kind(), "not-signed");
    }
    assert_eq!(
        (signed.bench.staged(), signed.bench.registry.asked()),
        (None, 0)
    );
    let report = updater.stage(named("1.1.0"), false).await.unwrap();
    assert_eq!(report.outcome, Outcome::Staged);
}

#[tokio::test]
async fn a_site_without_a_rollout_is_told_as_one() {
    let mut signed = Signed::new().await;
    signed.describe("1.1.0", |_| {});
    signed.publish();
    for by in [By::Timer, By::Person] {
        let error = signed.updater().check(by).await.unwrap_err();
        assert_eq!(error.kind(), "no-rollout");
        let words = error.to_string();
        assert!(words.contains("no rollout on channel `latest`"), "{words}");
        assert!(error.hint().contains("refit rollout start"));
    }
    assert_eq!(signed.bench.registry.asked(), 0);
}

#[tokio::test]
async fn a_description_of_something_else_describes_nothing() {
    for (key, value) in [
        ("package", json!("other")),
        ("version", json!("1.2.0")),
        ("schema", json!(9)),
        ("tarball", json!("../demo.tgz")),
    ] {
        let mut signed = Signed::new().await;
        signed.describe("1.1.0", |it| it[key] = value);
        signed.manifest(everyone);
        let error = signed.updater().check(By::Timer).await.unwrap_err();
        assert_eq!(error.kind(), "malformed-manifest", "{key}");
        assert_eq!(signed.bench.staged(), None);
    }
}

#[tokio::test]
async fn another_packages_manifest_is_none_even_signed() {
    let mut signed = Signed::saying(|_| {}).await;
    let updater = signed.updater();
    updater.check(By::Timer).await.unwrap();
    let heard = signed.bench.releases().manifest.unwrap().manifest;
    signed.manifest(|it| {
        it["package"] = json!("other");
        everyone(it);
    });
    let report = updater.check(By::Timer).await.unwrap();
    assert_eq!(report.reason, "held");
    assert_eq!(report.trouble.unwrap().kind, "malformed-manifest");
    assert_eq!(signed.bench.releases().manifest.unwrap().manifest, heard);
}

#[tokio::test]
async fn what_has_expired_stages_nothing_new_and_touches_nothing_that_runs() {
    let mut signed = Signed::saying(|_| {}).await;
    let updater = signed.updater();
    updater.stage(named("1.1.0"), false).await.unwrap();
    signed.manifest(|it| it["version"] = json!("1.2.0"));
    updater.check(By::Timer).await.unwrap();
    signed.bench.host.down();
    signed.move_clock("2026-07-13T08:00:00Z");
    let report = updater.check(By::Timer).await.unwrap();
    assert_eq!(said(&report), ("hold", "expired", Some("1.2.0")));
    assert!(
        report.message.contains("2026-07-12T08:00:00Z"),
        "{}",
        report.message
    );
    let error = updater.check(By::Person).await.unwrap_err();
    assert_eq!(error.kind(), "expired");
    let error = updater.stage(named("1.2.0"), false).await.unwrap_err();
    assert_eq!(error.kind(), "expired");
    assert_eq!(signed.bench.staged(), Some(("1.1.0".into(), false)));
    let view = updater.status().borrow().terms.clone().unwrap();
    assert_eq!(view.expires, Some(at("2026-07-12T08:00:00Z")));
    // A frozen host is no better than one that is off.
    signed.bench.host.clear();
    signed.serve();
    let report = updater.check(By::Timer).await.unwrap();
    assert_eq!(said(&report), ("hold", "expired", Some("1.2.0")));
    assert_eq!(report.trouble.unwrap().kind, "trust-expired");
    // Nothing is lost: a clock that was wrong and is right again goes on.
    signed.move_clock("2026-06-12T09:00:00Z");
    let report = updater.check(By::Timer).await.unwrap();
    assert_eq!(said(&report), ("stage", "eligible", Some("1.2.0")));
    assert!(report.trouble.is_none() && report.staged.is_some());
}

#[tokio::test]
async fn what_is_staged_and_has_expired_is_not_said_to_be_ready() {
    let signed = Signed::saying(everyone).await;
    let updater = signed.updater();
    updater.check(By::Timer).await.unwrap();
    signed.bench.host.down();
    signed.move_clock("2026-07-13T08:00:00Z");
    for wanted in [Wanted::Latest, named("1.1.0")] {
        let error = updater.stage(wanted, false).await.unwrap_err();
        assert_eq!(error.kind(), "expired");
        assert!(error.to_string().contains("1.1.0"), "{error}");
    }
    let report = updater.check(By::Timer).await.unwrap();
    assert_eq!(said(&report), ("hold", "expired", Some("1.1.0")));
}

#[tokio::test]
async fn staging_from_what_was_kept_says_that_nothing_new_was_heard() {
    let signed = Signed::saying(|_| {}).await;
    signed.updater().check(By::Timer).await.unwrap();
    signed.bench.host.down();
    for wanted in [named("1.1.0"), Wanted::Latest] {
        let updater = signed.updater();
        let report = updater.stage(wanted, false).await.unwrap();
        assert!(matches!(
            report.outcome,
            Outcome::Staged | Outcome::AlreadyStaged
        ));
        let trouble = report.trouble.map(|trouble| trouble.kind);
        let shown = updater.status().borrow().terms.clone().unwrap().trouble;
        assert!(shown.is_some());
        assert_eq!(trouble.as_deref(), Some("trust-unreachable"));
    }
    // What is not kept cannot be described now, and that is why.
    let error = signed.updater().stage(named("1.2.0"), false).await;
    assert_eq!(error.unwrap_err().kind(), "trust-unreachable");
}

#[tokio::test]
async fn unsigned_terms_count_for_nothing_here_and_signed_ones_for_nothing_elsewhere() {
    let mut signed = Signed::saying(|_| {}).await;
    signed.bench.manifest(everyone);
    let plain = signed.bench.updater(signed.bench.plain());
    plain.look(By::Timer).await.unwrap();
    assert!(!signed.bench.releases().manifest.unwrap().signed);
    let manifest = signed.publisher.files.clone();
    signed.publisher.files.clear();
    signed.bench.host.down();
    let error = signed.updater().check(By::Timer).await.unwrap_err();
    assert_eq!(error.kind(), "trust-unreachable");
    signed.publisher.files = manifest;
    signed.bench.host.clear();
    signed.serve();
    let report = signed.updater().look(By::Timer).await.unwrap();
    assert_eq!(report.reason, "held");
    signed.bench.host.down();
    let plain = signed.bench.updater(signed.bench.plain());
    let report = plain.look(By::Timer).await.unwrap();
    assert_eq!(report.reason, "no-manifest");
}

#[tokio::test]
async fn a_channel_has_a_manifest_of_its_own_and_a_pin_none() {
    let mut signed = Signed::saying(everyone).await;
    let beta = hour(|it| {
        it["version"] = json!("1.2.0");
        everyone(it);
    });
    signed
        .publisher
        .add("beta.json", beta.to_string().as_bytes());
    signed.publish();
    for (channel, pin, reason, version) in [
        ("beta", None, "eligible", "1.2.0"),
        ("1.1.0", Some("1.1.0"), "pinned", "1.1.0"),
    ] {
        let policy = Policy {
            pin: pin.map(v),
            ..signed.policy()
        };
        let updater = signed.bench.updater_of(channel, policy);
        let report = updater.look(By::Timer).await.unwrap();
        assert_eq!(said(&report), ("stage", reason, Some(version)));
    }
}

#[tokio::test]
async fn who_runs_a_recalled_version_gets_the_older_stable_one_if_that_is_signed() {
    let mut signed = Signed::saying(|it| {
        it["version"] = json!("1.2.0");
        everyone(it);
    })
    .await;
    let updater = signed.updater();
    updater.check(By::Timer).await.unwrap();
    signed.bench.running.send_replace(Some(v("1.2.0")));
    signed.manifest(|it| {
        it["version"] = json!("1.2.0");
        it["recalled"] = json!(["1.2.0"]);
        it["stable"] = json!("1.1.0");
        everyone(it);
    });
    let report = updater.check(By::Timer).await.unwrap();
    assert_eq!(said(&report), ("stage", "recalled", Some("1.1.0")));
    assert_eq!(signed.bench.staged().unwrap().0, "1.1.0");
    let report = updater.stage(named("1.2.0"), true).await.unwrap();
    assert_eq!(
        (report.outcome, report.reason.as_str()),
        (Outcome::Held, "recalled")
    );
}

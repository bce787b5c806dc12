//! What is here already, and whether it is what was signed.

use super::*;

#[tokio::test]
async fn what_was_signed_for_a_version_is_told_with_and_without_the_host() {
    let mut signed = Signed::saying(|_| {}).await;
    let wanted = integrity(&version("demo", "1.1.0"));
    // Nothing is kept yet: the host is asked.
    let told = signed.updater().described(&v("1.1.0")).await.unwrap();
    assert_eq!(told, wanted);
    let asked = signed.bench.host.asked();
    let told = signed.updater().described(&v("1.1.0")).await.unwrap();
    assert_eq!((told, signed.bench.host.asked()), (wanted.clone(), asked));
    // What was published since is asked for too.
    signed.describe("1.3.0", |_| {});
    signed.publish();
    signed.updater().described(&v("1.3.0")).await.unwrap();
    for (name, kind) in [("9.9.9", "not-signed"), ("1.2.0", "trust-unreachable")] {
        if kind == "trust-unreachable" {
            signed.bench.host.down();
        }
        let error = signed.updater().described(&v(name)).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    }
    let told = signed.updater().described(&v("1.1.0")).await.unwrap();
    assert_eq!(told, wanted);
    // Who follows no repository has nothing signed at all.
    let plain = signed.bench.updater(signed.bench.plain());
    let error = plain.described(&v("1.1.0")).await.unwrap_err();
    assert_eq!(error.kind(), "not-signed");
}

const TARBALL: &str = "/demo/-/demo-1.1.0.tgz";

fn evil() -> Vec<u8> {
    let manifest = r#"{"name":"demo","version":"1.1.0","x":1}"#;
    crate::testing::tarball(&[("package.json", manifest), ("cli.js", "// evil")])
}

impl Signed {
    /// 1.1.0 as this registry has it, staged before anything had to be signed.
    async fn stage_unsigned(&self, bytes: &[u8]) {
        let registry = &self.bench.registry;
        let origin = &registry.server.origin;
        let listed = packument("demo", origin, &[("1.1.0", bytes)]);
        registry.put("/demo", listed.to_string());
        registry.put(TARBALL, bytes);
        let plain = Policy::registry(Timestamp::UNIX_EPOCH);
        let report = self.bench.updater(plain).check(By::Person).await.unwrap();
        assert_eq!(report.staged.unwrap().outcome, Outcome::Staged);
        self.bench.publish(&["1.1.0", "1.2.0"]);
    }

    /// What the pointer names, and whether it is known to be signed.
    fn pointed(&self) -> (rollout::Integrity, bool) {
        let pointer = self.bench.store.snapshot().pointer.unwrap();
        (pointer.integrity, pointer.trial.unwrap().signed)
    }
}

#[tokio::test]
async fn what_was_staged_unsigned_gives_way_to_what_is_signed_under_its_version() {
    for by in [By::Timer, By::Person] {
        let signed = Signed::saying(everyone).await;
        signed.stage_unsigned(&evil()).await;
        assert_eq!(signed.pointed(), (integrity(&evil()), false));
        let report = signed.updater().check(by).await.unwrap();
        assert_eq!(said(&report), ("stage", "eligible", Some("1.1.0")));
        assert_eq!(report.staged.unwrap().outcome, Outcome::Staged);
        let wanted = integrity(&version("demo", "1.1.0"));
        assert_eq!(signed.pointed(), (wanted, true));
        // From then on it is as it always was.
        let report = signed.updater().check(By::Timer).await.unwrap();
        assert_eq!(said(&report), ("none", "already-staged", Some("1.1.0")));
    }
}

#[tokio::test]
async fn what_was_staged_unsigned_and_is_what_is_signed_is_not_fetched_again() {
    let signed = Signed::saying(everyone).await;
    signed.stage_unsigned(&version("demo", "1.1.0")).await;
    let asked = signed.bench.registry.asked();
    let updater = signed.updater();
    updater.check(By::Timer).await.unwrap();
    let wanted = integrity(&version("demo", "1.1.0"));
    assert_eq!(signed.pointed(), (wanted, true));
    assert_eq!(signed.bench.registry.asked(), asked);
}

#[tokio::test]
async fn what_was_staged_unsigned_is_not_said_to_be_ready() {
    // Its turn has not come, so that nothing signed takes its place yet.
    let signed = Signed::saying(|_| {}).await;
    signed.stage_unsigned(&evil()).await;
    let report = signed.updater().check(By::Timer).await.unwrap();
    assert_eq!(said(&report), ("hold", "held", Some("1.1.0")));
    assert_eq!(signed.pointed(), (integrity(&evil()), false));
    // A tarball by hand is held against what is signed as ever, and so is a version by name.
    let report = signed.updater().stage(named("1.1.0"), false).await.unwrap();
    assert_eq!(report.outcome, Outcome::Staged);
    assert!(signed.pointed().1);
}

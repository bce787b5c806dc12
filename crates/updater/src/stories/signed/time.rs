//! Whose word about the time counts.

use super::*;

fn floor(bench: &Bench) -> Option<Timestamp> {
    bench.releases().manifest.unwrap().floor
}

impl Signed {
    fn stamp(&mut self, text: &str) {
        let extra = &mut self.publisher.timestamp._extra;
        extra.insert("x-signedAt".into(), json!(text));
        self.publish();
    }
}

#[tokio::test]
async fn the_timestamps_own_time_opens_no_turn() {
    let mut signed = Signed::saying(|_| {}).await;
    // By whoever has that one key, or by a clock that was wrong once.
    signed.stamp("2026-06-20T08:00:00Z");
    let updater = signed.updater();
    let report = updater.check(By::Timer).await.unwrap();
    assert_eq!(said(&report), ("hold", "held", Some("1.1.0")));
    assert!(report.trouble.is_none());
    assert_eq!(floor(&signed.bench), None);
    // Nor one that a device only finds in what it kept.
    std::fs::remove_file(signed.bench.file("releases.json")).unwrap();
    signed.bench.host.down();
    let report = signed.updater().check(By::Timer).await.unwrap();
    assert_eq!(said(&report), ("hold", "held", Some("1.1.0")));
    signed.move_clock("2026-06-12T09:00:00Z");
    let report = signed.updater().check(By::Timer).await.unwrap();
    assert_eq!(said(&report), ("stage", "eligible", Some("1.1.0")));
}

#[tokio::test]
async fn the_manifests_own_time_corrects_a_clock_that_is_behind() {
    let mut signed = Signed::saying(|it| it["signedAt"] = json!("2026-06-12T09:00:00Z")).await;
    signed.bench.move_clock(Timestamp::UNIX_EPOCH);
    let report = signed.updater().look(By::Timer).await.unwrap();
    assert_eq!(said(&report), ("stage", "eligible", Some("1.1.0")));
    // A time after its own end is a slip, and no reason to believe it for ever.
    signed.manifest(|it| it["signedAt"] = json!("2999-01-01T00:00:00Z"));
    let report = signed.updater().look(By::Timer).await.unwrap();
    assert_eq!(said(&report), ("stage", "eligible", Some("1.1.0")));
    assert_eq!(floor(&signed.bench), Some(at("2026-06-12T09:00:00Z")));
}

#[tokio::test]
async fn a_publisher_whose_clock_was_ahead_once_locks_nobody_out() {
    let mut signed = Signed::saying(|it| it["signedAt"] = json!("2026-07-02T09:00:00Z")).await;
    signed.updater().look(By::Timer).await.unwrap();
    assert_eq!(floor(&signed.bench), Some(at("2026-07-02T09:00:00Z")));
    // Mended: everything is signed again, by a clock that is right.
    signed.publisher.timestamp.expires -= days(20);
    signed.manifest(|it| it["signedAt"] = json!("2026-06-12T09:00:00Z"));
    let report = signed.updater().look(By::Timer).await.unwrap();
    assert_eq!(said(&report), ("stage", "eligible", Some("1.1.0")));
    assert!(report.trouble.is_none());
    assert_eq!(floor(&signed.bench), Some(at("2026-06-12T09:00:00Z")));
}

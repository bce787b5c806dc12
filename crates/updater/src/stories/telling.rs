//! What is told of a check: a line in the log, and an event.

use std::fmt::Debug;

use tracing::field::{Field, Visit};

use super::*;
use crate::By;

#[tokio::test]
async fn each_check_adds_a_line_that_says_everything() {
    let bench = Bench::new().await;
    std::fs::remove_file(bench.file("device-id")).unwrap();
    bench.manifest(|_| {});
    let updater = bench.updater(bench.plain());
    updater.check(By::Timer).await.unwrap();
    updater.look(By::Person).await.unwrap();
    let lines = bench.log();
    assert_eq!(lines.len(), 2);
    let bucket = lines[0]["bucket"].as_u64().unwrap();
    assert!(bucket < 100);
    assert_eq!(
        lines[0],
        json!({
            "at": "2026-06-12T08:00:00Z", "by": "timer", "decision": "hold", "version": "1.1.0",
            "reason": "held", "bucket": bucket, "delaySeconds": 3600,
            "eligibleAt": "2026-06-12T09:00:00Z", "fromManifest": true, "bypassed": false,
            "firstLaunch": true,
        })
    );
    // Told once: whoever counts first launches counts it once.
    assert_eq!(lines[1].get("firstLaunch"), None);
    assert_eq!(lines[1]["bypassed"], json!(true));
    assert!(!bench.store.device_id().unwrap().first_launch);
}

#[tokio::test]
async fn a_line_without_a_manifest_has_no_bucket() {
    let bench = Bench::new().await;
    let updater = bench.updater(Policy::registry(Timestamp::UNIX_EPOCH));
    updater.look(By::Timer).await.unwrap();
    let lines = bench.log();
    assert_eq!(lines[0]["fromManifest"], json!(false));
    for name in ["bucket", "delaySeconds", "eligibleAt", "firstLaunch"] {
        assert_eq!(lines[0].get(name), None);
    }
}

/// The fields of every event of this crate, by name.
#[derive(Clone, Default)]
struct Events(Arc<Mutex<Vec<BTreeMap<String, String>>>>);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().into(), format!("{value:?}"));
    }
}

struct Fields<'a>(&'a mut BTreeMap<String, String>);

impl tracing::Subscriber for Events {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target().starts_with("updater")
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        let mut fields = BTreeMap::new();
        event.record(&mut Fields(&mut fields));
        self.0.lock().unwrap().push(fields);
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test]
async fn an_event_carries_the_rollouts_fields() {
    let bench = Bench::new().await;
    let id = bench.file("device-id");
    std::fs::remove_file(&id).unwrap();
    bench.manifest(|_| {});
    let events = Events::default();
    let _capturing = tracing::subscriber::set_default(events.clone());
    let updater = bench.updater(bench.plain());
    let report = updater.look(By::Person).await.unwrap();
    let events = events.0.lock().unwrap().clone();
    let told = |name: &str| events.iter().find_map(|event| event.get(name).cloned());
    assert_eq!(told("first_launch").as_deref(), Some("true"));
    let bucket = report.bucket.unwrap().to_string();
    assert_eq!(told("rollout_bucket"), Some(bucket));
    assert_eq!(told("rollout_delay_seconds").as_deref(), Some("3600"));
    assert_eq!(told("rollout_from_manifest").as_deref(), Some("true"));
    assert_eq!(told("rollout_bypassed").as_deref(), Some("true"));
}

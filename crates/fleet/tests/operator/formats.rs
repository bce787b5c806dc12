//! What was ever written to a broker is read for ever, and written again the same.

use std::path::Path;

use fleet::operator::releases::Release;
use fleet::{Heartbeat, Report};
use rollout::fleet::Target;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

fn is_kept<T: DeserializeOwned + Serialize>(file: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(file);
    let text = std::fs::read_to_string(path).unwrap();
    let read: T = serde_json::from_str(&text).unwrap();
    let before: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), before, "{file}");
    // What is new in it some day does not disturb those of today.
    let mut more = before;
    more["new"] = "field".into();
    assert!(serde_json::from_value::<T>(more).is_ok(), "{file}");
}

#[test]
fn samples_are_read() {
    is_kept::<Target>("target-1.json");
    is_kept::<Heartbeat>("heartbeat-1.json");
    is_kept::<Report>("report-1.json");
    is_kept::<Release>("release-1.json");
}

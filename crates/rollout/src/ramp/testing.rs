//! What the tests of the ramp start from.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Document, Start, parse_plan};
use crate::Version;

pub(super) fn at(text: &str) -> Timestamp {
    format!("2026-06-{text}Z").parse().unwrap()
}

pub(super) fn v(text: &str) -> Version {
    text.parse().unwrap()
}

pub(super) fn document(value: &Value) -> Document {
    Document::parse(value.to_string().as_bytes(), None).unwrap()
}

/// 1.1.0 in three batches since the 12th at 8, with 1.0.0 for the others.
pub(super) fn ramp() -> Value {
    json!({
        "package": "demo", "version": "1.1.0", "publishedAt": "2026-06-12T08:00:00Z",
        "rollout": [
            { "percent": 30, "delaySeconds": 0 },
            { "percent": 30, "delaySeconds": 43_200 },
            { "percent": 40, "delaySeconds": 86_400 },
        ],
        "stable": "1.0.0", "recalled": ["0.9.0"], "notes": "Faster.", "later": { "x": [1] },
    })
}

pub(super) fn wish(version: &str) -> Start {
    Start {
        package: "demo".parse().unwrap(),
        version: v(version),
        plan: parse_plan("30%,70%@12h").unwrap(),
        notes: None,
        critical: false,
        stable: None,
        known: None,
        again: false,
    }
}

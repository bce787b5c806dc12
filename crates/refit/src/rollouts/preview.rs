//! What a change does, before it is made.

use jiff::Timestamp;
use rollout::ramp::{Change, Outlook};
use serde_json::{Value, json};

use super::chart;
use super::words::{count, devices, of, relative};

/// What is shown of a change.
#[derive(Debug)]
pub(crate) struct Preview<'a> {
    /// The change.
    pub(crate) change: &'a Change,
    /// How many devices to reckon with.
    pub(crate) devices: u64,
    /// What else it does, in sentences.
    pub(crate) also: Vec<String>,
}

impl Preview<'_> {
    /// For a person.
    pub(crate) fn words(&self) -> String {
        let at = self.change.at;
        let mut lines = Vec::new();
        if let Some(before) = self.change.outlook_before() {
            lines.push(format!("As it is, {}", self.sentence(&before, at)));
        }
        let after = self.change.outlook();
        lines.push(format!("After this, {}", self.sentence(&after, at)));
        if after.now > rollout::Share::NONE || !after.later.is_empty() {
            let curve = chart::curve(&chart::turns(&after, at), at, self.devices);
            lines.extend(curve.lines().map(|line| format!("  {line}")));
        }
        lines.extend(self.also.iter().cloned());
        lines.join("\n")
    }

    /// For a program.
    pub(crate) fn json(&self) -> Value {
        let at = self.change.at;
        json!({
            "at": at,
            "devices": self.devices,
            "before": self.change.outlook_before().map(|before| outlook(&before, at, self.devices)),
            "after": outlook(&self.change.outlook(), at, self.devices),
        })
    }

    /// `of 1,000 devices: 300 may have 1.1.0 now, 300 more at … (in 12 hours); the others 1.0.0 meanwhile.`
    fn sentence(&self, outlook: &Outlook, now: Timestamp) -> String {
        let version = &outlook.version;
        let mut had = of(outlook.now, self.devices);
        let mut parts = vec![format!("{} may have {version} now", told(had))];
        for turn in &outlook.later {
            let have = of(turn.share, self.devices);
            let (more, when) = (count(have - had), relative(turn.at, now));
            parts.push(format!("{more} more at {} ({when})", turn.at));
            had = have;
        }
        let others = match &outlook.meanwhile {
            Some(stable) if outlook.now < rollout::Share::ALL => {
                format!("; the others may have {stable} meanwhile")
            }
            _ => String::new(),
        };
        format!(
            "of {}: {}{others}.",
            devices(self.devices),
            parts.join(", ")
        )
    }
}

fn told(devices: u64) -> String {
    if devices == 0 {
        "none".to_owned()
    } else {
        count(devices)
    }
}

/// An outlook as a curve: `now` first.
pub(crate) fn outlook(outlook: &Outlook, now: Timestamp, devices: u64) -> Value {
    let curve: Vec<_> = chart::turns(outlook, now)
        .iter()
        .map(|turn| json!({ "at": turn.at, "percent": turn.share, "devices": of(turn.share, devices) }))
        .collect();
    json!({
        "version": outlook.version,
        "meanwhile": outlook.meanwhile,
        "everyoneAt": outlook.everyone_at(now),
        "curve": curve,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollouts::{plan_arg, start_published};

    #[test]
    fn it_says_who_may_have_what_when() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let start = |document: Option<&[u8]>, version: &str, now| {
            let (package, version) = ("demo".parse().unwrap(), version.parse().unwrap());
            let plan = plan_arg("0.1%,30%@12h,40%@24h").unwrap();
            start_published(document, &package, &version, &plan, None, None, now).unwrap()
        };
        let first = start(None, "1.1.0", at("2026-06-12T08:00:00Z"));
        let bytes = first.after.bytes();
        let second = start(Some(&bytes), "1.2.0", at("2026-06-12T20:30:00Z"));
        let text = |change: &Change, devices| {
            let preview = Preview {
                change,
                devices,
                also: vec!["And more.".to_owned()],
            };
            preview.words()
        };
        insta::assert_snapshot!("first", text(&first, 1_000));
        insta::assert_snapshot!("second", text(&second, 20_000));
    }
}

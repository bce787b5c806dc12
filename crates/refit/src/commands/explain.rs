//! `refit explain`: why a device does or does not get the newest version. Asks nobody, changes nothing.

mod scene;

use std::path::PathBuf;

use device::Version;
use jiff::Timestamp;
use rollout::{Explanation, Gate, Setting, Verdict};

use self::scene::Scene;
use super::local;
use crate::args::Globals;
use crate::failure::Failure;
use crate::output::{Answer, table};
use crate::rollouts::words::relative;

/// Say why a device does or does not get the newest version, gate by gate, and when it will
///
/// By itself it is about this device: its settings, its store and the manifest that it heard last.
/// With --manifest it needs neither, and with the other options it is about any device at any time.
/// Nobody is asked and nothing is changed.
#[derive(Debug, clap::Args)]
pub(crate) struct Explain {
    /// The device's id [default: this device's]
    #[arg(long, value_name = "ID", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    device: Option<String>,
    /// The time, such as 2026-06-12T08:00:00Z [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// A manifest: latest.json [default: what this device heard last]
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// The version that the device runs [default: what runs here; for another device, what is bundled]
    #[arg(long, value_name = "VERSION")]
    current: Option<Version>,
}

impl Explain {
    pub(crate) fn run(self, globals: &Globals) -> Result<Answer, Failure> {
        let Globals {
            config,
            data_dir,
            bundled,
            ..
        } = globals;
        let named = config.is_some() || data_dir.is_some() || bundled.is_some();
        let local = (self.manifest.is_none() || named)
            .then(|| local::look(globals))
            .transpose()?;
        let mut scene = match &local {
            Some(local) => Scene::of(local, globals),
            None => Scene::bare()?,
        };
        if let Some(id) = self.device {
            scene.another_device(id);
        }
        if let Some(file) = &self.manifest {
            scene.read_manifest(file)?;
        }
        if let Some(at) = self.at {
            scene.at(at);
        }
        if let Some(current) = self.current {
            scene.running(current);
        }
        if let Some(local) = &local {
            scene.describe(local)?;
        }
        let told = rollout::explain(&scene.facts());
        let data = text(&told);
        let answer = Answer::done(told).data(data);
        Ok(match scene.problems() {
            "" => answer,
            problems => answer.words(problems),
        })
    }
}

fn text(told: &Explanation) -> String {
    let mut head = vec![[
        "Decision".to_owned(),
        format!("{}: {} ({})", told.decision, told.message, told.reason),
    ]];
    if let Some(bucket) = told.bucket {
        head.push(["Bucket".to_owned(), bucket.to_string()]);
    }
    if let Some(next) = &told.next {
        let when = relative(next.at, told.at);
        let words = format!("{} opens at {}, {when}", next.gate, next.at);
        head.push(["Next".to_owned(), words]);
    }
    let gates = table(told.gates.iter().map(row));
    if told.settings.is_empty() {
        return format!("{}\n\n{gates}", table(head));
    }
    let settings = table(told.settings.iter().map(setting));
    format!("{}\n\n{gates}\n\n{settings}", table(head))
}

/// A setting, what counts, and whose word it is.
fn setting(setting: &Setting) -> [String; 3] {
    let source = setting.source;
    let from = match setting.from.as_str() {
        "" => source.to_string(),
        from => format!("{source} {from}"),
    };
    let value = setting.value.clone();
    [setting.name.to_owned(), value, format!("[{from}]")]
}

fn row(gate: &Gate) -> [String; 3] {
    let verdict = match gate.verdict {
        Verdict::Open => "open",
        Verdict::Past => "passed by",
        Verdict::Closed => "CLOSED",
        Verdict::Unknown => "unknown",
        Verdict::Idle => "-",
    };
    [
        gate.name.to_owned(),
        verdict.to_owned(),
        format!("{} [{}]", gate.why, gate.source),
    ]
}

//! `refit rollout status`: how far it is, and how it goes on.

use jiff::Timestamp;
use rollout::ramp::{Document, DocumentError, Outlook, Turn, plan_text};
use rollout::{Manifest, Share};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::{Answer, table};
use crate::repo::{Desk, plain_manifest};
use crate::rollouts::words::{count, of, relative};
use crate::rollouts::work::Place;
use crate::rollouts::{chart, preview, unusable};

/// Show how much of the fleet may have which version when
///
/// Without --keys a signed site's plain manifest is read, unverified.
#[derive(Debug, clap::Args)]
pub(crate) struct Status {
    #[command(flatten)]
    place: Place,
    /// How many devices to reckon with
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    devices: u64,
}

impl Status {
    pub(super) async fn run(self) -> Result<Answer, Failure> {
        let site = self.place.site.open()?;
        let file = self.place.file();
        let place = site.store().place(&file);
        let (bytes, verified) = match &self.place.keys {
            None => (plain_manifest(&site, &file).await?, false),
            Some(keys) => {
                let mut desk = Desk::open(site, Some(keys)).await?;
                (desk.manifest(&file).await?, true)
            }
        };
        let Some(bytes) = bytes else {
            return Ok(Answer::nothing_to_do(
                json!({ "version": null }),
                format!(
                    "{place} is not there: nothing is being rolled out, and devices get what the tag `latest` names"
                ),
            ));
        };
        let now = runtime_store::now();
        let package = self.place.package.as_ref();
        let read = match Document::parse(&bytes, package) {
            // Whose it is does not matter for showing it.
            Err(DocumentError::NoPackage) => {
                let stand_in = "this".parse().ok();
                Document::parse(&bytes, stand_in.as_ref())
            }
            read => read,
        };
        let document = read.map_err(|error| unusable(&place, &error))?;
        let manifest = document.manifest();
        let outlook = Outlook::of(manifest, now);
        let ramp = ramp(manifest, &outlook, now);
        let json = self.json(&document, &outlook, verified, now);
        let text = format!(
            "{}\n\n{}\nNow {} of {} devices may have {}.",
            table(rows(&document, &outlook, now)),
            chart::curve(&ramp, now, self.devices),
            count(of(outlook.now, self.devices)),
            count(self.devices),
            manifest.version
        );
        Ok(Answer::done(json).data(text))
    }

    fn json(
        &self,
        document: &Document,
        outlook: &Outlook,
        verified: bool,
        now: Timestamp,
    ) -> Value {
        let manifest = document.manifest();
        let mut json = preview::outlook(outlook, now, self.devices);
        let more = json!({
            "package": manifest.package,
            "file": self.place.file(),
            "publishedAt": manifest.published_at,
            "plan": plan_text(&manifest.plan),
            "percent": outlook.now,
            "devices": self.devices,
            "eligible": of(outlook.now, self.devices),
            "stable": manifest.stable,
            "recalled": manifest.recalled,
            "critical": manifest.critical,
            "notes": manifest.notes,
            "halted": document.halted(),
            "signedAt": manifest.signed_at,
            "verified": verified,
            "now": now,
        });
        if let (Some(fields), Value::Object(more)) = (json.as_object_mut(), more) {
            fields.extend(more);
        }
        json
    }
}

/// Every time from which there were or will be more; where there is none, how it stands.
fn ramp(manifest: &Manifest, outlook: &Outlook, now: Timestamp) -> Vec<Turn> {
    let ever = Outlook::of(manifest, Timestamp::MIN).later;
    if ever.is_empty() {
        chart::turns(outlook, now)
    } else {
        ever
    }
}

fn rows(document: &Document, outlook: &Outlook, now: Timestamp) -> Vec<[String; 2]> {
    let manifest = document.manifest();
    let when = |at: Timestamp| format!("{at} ({})", relative(at, now));
    let mut rows = Vec::new();
    let mut row = |name: &str, value: String| rows.push([name.to_owned(), value]);
    if let Some(package) = &manifest.package {
        row("Package", package.to_string());
    }
    row("Version", manifest.version.to_string());
    if let Some(at) = manifest.published_at
        && at < rollout::ramp::never()
    {
        row("Published", when(at));
    }
    row("Plan", plan_text(&manifest.plan));
    row("May have it", outlook.now.to_string());
    let everyone = match outlook.everyone_at(now) {
        Some(_) if outlook.now == Share::ALL => "now".to_owned(),
        Some(at) => when(at),
        None => "never, as it stands".to_owned(),
    };
    row("Everyone", everyone);
    if let Some(stable) = &outlook.meanwhile {
        row("Meanwhile", stable.to_string());
    }
    if let Some(halted) = document.halted() {
        let (version, share) = (&halted.version, halted.share());
        row(
            "Halted",
            format!("{version} at {share}, {}", when(halted.at)),
        );
    }
    if !manifest.recalled.is_empty() {
        let all: Vec<_> = manifest.recalled.iter().map(ToString::to_string).collect();
        row("Recalled", all.join(", "));
    }
    if manifest.critical {
        row("Critical", "yes: the plan counts for nobody".to_owned());
    }
    if let Some(line) = manifest
        .notes
        .as_deref()
        .and_then(|notes| notes.lines().next())
    {
        row("Notes", line.to_owned());
    }
    if let Some(at) = manifest.signed_at {
        row("Written", when(at));
    }
    rows
}

//! `refit rollout status`: how far it is, and how it goes on.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rollout::ramp::{Document, DocumentError, Outlook, Turn, plan_text};
use rollout::{Manifest, Share};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::{Answer, table};
use crate::repo::{Desk, plain_manifest};
use crate::rollouts::expiry::expiries;
use crate::rollouts::words::{count, devices, of, plain, relative};
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
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1_000,
        allow_negative_numbers = true
    )]
    devices: u64,
}

impl Status {
    pub(super) async fn run(self) -> Result<Answer, Failure> {
        let site = self.place.site.open()?;
        let file = self.place.file();
        let place = site.store().place(&file);
        let now = runtime_store::now();
        let seal = Seal {
            verified: self.place.keys.is_some(),
            expires: expiries(&site).await?,
            now,
        };
        let bytes = match &self.place.keys {
            None => plain_manifest(&site, &file).await?,
            Some(keys) => {
                let mut desk = Desk::open(site, Some(keys)).await?;
                desk.manifest(&file).await?
            }
        };
        let Some(bytes) = bytes else {
            return Ok(Answer::nothing_to_do(
                json!({ "version": null }),
                seal.nothing(&place),
            ));
        };
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
        let json = self.json(&document, &outlook, &seal);
        let mut rows = rows(&document, &outlook, now);
        rows.extend(seal.rows());
        let text = format!(
            "{}\n\n{}\nNow {} of {} may have {}.",
            table(rows),
            chart::curve(&ramp, now, self.devices),
            count(of(outlook.now, self.devices)),
            devices(self.devices),
            manifest.version
        );
        let answer = Answer::done(json).data(text);
        let warnings = seal.warnings();
        Ok(if warnings.is_empty() {
            answer
        } else {
            answer.words(warnings.join("\n"))
        })
    }

    fn json(&self, document: &Document, outlook: &Outlook, seal: &Seal) -> Value {
        let now = seal.now;
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
            "verified": seal.verified,
            "expires": seal.expires,
            "expired": seal.expired().next().is_some(),
            "now": now,
        });
        if let (Some(fields), Value::Object(more)) = (json.as_object_mut(), more) {
            fields.extend(more);
        }
        json
    }
}

/// What a site's signatures are worth: nothing is in `expires` on a plain one.
struct Seal {
    verified: bool,
    expires: BTreeMap<&'static str, Timestamp>,
    now: Timestamp,
}

impl Seal {
    fn signed(&self) -> bool {
        !self.expires.is_empty()
    }

    fn expired(&self) -> impl Iterator<Item = (&'static str, Timestamp)> {
        let all = self.expires.iter().map(|(role, at)| (*role, *at));
        all.filter(|(_, at)| *at <= self.now)
    }

    /// There is no manifest.
    fn nothing(&self, place: &str) -> String {
        let so = if self.signed() {
            "devices that trust the repository get nothing until `refit rollout start`"
        } else {
            "devices get what the tag `latest` names"
        };
        format!("{place} is not there: nothing is being rolled out, and {so}")
    }

    fn rows(&self) -> Option<[String; 2]> {
        let (role, at) = self.expires.iter().min_by_key(|(_, at)| **at)?;
        let when = relative(*at, self.now);
        Some([
            "Signed until".to_owned(),
            format!("{at} ({when}), then its {role} expires"),
        ])
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings: Vec<_> = self
            .expired()
            .map(|(role, at)| {
                let remedy = if role == "root" {
                    "Sign a new one with `refit repo refresh SITE --keys DIR --root`."
                } else {
                    "Run `refit repo refresh SITE --keys DIR`."
                };
                format!(
                    "Warning: the repository's {role} expired at {at}. Devices that trust it begin nothing \
                     new. {remedy}"
                )
            })
            .collect();
        if self.signed() && !self.verified {
            warnings.push(
                "Not verified: this is the plain file, and nobody checked it against the signed one. Say \
                 --keys DIR for that."
                    .to_owned(),
            );
        }
        warnings
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
        row("Notes", plain(line));
    }
    if let Some(at) = manifest.signed_at {
        row("Written", when(at));
    }
    rows
}

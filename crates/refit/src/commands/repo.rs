//! `refit repo`: a signed repository on a site.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::block_on;
use crate::failure::Failure;
use crate::keys::{KeyDir, Role};
use crate::output::Answer;
use crate::repo::{self, Lifetimes, Rotation};
use crate::site::{Address, replace_file};

/// Make a site's signed repository, keep it fresh, replace its keys
#[derive(Debug, Args)]
pub(crate) struct Repo {
    #[command(subcommand)]
    order: Order,
}

#[derive(Debug, Subcommand)]
enum Order {
    Init(Init),
    Refresh(Refresh),
    Rotate(Rotate),
}

/// Which site, and whose keys.
#[derive(Debug, Args)]
struct Where {
    /// The folder, or s3://…, gs://… or az://…
    #[arg(value_name = "SITE")]
    site: Address,
    /// The folder that `refit keys new` made
    #[arg(long, value_name = "DIR")]
    keys: PathBuf,
}

/// How long signatures hold.
#[derive(Debug, Args)]
struct Expiries {
    /// How long a root holds [default: as before, at first 365d]
    #[arg(id = "root-expires", long, value_name = "TIME", value_parser = lifetime)]
    root: Option<Duration>,
    /// How long the list of targets holds [default: as before, at first 90d]
    #[arg(id = "targets-expires", long, value_name = "TIME", value_parser = lifetime)]
    targets: Option<Duration>,
    /// How long a snapshot holds [default: as before, at first 30d]
    #[arg(id = "snapshot-expires", long, value_name = "TIME", value_parser = lifetime)]
    snapshot: Option<Duration>,
    /// How long a timestamp holds [default: as before, at first 7d]
    #[arg(id = "timestamp-expires", long, value_name = "TIME", value_parser = lifetime)]
    timestamp: Option<Duration>,
}

/// Make a signed repository on a site
///
/// Signs the site's latest.json where it has one. Versions that are published already are not
/// described yet: publish their tarballs again. From then on every change of the site needs --keys.
#[derive(Debug, Args)]
struct Init {
    #[command(flatten)]
    place: Where,
    /// Another root key, or the only one if the folder has none; may be given more than once
    #[arg(long, value_name = "FILE")]
    root_key: Vec<PathBuf>,
    /// How many of the root keys must sign a root
    #[arg(long, default_value = "1")]
    threshold: NonZeroU64,
    /// Also write the trusted root here, for the shell to be built with
    #[arg(long, value_name = "FILE")]
    root_out: Option<PathBuf>,
    #[command(flatten)]
    expires: Expiries,
}

/// Sign again before signatures expire
///
/// Signs the timestamp, and the snapshot and the list of targets when less than a third of their
/// time is left. Only the keys of what is signed are needed.
#[derive(Debug, Args)]
struct Refresh {
    #[command(flatten)]
    place: Where,
    /// Sign the root again too, for which its keys are needed
    #[arg(long)]
    root: bool,
    /// A root key that is elsewhere; may be given more than once
    #[arg(long, value_name = "FILE", requires = "root")]
    root_key: Vec<PathBuf>,
    /// This machine's clock is right, and the one that signed last was ahead
    #[arg(long)]
    clock_is_right: bool,
    #[command(flatten)]
    expires: Expiries,
}

/// Give a role a new key
///
/// Needs the root's keys, and the role's old key once more. The old key file is kept under a name
/// that says so. Stopped anywhere, the repository is whole, and running it again finishes it.
#[derive(Debug, Args)]
struct Rotate {
    /// The role
    #[arg(value_name = "ROLE")]
    role: Role,
    #[command(flatten)]
    place: Where,
    /// A key that was made elsewhere [default: a new one]
    #[arg(long, value_name = "FILE")]
    new_key: Option<PathBuf>,
    /// A root key that is elsewhere; may be given more than once
    #[arg(long, value_name = "FILE")]
    root_key: Vec<PathBuf>,
    /// The old key is gone: devices that come in the very moment of the change try again later
    #[arg(long)]
    lost: bool,
    /// Also write the newest root here, for the next shell to be built with
    #[arg(long, value_name = "FILE")]
    root_out: Option<PathBuf>,
    #[command(flatten)]
    expires: Expiries,
}

impl Repo {
    pub(crate) fn run(self) -> Result<Answer, Failure> {
        let now = runtime_store::now();
        block_on(async move {
            match self.order {
                Order::Init(order) => order.run(now).await,
                Order::Refresh(order) => order.run(now).await,
                Order::Rotate(order) => order.run(now).await,
            }
        })
    }
}

impl Init {
    async fn run(self, now: Timestamp) -> Result<Answer, Failure> {
        let keys = KeyDir::open(&self.place.keys)?;
        let site = self.place.site.make()?;
        let wishes = repo::Init {
            threshold: self.threshold,
            root_keys: self.root_key,
            lifetimes: self.expires.into(),
        };
        let made = repo::init(&site, &keys, &wishes, now).await?;
        let place = site.store().place("repo/");
        let root_file = write_root(self.root_out, &keys, &made.root)?;
        let json = json!({
            "repository": place, "new": made.new, "root": root_file,
            "manifests": made.manifests, "leftOut": made.left_out,
            "undescribed": made.undescribed, "expires": expiries(&made.expiries),
        });
        if !made.new {
            return Ok(Answer::nothing_to_do(
                json,
                format!("{place} is there already, made with these keys."),
            ));
        }
        let signed = match made.manifests.as_slice() {
            [] => String::new(),
            some => format!(" and signed {}", some.join(", ")),
        };
        let left_out = match made.left_out.as_slice() {
            [] => String::new(),
            some => format!(
                "\nNot signed, being about nothing that is published here: {}.",
                some.join(", ")
            ),
        };
        let undescribed = match made.undescribed.as_slice() {
            [] => String::new(),
            some => format!(
                "\nNot described yet, so no device that trusts this repository gets them: {}. Publish the same \
                 tarballs again: `refit publish SITE TGZ… --keys DIR`.",
                some.join(", ")
            ),
        };
        Ok(Answer::done(json).words(format!(
            "Made the repository in {place}{signed}.{left_out}{undescribed}\n\
             Build the shell with {} as its trust root, and take root.pem offline now.\n\
             Sign again at least every few days: `refit repo refresh`. The timestamp expires at {}.",
            root_file.display(),
            made.expiries
                .get(&Role::Timestamp)
                .map(ToString::to_string)
                .unwrap_or_default(),
        )))
    }
}

impl Refresh {
    async fn run(self, now: Timestamp) -> Result<Answer, Failure> {
        let keys = KeyDir::open(&self.place.keys)?;
        let site = self.place.site.open()?;
        let wishes = repo::Refresh {
            lifetimes: self.expires.into(),
            root: self.root.then_some(self.root_key),
            clock_is_right: self.clock_is_right,
        };
        let done = repo::refresh(&site, &keys, &wishes, now).await?;
        if done.root < now {
            return Err(Failure::new(
                "expired",
                format_args!(
                    "Signed what is due, and the root is over since {}: devices accept nothing new",
                    done.root
                ),
                "Sign it again with its key: `refit repo refresh --root`.",
            ));
        }
        let mut words: Vec<String> = done
            .signed
            .iter()
            .map(|(role, until)| format!("Signed {role}, until {until}"))
            .collect();
        words.extend(
            done.mended
                .iter()
                .map(|name| format!("Put {name} right: it was not what was signed")),
        );
        words.extend(done.lost.iter().map(|name| {
            format!(
                "Warning: the target {name} is missing or not what was signed. Restore it from a backup, or \
                 publish its tarball again."
            )
        }));
        if done.root_is_due {
            words.push(format!(
                "The root expires at {}. Sign it again with its key: `refit repo refresh --root`.",
                done.root
            ));
        }
        let mut until = done.signed;
        until.insert(Role::Root, done.root);
        Ok(Answer::done(json!({
            "signed": until.keys().filter(|role| **role != Role::Root || self.root).collect::<Vec<_>>(),
            "expires": expiries(&until), "rootIsDue": done.root_is_due, "mended": done.mended,
            "lost": done.lost,
        }))
        .words(words.join("\n")))
    }
}

impl Rotate {
    async fn run(self, now: Timestamp) -> Result<Answer, Failure> {
        let keys = KeyDir::open(&self.place.keys)?;
        let site = self.place.site.open()?;
        let wishes = Rotation {
            role: self.role,
            new_key: self.new_key,
            root_keys: self.root_key,
            lost: self.lost,
            lifetimes: self.expires.into(),
        };
        let done = repo::rotate(&site, &keys, &wishes, now).await?;
        let root_file = write_root(self.root_out, &keys, &done.root)?;
        let did = if done.resumed {
            "Finished giving"
        } else {
            "Gave"
        };
        let kept = done.retired.as_ref().map_or_else(String::new, |path| {
            format!(
                "\nThe old key is kept as {}; it signs nothing any more.",
                path.display()
            )
        });
        let offline = if self.role == Role::Root {
            "\nTake the new root.pem offline now."
        } else {
            ""
        };
        Ok(Answer::done(json!({
            "role": self.role, "rootVersion": done.root_version, "root": root_file,
            "retired": done.retired, "resumed": done.resumed,
        }))
        .words(format!(
            "{did} {} a new key: root {}.{kept}\n\
             Devices find the new root by themselves. The next shell may be built with {}.{offline}",
            self.role,
            done.root_version,
            root_file.display(),
        )))
    }
}

impl From<Expiries> for Lifetimes {
    fn from(asked: Expiries) -> Self {
        Self {
            root: asked.root,
            targets: asked.targets,
            snapshot: asked.snapshot,
            timestamp: asked.timestamp,
        }
    }
}

/// Writes the root where it was asked for, and says where one is.
fn write_root(to: Option<PathBuf>, keys: &KeyDir, root: &[u8]) -> Result<PathBuf, Failure> {
    match to {
        None => Ok(keys.trusted_root_path()),
        Some(path) => {
            replace_file(&path, root)?;
            Ok(path)
        }
    }
}

fn expiries(until: &BTreeMap<Role, Timestamp>) -> Value {
    until
        .iter()
        .map(|(role, until)| (role.name().to_owned(), json!(until)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// A time as people write it: `7d`, `12h`. Less than a minute cannot be meant.
fn lifetime(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if time < Duration::from_mins(1) {
        Err("at least a minute is needed, e.g. 7d".to_owned())
    } else if time > Duration::from_hours(10 * 366 * 24) {
        Err("ten years are the most".to_owned())
    } else {
        Ok(time)
    }
}

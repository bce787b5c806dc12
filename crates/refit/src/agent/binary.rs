//! The agent's own binary, as its fleet steers it.

use std::sync::{Arc, Mutex, PoisonError};

use device::{Device, Problem, SelfUpdate};
use fleet::agent::{BoxFuture, Look, Near, Staging, Steered, Swap};
use fleet::operator::releases::Artifact;
use futures_util::TryStreamExt as _;
use jiff::Timestamp;
use rollout::Version;
use rollout::fleet::{Now, Refused, Subject};
use tokio::sync::watch;
use tokio_util::io::StreamReader;

use super::{Replacer, Staged, Stopped, Swapped, Wanted, label, quarantined};

/// The binary of this very program.
#[derive(Debug)]
pub(crate) struct Binary {
    device: Device,
    /// Whose runtimes a swap ends, the device's own among them.
    ends: Vec<Device>,
    replacer: Replacer,
    believes: SelfUpdate,
    staged: Mutex<Option<(Version, Staged)>>,
    /// When a swap was first wanted, to which version.
    wanted: Mutex<Option<(Version, Timestamp)>>,
    swapped: watch::Sender<Option<Version>>,
    changes: watch::Sender<u64>,
}

impl Binary {
    pub(crate) fn new(
        device: &Device,
        ends: Vec<Device>,
        replacer: Replacer,
        believes: SelfUpdate,
    ) -> Arc<Self> {
        Arc::new(Self {
            device: device.clone(),
            ends,
            replacer: replacer.ordered(),
            believes,
            staged: Mutex::default(),
            wanted: Mutex::default(),
            swapped: watch::Sender::new(None),
            changes: watch::Sender::new(0),
        })
    }

    /// The version that was put in place of this program, once one was.
    pub(crate) async fn replaced(&self) -> Version {
        let mut swapped = self.swapped.subscribe();
        match swapped.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(version)) => version.clone(),
            _ => std::future::pending().await,
        }
    }

    /// Why the runtimes of this process are not to be ended now.
    async fn is_kept_waiting(&self, version: &Version) -> Option<Refused> {
        let since = {
            let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
            match &*wanted {
                Some((known, since)) if known == version => *since,
                _ => {
                    let now = runtime_store::now();
                    *wanted = Some((version.clone(), now));
                    now
                }
            }
        };
        for device in &self.ends {
            if let Some(why) = device.keeps_the_fleet_waiting(since).await {
                return Some(why);
            }
        }
        None
    }

    /// What the binary of this version must be, on the word of whoever is believed.
    async fn wanted(&self, version: &Version, near: &Near) -> Result<(Wanted, Artifact), Staging> {
        let platform = label::own().platform;
        let name = platform.parse();
        let name = name.map_err(|error| refused("no-platform", &format!("{error}")))?;
        let artifact = Artifact::agent(version.clone(), name);
        let (sha256, size) = match self.believes {
            SelfUpdate::Signed => {
                let signed = self
                    .device
                    .local()
                    .described_agent(version, &platform)
                    .await;
                let signed = signed.map_err(|problem| not_described(&problem))?;
                let signed = signed.ok_or_else(|| {
                    refused(
                        "not-signed",
                        "the signed repository does not name it for this platform",
                    )
                })?;
                (signed.sha256, signed.size)
            }
            SelfUpdate::Bucket => {
                let reading = near.open(&artifact).await;
                let reading = reading.map_err(|error| trouble("broker", &error.to_string()))?;
                let reading = reading.ok_or_else(|| not_there(near))?;
                let release = reading.release();
                (release.sha256.clone(), release.size)
            }
            SelfUpdate::Off => return Err(refused("self-update-off", OFF)),
        };
        let wanted = Wanted {
            version: version.clone(),
            sha256,
            size,
        };
        Ok((wanted, artifact))
    }

    async fn take(&self, version: &Version) -> Result<Staged, Staging> {
        let near = self.device.fleet_near();
        let near = near.ok_or_else(|| trouble("no-fleet", "the fleet is not followed yet"))?;
        let (wanted, artifact) = self.wanted(version, &near).await?;
        if let Some(staged) = self
            .replacer
            .staged(&wanted)
            .await
            .map_err(|why| stopped(&why))?
        {
            return Ok(staged);
        }
        self.replacer.may(&wanted).map_err(|why| stopped(&why))?;
        let reading = near.open(&artifact).await;
        let reading = reading.map_err(|error| trouble("broker", &error.to_string()))?;
        let reading = reading.ok_or_else(|| not_there(&near))?;
        let bytes = Box::pin(reading.into_stream().map_err(std::io::Error::other));
        self.replacer
            .stage(&wanted, StreamReader::new(bytes))
            .await
            .map_err(|why| stopped(&why))
    }
}

const OFF: &str = "the settings leave this agent's binary as it is (`fleet.selfUpdate`)";

impl Steered for Binary {
    fn subject(&self) -> Subject {
        Subject::Agent
    }

    fn look(&self) -> BoxFuture<'_, Look> {
        Box::pin(async {
            let own = label::own().version;
            let staged = self.staged.lock().unwrap_or_else(PoisonError::into_inner);
            let next = staged.as_ref().map(|(version, _)| version.clone());
            let bad = quarantined(self.replacer.place()).unwrap_or_default();
            Look {
                now: Now {
                    next: next.unwrap_or_else(|| own.clone()),
                    running: Some(own),
                },
                bad: bad.into_iter().map(|it| it.version).collect(),
            }
        })
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn may_follow(&self) -> Result<(), Refused> {
        match self.believes {
            SelfUpdate::Off => Err(Refused {
                reason: "self-update-off".to_owned(),
                detail: OFF.to_owned(),
            }),
            SelfUpdate::Signed | SelfUpdate::Bucket => self.device.may_be_steered(),
        }
    }

    fn is_halted(&self) -> bool {
        false
    }

    fn stage<'a>(&'a self, version: &'a Version, _older: bool) -> BoxFuture<'a, Staging> {
        Box::pin(async move {
            // Back to what runs: what waits is not to take its place.
            if *version == label::own().version {
                self.staged
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .take();
                return match self.replacer.discard().await {
                    Ok(()) => Staging::Staged,
                    Err(why) => stopped(&why),
                };
            }
            match self.take(version).await {
                Ok(staged) => {
                    let mut slot = self.staged.lock().unwrap_or_else(PoisonError::into_inner);
                    *slot = Some((version.clone(), staged));
                    Staging::Staged
                }
                Err(other) => other,
            }
        })
    }

    fn swap<'a>(&'a self, version: &'a Version) -> BoxFuture<'a, Swap> {
        Box::pin(async move {
            let staged = {
                let slot = self.staged.lock().unwrap_or_else(PoisonError::into_inner);
                slot.clone().filter(|(staged, _)| staged == version)
            };
            let Some((_, staged)) = staged else {
                return Swap::Tried;
            };
            if let Some(why) = self.is_kept_waiting(version).await {
                return Swap::Waits(why);
            }
            match self.replacer.swap(staged, runtime_store::now()).await {
                Ok(Swapped { to }) => {
                    self.swapped.send_replace(Some(to));
                    // The process ends now.
                    std::future::pending().await
                }
                // Nothing is known against what is staged.
                Err(why @ Stopped::Trouble(_)) => Swap::Waits(Refused {
                    reason: why.code().to_owned(),
                    detail: fleet::detail(&why.to_string()),
                }),
                Err(why @ Stopped::Refused(_)) => {
                    tracing::warn!(%version, code = why.code(), %why, "the agent was not replaced");
                    self.staged
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .take();
                    Swap::Tried
                }
            }
        })
    }
}

fn refused(reason: &str, detail: &str) -> Staging {
    Staging::Refused(Refused {
        reason: reason.to_owned(),
        detail: fleet::detail(detail),
    })
}

fn trouble(reason: &str, detail: &str) -> Staging {
    Staging::Trouble(Refused {
        reason: reason.to_owned(),
        detail: fleet::detail(detail),
    })
}

fn not_there(near: &Near) -> Staging {
    if near.is_up() {
        return refused("unknown", "it is not published for this platform");
    }
    trouble("broker-unreachable", "there is no connection to the broker")
}

fn not_described(problem: &Problem) -> Staging {
    match &*problem.kind {
        "no-trust" => refused("not-signed", &problem.message),
        "agent-description" => refused(&problem.kind, &problem.message),
        _ => trouble(&problem.kind, &problem.message),
    }
}

fn stopped(stopped: &Stopped) -> Staging {
    let words = format!("{stopped}. {}", stopped.hint());
    match stopped {
        Stopped::Refused(_) => refused(stopped.code(), &words),
        Stopped::Trouble(_) => trouble(stopped.code(), &words),
    }
}

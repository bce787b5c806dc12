//! `refit fleet simulate-devices`: many light virtual devices in one process.

use std::path::PathBuf;
use std::time::Duration;

use device::{Local, Version};
use fleet::operator::{orders, traffic};
use rollout::fleet::{Name, Scope, Subject, Target};
use serde_json::json;
use tokio::time::Instant;

use super::broker::{Broker, Connected};
use crate::args::Globals;
use crate::commands::{local, serve::stop_signal};
use crate::failure::Failure;
use crate::output::{Answer, say, tell};
use crate::virtual_devices::{Crowd, CrowdSpec};

/// How often it is told how they stand.
const TELL: Duration = Duration::from_secs(1);

/// Play many devices in one process, to see what an order does to a broker, a host and a fleet
///
/// They run the parts that `refit agent` runs, each with a connection, a store, an outbox and heartbeats
/// of its own, and differ from it only in a spawn that is pretended: a version becomes ready, unless its
/// entry has a line `refit-virtual: exit`, or `refit-virtual: exit 30%` for so many of the devices.
/// Needs --config, with a registry and the package, and --bundled. Goes on until ctrl-c, or until what
/// --until or --for says.
#[derive(Debug, clap::Args)]
pub(crate) struct SimulateDevices {
    #[command(flatten)]
    broker: Broker,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 100)]
    count: usize,
    /// Their names are this and a number
    #[arg(long, value_name = "NAME", default_value = "virtual")]
    name: String,
    /// The groups that all of them are in
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    groups: Vec<String>,
    /// Where each has a folder; left out, a temporary one that goes with them
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// End once every device runs this version, or has refused it
    #[arg(long, value_name = "VERSION")]
    until: Option<Version>,
    /// End after so long
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
    time: Option<Duration>,
}

impl SimulateDevices {
    pub(crate) async fn run(self, globals: &Globals) -> Result<Answer, Failure> {
        let stop = stop_signal()?;
        tokio::pin!(stop);
        let files = more_files(self.count);
        let temporary = match &self.folder {
            Some(_) => None,
            None => Some(tempfile::tempdir().map_err(|error| {
                Failure::new(
                    "file",
                    format_args!("Could not make a temporary folder: {error}"),
                    "Name one with --folder.",
                )
            })?),
        };
        let folder = self.folder.clone();
        let folder = folder
            .or(temporary.as_ref().map(|it| it.path().to_owned()))
            .unwrap_or_default();
        let mut options = local::options(&Globals {
            data_dir: Some(folder.join("mould")),
            ..globals.clone()
        })?;
        options.config.fleet = None;
        let local = Local::look(options);
        let Connected { client, names } = self.broker.connect(globals).await?;
        let jetstream = fleet::jetstream(&client);
        let before = traffic(&jetstream, &names).await?;
        let settings = self.broker.fleet(globals)?.settings();
        let spec = CrowdSpec {
            count: self.count,
            prefix: name(&self.name)?,
            folder,
            settings: settings.map_err(|why| Failure::usage(why, "Mend the options."))?,
            groups: self
                .groups
                .iter()
                .map(|it| name(it))
                .collect::<Result<_, _>>()?,
            soak: local.config().soak,
        };
        let began = Instant::now();
        let memory_before = memory();
        let crowd = Crowd::start(&local, spec).await?;
        if let Some(files) = files
            && files < self.count
        {
            say(&format!(
                "This process may open {files} files: not all devices will have a connection."
            ));
        }
        let mut told = None;
        let deadline = self.time.map(|time| began + time);
        let mut most_memory = memory();
        loop {
            let standing = crowd.standing();
            most_memory = most_memory.max(memory());
            if told.as_ref() != Some(&standing) {
                let words = format!("{}", json!(standing.versions));
                tell(globals.json, &json!({ "standing": standing }), &words);
                told = Some(standing);
            }
            let arrived = self
                .until
                .as_ref()
                .is_some_and(|version| crowd.has_answered(version));
            if arrived || deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                break;
            }
            tokio::select! {
                () = tokio::time::sleep(TELL) => {}
                () = &mut stop => break,
            }
        }
        let after = traffic(&jetstream, &names).await?;
        let target = orders::last(&jetstream, &names, Subject::Runtime, &Scope::Global).await?;
        let target: Option<Target> = target.and_then(|it| it.target.ok());
        let seconds = began.elapsed().as_secs_f64();
        let report = json!({
            "standing": crowd.standing(),
            "seen": crowd.counts(),
            "wave": target.and_then(|target| crowd.wave(&target)),
            "seconds": seconds,
            "heartbeats": since(before.heartbeats, after.heartbeats),
            "reports": since(before.reports, after.reports),
            "bytesPerDevice": most_memory.saturating_sub(memory_before) / (self.count.max(1) as u64),
            "peakBytes": most_memory,
        });
        // The last line is the whole.
        tell(globals.json, &report, &format!("{report:#}"));
        Ok(Answer::silent())
    }
}

fn since(before: u64, after: u64) -> u64 {
    after.saturating_sub(before)
}

fn name(text: &str) -> Result<Name, Failure> {
    text.parse()
        .map_err(|error| Failure::usage(error, "Choose another name."))
}

/// What this process has of the memory, in bytes.
fn memory() -> u64 {
    use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};
    let Ok(own) = sysinfo::get_current_pid() else {
        return 0;
    };
    let Ok(mut system) = System::new() else {
        return 0;
    };
    let kind = ProcessRefreshKind::nothing().with_memory();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[own]), true, kind);
    system.process(own).map_or(0, sysinfo::Process::memory)
}

/// Lets this process open as many files as it may, and says how many that are; none where there is no such limit.
#[cfg(unix)]
fn more_files(wanted: usize) -> Option<usize> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let enough = (wanted as u64).saturating_mul(2) + 1_024;
    let most = limit.maximum.map_or(enough, |most| most.max(enough));
    // Only an administrator may have more than the system's own limit for this user.
    let raised = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(most),
            maximum: Some(most),
        },
    )
    .is_ok()
        || setrlimit(
            Resource::Nofile,
            Rlimit {
                current: limit.maximum,
                maximum: limit.maximum,
            },
        )
        .is_ok();
    let now = getrlimit(Resource::Nofile).current?;
    tracing::debug!(raised, now, "open files");
    usize::try_from(now).ok()
}

#[cfg(not(unix))]
fn more_files(_wanted: usize) -> Option<usize> {
    None
}

//! `refit fleet ramp`: begins a ramp and runs its controller, or runs a controller for the ramps there are.

use std::time::Duration;

use fleet::controller::{Baseline, Controller, Pace, Started, Told, Wish, start};
use fleet::operator::orders::parse_jitter;
use rollout::fleet::ramp::{
    DEFAULT_MIN_DEVICES, DEFAULT_PLAN, Ramp as Document, RampPlan, RampState,
};
use rollout::ramp::parse_share;
use rollout::{Share, Version};
use serde_json::json;

use super::aim::{By, Of};
use super::broker::{Broker, Connected};
use super::reach::Reach;
use crate::args::Globals;
use crate::failure::Failure;
use crate::output::{Answer, say, tell};

/// Bring a version to more and more devices, and turn back by itself if it does worse than the one before
///
/// At each step, devices that the version failed on (it fell back, kept crashing, or failed its rehearsal) are
/// compared with those of the baseline on the same fleet in the same time; trouble that is no version's fault is
/// compared by itself. If either rate is above the baseline's by more than --halt-above, with at least --min-devices
/// devices to tell it from, the ramp halts and every device that was reached goes back. Else it goes on when the step's
/// time is over and enough of the devices that this step reached first have tried the version, or all of them that live
/// have answered. A last step without a time is watched until all that live have answered, or for an hour.
///
/// The command runs the ramp's controller and tells each step, until the ramp is over: 0 completed, 1 halted. Everything is
/// on record at the broker: if this process ends, `refit fleet ramp` without a version goes on at the
/// step on record, on any machine. Any number of them may run; one leads, and another takes over within seconds.
#[derive(Debug, clap::Args)]
pub(crate) struct Ramp {
    /// The version; without one, this only takes part in leading whatever ramps there are, until Ctrl-C
    #[arg(value_name = "V")]
    version: Option<Version>,
    /// The steps, with commas between: the share that is reached by then, and for how long it is held before the next
    #[arg(long, default_value = DEFAULT_PLAN, requires = "version")]
    plan: RampPlan,
    /// What all others have, and what is gone back to: a version, or `current` for what is ordered there now, or else
    /// what most devices run
    #[arg(long, value_name = "V", default_value = "current", value_parser = baseline, requires = "version")]
    baseline: Baseline,
    /// By how much a rate may be above the baseline's
    #[arg(long, value_name = "SHARE", default_value = "2%", value_parser = above, requires = "version")]
    halt_above: Share,
    /// How many devices must have tried the version before a rate halts the ramp, or a step passes by it; at least 1
    #[arg(long, value_name = "N", default_value_t = DEFAULT_MIN_DEVICES, value_parser = clap::value_parser!(u32).range(1..), requires = "version")]
    min_devices: u32,
    /// Spread the devices of a step over so much time, like 90s or 10m; less than half of a step's time
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = parse_jitter, requires = "version")]
    jitter: Duration,
    /// Only begin it; a controller elsewhere goes on with it
    #[arg(long, requires = "version")]
    detach: bool,
    #[command(flatten)]
    reach: Reach,
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    broker: Broker,
    /// How often the controller looks
    #[arg(long, value_name = "TIME", hide = true, value_parser = humantime::parse_duration)]
    tick: Option<Duration>,
    /// For how long the lead of a controller lasts that is gone
    #[arg(long, value_name = "TIME", hide = true, value_parser = humantime::parse_duration)]
    lease: Option<Duration>,
}

fn baseline(text: &str) -> Result<Baseline, String> {
    if text == "current" {
        return Ok(Baseline::Current);
    }
    let version = text.parse::<Version>();
    version
        .map(Baseline::Version)
        .map_err(|error| error.to_string())
}

/// A share, or 0%: any rate above the baseline's.
fn above(text: &str) -> Result<Share, String> {
    if text == "0%" || text == "0" {
        return Ok(Share::NONE);
    }
    parse_share(text).map_err(|error| error.to_string())
}

impl Ramp {
    pub(crate) async fn run(self, globals: &Globals) -> Result<Answer, Failure> {
        let scope = self.reach.scope()?;
        if self.version.is_none() && (self.reach.is_named() || self.of.is_named()) {
            return Err(Failure::usage(
                "Without a version this leads every ramp there is, whatever it is of and for whom",
                "Name the version that is to be ramped up, or leave out --groups, --global and --agent.",
            ));
        }
        let connected = self.broker.connect(globals).await?;
        let by = self.by.name();
        let pace = Pace {
            tick: self.tick.unwrap_or(Pace::default().tick),
            lease: self.lease.unwrap_or(Pace::default().lease),
            ..Pace::default()
        };
        let Some(version) = self.version else {
            return join(&connected, &by, pace, globals.json).await;
        };
        let wish = Wish {
            subject: self.of.subject(),
            scope,
            version,
            baseline: self.baseline,
            plan: self.plan,
            halt_above: self.halt_above,
            min_devices: self.min_devices,
            jitter: self.jitter,
            by: by.clone(),
        };
        let started = start(&connected.client, &connected.names, wish).await?;
        let began = began(&started);
        if self.detach {
            let words = format!(
                "{began}\n`refit fleet ramp` without a version runs a controller, which it needs to go on."
            );
            return Ok(Answer::done(json(&started.ramp, &started)).words(words));
        }
        say(&began);
        follow(&connected, &started, &by, pace, globals.json).await
    }
}

/// Runs the controller until the ramp is over.
async fn follow(
    connected: &Connected,
    started: &Started,
    by: &str,
    pace: Pace,
    is_json: bool,
) -> Result<Answer, Failure> {
    let Connected { client, names } = connected;
    let mut controller = Controller::new(client, names, &called(by), pace);
    let id = &started.ramp.id;
    let mut told = |news: Told| {
        let is_data = matches!(&news, Told::Record { .. });
        let other = matches!(&news, Told::Record { ramp, .. } if ramp.id != *id);
        // Others' ramps are led as well, and are no part of this answer.
        if is_data && !other && !is_json {
            tell(false, &json!(null), &news.to_string());
        } else {
            say(&news.to_string());
        }
    };
    let over = tokio::select! {
        ramp = controller.until_over(id, &mut told) => Some(ramp),
        _ = tokio::signal::ctrl_c() => None,
    };
    controller.give_back().await;
    let Some(ramp) = over else {
        return Err(Failure::new(
            "interrupted",
            "The ramp is not over; it stays on record, and where it is",
            "Go on with it with `refit fleet ramp`, or stop it with `refit fleet halt`.",
        ));
    };
    let json = json(&ramp, started);
    let why = &ramp.state.why;
    Ok(match ramp.state.is {
        RampState::Completed => Answer::done(json).words("The ramp is complete."),
        RampState::Halted => Answer::unwell(json, format!("The ramp was halted: {why}.")),
        _ => Answer::unwell(json, format!("The ramp was cancelled: {why}.")),
    })
}

/// Takes part in leading whatever ramps there are.
async fn join(
    connected: &Connected,
    by: &str,
    pace: Pace,
    is_json: bool,
) -> Result<Answer, Failure> {
    let Connected { client, names } = connected;
    let mut controller = Controller::new(client, names, &called(by), pace);
    let mut told = |news: Told| match &news {
        Told::Record { ramp, evidence } => {
            let object = json!({
                "ramp": ramp.id, "version": ramp.version, "scope": ramp.scope,
                "subject": ramp.subject, "evidence": evidence,
            });
            tell(is_json, &object, &news.to_string());
        }
        _ => say(&news.to_string()),
    };
    tokio::select! {
        never = controller.run(&mut told) => match never {},
        _ = tokio::signal::ctrl_c() => {}
    }
    controller.give_back().await;
    Ok(Answer::silent())
}

/// What others know this controller by.
fn called(by: &str) -> String {
    let host = ["HOSTNAME", "COMPUTERNAME"];
    let host = host.into_iter().find_map(|it| std::env::var(it).ok());
    let whom = if by.is_empty() { "somebody" } else { by };
    let place = host.map(|host| format!(" at {host}")).unwrap_or_default();
    fleet::detail(&format!("{whom}{place}, process {}", std::process::id()))
}

fn json(ramp: &Document, started: &Started) -> serde_json::Value {
    json!({ "ramp": ramp, "devices": started.devices, "first": started.first })
}

fn began(started: &Started) -> String {
    let ramp = &started.ramp;
    let whom = match (started.devices, started.first) {
        (0, _) => "No device was heard of there yet; it waits for some.".to_owned(),
        (devices, first) => {
            format!("{devices} devices were heard of there, {first} of them in the first step.")
        }
    };
    format!(
        "Began the ramp of {} over {} on {}: {}. {whom}",
        ramp.version, ramp.baseline, ramp.scope, ramp.plan
    )
}

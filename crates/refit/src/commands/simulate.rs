//! `refit simulate`: how a ramp would go.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use rollout::ramp::plan_text;
use rollout::simulate::{DEVICE_RATE, EVERY, Hour, MOST_HOURS, Model, Run};
use rollout::{Plan, Version};
use serde_json::json;

use crate::failure::Failure;
use crate::output::{Answer, table};
use crate::rollouts::picture::{rate, svg};
use crate::rollouts::plan_arg;
use crate::rollouts::words::{bytes, count, devices, span};
use crate::site::replace_file;

/// Play a plan through with made-up devices: who has it when, and what the host has to do
///
/// Each device has its real place in the queue and its own rhythm, within ten per cent of --polls, and
/// looks again less than that after its turn. All are on all the time, and fetch at 2 MB a second.
/// The same options give the same figures.
#[derive(Debug, clap::Args)]
pub(crate) struct Simulate {
    /// How many devices
    #[arg(
        long,
        value_name = "N",
        default_value_t = 10_000,
        allow_negative_numbers = true
    )]
    devices: u32,
    /// Who waits how long, as for `rollout start`
    #[arg(long, value_parser = plan_arg, allow_hyphen_values = true)]
    plan: Plan,
    /// How often a device looks, from a minute to a day
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = polls)]
    polls: u32,
    /// The tarball's size, such as 20MB
    #[arg(long, default_value = "20MB", value_parser = size, conflicts_with = "tarball")]
    size: u64,
    /// The tarball, for its size
    #[arg(long, value_name = "FILE")]
    tarball: Option<PathBuf>,
    /// How many hours to look at [default: until the last device has it]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_HOURS)))]
    hours: Option<u32>,
    /// The version, by which devices get their places
    #[arg(long, value_name = "VERSION", default_value = "1.0.0")]
    release: Version,
    /// Also draw it
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

impl Simulate {
    pub(crate) fn run(self) -> Result<Answer, Failure> {
        let size = match &self.tarball {
            None => self.size,
            Some(file) => size_of(file)?,
        };
        let plan = plan_text(&self.plan);
        let model = Model {
            devices: self.devices,
            version: self.release,
            plan: self.plan,
            every: self.polls,
            size,
            hours: self.hours,
        };
        let run = model.run();
        if let Some(file) = &self.svg {
            replace_file(file, svg(&run, &plan).as_bytes())?;
        }
        let json = json!({
            "devices": run.devices,
            "plan": plan,
            "version": model.version,
            "pollSeconds": model.every,
            "size": size,
            "downloadSeconds": run.download_seconds,
            "hours": run.hours,
            "svg": self.svg,
        });
        let words = summary(&run, size);
        Ok(Answer::done(json).data(table_of(&run)).words(words))
    }
}

fn size_of(tarball: &Path) -> Result<u64, Failure> {
    let found =
        std::fs::metadata(tarball).map_err(|error| Failure::file("read", tarball, &error))?;
    if found.is_file() {
        Ok(found.len())
    } else {
        Err(Failure::new(
            "file",
            format_args!("{} is not a file", tarball.display()),
            "Name the tarball that `npm pack` made, or say --size.",
        ))
    }
}

/// Numbers stand at the right of their column.
fn table_of(run: &Run) -> String {
    let head = [
        "Hour",
        "May have it",
        "Checked",
        "Fetching",
        "Have it",
        "Requests/s",
        "peak",
        "Bytes/s",
        "peak",
    ];
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(run.hours.iter().map(|hour| {
        [
            hour.hour.to_string(),
            count(hour.eligible.into()),
            count(hour.checked.into()),
            count(hour.downloading.into()),
            count(hour.staged.into()),
            format!("{:.1}", hour.requests_per_second),
            format!("{:.1}", hour.peak_requests_per_second),
            rate(hour.bytes_per_second),
            rate(hour.peak_bytes_per_second),
        ]
    }));
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: Vec<_> = (0..head.len()).map(width).collect();
    for row in &mut rows {
        for (cell, width) in row.iter_mut().zip(&widths) {
            *cell = format!("{cell:>width$}");
        }
    }
    table(rows)
}

fn summary(run: &Run, size: u64) -> String {
    let mut words = format!(
        "{}, each fetching {} in {} at {}.",
        devices(run.devices.into()),
        bytes(size),
        span(run.download_seconds.into()),
        rate_of(DEVICE_RATE),
    );
    let busiest = run
        .hours
        .iter()
        .max_by(|a, b| a.peak_bytes_per_second.total_cmp(&b.peak_bytes_per_second));
    if let Some(Hour {
        hour,
        peak_bytes_per_second,
        ..
    }) = busiest
    {
        // Writing to a text does not fail.
        let _ = write!(
            words,
            " The host is busiest in hour {hour}: {}.",
            rate(*peak_bytes_per_second)
        );
    }
    words
}

fn rate_of(bytes_per_second: u64) -> String {
    format!("{}/s", bytes(bytes_per_second))
}

/// A time between two polls, in seconds.
fn polls(text: &str) -> Result<u32, String> {
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    u32::try_from(time.as_secs())
        .ok()
        .filter(|seconds| EVERY.contains(seconds) && time.subsec_nanos() == 0)
        .ok_or_else(|| "a time from 1m to 24h is needed, in whole seconds".to_owned())
}

/// `20MB`, `20MiB`, `20000000`.
fn size(text: &str) -> Result<u64, String> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim_start() {
        "" | "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err("a size is a whole number of B, kB, MB, GB, KiB, MiB or GiB".to_owned()),
    };
    let number: u64 = number
        .parse()
        .map_err(|_| "a size is a whole number, like 20MB".to_owned())?;
    number
        .checked_mul(factor)
        .ok_or_else(|| "that is too large".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_read() {
        assert_eq!(size("20MB"), Ok(20_000_000));
        assert_eq!(size("3 KiB"), Ok(3_072));
        assert_eq!(size("17"), Ok(17));
        for wrong in ["", "MB", "1.5MB", "-1", "20 mb", "99999999999GB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
        assert_eq!(polls("30m"), Ok(1_800));
        assert_eq!(polls("24h"), Ok(86_400));
        for wrong in ["59s", "25h", "90500ms", "often"] {
            assert!(polls(wrong).is_err(), "{wrong}");
        }
    }
}

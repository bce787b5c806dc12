//! Progress on stderr, for people only: hidden where stderr is no terminal.

use std::time::Duration;

use device::{Device, Problem, Progress, ProgressPhase};
use indicatif::{ProgressBar, ProgressStyle};

use crate::commands::serve::stop_signal;
use crate::failure::Failure;

/// Runs `work`, which is `doing` something, showing what the device fetches meanwhile. At ctrl-c
/// the device is stopped in order, and what was past stopping by then is done.
pub(crate) async fn show<T>(
    device: &Device,
    doing: &'static str,
    work: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Failure> {
    let stop = stop_signal()?;
    let mut work = Box::pin(work);
    let work = async {
        tokio::select! {
            ended = &mut work => ended.map_err(Failure::from),
            () = stop => {
                let (ended, ()) = tokio::join!(work, device.stop());
                ended.map_err(|_| interrupted(doing))
            }
        }
    };
    let bar = bar();
    bar.set_message(doing);
    let Some(mut changes) = device.progress() else {
        return work.await;
    };
    tokio::pin!(work);
    let result = loop {
        let progress = changes.borrow_and_update().progress.clone();
        if let Some(progress) = progress {
            draw(&bar, &progress);
        }
        tokio::select! {
            ended = &mut work => break ended,
            more = changes.changed() => if more.is_err() { break work.await },
        }
    };
    bar.finish_and_clear();
    result
}

fn interrupted(doing: &str) -> Failure {
    Failure::new(
        "interrupted",
        format_args!("Stopped while {doing}"),
        "See `refit status` for how things stand, then try again.",
    )
}

/// A spinner, until the length of what it counts is known.
pub(crate) fn bar() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

fn draw(bar: &ProgressBar, progress: &Progress) {
    let doing = match progress.phase {
        ProgressPhase::Downloading => "downloading",
        ProgressPhase::Verifying => "verifying",
        ProgressPhase::Staging => "staging",
        ProgressPhase::Rehearsing => "rehearsing",
    };
    bar.set_message(format!("{doing} {}", progress.version));
    advance(bar, progress.bytes, progress.total);
}

/// Moves the bar on; it gets a length once the length is known.
pub(crate) fn advance(bar: &ProgressBar, got: u64, total: Option<u64>) {
    if let Some(total) = total
        && bar.length() != Some(total)
    {
        bar.set_length(total);
        bar.set_style(with_length());
    }
    bar.set_position(got);
}

fn with_length() -> ProgressStyle {
    ProgressStyle::with_template("{msg} [{bar:30}] {bytes}/{total_bytes} {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

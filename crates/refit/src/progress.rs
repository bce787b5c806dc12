//! Progress on stderr, for people only: hidden where stderr is no terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A spinner, until the length of what it counts is known.
pub(crate) fn bar() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
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

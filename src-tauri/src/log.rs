//! The shell's own log: a file a day beside the runtime's logs, and standard error.

use std::io::IsTerminal as _;
use std::path::Path;

use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::filter::{EnvFilter, LevelFilter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

/// Days that are kept.
const DAYS: usize = 7;

/// Starts logging. A folder that cannot be written costs the file, not the app.
pub(crate) fn start(data_dir: &Path) {
    let filter = || {
        EnvFilter::builder()
            .with_default_directive(LevelFilter::INFO.into())
            .from_env_lossy()
    };
    let dir = data_dir.join("logs");
    // Counting old files in a folder that is not there would be a complaint of the appender's own.
    let made = std::fs::create_dir_all(&dir);
    let file = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("shell")
        .filename_suffix("log")
        .max_log_files(DAYS)
        .build(&dir);
    let (file, problem) = match file {
        Ok(file) => (Some(file), made.err().map(|error| error.to_string())),
        Err(error) => (None, Some(error.to_string())),
    };
    let file = file.map(|file| {
        fmt::layer()
            .with_ansi(false)
            .with_writer(file)
            .with_filter(filter())
    });
    let stderr = fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .with_filter(filter());
    // A second subscriber in one process can only come from a test; the first one stays.
    let _ = tracing_subscriber::registry()
        .with(file)
        .with(stderr)
        .try_init();
    if let Some(error) = problem {
        tracing::warn!(dir = %dir.display(), %error, "the shell's log goes to standard error only");
    }
}

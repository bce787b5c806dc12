//! Asking again, a little later each time.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};

use crate::error::RegistryError;
use crate::http::Timeouts;

impl Timeouts {
    /// Tries again after transient errors, unless the other side wants to be left alone for longer
    /// than a person would wait.
    pub(crate) async fn retried<T, F: Future<Output = Result<T, RegistryError>>>(
        &self,
        once: impl FnMut() -> F,
    ) -> Result<T, RegistryError> {
        let Self {
            pause, max_pause, ..
        } = *self;
        once.retry(self.backoff())
            .when(|error: &RegistryError| {
                error.is_transient() && error.retry_after().is_none_or(|wait| wait <= max_pause)
            })
            .adjust(|error: &RegistryError, planned: Option<Duration>| {
                planned.map(|planned| planned.max(error.retry_after().unwrap_or(pause / 2)))
            })
            .await
    }

    pub(crate) fn backoff(&self) -> ExponentialBuilder {
        ExponentialBuilder::default()
            .with_min_delay(self.pause)
            .with_max_delay(self.max_pause)
            .with_max_times(self.tries.saturating_sub(1))
            .with_jitter()
    }
}

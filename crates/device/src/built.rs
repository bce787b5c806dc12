//! When this shell was built.

use jiff::Timestamp;

/// The time of the build, or what `SOURCE_DATE_EPOCH` said then: no clock that is right is before
/// it. Cargo runs the build script once for as long as that variable stays, so it may be the time
/// of an earlier build in the same folder, which is as true.
pub fn built_at() -> Timestamp {
    env!("REFIT_BUILT_AT")
        .parse()
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_time_between_the_source_and_now() {
        let source: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let named = option_env!("SOURCE_DATE_EPOCH").is_some();
        assert!(named || (source..=Timestamp::now()).contains(&built_at()));
    }
}

//! What time it is, as far as a device may believe its own clock.

use jiff::Timestamp;

/// The clock's own time, or the latest of `floors` where the clock is behind one of them: a time
/// that is before this very build, or before something that was signed and has been seen, is wrong.
///
/// A clock that is ahead cannot be told from a right one. Nothing that was seen while it was is
/// kept as a floor, so that it does no harm once it is set right.
pub fn corrected(clock: Timestamp, floors: impl IntoIterator<Item = Timestamp>) -> Timestamp {
    floors.into_iter().fold(clock, Timestamp::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_behind_a_floor_is_replaced_by_the_latest_floor() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let (built, signed) = (at("2026-06-01T00:00:00Z"), at("2026-07-01T00:00:00Z"));
        let dead_battery = at("1970-01-01T00:00:00Z");
        assert_eq!(corrected(dead_battery, [built, signed]), signed);
        assert_eq!(corrected(dead_battery, [built]), built);
        let right = at("2026-08-01T12:00:00Z");
        assert_eq!(corrected(right, [built, signed]), right);
        assert_eq!(corrected(right, []), right);
    }
}

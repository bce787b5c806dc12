//! How much of a fleet may have a version from when on: a curve of text.

use jiff::Timestamp;
use rollout::Share;
use rollout::ramp::{Outlook, Turn};

use super::words::{count, of, relative};
use crate::output::table;

/// How wide a bar of everyone is.
const WIDTH: u64 = 30;

/// One line for each time from which there are more: when, a bar, how many devices, which share.
/// `now` is where it stands; what came before it is shown too.
pub(crate) fn curve(turns: &[Turn], now: Timestamp, devices: u64) -> String {
    let lines = turns.iter().map(|turn| {
        let full = of(turn.share, WIDTH);
        // Somebody is not nobody.
        let full = full.max(u64::from(turn.share > Share::NONE));
        let bar: String = (0..WIDTH)
            .map(|n| if n < full { '#' } else { '.' })
            .collect();
        [
            turn.at.to_string(),
            relative(turn.at, now),
            bar,
            format!(
                "{:>width$}",
                count(of(turn.share, devices)),
                width = count(devices).len()
            ),
            turn.share.to_string(),
        ]
    });
    table(lines)
}

/// What an outlook's curve goes through: where it stands now, and each turn that comes.
pub(crate) fn turns(outlook: &Outlook, now: Timestamp) -> Vec<Turn> {
    let here = Turn {
        at: now,
        share: outlook.now,
    };
    std::iter::once(here)
        .chain(outlook.later.iter().copied())
        .collect()
}

//! Numbers and times as people read them.

use jiff::Timestamp;
use rollout::Share;

/// `1,000,000`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 device`, `1,000 devices`.
pub(crate) fn devices(number: u64) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} device{plural}", count(number))
}

/// A text of somebody else's, with nothing in it that a terminal would obey: no control characters and
/// nothing that changes the direction of writing.
pub(crate) fn plain(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars()
        .flat_map(|c| {
            let odd = c.is_control() || turns(c);
            let escaped = odd.then(|| c.escape_unicode());
            escaped.into_iter().flatten().chain((!odd).then_some(c))
        })
        .collect()
}

/// That share of so many devices, to the nearest one.
pub(crate) fn of(share: Share, devices: u64) -> u64 {
    let sum = u128::from(share.hundredths()) * u128::from(devices);
    u64::try_from((sum + 5_000) / 10_000).unwrap_or(u64::MAX)
}

/// `in 12 hours`, `1 day 4 hours ago`, `now`: the two largest units that there are.
pub(crate) fn relative(at: Timestamp, now: Timestamp) -> String {
    let seconds = at.duration_since(now).as_secs();
    let text = span(seconds.unsigned_abs());
    match seconds {
        0 => "now".to_owned(),
        1.. => format!("in {text}"),
        _ => format!("{text} ago"),
    }
}

/// A length of time: `12 hours`, `1 day 4 hours`.
pub(crate) fn span(seconds: u64) -> String {
    let units = [
        (seconds / 86_400, "day"),
        (seconds / 3_600 % 24, "hour"),
        (seconds / 60 % 60, "minute"),
        (seconds % 60, "second"),
    ];
    let Some(first) = units.iter().position(|(count, _)| *count > 0) else {
        return "0 seconds".to_owned();
    };
    units
        .iter()
        .skip(first)
        .take(2)
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| {
            let plural = if *count == 1 { "" } else { "s" };
            format!("{} {unit}{plural}", self::count(*count))
        })
        .collect::<Vec<_>>()
        .join(" ")
}

/// `3.2 MB`, in powers of a thousand.
#[expect(
    clippy::cast_precision_loss,
    reason = "one decimal is all that is shown"
)]
pub(crate) fn bytes(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut units = ["B", "kB", "MB", "GB", "TB"].into_iter();
    let mut unit = units.next().unwrap_or_default();
    for larger in units {
        if value < 999.95 {
            break;
        }
        (value, unit) = (value / 1_000.0, larger);
    }
    if unit == "B" {
        format!("{bytes} B")
    } else {
        format!("{value:.1} {unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let grouped = [0, 999, 1_000, 12_345, 1_000_000].map(count);
        assert_eq!(grouped, ["0", "999", "1,000", "12,345", "1,000,000"]);
        assert_eq!(of(Share::from_hundredths(10), 1_000), 1);
        assert_eq!(of(Share::from_hundredths(3_333), 10), 3);
        assert_eq!(of(Share::ALL, u64::MAX), u64::MAX);
    }

    #[test]
    fn one_device_is_one() {
        assert_eq!(
            [0, 1, 2_000].map(devices),
            ["0 devices", "1 device", "2,000 devices"]
        );
    }

    #[test]
    fn nothing_in_a_text_moves_the_cursor() {
        let text = "a\u{1b}]52;c;eA==\u{7}b\rc\u{9b}2J\u{202e}é";
        assert_eq!(
            plain(text),
            "a\\u{1b}]52;c;eA==\\u{7}b\\u{d}c\\u{9b}2J\\u{202e}é"
        );
    }

    #[test]
    fn times_are_told_in_two_units() {
        let now: Timestamp = "2026-06-12T08:00:00Z".parse().unwrap();
        let told = |text: &str| relative(text.parse().unwrap(), now);
        assert_eq!(told("2026-06-12T08:00:00Z"), "now");
        assert_eq!(told("2026-06-12T20:00:00Z"), "in 12 hours");
        assert_eq!(told("2026-06-12T09:01:30Z"), "in 1 hour 1 minute");
        assert_eq!(told("2026-06-13T08:00:59Z"), "in 1 day");
        assert_eq!(told("2026-06-10T07:00:00Z"), "2 days 1 hour ago");
        assert_eq!(told("2026-06-12T07:59:59Z"), "1 second ago");
    }

    #[test]
    fn bytes_have_a_unit() {
        let told = [
            0,
            999,
            1_000,
            999_949,
            999_950,
            3_200_000,
            7_000_000_000_000_000,
        ]
        .map(bytes);
        assert_eq!(
            told,
            [
                "0 B",
                "999 B",
                "1.0 kB",
                "999.9 kB",
                "1.0 MB",
                "3.2 MB",
                "7000.0 TB"
            ]
        );
    }
}

//! Where a device stands in the queue for a version: the same on every platform, for ever.

use sha2::{Digest, Sha256};

use crate::Version;

/// A place in 0..10,000: hundreds are the bucket, the rest decides inside it.
///
/// With h the first four bytes, big-endian, of `sha256("deviceId:version")`, the bucket is h mod 100
/// and the place inside it (h div 100) mod 100: whole-percent plans see buckets alone, and fractions
/// of a percent divide one evenly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(u16);

impl Position {
    /// How many positions there are.
    pub const COUNT: u16 = 10_000;

    /// The position of a device for a version. The version counts as it is written.
    pub fn of(device: &str, version: &Version) -> Self {
        let hash = Sha256::new()
            .chain_update(device)
            .chain_update(":")
            .chain_update(version.as_str())
            .finalize();
        Self::from_hash(u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]))
    }

    /// The position that the four bytes give.
    #[expect(clippy::cast_possible_truncation, reason = "below 10,000")]
    pub fn from_hash(h: u32) -> Self {
        Self((h % 100 * 100 + h / 100 % 100) as u16)
    }

    /// The bucket, 0..100.
    #[expect(clippy::cast_possible_truncation, reason = "below 100")]
    pub fn bucket(self) -> u8 {
        (self.0 / 100) as u8
    }

    /// In hundredths of a percent, 0..10,000.
    pub fn hundredths(self) -> u16 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_answers() {
        for (device, version, bucket) in [
            ("device-a", "1.0.0", 65),
            ("device-b", "1.0.0", 76),
            ("fixed-device", "2.0.0", 26),
            ("device-a", "1.0.1", 79),
        ] {
            let version = version.parse().unwrap();
            assert_eq!(Position::of(device, &version).bucket(), bucket, "{device}");
        }
    }

    #[test]
    fn the_four_bytes_give_bucket_and_place() {
        assert_eq!(Position::from_hash(0).hundredths(), 0);
        assert_eq!(Position::from_hash(199).hundredths(), 9_901);
        assert_eq!(Position::from_hash(9_999).hundredths(), 9_999);
        assert_eq!(Position::from_hash(10_000).hundredths(), 0);
        // 4,294,967,295: bucket 95, and 42,949,672 mod 100 inside it.
        assert_eq!(Position::from_hash(u32::MAX).hundredths(), 9_572);
    }

    #[test]
    fn buckets_are_filled_evenly() {
        let version: Version = "1.0.0".parse().unwrap();
        let mut count = [0_u32; 3];
        for n in 0..10_000 {
            let bucket = Position::of(&format!("device-{n}"), &version).bucket();
            count[match bucket {
                0..30 => 0,
                30..60 => 1,
                _ => 2,
            }] += 1;
        }
        for (found, wanted) in count.into_iter().zip([3_000_u32, 3_000, 4_000]) {
            assert!(found.abs_diff(wanted) <= 300, "{count:?}");
        }
    }

    proptest! {
        #[test]
        fn a_position_has_the_bucket_that_the_formula_names(h in any::<u32>()) {
            let position = Position::from_hash(h);
            prop_assert_eq!(u32::from(position.bucket()), h % 100);
            prop_assert!(position.hundredths() < Position::COUNT);
        }
    }
}

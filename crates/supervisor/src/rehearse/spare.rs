//! Is there anything to spare for a start that nobody sees?

use starship_battery::units::ratio::percent;
use starship_battery::{Manager, State};
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

const MIB: u64 = 1 << 20;
/// Less memory than this is short anywhere.
const LEAST: u64 = 256 * MIB;
/// More than this is not short, however large the machine is.
const ENOUGH: u64 = 1024 * MIB;
/// From here on systems save power by themselves.
const SAVING: f32 = 20.0;

/// Where Linux says which power mode the machine is in; there is no such file elsewhere.
/// <https://docs.kernel.org/userspace-api/sysfs-platform_profile.html>
const PROFILE: &str = "/sys/firmware/acpi/platform_profile";

/// Why a rehearsal should wait for better times, for a person; none where there is nothing against
/// it. Blocks for a moment. What cannot be found out is nothing against it.
pub fn spare_resources() -> Option<String> {
    short_of_memory(memory())
        .or_else(|| saver(&std::fs::read_to_string(PROFILE).unwrap_or_default()))
        .or_else(|| saving_power(&batteries()))
}

/// Whether somebody, or a desktop's power mode, has set this machine to save power.
fn saver(profile: &str) -> Option<String> {
    (profile.trim() == "low-power").then(|| "this machine is set to save power".to_owned())
}

/// Available and total bytes.
fn memory() -> Option<(u64, u64)> {
    let what = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(what).ok()?;
    Some((system.available_memory(), system.total_memory()))
}

fn short_of_memory(memory: Option<(u64, u64)>) -> Option<String> {
    let (available, total) = memory.filter(|(_, total)| *total > 0)?;
    let short = available < (total / 20).clamp(LEAST, ENOUGH);
    short.then(|| {
        format!(
            "memory is short: {} of {} MiB are free",
            available / MIB,
            total / MIB
        )
    })
}

/// Whether it is being drained, and how full it is in percent, for each battery.
fn batteries() -> Vec<(bool, f32)> {
    let found = Manager::new().and_then(|manager| manager.batteries());
    let Ok(found) = found else {
        return Vec::new();
    };
    found
        .flatten()
        .map(|battery| {
            let draining = battery.state() == State::Discharging;
            (draining, battery.state_of_charge().get::<percent>())
        })
        .collect()
}

fn saving_power(batteries: &[(bool, f32)]) -> Option<String> {
    let draining = batteries.iter().any(|(draining, _)| *draining);
    let fullest = batteries.iter().map(|(_, charge)| *charge);
    let fullest = fullest.fold(0.0, f32::max);
    (draining && fullest <= SAVING).then(|| format!("the battery is at {fullest:.0} %"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_machine_is_not_short_of_memory_for_using_most_of_it() {
        let gib = 1024 * MIB;
        for (available, total, short) in [
            (200 * MIB, 4 * gib, true),
            (300 * MIB, 4 * gib, false),
            (300 * MIB, 16 * gib, true),
            (900 * MIB, 16 * gib, false),
            (1_100 * MIB, 256 * gib, false),
        ] {
            let said = short_of_memory(Some((available, total)));
            assert_eq!(said.is_some(), short, "{available} of {total}: {said:?}");
        }
        assert_eq!(
            short_of_memory(Some((200 * MIB, 4 * gib))).as_deref(),
            Some("memory is short: 200 of 4096 MiB are free")
        );
        // Nothing is known there.
        assert_eq!(short_of_memory(Some((0, 0))), None);
        assert_eq!(short_of_memory(None), None);
    }

    #[test]
    fn a_machine_that_is_set_to_save_power_is_left_alone() {
        assert!(saver("low-power\n").is_some());
        for profile in [
            "",
            "balanced\n",
            "balanced-performance\n",
            "performance\n",
            "quiet\n",
        ] {
            assert_eq!(saver(profile), None, "{profile}");
        }
    }

    #[test]
    fn power_is_saved_where_every_battery_is_low_and_one_is_drained() {
        let said = saving_power(&[(true, 12.4)]);
        assert_eq!(said.as_deref(), Some("the battery is at 12 %"));
        for enough in [
            &[][..],
            &[(false, 5.0)],
            &[(true, 21.0)],
            &[(true, 5.0), (false, 80.0)],
        ] {
            assert_eq!(saving_power(enough), None, "{enough:?}");
        }
    }

    #[test]
    fn this_machine_has_memory() {
        let (available, total) = memory().expect("memory");
        assert!(
            available > 0 && available <= total,
            "{available} of {total}"
        );
    }
}

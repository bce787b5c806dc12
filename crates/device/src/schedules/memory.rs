//! When each timed call was last made, across restarts of the app: a call a day would never come
//! where the app runs a few hours a day. A cache: lost, it costs one pause.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use crate::workspaces::Schedule;

/// A pause shorter than this is not worth a write for each call.
const WORTH_A_WRITE: Duration = Duration::from_mins(1);
const MOST_BYTES: u64 = 64 * 1024;

pub(super) fn path(data: &Path, workspace: &str) -> PathBuf {
    data.join("schedules").join(format!("{workspace}.json"))
}

/// What a call is known by.
fn key(schedule: &Schedule) -> String {
    format!("{} {}", schedule.every_text(), schedule.path)
}

/// When each was made last; nothing where that is not known.
pub(super) fn read(path: &Path, schedules: &[Schedule]) -> Vec<Option<Timestamp>> {
    let small = std::fs::metadata(path).is_ok_and(|it| it.is_file() && it.len() <= MOST_BYTES);
    let text = if small {
        std::fs::read(path)
    } else {
        Ok(Vec::new())
    };
    let known: BTreeMap<String, Timestamp> =
        serde_json::from_slice(&text.unwrap_or_default()).unwrap_or_default();
    let at = |schedule| known.get(&key(schedule)).copied();
    schedules.iter().map(at).collect()
}

pub(super) fn write(
    path: &Path,
    schedules: &[Schedule],
    last: &[Option<Timestamp>],
) -> io::Result<()> {
    let known: BTreeMap<_, _> = schedules
        .iter()
        .zip(last)
        .filter(|(schedule, _)| schedule.every >= WORTH_A_WRITE)
        .filter_map(|(schedule, at)| Some((key(schedule), (*at)?)))
        .collect();
    if known.is_empty() {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut temporary = tempfile::Builder::new()
        .prefix(".calls-")
        .tempfile_in(folder)?;
    temporary.write_all(&serde_json::to_vec(&known)?)?;
    temporary.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_remembered_by_its_path_and_pause() {
        let dir = tempfile::tempdir().unwrap();
        let path = path(dir.path(), "board");
        let calls = |every: &[u64]| -> Vec<Schedule> {
            let one = |every: &u64| Schedule {
                every: Duration::from_secs(*every),
                path: "/tick".to_owned(),
            };
            every.iter().map(one).collect()
        };
        let (hour, day) = (
            Timestamp::from_second(3_600).unwrap(),
            Timestamp::UNIX_EPOCH,
        );
        let last = [Some(hour), Some(day), None];
        write(&path, &calls(&[3_600, 86_400, 1]), &last).unwrap();
        let found = read(&path, &calls(&[86_400, 60, 3_600]));
        assert_eq!(found, [Some(day), None, Some(hour)]);
    }

    #[test]
    fn what_is_no_memory_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = path(dir.path(), "board");
        let call = [Schedule {
            every: Duration::from_hours(1),
            path: "/tick".to_owned(),
        }];
        assert_eq!(read(&path, &call), [None]);
        std::fs::create_dir(dir.path().join("schedules")).unwrap();
        std::fs::write(&path, "[]").unwrap();
        assert_eq!(read(&path, &call), [None]);
    }
}

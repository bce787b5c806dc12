//! Reports on disk until the broker has them: in order, each once, at most so many.
//!
//! ```text
//! outbox.jsonl   a report a line, synced before anybody is told that it is kept
//! outbox.json    the last number that was given out and the last that the broker has
//! ```
//!
//! A line without an end is one that a power cut tore: nobody was told that it was kept.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::disk;
use crate::report::{Event, Report};

/// The most bytes of unsent reports; then the older half goes.
pub(crate) const CAP: u64 = 512 * 1024;

/// The outbox of one device.
#[derive(Debug)]
pub(crate) struct Outbox {
    folder: PathBuf,
    cap: u64,
    waiting: VecDeque<Report>,
    bytes: u64,
    marks: Marks,
}

/// What outlives the reports. Unknown fields are ignored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Marks {
    /// The last number that was given out.
    given: u64,
    /// The last number that the broker has.
    sent: u64,
}

impl Marks {
    fn may_be(marks: Self, now: Timestamp) -> bool {
        marks.given.max(marks.sent) <= most(now)
    }
}

/// Numbers begin with the milliseconds since 1970 and grow by one: nobody is further ahead than by so many, a century of
/// clocks that are wrong.
const AHEAD: u64 = 100 * 366 * 24 * 3_600 * 1_000;

fn most(now: Timestamp) -> u64 {
    u64::try_from(now.as_millisecond())
        .unwrap_or(0)
        .saturating_add(AHEAD)
}

impl Outbox {
    /// Opens it. What cannot be read is set aside and told; numbers then go on far above any that was given out.
    pub(crate) fn open(folder: &Path, cap: u64, now: Timestamp) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let fresh = u64::try_from(now.as_millisecond()).unwrap_or(0);
        let mut outbox = Self {
            folder: folder.to_owned(),
            cap,
            waiting: VecDeque::new(),
            bytes: 0,
            marks: Marks {
                given: fresh,
                sent: 0,
            },
        };
        if let Some(bytes) = disk::read(&outbox.marks_path())? {
            match serde_json::from_slice(&bytes) {
                Ok(marks) if Marks::may_be(marks, now) => outbox.marks = marks,
                Ok(_) => set_aside(&outbox.marks_path(), now, "its numbers are no device's")?,
                Err(error) => set_aside(&outbox.marks_path(), now, &error.to_string())?,
            }
        }
        let text = disk::read(&outbox.path())?.unwrap_or_default();
        let (reports, trouble) = read(&text);
        if let Some(trouble) = &trouble {
            set_aside(&outbox.path(), now, trouble)?;
        }
        let last = reports.iter().map(|it| it.seq).max().unwrap_or(0);
        outbox.marks.given = outbox.marks.given.max(last).max(outbox.marks.sent);
        let sent = outbox.marks.sent;
        outbox.waiting = reports.into_iter().filter(|it| it.seq > sent).collect();
        if trouble.is_some() || text.last().is_some_and(|last| *last != b'\n') {
            outbox.write(outbox.waiting.clone())?;
        } else {
            outbox.bytes = text.len() as u64;
        }
        Ok(outbox)
    }

    /// How many wait.
    pub(crate) fn len(&self) -> u64 {
        self.waiting.len() as u64
    }

    /// The next one to be sent.
    pub(crate) fn first(&self) -> Option<&Report> {
        self.waiting.front()
    }

    /// Gives the report its number and keeps it, durably. Where the box is full its older half is dropped, and a
    /// report says so.
    pub(crate) fn push(&mut self, mut report: Report) -> io::Result<()> {
        report.seq = self.marks.given.saturating_add(1);
        if self.bytes + line(&report)?.len() as u64 > self.cap {
            // What the broker has takes room until the file is written anew.
            self.write(self.waiting.clone())?;
            if self.bytes + line(&report)?.len() as u64 > self.cap {
                self.drop_older_half(&report)?;
                report.seq = self.marks.given.saturating_add(1);
            }
        }
        let written = self.append(&line(&report)?);
        if written.is_err() {
            // Half a line would make the next one unreadable.
            let _ = self.write(self.waiting.clone());
        }
        written?;
        self.marks.given = report.seq;
        self.waiting.push_back(report);
        Ok(())
    }

    /// The broker acknowledged everything up to this number, which was given out here.
    pub(crate) fn sent(&mut self, seq: u64) -> io::Result<()> {
        if seq <= self.marks.sent || seq > self.marks.given {
            return Ok(());
        }
        let marks = Marks {
            sent: seq,
            ..self.marks
        };
        disk::replace(&self.marks_path(), &serde_json::to_vec(&marks)?)?;
        self.marks = marks;
        while self.waiting.front().is_some_and(|it| it.seq <= seq) {
            self.waiting.pop_front();
        }
        // The numbers are safe now; where nothing waits, the file may start anew.
        if self.waiting.is_empty() && self.bytes > 0 {
            self.write(VecDeque::new())?;
        }
        Ok(())
    }

    /// The broker says that this is the last number that it has of this device.
    ///
    /// More than was given out here means that an older state of this disk was put back: what waits gets numbers above,
    /// and none of it is lost. A number that no device could have come to is nobody's word.
    pub(crate) fn broker_has(&mut self, seq: u64, now: Timestamp) -> io::Result<()> {
        if seq <= self.marks.given {
            return self.sent(seq);
        }
        if seq > most(now) {
            tracing::warn!(
                seq,
                "the broker says that it has a report that this device cannot have sent"
            );
            return Ok(());
        }
        let mut waiting = self.waiting.clone();
        for (report, number) in waiting.iter_mut().zip(seq + 1..) {
            report.seq = number;
        }
        let marks = Marks {
            given: waiting.back().map_or(seq, |last| last.seq),
            sent: seq,
        };
        // The reports first: with the old marks all of them wait still.
        self.write(waiting)?;
        disk::replace(&self.marks_path(), &serde_json::to_vec(&marks)?)?;
        self.marks = marks;
        Ok(())
    }

    fn drop_older_half(&mut self, like: &Report) -> io::Result<()> {
        let dropped = self.waiting.len().div_ceil(2);
        let mut kept = self.waiting.split_off(dropped);
        tracing::warn!(dropped, folder = %self.folder.display(), "the outbox is full; the oldest reports are dropped");
        let number = self.marks.given.saturating_add(1);
        kept.push_back(Report {
            seq: number,
            event: Event::Dropped,
            reason: "outbox-full".to_owned(),
            detail: format!("{dropped} older reports were dropped"),
            version: None,
            from: None,
            ..like.clone()
        });
        let written = self.write(kept);
        if written.is_ok() {
            self.marks.given = number;
        }
        written
    }

    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.path())?;
        let is_new = self.bytes == 0;
        // Half a line of an attempt that failed would make this one unreadable.
        if file.metadata()?.len() > self.bytes {
            file.set_len(self.bytes)?;
        }
        file.seek(SeekFrom::End(0))?;
        file.write_all(line)?;
        file.sync_data()?;
        if is_new && !cfg!(windows) {
            File::open(&self.folder)?.sync_all()?;
        }
        self.bytes += line.len() as u64;
        Ok(())
    }

    /// Has just these wait, on disk first.
    fn write(&mut self, waiting: VecDeque<Report>) -> io::Result<()> {
        let mut bytes = Vec::new();
        for report in &waiting {
            bytes.extend(line(report)?);
        }
        disk::replace(&self.path(), &bytes)?;
        self.bytes = bytes.len() as u64;
        self.waiting = waiting;
        Ok(())
    }

    fn path(&self) -> PathBuf {
        self.folder.join("outbox.jsonl")
    }

    fn marks_path(&self) -> PathBuf {
        self.folder.join("outbox.json")
    }
}

fn line(report: &Report) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(report)?;
    line.push(b'\n');
    Ok(line)
}

/// The reports in the file, by number, and what is wrong with it, besides a torn end.
fn read(text: &[u8]) -> (Vec<Report>, Option<String>) {
    let whole = text
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    let mut reports: Vec<Report> = Vec::new();
    let mut trouble = None;
    for line in text[..whole]
        .split(|byte| *byte == b'\n')
        .filter(|it| !it.is_empty())
    {
        match serde_json::from_slice::<Report>(line) {
            Ok(report) if reports.last().is_none_or(|last| last.seq < report.seq) => {
                reports.push(report);
            }
            Ok(report) => trouble = Some(format!("report {} is out of order", report.seq)),
            Err(error) => trouble = Some(error.to_string()),
        }
    }
    (reports, trouble)
}

fn set_aside(path: &Path, now: Timestamp, why: &str) -> io::Result<()> {
    let aside = disk::set_aside(path, now)?;
    tracing::warn!(path = %path.display(), aside = %aside.display(), why, "cannot be read, and is set aside");
    Ok(())
}

#[cfg(test)]
mod tests;

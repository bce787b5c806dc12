//! The runtime and everything that came of it, where orphans can be adopted and reaped, or else be
//! told by their environment.

use std::collections::HashSet;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use process_wrap::std::ChildWrapper;
use rustix::process::{Signal, WaitOptions, wait};

use super::run::Input;
use crate::tree;

/// How long after the runtime's own exit its descendants may take to be reaped before anyone
/// bothers to look for them; nearly always there are none.
const FIRST_LOOK: Duration = Duration::from_millis(5);
const BETWEEN_LOOKS: Duration = Duration::from_millis(40);
/// What is left after this long does not die of a signal, and may stay for days.
const PATIENCE: Duration = Duration::from_secs(10);
const BETWEEN_LATE_LOOKS: Duration = Duration::from_secs(1);

pub(super) struct Runtime {
    /// Kept only so that nobody else waits for it; the reaper below does.
    _child: Box<dyn ChildWrapper>,
}

impl Runtime {
    /// Reaps the runtime and every orphan that this process adopts.
    pub(super) fn watch(child: Box<dyn ChildWrapper>, to: Sender<Input>) -> Self {
        let runtime = child.id();
        thread::spawn(move || {
            loop {
                match wait(WaitOptions::empty()) {
                    Ok(Some((pid, status)))
                        if u32::try_from(pid.as_raw_nonzero().get()) == Ok(runtime) =>
                    {
                        let _ = to.send(Input::Ended {
                            code: status.exit_status(),
                            signal: status.terminating_signal(),
                        });
                    }
                    Ok(_) | Err(rustix::io::Errno::INTR) => {}
                    Err(_) => {
                        let _ = to.send(Input::Childless);
                        return;
                    }
                }
            }
        });
        Self { _child: child }
    }

    /// Asks every descendant to end, and kills what is left after the grace, again and again
    /// until nothing is.
    #[expect(clippy::unused_self, reason = "the Windows twin holds the job")]
    pub(super) fn end_all(self, launch: &str, inbox: &Receiver<Input>, grace: Duration) {
        let start = Instant::now();
        let mut told = HashSet::new();
        let mut pause = FIRST_LOOK;
        loop {
            match inbox.recv_timeout(pause) {
                // A subreaper without children has no descendants: that is exact.
                Ok(Input::Childless) if cfg!(target_os = "linux") => return,
                // How the runtime ends here is no verdict on it: it was told to.
                Ok(_) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => thread::sleep(pause),
            }
            pause = between_looks(start.elapsed());
            let left = descendants(launch);
            if left.is_empty() && !cfg!(target_os = "linux") {
                return;
            }
            let late = start.elapsed() >= grace;
            for pid in left {
                if late {
                    tree::signal(pid, Signal::KILL);
                } else if told.insert(pid) {
                    tree::signal(pid, Signal::TERM);
                }
            }
        }
    }
}

fn between_looks(waited: Duration) -> Duration {
    if waited < PATIENCE {
        BETWEEN_LOOKS
    } else {
        BETWEEN_LATE_LOOKS
    }
}

/// Where orphans are not adopted, they are told by the launch id in their environment. The
/// runtime's own id is no root here: once it is reaped, the id may be somebody else's.
fn descendants(launch: &str) -> HashSet<u32> {
    let mark = (!cfg!(target_os = "linux")).then_some(launch);
    tree::members(&tree::processes(mark), &[std::process::id()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_killed_is_looked_at_ever_so_often_only_for_a_while() {
        assert_eq!(between_looks(Duration::ZERO), BETWEEN_LOOKS);
        assert_eq!(between_looks(Duration::from_secs(9)), BETWEEN_LOOKS);
        for late in [10, 60, 86_400] {
            let pause = between_looks(Duration::from_secs(late));
            assert_eq!(pause, Duration::from_secs(1), "after {late} s");
        }
    }
}

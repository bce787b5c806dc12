//! The runtime and everything that came of it, where all of it is one job object.

use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use process_wrap::std::ChildWrapper;

use super::run::Input;

/// Between two looks at whether the runtime still runs.
const EVERY: Duration = Duration::from_millis(20);

pub(super) struct Runtime {
    job: Arc<Mutex<Box<dyn ChildWrapper>>>,
}

impl Runtime {
    pub(super) fn watch(child: Box<dyn ChildWrapper>, to: Sender<Input>) -> Self {
        let job = Arc::new(Mutex::new(child));
        let watched = Arc::clone(&job);
        thread::spawn(move || {
            loop {
                let ended = watched
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .try_wait();
                if let Ok(Some(status)) = ended {
                    let code = status.code();
                    let _ = to.send(Input::Ended { code, signal: None });
                    return;
                }
                thread::sleep(EVERY);
            }
        });
        Self { job }
    }

    /// There is no polite request to a process without a console; the job ends as a whole.
    pub(super) fn end_all(self, _launch: &str, _inbox: &Receiver<Input>, _grace: Duration) {
        let mut job = self.job.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = job.start_kill();
        let _ = job.wait();
    }
}

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// Where the power goes: after how many steps.
#[derive(Debug)]
pub(super) struct Cut {
    left: AtomicUsize,
    cut: std::sync::atomic::AtomicBool,
}

impl Default for Cut {
    fn default() -> Self {
        Self {
            left: AtomicUsize::new(usize::MAX),
            cut: false.into(),
        }
    }
}

impl Cut {
    pub(super) fn step(&self) -> Result<(), SnapshotError> {
        let left = self.left.load(Ordering::Relaxed);
        if left == 0 {
            self.cut.store(true, Ordering::Relaxed);
            let gone = std::io::Error::other("the power is gone");
            return Err(StoreError::io("go on with", "/", gone).into());
        }
        if left != usize::MAX {
            self.left.store(left - 1, Ordering::Relaxed);
        }
        Ok(())
    }

    pub(super) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Relaxed)
    }
}

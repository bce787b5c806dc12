//! The guard under which these tests' runtimes live.

fn main() {
    device::run_guard_if_asked();
}

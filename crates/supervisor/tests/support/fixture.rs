//! Guard and runtime of this crate's tests.
fn main() {
    supervisor::guard::run_if_asked();
}

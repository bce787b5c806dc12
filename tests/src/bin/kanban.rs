//! The demo's story, without a person.
fn main() {}

//! What a story may need beyond a plain user, and the loud way of doing without.

use std::io::Write as _;

use crate::parts::on_path;

/// Whether this process is root and has these programs. Says aloud what a story is skipped for;
/// with `CI` set nothing is skipped: what is missing fails the story.
///
/// # Panics
/// With `CI` set, when something is missing.
pub fn root_and(programs: &[&str], story: &str) -> bool {
    let mut missing = Vec::new();
    if !rustix::process::geteuid().is_root() {
        missing.push("root".to_owned());
    }
    missing.extend(
        programs
            .iter()
            .filter(|name| on_path(name).is_none())
            .map(|name| (*name).to_owned()),
    );
    if missing.is_empty() {
        return true;
    }
    let missing = missing.join(", ");
    assert!(
        std::env::var_os("CI").is_none(),
        "{story}: needs {missing}, and CI skips nothing"
    );
    // Not by the print macros: the test runner keeps what those say of a passing test to itself.
    let _ = writeln!(
        std::io::stderr(),
        "\n*** SKIPPED: {story}: needs {missing} ***\n"
    );
    false
}

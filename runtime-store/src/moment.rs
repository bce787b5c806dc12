//! The clock, for those who call the store. Nothing that decides reads it.

use jiff::Timestamp;

/// This moment in whole seconds: what every file of the store holds.
pub fn now() -> Timestamp {
    let exact = Timestamp::now();
    Timestamp::from_second(exact.as_second()).unwrap_or(exact)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_moment_is_written_without_fractions() {
        assert!(!super::now().to_string().contains('.'));
    }
}

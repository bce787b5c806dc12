//! The headless agent as a service: its own version, its own replacement, and its way back.
//!
//! ```text
//! label     version and platform, compiled into every binary and read out of any
//! ```

pub(crate) mod label;

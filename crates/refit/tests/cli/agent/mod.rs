//! The agent as a service: real binaries that replace one another, under a service manager that starts again
//! what ends.

mod binaries;
mod replacing;
mod services;
mod serving;
mod signing;
mod steered;

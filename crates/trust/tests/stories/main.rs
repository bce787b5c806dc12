//! Stories of one device, a publisher who really signs, and a host that may be hostile.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../support/mod.rs"]
mod support;

mod attacks;
mod clock;
mod formats;
mod honest;
mod hosts;
mod roots;
mod sequences;
mod settled;
mod store;

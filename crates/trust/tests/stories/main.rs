//! Stories of one device, a publisher who really signs, and a host that may be hostile.

#[path = "../support/mod.rs"]
mod support;

mod attacks;
mod clock;
mod honest;
mod roots;
mod sequences;
mod store;

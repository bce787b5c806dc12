//! Agents against real brokers. What is steered is played: fetching and starting are other crates' stories.

#![allow(clippy::unwrap_used, reason = "tests")]

mod beating;
mod following;
mod outbox;
mod played;
mod scene;
mod signing;
mod watching;

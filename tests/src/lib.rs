//! What the stories stand on: the real parts, and a stage for them to act on.
//!
//! ```text
//! packages ─► registries (folder served by `refit serve`, Verdaccio; a gate may stand in front)
//!          ─► Site: Publisher (`refit publish`, `rollout`, `repo`) ─► two Hosts, hostile by Rule
//!                  │
//! Scene: temp data dir + bundled runtime + config ─► refit | refit-shell
//!                  │                                      │
//!                  └── status (`refit status --json`)     └── Driver ─► Window (`WebDriver`)
//! ```
//!
//! # Invariants
//!
//! * Nothing leaves loopback; each story has folders, ports and processes of its own.
//! * A story waits for what it wants to see, with a generous end; it never sleeps for a time.
//! * A story that cannot run here (no root, no strace) says so aloud, and fails when `CI` is set.

pub mod browser;
pub mod client;
pub mod clock;
pub mod display;
pub mod driver;
pub mod gate;
pub mod host;
pub mod mounts;
pub mod packages;
pub mod parts;
pub mod play;
pub mod privileges;
pub mod processes;
pub mod publisher;
pub mod reader;
pub mod registries;
pub mod scene;
pub mod site;
pub mod wait;
pub mod window;

pub use browser::Browser;
pub use clock::Clock;
pub use driver::Driver;
pub use gate::Gate;
pub use host::{Host, Rule};
pub use packages::{Mode, Package};
pub use play::Teller;
pub use publisher::Publisher;
pub use scene::{Answer, Scene};
pub use site::Site;
pub use window::Window;

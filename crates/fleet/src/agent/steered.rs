//! What an agent steers: a runtime, or its own binary.

use std::fmt::Debug;
use std::pin::Pin;
use std::time::Duration;

use rollout::Version;
use rollout::fleet::{Now, Refused, Subject};
use tokio::sync::watch;

/// A boxed future, the same type as `futures_util::future::BoxFuture`.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Something whose version an operator may choose. Implemented by whoever composes the parts.
pub trait Steered: Debug + Send + Sync {
    /// What it is.
    fn subject(&self) -> Subject;

    /// How it is now. Asks the disk, not the network.
    fn look(&self) -> BoxFuture<'_, Look>;

    /// Moves when something happened after which [`Steered::look`] may say something else.
    fn changes(&self) -> watch::Receiver<u64>;

    /// Whether anything is followed here at all, and if not, by whose word.
    fn may_follow(&self) -> Result<(), Refused>;

    /// Whether nothing runs although something should.
    fn is_halted(&self) -> bool;

    /// Fetches `version`, whose bytes are believed on somebody else's word than the operator's, and points at it;
    /// `older` says that it is an ordered downgrade.
    fn stage<'a>(&'a self, version: &'a Version, older: bool) -> BoxFuture<'a, Staging>;

    /// Restarts into `version`, which is staged.
    fn swap<'a>(&'a self, version: &'a Version) -> BoxFuture<'a, Swap>;
}

/// How something that is steered is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// What runs, and what the next start would run.
    pub now: Now,
    /// Versions that are bad here, the newest last.
    pub bad: Vec<Version>,
}

/// What became of an order to stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Staging {
    /// The next start runs it.
    Staged,
    /// It is not to be had here, for a reason that asking again does not change.
    Refused(Refused),
    /// Not now: the network, the disk, another stage. It is tried again.
    Trouble(Refused),
    /// Not now, and whoever was asked wants to be left alone for so long.
    Later(Refused, Duration),
}

/// What became of an order to swap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Swap {
    /// It was tried; what runs now says how it went.
    Tried,
    /// It waits for a person, or for work to end; nothing is to be done about it here.
    Waits(Refused),
}

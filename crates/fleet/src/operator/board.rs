//! Orders and ramps as they come: what stands on every scope, and then each change.

use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::DeliverPolicy;
use rollout::fleet::ramp::Ramp;
use rollout::fleet::{Scope, Subject, Target};

use super::observe::{From, Source};
use crate::FleetError;
use crate::names::Names;
use crate::origin;
use crate::report::detail;

/// What was written on one of the two boards.
#[derive(Debug, Clone, PartialEq)]
pub enum Word {
    /// A scope's target; none where it was removed by hand.
    Target(Subject, Scope, Option<Box<Target>>),
    /// The ramp under a key; none where it was removed. A key holds one ramp after another.
    Ramp(String, Option<Box<Ramp>>),
    /// Something else under a key of the ramps, who leads for example; whether it is there, or was removed.
    Other(String, bool),
    /// Something that cannot be read, and why.
    Nonsense(String),
}

/// Which of the boards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// The bucket of targets.
    Targets,
    /// The bucket of ramps.
    Ramps,
}

/// The last word under each key of one board, and then each that comes: one consumer, however many keys.
#[derive(Debug)]
pub struct Board {
    of: Of,
    source: Source,
    prefix: String,
}

impl Board {
    /// Begins to listen.
    ///
    /// # Errors
    /// What the broker refuses.
    pub async fn open(jetstream: &Context, names: &Names, of: Of) -> Result<Self, FleetError> {
        let bucket = match of {
            Of::Targets => names.targets(),
            Of::Ramps => names.ramps(),
        };
        let prefix = format!("$KV.{bucket}.");
        let from = From {
            stream: format!("KV_{bucket}"),
            subject: format!("{prefix}>"),
            policy: DeliverPolicy::LastPerSubject,
            doing: of.doing(),
        };
        let source = Source::open(jetstream, names, from).await?;
        Ok(Self { of, source, prefix })
    }

    /// Whether all that stood there when this was opened is read.
    pub fn is_caught_up(&self) -> bool {
        self.source.left == 0
    }

    /// The next word, however long it takes.
    ///
    /// # Errors
    /// Where the broker stops to tell; open another one then.
    pub async fn next(&mut self) -> Result<Word, FleetError> {
        let (message, _) = self.source.next().await?;
        let key = message
            .subject
            .strip_prefix(&self.prefix)
            .unwrap_or_default();
        let headers = message.headers.as_ref();
        if headers.is_some_and(|it| !origin::is_first_hand(it)) {
            let words = format!("{} is a copy of another message", detail(key));
            return Ok(Word::Nonsense(words));
        }
        let removed = headers.is_some_and(|it| it.get("KV-Operation").is_some());
        let content = (!removed).then_some(&*message.payload);
        Ok(match self.of {
            Of::Targets => target(key, content),
            Of::Ramps => ramp(key, content),
        })
    }
}

impl Of {
    fn doing(self) -> &'static str {
        match self {
            Self::Targets => "tell the targets",
            Self::Ramps => "tell the ramps",
        }
    }
}

fn target(key: &str, content: Option<&[u8]>) -> Word {
    let Some((subject, scope)) = Scope::of_key(key) else {
        return Word::Nonsense(format!("{} is no scope's key", detail(key)));
    };
    match content.map(Target::parse).transpose() {
        Ok(target) => Word::Target(subject, scope, target.map(Box::new)),
        Err(error) => Word::Nonsense(format!("the target of {scope}: {error}")),
    }
}

fn ramp(key: &str, content: Option<&[u8]>) -> Word {
    if !(key.starts_with("ramp.") || key.starts_with("past.")) {
        return Word::Other(detail(key), content.is_some());
    }
    match content.map(Ramp::parse).transpose() {
        Ok(ramp) => Word::Ramp(key.to_owned(), ramp.map(Box::new)),
        Err(error) => Word::Nonsense(format!("{}: {error}", detail(key))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_contents_that_are_none_are_told_as_that() {
        let good = br#"{"version":"1.0.0","generation":7,"at":"2026-06-12T08:00:00Z"}"#;
        assert!(matches!(
            target("runtime.global", Some(good)),
            Word::Target(Subject::Runtime, Scope::Global, Some(_))
        ));
        assert!(matches!(
            target("runtime.global", None),
            Word::Target(_, _, None)
        ));
        assert!(matches!(
            target("runtime.global", Some(b"{}")),
            Word::Nonsense(_)
        ));
        assert!(matches!(
            target("shell.global", Some(good)),
            Word::Nonsense(_)
        ));
        assert_eq!(
            ramp("lease", Some(b"x")),
            Word::Other("lease".to_owned(), true)
        );
        assert!(matches!(ramp("past.r", Some(b"x")), Word::Nonsense(_)));
        assert!(matches!(
            ramp("ramp.runtime.global", None),
            Word::Ramp(_, None)
        ));
    }
}

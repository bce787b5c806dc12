//! Values that cannot be meant.

use std::time::Duration;

use url::Url;

use super::{Config, address};

/// A key, and what is wrong with its value.
pub(super) type Problem = (&'static str, String);

impl Config {
    /// The first value that cannot be meant, with its key.
    pub(super) fn problem(&self) -> Option<Problem> {
        self.program_problem()
            .or_else(|| self.release_problem())
            .or_else(|| self.launch_problem())
            .or_else(|| self.keeping_problem())
    }

    /// What is started.
    fn program_problem(&self) -> Option<Problem> {
        if !is_inside(&self.entry) {
            return Some(("entry", must_be_inside(&self.entry)));
        }
        if let Some(path) = self.carry.iter().find(|path| !is_inside(path)) {
            return Some(("carry", must_be_inside(path)));
        }
        if self
            .command
            .first()
            .is_none_or(|program| program.trim().is_empty())
        {
            return Some(("command", "is empty; name at least a program".to_owned()));
        }
        // It is that folder. Each launch would fail by it.
        if self.cwd.contains("{workspace}") {
            let problem = "cannot name `{workspace}`, which is that folder";
            return Some(("cwd", problem.to_owned()));
        }
        self.wrong_template()
    }

    /// The first text with a `{name}` that no launch knows.
    fn wrong_template(&self) -> Option<Problem> {
        let commands = self.command.iter().map(|text| ("command", text));
        commands
            .chain([("cwd", &self.cwd)])
            .find_map(|(key, text)| {
                let error = supervisor::check_template(text).err()?;
                Some((key, format!("has `{text}`: {error}")))
            })
    }

    /// Where versions come from, and who says which.
    fn release_problem(&self) -> Option<Problem> {
        if let Some(problem) = self.fleet.as_ref().and_then(super::fleet::Fleet::problem) {
            return Some(("fleet", problem));
        }
        // It would be shipped to every user, and shown wherever settings are.
        if self.registry.as_ref().is_some_and(address::has_login) {
            let problem = "has a login in it; leave it out and keep it in the user's .npmrc";
            return Some(("registry", problem.to_owned()));
        }
        if !address::is_channel(&self.channel) {
            let problem = format!("`{}` is neither a dist-tag nor a version", self.channel);
            return Some(("channel", problem));
        }
        self.manifest_problem().or_else(|| self.trust_problem())
    }

    fn manifest_problem(&self) -> Option<Problem> {
        let addresses = [("manifest", &self.manifest), ("latest", &self.latest)];
        for (key, url) in addresses {
            // A signed repository has the manifest in it: an unsigned one beside it would mislead.
            if url.is_some() && self.trust.is_some() {
                let problem = "cannot stand beside `trust`, whose repository says it; remove one";
                return Some((key, problem.to_owned()));
            }
            if let Some(problem) = url.as_ref().and_then(address::unfit) {
                return Some((key, problem));
            }
        }
        let lonely = self.latest.is_some() && self.manifest.is_none();
        lonely.then(|| {
            let problem = "needs `manifest`; asked when that address answers 404 or 410";
            ("latest", problem.to_owned())
        })
    }

    fn trust_problem(&self) -> Option<Problem> {
        let trust = self.trust.as_ref()?;
        let has_more = |url: &Url| url.query().is_some() || url.fragment().is_some();
        if trust.root.as_os_str().is_empty() {
            let problem = "is empty; name the `root.json` that is shipped with the app";
            return Some(("trust.root", problem.to_owned()));
        }
        if has_more(&trust.url) {
            let problem = "is a folder's address, which has no `?` and no `#`";
            return Some(("trust.url", problem.to_owned()));
        }
        address::unfit(&trust.url).map(|problem| ("trust.url", problem))
    }

    /// How it is started and watched.
    fn launch_problem(&self) -> Option<Problem> {
        let ready_ways = usize::from(self.ready.http.is_some())
            + usize::from(self.ready.tcp)
            + usize::from(self.ready.line.is_some());
        if ready_ways != 1 {
            return Some((
                "ready",
                "needs exactly one of `http`, `tcp` and `line`".to_owned(),
            ));
        }
        if self
            .ready
            .http
            .as_ref()
            .is_some_and(|path| !path.starts_with('/'))
        {
            return Some((
                "ready",
                "`http` must be a path that starts with `/`".to_owned(),
            ));
        }
        if self.ready.timeout.is_zero() {
            return Some(("ready", "`timeout` must be longer than nothing".to_owned()));
        }
        if self.attempts == 0 {
            return Some(("attempts", "must be at least 1".to_owned()));
        }
        if self.check.every < Duration::from_secs(1) {
            return Some(("check", "`every` must be at least 1s".to_owned()));
        }
        None
    }
}

/// Whether a configured path stays below the folder it is joined to, on every system, and is
/// written in the one way that an archive would write it.
pub(super) fn is_inside(path: &str) -> bool {
    !path.contains(['\\', '\0', ':'])
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

fn must_be_inside(path: &str) -> String {
    format!("`{path}` must be a relative path with `/` and without `..`, such as `dist/cli.js`")
}

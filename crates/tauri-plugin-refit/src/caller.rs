//! Who is asking, and what they may ask for: plain decisions over URLs.

use tauri::Url;

/// Scheme, host and port. (`url`'s own origins of `tauri:` are all opaque and never equal.)
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl Origin {
    /// The origin of a page; none for a URL that has no host.
    pub(crate) fn of(url: &Url) -> Option<Self> {
        Some(Self {
            scheme: url.scheme().to_owned(),
            host: url.host_str().filter(|host| !host.is_empty())?.to_owned(),
            port: url.port_or_known_default(),
        })
    }
}

/// A page that is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// One of the app's own pages.
    Shell,
    /// The page of the runtime that the main window was sent to.
    Runtime,
}

/// Whose page a URL is, if anybody's.
pub(crate) fn caller(url: &Url, shell: &[Origin], runtime: Option<&Origin>) -> Option<Caller> {
    let origin = Origin::of(url)?;
    if shell.contains(&origin) {
        Some(Caller::Shell)
    } else if runtime == Some(&origin) {
        Some(Caller::Runtime)
    } else {
        None
    }
}

/// What a page may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Status,
    Check,
    Apply,
    Retry,
    Rollback,
    History,
    Logs,
    Apps,
    AppCheck,
    AppUpgrade,
    Workspaces,
    WorkspaceAdd,
    WorkspaceRemove,
    WorkspaceRestart,
    WorkspaceShow,
}

impl Command {
    /// Whether this page may ask for it.
    pub(crate) fn is_for(self, caller: Caller) -> bool {
        match self {
            Self::Status | Self::Check | Self::Apply | Self::Retry => true,
            Self::Rollback
            | Self::History
            | Self::Logs
            | Self::Apps
            | Self::AppCheck
            | Self::AppUpgrade
            | Self::Workspaces
            | Self::WorkspaceAdd
            | Self::WorkspaceRemove
            | Self::WorkspaceRestart
            | Self::WorkspaceShow => caller == Caller::Shell,
        }
    }
}

/// The origins of the app's own pages.
///
/// `page_url` is the development server or remote front end where the configuration names one;
/// all else comes from Tauri's own scheme, which is a host below `localhost` on Windows.
pub(crate) fn shell_origins(page_url: Option<&Url>) -> Vec<Origin> {
    let own = if cfg!(any(windows, target_os = "android")) {
        &["http://tauri.localhost", "https://tauri.localhost"][..]
    } else {
        &["tauri://localhost"][..]
    };
    let own = own.iter().filter_map(|url| Url::parse(url).ok());
    own.chain(page_url.cloned())
        .filter_map(|url| Origin::of(&url))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn who(text: &str) -> Option<Caller> {
        let shell = [Origin::of(&url("tauri://localhost")).unwrap()];
        let runtime = Origin::of(&url("http://127.0.0.1:4321/"));
        caller(&url(text), &shell, runtime.as_ref())
    }

    #[test]
    fn pages_are_told_apart_by_their_whole_origin() {
        assert_eq!(
            who("tauri://localhost/runtime.html?a#b"),
            Some(Caller::Shell)
        );
        assert_eq!(
            who("http://127.0.0.1:4321/deep/page"),
            Some(Caller::Runtime)
        );
        for stranger in [
            "http://127.0.0.1:4322/",
            "http://127.0.0.1/",
            "https://127.0.0.1:4321/",
            "http://localhost:4321/",
            "http://[::1]:4321/",
            "http://127.0.0.1.example.org:4321/",
            "http://example.org/?http://127.0.0.1:4321/",
            "tauri://evil/",
            "http://tauri.localhost.example.org/",
            "about:blank",
            "data:text/html,x",
            "blob:http://127.0.0.1:4321/x",
            "file:///etc/passwd",
        ] {
            assert_eq!(who(stranger), None, "{stranger}");
        }
    }

    #[test]
    fn before_a_runtime_runs_only_the_apps_own_pages_are_answered() {
        let shell = shell_origins(None);
        assert_eq!(caller(&url("http://127.0.0.1:4321/"), &shell, None), None);
    }

    #[test]
    fn a_development_server_is_the_apps_own_page_beside_tauris_scheme() {
        let server = url("http://localhost:1420/");
        let shell = shell_origins(Some(&server));
        assert_eq!(
            caller(&url("http://localhost:1420/x"), &shell, None),
            Some(Caller::Shell)
        );
        assert_eq!(caller(&url("http://localhost:1421/x"), &shell, None), None);
        #[cfg(not(any(windows, target_os = "android")))]
        assert_eq!(
            caller(&url("tauri://localhost/"), &shell, None),
            Some(Caller::Shell)
        );
    }

    /// Every command by its name.
    const COMMANDS: [(&str, Command); 15] = [
        ("status", Command::Status),
        ("check", Command::Check),
        ("apply", Command::Apply),
        ("retry", Command::Retry),
        ("rollback", Command::Rollback),
        ("history", Command::History),
        ("logs", Command::Logs),
        ("apps", Command::Apps),
        ("app-check", Command::AppCheck),
        ("app-upgrade", Command::AppUpgrade),
        ("workspaces", Command::Workspaces),
        ("workspace-add", Command::WorkspaceAdd),
        ("workspace-remove", Command::WorkspaceRemove),
        ("workspace-restart", Command::WorkspaceRestart),
        ("workspace-show", Command::WorkspaceShow),
    ];

    #[test]
    fn the_runtimes_page_reaches_four_commands_and_no_more() {
        let reached = COMMANDS.iter().filter(|(_, it)| it.is_for(Caller::Runtime));
        let names: Vec<_> = reached.map(|(name, _)| *name).collect();
        assert_eq!(names, ["status", "check", "apply", "retry"]);
        assert!(COMMANDS.iter().all(|(_, it)| it.is_for(Caller::Shell)));
    }

    #[test]
    fn the_permission_sets_and_the_commands_own_check_agree() {
        let (default, shell) = include_str!("../permissions/default.toml")
            .split_once("[[set]]")
            .unwrap();
        for (name, command) in COMMANDS {
            let permission = format!("\"allow-{name}\"");
            let for_runtime = command.is_for(Caller::Runtime);
            assert_eq!(default.contains(&permission), for_runtime, "{name}");
            assert_eq!(shell.contains(&permission), !for_runtime, "{name}");
        }
        let script = include_str!("../build.rs");
        let built = script.lines().filter(|line| line.starts_with("    \""));
        assert_eq!(
            built.count(),
            COMMANDS.len(),
            "a command without a permission"
        );
    }

    #[test]
    fn of_several_workspaces_only_the_one_that_is_shown_is_answered() {
        // Others serve on 4322 and 4323, and the capability covers all of loopback.
        for other in ["http://127.0.0.1:4322/", "http://127.0.0.1:4323/"] {
            assert_eq!(who(other), None, "{other}");
        }
        assert_eq!(who("http://127.0.0.1:4321/"), Some(Caller::Runtime));
    }
}

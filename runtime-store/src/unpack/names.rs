//! Which names may come into being, on any file system that a shell runs on.

use unicode_normalization::UnicodeNormalization as _;

use super::{Limits, Refusal};

/// Splits a name of the archive into components and strips the first, whatever it is, as npm does.
/// No components are left of the stripped folder's own entry.
pub(super) fn check<'a>(raw: &'a [u8], limits: &Limits) -> Result<Vec<&'a str>, Refusal> {
    if raw.contains(&0) {
        return Err(Refusal::Nul);
    }
    let name = std::str::from_utf8(raw).map_err(|_| Refusal::NotUtf8)?;
    if name.contains('\\') {
        return Err(Refusal::Backslash);
    }
    if name.starts_with('/') {
        return Err(Refusal::Absolute);
    }
    let name = name.strip_suffix('/').unwrap_or(name);
    let mut components = name.split('/');
    let stripped = components.next().unwrap_or_default();
    if stripped == ".." {
        return Err(Refusal::ParentFolder);
    }
    if stripped.is_empty() {
        return Err(Refusal::NotPlain);
    }
    // What is left when the first component and its slash are gone.
    if name.len().saturating_sub(stripped.len() + 1) > limits.path_bytes {
        return Err(Refusal::NameTooLong(limits.path_bytes));
    }
    let mut path = Vec::new();
    for component in components {
        match component {
            ".." => return Err(Refusal::ParentFolder),
            "" | "." => return Err(Refusal::NotPlain),
            _ if component.len() > limits.component_bytes => {
                return Err(Refusal::ComponentTooLong(limits.component_bytes));
            }
            _ if is_reserved(component) => {
                return Err(Refusal::Reserved(component.escape_debug().to_string()));
            }
            _ => path.push(component),
        }
        if path.len() > limits.depth {
            return Err(Refusal::TooDeep(limits.depth));
        }
    }
    Ok(path)
}

/// What Windows does not let a file be called, or silently calls something else.
fn is_reserved(component: &str) -> bool {
    component.ends_with(['.', ' '])
        || component
            .chars()
            .any(|c| c.is_ascii_control() || "<>:\"|?*".contains(c))
        || is_device(component)
}

/// Device names are reserved with any extension: `nul.txt` is the null device too.
fn is_device(component: &str) -> bool {
    let stem = component
        .split('.')
        .next()
        .unwrap_or_default()
        .trim_end_matches(' ');
    let stem = stem.to_ascii_uppercase();
    if matches!(
        stem.as_str(),
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$"
    ) {
        return true;
    }
    ["COM", "LPT"].iter().any(|port| {
        stem.strip_prefix(port).is_some_and(|number| {
            let mut digits = number.chars();
            matches!(digits.next(), Some('0'..='9' | '¹' | '²' | '³')) && digits.next().is_none()
        })
    })
}

/// The form in which two names are one on a file system that ignores case or normalises.
/// `None` where that is the name itself, the common case.
pub(super) fn folded(component: &str) -> Option<String> {
    if component.is_ascii() {
        return component
            .bytes()
            .any(|byte| byte.is_ascii_uppercase())
            .then(|| component.to_ascii_lowercase());
    }
    // Lower, upper, lower: letters with several lower forms (ſ and s, ς and σ, ß and ẞ) meet.
    let folded: String = component
        .nfd()
        .flat_map(char::to_lowercase)
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .nfc()
        .collect();
    (folded != component).then_some(folded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: &str) -> Result<Vec<&str>, Refusal> {
        super::check(raw.as_bytes(), &Limits::default())
    }

    #[test]
    fn the_first_component_is_stripped_whatever_it_is() {
        assert_eq!(check("package/dist/cli.js"), Ok(vec!["dist", "cli.js"]));
        assert_eq!(check("./package.json"), Ok(vec!["package.json"]));
        assert_eq!(check("any: name?/x"), Ok(vec!["x"]));
        assert_eq!(check("package/lib/"), Ok(vec!["lib"]));
        assert_eq!(check("package/"), Ok(vec![]));
        assert_eq!(check("package"), Ok(vec![]));
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        assert_eq!(check("/etc/passwd"), Err(Refusal::Absolute));
        assert_eq!(check("package/../x"), Err(Refusal::ParentFolder));
        assert_eq!(check("../x"), Err(Refusal::ParentFolder));
        assert_eq!(check("package/a/.."), Err(Refusal::ParentFolder));
        assert_eq!(check("package\\x"), Err(Refusal::Backslash));
        assert_eq!(check("package//x"), Err(Refusal::NotPlain));
        assert_eq!(check("package/./x"), Err(Refusal::NotPlain));
        assert_eq!(check(""), Err(Refusal::NotPlain));
        assert_eq!(check("package/a\0b"), Err(Refusal::Nul));
        assert_eq!(
            super::check(b"package/\xff", &Limits::default()),
            Err(Refusal::NotUtf8)
        );
    }

    #[test]
    fn names_that_windows_reserves_are_refused() {
        for name in [
            "CON",
            "con",
            "nul.txt",
            "Aux.tar.gz",
            "COM1",
            "lpt9.log",
            "COM¹",
            "NUL .txt",
            "a:b",
            "C:",
            "x.",
            "x ",
            "a*",
            "a?",
            "a\"b",
            "a<b",
            "a|b",
            "tab\t",
            "CONIN$",
        ] {
            let raw = format!("package/{name}");
            assert!(matches!(check(&raw), Err(Refusal::Reserved(_))), "{name:?}");
        }
        for name in [
            "console",
            "com",
            "com10",
            "nullable.js",
            "auxiliary",
            ".npmrc",
            "a b",
            "lpt",
        ] {
            assert!(check(&format!("package/{name}")).is_ok(), "{name:?}");
        }
    }

    #[test]
    fn lengths_and_depth_end_where_the_limits_say() {
        let limits = Limits::default();
        let component = |len| format!("package/{}", "a".repeat(len));
        assert!(check(&component(limits.component_bytes)).is_ok());
        assert_eq!(
            check(&component(limits.component_bytes + 1)),
            Err(Refusal::ComponentTooLong(200))
        );
        let deep = |depth| format!("package{}", "/a".repeat(depth));
        assert_eq!(check(&deep(64)).map(|path| path.len()), Ok(64));
        assert_eq!(check(&deep(65)), Err(Refusal::TooDeep(64)));
        // 128 bytes a component with its slash, and the last makes up the rest.
        let long = |bytes: usize| {
            let last = "c".repeat(bytes - 7 * 128);
            format!("{}{last}", format!("{}/", "b".repeat(127)).repeat(7))
        };
        for (first, end) in [("package", ""), ("package", "/"), ("any other folder", "/")] {
            let of = |bytes| format!("{first}/{}{end}", long(bytes));
            assert_eq!(check(&of(1024)).map(|path| path.join("/").len()), Ok(1024));
            assert_eq!(check(&of(1025)), Err(Refusal::NameTooLong(1024)));
        }
    }

    #[test]
    fn names_that_differ_only_in_case_or_form_fold_to_one() {
        let fold = |name: &str| folded(name).unwrap_or_else(|| name.to_owned());
        for (a, b) in [
            ("README", "readme"),
            ("caf\u{e9}", "cafe\u{301}"),
            ("CAF\u{c9}", "cafe\u{301}"),
            ("stra\u{df}e", "STRASSE"),
            ("\u{1e9e}", "ss"),
            ("\u{3c3}", "\u{3c2}"),
            ("\u{17f}", "S"),
            ("\u{212a}", "k"),
        ] {
            assert_eq!(fold(a), fold(b), "{a} {b}");
        }
        assert_ne!(fold("a"), fold("b"));
        assert_eq!(folded("plain-name.js"), None);
    }
}

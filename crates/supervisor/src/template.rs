//! Fills `{entry}`, `{port}`, `{data}`, `{bundled}`, `{launch}` and `{workspace}` into programs,
//! arguments and folders.
//!
//! Only `{name}` with a name of letters, digits, `_` and `-` is a placeholder, so that JSON and
//! shell snippets can be arguments. Values are not looked into again: a folder called `{port}`
//! stays one.

use std::ffi::{OsStr, OsString};
use std::path::Path;

/// What the placeholders stand for in one spawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Values<'a> {
    pub(crate) entry: &'a Path,
    pub(crate) port: u16,
    pub(crate) data: &'a Path,
    pub(crate) bundled: &'a Path,
    pub(crate) launch: &'a str,
    /// The folder that this instance works in.
    pub(crate) workspace: &'a Path,
}

/// Why a text cannot be filled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A placeholder that stands for nothing.
    #[error(
        "`{{{0}}}` stands for nothing here; use `{{entry}}`, `{{port}}`, `{{data}}`, `{{bundled}}`, `{{launch}}` or `{{workspace}}`"
    )]
    Unknown(String),
}

#[derive(Clone, Copy)]
enum Name {
    Entry,
    Port,
    Data,
    Bundled,
    Launch,
    Workspace,
}

impl Name {
    fn of(text: &str) -> Result<Self, TemplateError> {
        match text {
            "entry" => Ok(Self::Entry),
            "port" => Ok(Self::Port),
            "data" => Ok(Self::Data),
            "bundled" => Ok(Self::Bundled),
            "launch" => Ok(Self::Launch),
            "workspace" => Ok(Self::Workspace),
            _ => Err(TemplateError::Unknown(text.to_owned())),
        }
    }
}

enum Piece<'a> {
    Text(&'a str),
    Name(Name),
}

/// Whether a text names the folder of its workspace, which the working folder cannot: it is that.
pub(crate) fn names_workspace(text: &str) -> bool {
    pieces(text).is_ok_and(|pieces| {
        pieces
            .iter()
            .any(|piece| matches!(piece, Piece::Name(Name::Workspace)))
    })
}

/// Checks that a text names nothing but what a launch knows.
///
/// # Errors
/// The first placeholder that stands for nothing.
pub fn check_template(text: &str) -> Result<(), TemplateError> {
    pieces(text).map(|_| ())
}

pub(crate) fn fill(text: &str, values: &Values<'_>) -> Result<OsString, TemplateError> {
    let mut filled = OsString::new();
    for piece in pieces(text)? {
        match piece {
            Piece::Text(text) => filled.push(text),
            Piece::Name(Name::Entry) => filled.push(values.entry),
            Piece::Name(Name::Port) => filled.push(values.port.to_string()),
            Piece::Name(Name::Data) => filled.push(values.data),
            Piece::Name(Name::Bundled) => filled.push(values.bundled),
            Piece::Name(Name::Launch) => filled.push(OsStr::new(values.launch)),
            Piece::Name(Name::Workspace) => filled.push(values.workspace),
        }
    }
    Ok(filled)
}

fn pieces(text: &str) -> Result<Vec<Piece<'_>>, TemplateError> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let after = &rest[open + 1..];
        let name = after.find('}').map(|close| &after[..close]);
        match name {
            Some(name) if is_name(name) => {
                pieces.push(Piece::Text(&rest[..open]));
                pieces.push(Piece::Name(Name::of(name)?));
                rest = &after[name.len() + 1..];
            }
            _ => {
                pieces.push(Piece::Text(&rest[..=open]));
                rest = after;
            }
        }
    }
    pieces.push(Piece::Text(rest));
    Ok(pieces)
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values<'a>() -> Values<'a> {
        Values {
            entry: Path::new("/v/1.0.0/dist/cli.js"),
            port: 4100,
            data: Path::new("/home/{port}"),
            bundled: Path::new("/app/runtime"),
            launch: "id-1",
            workspace: Path::new("/boards/one"),
        }
    }

    #[test]
    fn every_name_is_filled_in_wherever_it_stands() {
        let filled = fill("{entry}:{port}:{bundled}:{launch}:{workspace}!", &values());
        assert_eq!(
            filled.expect("fill"),
            "/v/1.0.0/dist/cli.js:4100:/app/runtime:id-1:/boards/one!"
        );
    }

    #[test]
    fn a_value_is_not_looked_into_again() {
        assert_eq!(fill("{data}", &values()).expect("fill"), "/home/{port}");
    }

    #[test]
    fn braces_that_hold_no_name_are_text() {
        for text in ["{\"a\":{}}", "{", "}{", "{ port }", "${}", "{1}", ""] {
            assert_eq!(fill(text, &values()).expect("fill"), text, "{text}");
        }
        assert_eq!(fill("{{port}}", &values()).expect("fill"), "{4100}");
    }

    #[test]
    fn an_unknown_name_is_an_error_that_names_it() {
        assert_eq!(
            check_template("--x={Port}"),
            Err(TemplateError::Unknown("Port".into()))
        );
    }
}

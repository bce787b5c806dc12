//! What a command leaves behind: data on stdout, words on stderr, an exit code.

use std::io::{self, Write as _};
use std::process::ExitCode;

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use serde::Serialize;
use serde_json::{Value, json};

use crate::failure::Failure;

/// Exit codes of a command that has an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Done = 0,
    Failed = 1,
    NothingToDo = 3,
    /// The agent wants to be started anew.
    Restart = crate::agent::RESTART as isize,
}

/// The result of a command that did not fail.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The one object of `--json`; none when it was told while the command ran.
    json: Option<Value>,
    /// Without `--json`: data for stdout.
    data: Option<String>,
    /// Without `--json`: words for stderr.
    words: Option<String>,
    /// How the process ends.
    end: End,
}

impl Answer {
    /// Something was done; `json` is its whole description.
    pub(crate) fn done(json: impl Serialize) -> Self {
        Self {
            // Our own plain structs: maps have text keys, so this cannot fail; `null` would show.
            json: Some(serde_json::to_value(json).unwrap_or_default()),
            data: None,
            words: None,
            end: End::Done,
        }
    }

    /// Everything was told while the command ran.
    pub(crate) fn silent() -> Self {
        Self {
            json: None,
            ..Self::done(Value::Null)
        }
    }

    /// Everything was told, and the service manager is to start this program anew.
    pub(crate) fn restart(words: impl Into<String>) -> Self {
        Self {
            end: End::Restart,
            ..Self::silent().words(words)
        }
    }

    /// There was nothing to do; `words` say why.
    pub(crate) fn nothing_to_do(json: impl Serialize, words: impl Into<String>) -> Self {
        Self {
            end: End::NothingToDo,
            ..Self::done(json).words(words)
        }
    }

    /// What was asked for was done, and what it found or came to is a failure.
    pub(crate) fn unwell(json: impl Serialize, words: impl Into<String>) -> Self {
        Self {
            end: End::Failed,
            ..Self::done(json).words(words)
        }
    }

    /// Adds data for stdout.
    pub(crate) fn data(mut self, data: impl Into<String>) -> Self {
        self.data = Some(data.into());
        self
    }

    /// Adds words for stderr.
    pub(crate) fn words(mut self, words: impl Into<String>) -> Self {
        self.words = Some(words.into());
        self
    }
}

/// Prints what a command left behind and says how the process ends.
pub(crate) fn finish(json: bool, result: Result<Answer, Failure>) -> ExitCode {
    match result {
        Ok(answer) => {
            if json {
                if let Some(json) = &answer.json {
                    line(io::stdout(), &json.to_string());
                }
            } else {
                if let Some(data) = &answer.data {
                    line(io::stdout(), data);
                }
                if let Some(words) = &answer.words {
                    line(io::stderr(), words);
                }
            }
            ExitCode::from(answer.end as u8)
        }
        Err(failure) => {
            if json {
                line(io::stdout(), &json!({ "error": failure }).to_string());
            } else {
                line(io::stderr(), &format!("Error: {}", failure.message));
                if let Some(hint) = &failure.hint {
                    line(io::stderr(), hint);
                }
            }
            ExitCode::from(if failure.usage { 2 } else { 1 })
        }
    }
}

/// A table without lines, columns apart by two blanks.
pub(crate) fn table<const N: usize>(rows: impl IntoIterator<Item = [String; N]>) -> String {
    columns(rows.into_iter().map(Vec::from))
}

/// The same, where how many columns there are is known only by then.
pub(crate) fn columns(rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

/// One line of data at once, for commands that go on running after they told it.
pub(crate) fn tell(json: bool, object: &Value, data: &str) {
    if json {
        line(io::stdout(), &object.to_string());
    } else {
        line(io::stdout(), data);
    }
}

/// One line of words at once.
pub(crate) fn say(words: &str) {
    line(io::stderr(), words);
}

/// A question; its answer goes on the same line.
pub(crate) fn ask(question: &str) {
    let mut stderr = io::stderr();
    let _ = write!(stderr, "{question}").and_then(|()| stderr.flush());
}

/// A reader that went away (`refit status | head -1`) is no failure of the command.
fn line(mut to: impl io::Write, text: &str) {
    let _ = writeln!(to, "{text}").and_then(|()| to.flush());
}

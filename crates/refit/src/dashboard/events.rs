//! What changed since a page last heard: the whole at first, then only the fields that are others.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::response::sse::Event;
use serde_json::Value;

use super::wire::Overview;

/// So many of the last states are known, so that a page that was cut off for a moment need not hear all again.
const KEPT: usize = 30;

/// One state of the fleet, field by field as JSON.
#[derive(Debug)]
pub(super) struct State {
    /// Grows by one.
    pub(super) number: u64,
    fields: Vec<(String, Arc<str>)>,
}

/// The last states.
#[derive(Debug)]
pub(super) struct States {
    /// Of this run of the server: a number of another run says nothing.
    run: String,
    last: VecDeque<Arc<State>>,
}

impl States {
    pub(super) fn new(run: String) -> Self {
        Self {
            run,
            last: VecDeque::new(),
        }
    }

    /// Takes in how the fleet is now.
    pub(super) fn add(&mut self, overview: &Overview) -> Arc<State> {
        let before = self.last.back();
        // Our own plain structs with text keys: this is an object.
        let value = serde_json::to_value(overview).unwrap_or_default();
        let fields = match value {
            Value::Object(fields) => fields,
            _ => serde_json::Map::new(),
        };
        let fields = fields
            .into_iter()
            .map(|(name, value)| {
                let text = value.to_string();
                let same = before.and_then(|it| it.field(&name));
                // What did not change is kept once.
                let same = same.filter(|it| ***it == *text).cloned();
                let text = same.unwrap_or_else(|| text.into());
                (name, text)
            })
            .collect();
        let state = Arc::new(State {
            number: before.map_or(1, |it| it.number + 1),
            fields,
        });
        self.last.push_back(Arc::clone(&state));
        if self.last.len() > KEPT {
            self.last.pop_front();
        }
        state
    }

    /// The state that an event's id names, if it is still known.
    pub(super) fn of(&self, id: &str) -> Option<Arc<State>> {
        let number = id.strip_prefix(&self.run)?.strip_prefix('-')?;
        let number: u64 = number.parse().ok()?;
        self.last.iter().find(|it| it.number == number).cloned()
    }

    /// What is sent to a page that knows `known`.
    pub(super) fn event(&self, known: Option<&State>, now: &State) -> Event {
        let (name, text) = match known {
            None => ("whole", now.whole()),
            Some(known) => ("changed", now.since(known)),
        };
        let id = format!("{}-{}", self.run, now.number);
        Event::default().event(name).id(id).data(text)
    }
}

impl State {
    fn field(&self, name: &str) -> Option<&Arc<str>> {
        let mut fields = self.fields.iter();
        fields.find(|it| it.0 == name).map(|it| &it.1)
    }

    /// All of it as one object.
    pub(super) fn whole(&self) -> String {
        object(self.fields.iter())
    }

    /// The fields that are others than in `known`.
    pub(super) fn since(&self, known: &Self) -> String {
        let other = |it: &&(String, Arc<str>)| known.field(&it.0) != Some(&it.1);
        object(self.fields.iter().filter(other))
    }
}

fn object<'a>(fields: impl Iterator<Item = &'a (String, Arc<str>)>) -> String {
    let fields: Vec<_> = fields
        .map(|(name, text)| format!("\"{name}\":{text}"))
        .collect();
    format!("{{{}}}", fields.join(","))
}

#[cfg(test)]
mod tests {
    use super::super::model::testing::at;
    use super::super::wire::{self, Series};
    use super::*;

    fn overview(late: u64, seconds: i64) -> Overview {
        let series = || Series {
            start: at(0),
            step: 20,
            versions: Vec::new(),
        };
        Overview {
            fleet: "shopfloor".to_owned(),
            at: at(seconds),
            trouble: None,
            total: 7,
            late,
            states: wire::States::new(),
            versions: Vec::new(),
            groups: Vec::new(),
            targets: Vec::new(),
            targets_in_all: 0,
            ramps: Vec::new(),
            hour: series(),
            day: series(),
        }
    }

    #[test]
    fn only_what_changed_is_told_and_all_of_it_together_is_the_whole() {
        let mut states = States::new("run".to_owned());
        let first = states.add(&overview(1, 0));
        let second = states.add(&overview(2, 0));
        let third = states.add(&overview(2, 5));
        assert_eq!(second.since(&first), r#"{"late":2}"#);
        let mut laid: Value = serde_json::from_str(&first.whole()).unwrap();
        let change: Value = serde_json::from_str(&third.since(&first)).unwrap();
        for (name, value) in change.as_object().unwrap() {
            laid[name] = value.clone();
        }
        assert_eq!(laid, serde_json::from_str::<Value>(&third.whole()).unwrap());
    }

    #[test]
    fn an_id_of_this_run_is_known_for_a_while_and_one_of_another_never() {
        let mut states = States::new("run".to_owned());
        for n in 0..40 {
            states.add(&overview(n, 0));
        }
        assert_eq!(states.of("run-40").unwrap().number, 40);
        assert!(states.of("run-11").is_some());
        for stale in ["run-10", "other-40", "run-", "run-x", "", "-40", "run-41"] {
            assert!(states.of(stale).is_none(), "{stale}");
        }
    }
}

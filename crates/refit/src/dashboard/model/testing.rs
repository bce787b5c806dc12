//! A fleet to try things on.

use fleet::{Failures, Heartbeat, Standing, State};
use jiff::Timestamp;
use rollout::fleet::Scope;

/// So many seconds after the tests' now.
pub(in crate::dashboard) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_781_251_200 + seconds).unwrap()
}

pub(in crate::dashboard) fn named(n: u32) -> String {
    format!("till-{n:06}")
}

/// The heartbeat of device `n`: all versions, states and groups that there are, mixed.
pub(in crate::dashboard) fn beat(n: u32) -> Heartbeat {
    let state = match n % 23 {
        0 => State::Refused,
        1 => State::Trouble,
        2 => State::Waiting,
        3 => State::Staging,
        _ => State::Arrived,
    };
    let version = match n % 10 {
        _ if n % 97 == 13 => None,
        0..3 => Some("1.1.0"),
        9 => Some("0.9.0"),
        _ => Some("1.0.0"),
    };
    let groups = ["tills", "north"];
    let groups = &groups[..=usize::from(n.is_multiple_of(3))];
    Heartbeat {
        device: named(n).parse().unwrap(),
        at: at(0),
        groups: groups.iter().map(|it| it.parse().unwrap()).collect(),
        runtime: Standing {
            version: version.map(|it| it.parse().unwrap()),
            state: if version.is_none() {
                State::Halted
            } else {
                state
            },
            target: Some("1.1.0".parse().unwrap()),
            generation: Some(7),
            scope: Some(Scope::Global),
            reason: if state == State::Refused {
                "bad-version".to_owned()
            } else {
                String::new()
            },
            detail: String::new(),
            bad: Vec::new(),
        },
        agent: None,
        bucket: 7,
        uptime_seconds: 3_600,
        failures: Failures {
            fell_back: n % 5,
            ..Failures::default()
        },
        unsent: 0,
        platform: "linux-x86_64".to_owned(),
    }
}

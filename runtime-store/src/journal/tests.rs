use super::*;
use crate::testing::{Bench, now, v};

fn entry(version: &str) -> HistoryEntry {
    HistoryEntry {
        at: now(),
        event: HistoryEvent::FellBack,
        version: v(version),
        from: Some(v("1.2.0")),
        reason: Some("crash-loop".to_owned()),
    }
}

#[test]
fn history_is_read_back_oldest_first_and_torn_lines_are_left_out() {
    let bench = Bench::new();
    assert_eq!(bench.store.history(), []);
    bench.store.record_history(&entry("1.1.0"));
    fs::write(
        bench.path("history.log"),
        [
            &fs::read(bench.path("history.log")).unwrap()[..],
            b"{\"at\":\n\xFF\n",
        ]
        .concat(),
    )
    .unwrap();
    bench.store.record_history(&entry("1.0.0"));
    assert_eq!(bench.store.history(), [entry("1.1.0"), entry("1.0.0")]);
}

#[test]
fn a_log_never_outgrows_its_cap_and_loses_its_oldest_whole_lines() {
    let bench = Bench::new();
    let filler = "x".repeat(1_000);
    for number in 0..600 {
        bench
            .store
            .log_decision(&serde_json::json!({ "n": number, "filler": filler }));
        if number % 50 == 0 {
            let length = fs::metadata(bench.path("rollout.log")).unwrap().len();
            assert!(length <= CAP, "{length} bytes");
        }
    }
    let text = fs::read_to_string(bench.path("rollout.log")).unwrap();
    assert!(text.len() as u64 <= CAP && text.len() as u64 > CAP / 4);
    let numbers: Vec<u64> = text
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["n"]
                .as_u64()
                .unwrap()
        })
        .collect();
    assert_eq!(numbers.last(), Some(&599));
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1));
}

#[test]
fn what_cannot_be_logged_is_in_nobodys_way() {
    let bench = Bench::new();
    bench.block("history.log");
    bench.store.record_history(&entry("1.1.0"));
    assert_eq!(bench.store.history(), []);
}

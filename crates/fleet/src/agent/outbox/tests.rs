use proptest::prelude::*;
use rollout::fleet::Subject;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn report(detail: &str) -> Report {
    Report {
        device: "d".parse().unwrap(),
        seq: 0,
        at: at(0),
        subject: Subject::Runtime,
        event: Event::Staged,
        version: Some("1.0.0".parse().unwrap()),
        from: None,
        generation: None,
        reason: String::new(),
        detail: detail.to_owned(),
    }
}

fn waiting(outbox: &Outbox) -> Vec<(u64, String)> {
    outbox
        .waiting
        .iter()
        .map(|it| (it.seq, it.detail.clone()))
        .collect()
}

fn open(folder: &Path) -> Outbox {
    Outbox::open(folder, CAP, at(1)).unwrap()
}

#[test]
fn what_is_pushed_is_there_after_a_restart_and_what_was_sent_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let mut outbox = open(dir.path());
    for detail in ["a", "b", "c"] {
        outbox.push(report(detail)).unwrap();
    }
    let first = outbox.first().unwrap().seq;
    assert_eq!(
        first, 1_001,
        "numbers begin above any that an earlier disk gave out"
    );
    outbox.sent(first).unwrap();
    let again = open(dir.path());
    assert_eq!(
        waiting(&again),
        [(first + 1, "b".into()), (first + 2, "c".into())]
    );
    let mut again = again;
    again.sent(first + 2).unwrap();
    assert_eq!(
        fs::metadata(dir.path().join("outbox.jsonl")).unwrap().len(),
        0
    );
    let mut empty = open(dir.path());
    empty.push(report("d")).unwrap();
    assert_eq!(waiting(&empty), [(first + 3, "d".into())], "numbers go on");
}

#[test]
fn a_torn_end_is_nobodys_report_and_what_is_unreadable_is_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    let mut outbox = open(dir.path());
    outbox.push(report("a")).unwrap();
    let path = dir.path().join("outbox.jsonl");
    let mut text = fs::read(&path).unwrap();
    text.extend(b"{\"device\":\"d\",\"se");
    fs::write(&path, &text).unwrap();
    let mut torn = open(dir.path());
    assert_eq!(torn.len(), 1);
    torn.push(report("b")).unwrap();
    assert_eq!(open(dir.path()).len(), 2, "the next line is whole");
    fs::write(&path, b"nonsense\n").unwrap();
    fs::write(dir.path().join("outbox.json"), b"[").unwrap();
    let outbox = Outbox::open(dir.path(), CAP, at(9)).unwrap();
    assert_eq!((outbox.len(), outbox.marks.given), (0, 9_000));
    let aside = fs::read_dir(dir.path()).unwrap().flatten();
    assert_eq!(
        aside
            .filter(|it| it.file_name().to_string_lossy().contains(".invalid-"))
            .count(),
        2
    );
}

#[test]
fn a_full_box_drops_its_older_half_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let mut outbox = Outbox::open(dir.path(), 2_000, at(1)).unwrap();
    for n in 0..50 {
        outbox.push(report(&n.to_string())).unwrap();
        assert!(fs::metadata(dir.path().join("outbox.jsonl")).unwrap().len() <= 2_000 + 400);
    }
    let kept = waiting(&outbox);
    assert_eq!(kept.last().unwrap().1, "49");
    let told = kept.iter().filter(|it| it.1.contains("dropped"));
    assert!(told.count() >= 1, "{kept:?}");
    assert!(kept.windows(2).all(|two| two[0].0 < two[1].0), "in order");
    assert_eq!(waiting(&open(dir.path())), kept);
}

#[test]
fn a_broker_that_has_more_than_this_disk_knows_of_moves_the_numbers_on_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let mut outbox = open(dir.path());
    outbox.push(report("a")).unwrap();
    outbox.push(report("b")).unwrap();
    outbox.broker_has(1_000_000, at(1)).unwrap();
    let wanted = [(1_000_001, "a".to_owned()), (1_000_002, "b".to_owned())];
    assert_eq!(waiting(&outbox), wanted);
    assert_eq!(waiting(&open(dir.path())), wanted);
    outbox.push(report("c")).unwrap();
    assert_eq!(outbox.waiting.back().unwrap().seq, 1_000_003);
}

#[test]
fn no_answer_of_a_broker_ends_reporting() {
    let dir = tempfile::tempdir().unwrap();
    let mut outbox = open(dir.path());
    outbox.push(report("a")).unwrap();
    for lie in [u64::MAX, u64::MAX - 1, most(at(1)) + 1] {
        outbox.broker_has(lie, at(1)).unwrap();
        outbox.sent(lie).unwrap();
        assert_eq!(waiting(&outbox), [(1_001, "a".to_owned())], "{lie}");
    }
    // What an earlier version believed is set aside.
    let marks = format!("{{\"given\":{0},\"sent\":{0}}}", u64::MAX);
    fs::write(dir.path().join("outbox.json"), marks).unwrap();
    let mut again = open(dir.path());
    again.push(report("b")).unwrap();
    assert_eq!(again.len(), 2);
    let first = again.first().unwrap().seq;
    again.sent(first).unwrap();
    assert_eq!(again.len(), 1);
}

#[test]
fn what_was_sent_makes_room_before_anything_is_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let mut outbox = Outbox::open(dir.path(), 4_000, at(1)).unwrap();
    for n in 0..10 {
        outbox.push(report(&n.to_string())).unwrap();
    }
    let eighth = outbox.waiting[7].seq;
    outbox.sent(eighth).unwrap();
    for n in 10..17 {
        outbox.push(report(&n.to_string())).unwrap();
    }
    let kept: Vec<_> = waiting(&outbox).into_iter().map(|it| it.1).collect();
    let wanted: Vec<_> = (8..17).map(|n| n.to_string()).collect();
    assert_eq!(kept, wanted);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Whatever is pushed, sent and reopened, and wherever the file is cut: in order, none twice, and none that was
    /// kept is lost unless it was sent.
    #[test]
    fn in_order_and_once(steps in prop::collection::vec(0_u8..4, 1..40), cut in 0_usize..60) {
        let dir = tempfile::tempdir().unwrap();
        let mut outbox = open(dir.path());
        let (mut kept, mut seen) = (Vec::new(), Vec::new());
        for (n, step) in steps.into_iter().enumerate() {
            match step {
                0 | 1 => {
                    outbox.push(report(&n.to_string())).unwrap();
                    kept.push(n.to_string());
                }
                2 => if let Some(first) = outbox.first().cloned() {
                    seen.push(first.detail);
                    outbox.sent(first.seq).unwrap();
                },
                _ => outbox = open(dir.path()),
            }
        }
        // A cut in the middle of one more push.
        let path = dir.path().join("outbox.jsonl");
        let mut text = fs::read(&path).unwrap_or_default();
        let line = line(&Report { seq: u64::MAX, ..report("torn") }).unwrap();
        text.extend(&line[..cut.min(line.len() - 1)]);
        fs::write(&path, text).unwrap();
        outbox = open(dir.path());
        while let Some(first) = outbox.first().cloned() {
            seen.push(first.detail);
            outbox.sent(first.seq).unwrap();
        }
        prop_assert_eq!(seen, kept);
    }
}

#[test]
fn what_comes_after_half_a_line_that_the_disk_had_no_room_for_is_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut outbox = open(dir.path());
    outbox.push(report("a")).unwrap();
    let mut file = OpenOptions::new().append(true).open(outbox.path()).unwrap();
    file.write_all(b"{\"device\":\"d\",\"se").unwrap();
    outbox.push(report("b")).unwrap();
    let details: Vec<_> = waiting(&open(dir.path()))
        .into_iter()
        .map(|it| it.1)
        .collect();
    assert_eq!(details, ["a", "b"]);
}

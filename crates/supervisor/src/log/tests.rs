use super::*;
use tokio::io::AsyncWriteExt;

const PATIENCE: Duration = Duration::from_secs(10);

fn fed(pieces: &[&str]) -> (Tail, Vec<String>) {
    let mut tail = Tail::default();
    let mut seen = Vec::new();
    for piece in pieces {
        tail.take(piece.as_bytes(), |line| seen.push(line.to_owned()));
    }
    (tail, seen)
}

#[test]
fn lines_are_put_together_however_they_arrive() {
    let (tail, seen) = fed(&["one\r\ntw", "o\nthr", "ee"]);
    assert_eq!(tail.text(), "one\ntwo\nthree");
    assert!(seen.contains(&"two".to_owned()), "{seen:?}");
    assert!(seen.contains(&"three".to_owned()), "{seen:?}");
}

#[test]
fn only_the_last_lines_are_kept() {
    let lines: Vec<_> = (0..100).map(|n| format!("line {n}")).collect();
    let (tail, _) = fed(&[&lines.join("\n"), "\n"]);
    let text = tail.text();
    assert!(text.starts_with("line 80\n"), "{text}");
    assert!(text.ends_with("line 99"), "{text}");
}

#[test]
fn a_line_without_an_end_takes_no_endless_memory() {
    let endless = "x".repeat(1_000_000);
    let (tail, _) = fed(&[&endless]);
    assert!(tail.open.len() < LINE_BYTES);
    assert!(tail.text().len() <= TAIL_BYTES + 2 * LINE_BYTES);
}

#[test]
fn bytes_that_are_no_text_are_taken_all_the_same() {
    let mut tail = Tail::default();
    tail.take(&[0xff, 0xfe, b'\n', 0, b'\n'], |_| ());
    assert_eq!(tail.lines.len(), 2);
}

#[tokio::test]
async fn the_wanted_line_is_noticed_and_everything_lands_in_the_file() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("logs/1.0.0.log");
    let (mut child, output) = tokio::io::duplex(64);
    let mut log = Log::start(
        output,
        file.clone(),
        "heading\n".to_owned(),
        Some("listening".to_owned()),
    );
    let mut seen = log.seen();
    assert!(!*seen.borrow());
    child.write_all(b"now listen").await.expect("write");
    child.write_all(b"ing on 1\n").await.expect("write");
    tokio::time::timeout(PATIENCE, seen.wait_for(|seen| *seen))
        .await
        .expect("in time")
        .expect("seen");
    drop(child);
    assert_eq!(log.tail(PATIENCE).await, "now listening on 1");
    let written = tokio::task::spawn_blocking(move || {
        let start = std::time::Instant::now();
        loop {
            let text = fs::read_to_string(&file).unwrap_or_default();
            if text.ends_with("on 1\n") || start.elapsed() > PATIENCE {
                return text;
            }
            std::thread::yield_now();
        }
    });
    assert_eq!(
        written.await.expect("read"),
        "heading\nnow listening on 1\n"
    );
}

#[tokio::test]
async fn a_log_that_cannot_be_written_does_not_stop_the_child() {
    let folder = tempfile::tempdir().expect("folder");
    let blocked = folder.path().join("file");
    fs::write(&blocked, "").expect("write");
    let (mut child, output) = tokio::io::duplex(64);
    let mut log = Log::start(
        output,
        blocked.join("1.0.0.log"),
        String::new(),
        Some("the end".to_owned()),
    );
    let chunk = vec![b'x'; 100_000];
    for _ in 0..100 {
        tokio::time::timeout(PATIENCE, child.write_all(&chunk))
            .await
            .expect("the child was made to wait")
            .expect("write");
    }
    child.write_all(b"\nthe end\n").await.expect("write");
    drop(child);
    assert!(log.tail(PATIENCE).await.ends_with("the end"));
    assert!(*log.seen().borrow());
}

#[test]
fn a_full_file_becomes_its_own_predecessor() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("1.0.0.log");
    let mut file = CappedFile::open(&path, 100).expect("open");
    for n in 0..50 {
        file.write(format!("line {n:04}\n").as_bytes())
            .expect("write");
    }
    let now = fs::read_to_string(&path).expect("read");
    let before = fs::read_to_string(predecessor(&path)).expect("read");
    assert!(now.len() <= 100 && before.len() <= 100);
    assert!(now.ends_with("line 0049\n"), "{now}");
    let both = before + &now;
    assert!(both.contains("line 0048\nline 0049\n"), "{both}");
    assert_eq!(fs::read_dir(folder.path()).expect("list").count(), 2);
}

#[test]
fn logs_of_old_versions_are_removed() {
    let folder = tempfile::tempdir().expect("folder");
    for n in 0..30 {
        let path = folder.path().join(format!("1.0.{n}.log"));
        fs::write(predecessor(&path), "").expect("write");
        fs::write(&path, "").expect("write");
    }
    fs::write(folder.path().join("notes.txt"), "").expect("write");
    let path = folder.path().join("2.0.0.log");
    CappedFile::open(&path, 100).expect("open");
    let count = |ending: &str| {
        fs::read_dir(folder.path())
            .expect("list")
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().ends_with(ending))
            .count()
    };
    assert_eq!(count(".log"), VERSIONS_KEPT);
    assert_eq!(count(".log.old"), VERSIONS_KEPT - 1);
    assert!(path.exists());
    assert_eq!(count(".txt"), 1);
}

use super::*;

fn store() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().canonicalize().unwrap().join("runtime-store");
    std::fs::create_dir(&store).unwrap();
    (dir, store)
}

#[tokio::test]
async fn with_no_owner_there_is_no_answer() {
    let (dir, _) = store();
    assert_eq!(ask(dir.path(), &Request::Status).await, Ok(None));
}

#[tokio::test]
async fn the_owner_is_asked_and_answers() {
    let (dir, store) = store();
    let owner = Owner::claim(&store).unwrap().expect("nobody else owns it");
    let serve = tokio::spawn(async move {
        let (request, asker) = owner.next().await.unwrap();
        asker
            .answer(&Answer::Problem(Problem::new(
                "seen",
                format!("{request:?}"),
                "",
            )))
            .await;
    });
    let request = Request::RollBack {
        to: Some("1.0.0".parse().unwrap()),
        with_data: true,
    };
    let Ok(Some(Answer::Problem(problem))) = ask(dir.path(), &request).await else {
        panic!("no answer");
    };
    assert_eq!(problem.message, format!("{request:?}"));
    serve.await.unwrap();
}

#[tokio::test]
async fn there_is_one_owner_at_a_time_and_a_dead_one_does_not_block() {
    let (_dir, store) = store();
    let first = Owner::claim(&store).unwrap();
    assert!(first.is_some());
    assert!(
        Owner::claim(&store).unwrap().is_none(),
        "a second owner beside the first"
    );
    drop(first);
    // What a killed owner leaves behind.
    if let Place::File(path) = Place::of(&store) {
        std::fs::write(path, "").unwrap();
    }
    assert!(Owner::claim(&store).unwrap().is_some());
}

#[cfg(unix)]
#[tokio::test]
async fn only_its_user_can_open_the_socket() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_dir, store) = store();
    let _owner = Owner::claim(&store).unwrap();
    let Place::File(path) = Place::of(&store) else {
        panic!("a file")
    };
    assert_eq!(
        std::fs::metadata(path).unwrap().permissions().mode() & 0o077,
        0
    );
}

#[tokio::test]
async fn garbage_and_endless_lines_are_passed_over() {
    let (_dir, store) = store();
    let owner = Owner::claim(&store).unwrap().unwrap();
    let name = Place::of(&store).name().unwrap();
    let mut stream = Stream::connect(name).await.unwrap();
    let send = tokio::spawn(async move {
        for _ in 0..1024 {
            if stream.write_all(&[b'x'; 1024]).await.is_err() {
                break;
            }
        }
    });
    assert!(owner.next().await.is_none());
    drop(owner);
    send.await.unwrap();
}

#[tokio::test]
async fn an_owner_that_goes_without_an_answer_is_gone_and_not_of_another_version() {
    let (dir, store) = store();
    let owner = Owner::claim(&store).unwrap().unwrap();
    let serve = tokio::spawn(async move { drop(owner.next().await) });
    let problem = ask(dir.path(), &Request::Upgrade).await.unwrap_err();
    assert_eq!(problem.kind, "owner-gone", "{problem:?}");
    serve.await.unwrap();
}

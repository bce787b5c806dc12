use super::*;

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn nothing_is_left_of_one_that_is_over_or_was_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let made = Throwaway::make(folder.path()).unwrap();
    fs::write(made.home().join("file"), "x").unwrap();
    made.remove().unwrap();
    drop(Throwaway::make(folder.path()).unwrap());
    assert_eq!(names(folder.path()), Vec::<String>::new());
}

#[cfg(unix)]
#[test]
fn it_is_for_this_user_alone_and_what_nobody_may_write_is_removed_too() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let made = Throwaway::make(folder.path()).unwrap();
    let found = fs::metadata(made.path()).unwrap();
    assert_eq!(found.permissions().mode() & 0o777, 0o700);
    let closed = made.home().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::write(closed.join("file"), "x").unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o500)).unwrap();
    made.remove().unwrap();
    assert_eq!(names(folder.path()), Vec::<String>::new());
}

#[test]
fn a_sweep_takes_what_was_left_behind_and_leaves_what_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let made = Throwaway::make(folder.path()).unwrap();
    // Of a process that died: nobody holds the lock.
    for left in ["0badcafe", "deadbeef"] {
        fs::create_dir_all(folder.path().join(left).join("data")).unwrap();
    }
    fs::write(folder.path().join("0badcafe.lock"), "").unwrap();
    fs::write(folder.path().join("feedface.lock"), "").unwrap();
    let kept = names(made.path());
    sweep(folder.path());
    assert_eq!(names(folder.path()).len(), 2, "{:?}", names(folder.path()));
    assert_eq!(names(made.path()), kept);
    made.remove().unwrap();
    sweep(folder.path());
    sweep(&folder.path().join("nowhere"));
    assert_eq!(names(folder.path()), Vec::<String>::new());
}

#[cfg(unix)]
#[test]
fn links_are_left_out_of_a_copy() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    fs::create_dir_all(from.join("deep")).unwrap();
    fs::write(from.join("deep/file"), "x").unwrap();
    fs::write(folder.path().join("theirs"), "theirs").unwrap();
    std::os::unix::fs::symlink(folder.path().join("theirs"), from.join("link")).unwrap();
    std::os::unix::fs::symlink(folder.path(), from.join("folder")).unwrap();
    let mut room = 1;
    copy_into(&from, &to, (&[], nowhere()), &mut room).unwrap();
    assert_eq!(names(&to), ["deep"]);
    assert_eq!(fs::read(to.join("deep/file")).unwrap(), b"x");
    assert_eq!(room, 0);
}

#[test]
fn more_than_there_is_room_for_is_not_copied() {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("from");
    fs::create_dir(&from).unwrap();
    fs::write(from.join("a"), "12345").unwrap();
    fs::write(from.join("b"), "12345").unwrap();
    let mut room = 9;
    let error = copy_into(
        &from,
        &folder.path().join("to"),
        (&[], nowhere()),
        &mut room,
    )
    .unwrap_err();
    assert!(error.to_string().contains("name less"), "{error}");
    // What is not there is nothing to copy.
    let missing = folder.path().join("nowhere");
    copy_into(
        &missing,
        &folder.path().join("to"),
        (&[], nowhere()),
        &mut room,
    )
    .unwrap();
}

fn nowhere() -> &'static Path {
    Path::new("/nowhere")
}

#[test]
fn a_sweep_takes_nothing_that_is_somebody_elses() {
    let folder = tempfile::tempdir().unwrap();
    let theirs = ["notes.txt", "act-1", "act-1.lock", "DEADBEEF", "deadbeef1"];
    for name in theirs {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    let before = names(folder.path());
    sweep(folder.path());
    assert_eq!(names(folder.path()), before);
}

#[test]
fn a_folder_above_it_is_copied_without_it() {
    let above = tempfile::tempdir().unwrap();
    fs::write(above.path().join("file"), "x").unwrap();
    let made = Throwaway::make(&above.path().join("data/rehearsals")).unwrap();
    let copy = Copy::whole(above.path(), &made.path().join("copies/0"));
    made.fill(&[copy]).unwrap();
    assert_eq!(names(&made.path().join("copies/0")), ["data", "file"]);
    assert_eq!(
        names(&made.path().join("copies/0/data")),
        Vec::<String>::new()
    );
}

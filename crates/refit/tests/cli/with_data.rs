//! `refit rollback --with-data`, without a running app.

use std::fs;

use runtime_store::{BeforeLaunch, DataSnapshots, Store};
use serde_json::json;

use crate::device::{demo, edit, idle};

#[test]
fn the_data_folder_goes_back_with_the_version() {
    let device = idle();
    let room = device.room.path();
    edit(&room.join("refit.json"), |config| {
        config["snapshot"] = json!({ "folder": "{data}/files" });
    });
    device.room.publish(&[demo("1.1.0")]);
    assert_eq!(device.ask(&["stage"]).0, 0);
    let data = room.join("data").canonicalize().unwrap();
    let files = data.join("files");
    fs::create_dir(&files).unwrap();
    fs::write(files.join("board.json"), "of 1.0.0").unwrap();

    // Nothing was kept: nothing is changed.
    let (code, told) = device.ask(&["rollback", "--with-data"]);
    assert_eq!(
        (code, &told["error"]["kind"]),
        (1, &json!("no-snapshot")),
        "{told}"
    );
    assert_eq!(device.next(), "pointer 1.1.0");

    let store = Store::open(&data).unwrap();
    let pointer = store.snapshot().pointer.unwrap();
    let bundled = "1.0.0".parse().unwrap();
    let before = BeforeLaunch {
        id: &pointer.id(),
        staged_at: pointer.staged_at,
        of: Some(&bundled),
    };
    let snapshots = DataSnapshots::new(&data, "main", files.clone(), 1 << 20, false).unwrap();
    snapshots.take(&before, runtime_store::now()).unwrap();
    fs::write(files.join("board.json"), "migrated").unwrap();

    let (code, told) = device.ask(&["rollback", "--with-data"]);
    assert_eq!(
        (code, &told["outcome"]),
        (0, &json!("rolled-back")),
        "{told}"
    );
    assert_eq!(device.next(), "bundled 1.0.0");
    let read = |path: std::path::PathBuf| fs::read_to_string(path).unwrap();
    assert_eq!(read(files.join("board.json")), "of 1.0.0");
    let aside = data.join("snapshots/main/replaced-1.1.0/board.json");
    assert_eq!(read(aside), "migrated");
}

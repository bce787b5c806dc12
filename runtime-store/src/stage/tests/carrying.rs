//! Shared dependencies, from the bundled runtime into a staged version.

use super::*;

const PTY: &str = "node_modules/node-pty";

fn carrying() -> StagePlan {
    StagePlan {
        carry: vec![PTY.into()],
        ..plan()
    }
}

fn bundle(room: &Room, version: &str) {
    let dir = room.shell.bundled.dir.join(PTY);
    fs::create_dir_all(&dir).unwrap();
    let manifest = format!(r#"{{"name": "node-pty", "version": "{version}"}}"#);
    fs::write(dir.join("package.json"), manifest).unwrap();
    fs::write(dir.join("pty.node"), version).unwrap();
}

fn carried(room: &Room) -> PathBuf {
    room.layout()
        .version(&v("1.1.0"))
        .join(PTY)
        .join("pty.node")
}

#[test]
fn what_the_bundled_runtime_brings_along_is_carried_over_and_recorded() {
    let room = Room::new();
    bundle(&room, "1.2.0-beta.11");
    let offer = offer_with("1.1.0", r#""dependencies": {"node-pty": "^1.2.0-beta.4"}"#);
    room.stage_with(&offer, &carrying()).unwrap();
    assert_eq!(fs::read_to_string(carried(&room)).unwrap(), "1.2.0-beta.11");
    let record = Record::load(room.layout(), &v("1.1.0")).unwrap().unwrap();
    let recorded: Vec<Carried> = serde_json::from_value(record.carried.unwrap()).unwrap();
    assert_eq!(recorded[0].path, PTY);
    assert_eq!(recorded[0].version, "1.2.0-beta.11");
}

#[test]
fn a_copy_inside_the_archive_wins() {
    let room = Room::new();
    bundle(&room, "1.0.0");
    let archive = Archive::package("demo", "1.1.0", ENTRY)
        .file("package/node_modules/node-pty/pty.node", "its own");
    room.stage_with(&offer_of("1.1.0", archive), &carrying())
        .unwrap();
    assert_eq!(fs::read_to_string(carried(&room)).unwrap(), "its own");
    assert_eq!(
        Record::load(room.layout(), &v("1.1.0"))
            .unwrap()
            .unwrap()
            .carried,
        None
    );
}

#[test]
fn a_bundled_copy_outside_the_archives_range_is_refused() {
    let room = Room::new();
    bundle(&room, "1.0.0");
    for field in ["dependencies", "optionalDependencies", "peerDependencies"] {
        for range in ["^2", "latest", "file:../pty"] {
            let offer = offer_with("1.1.0", &format!(r#""{field}": {{"node-pty": "{range}"}}"#));
            let error = room.refused(&offer, &carrying());
            assert!(
                matches!(&error, StageError::Incompatible { why, .. } if why.engine == "node-pty" && why.have == "1.0.0"),
                "{field} {range}: {error}"
            );
        }
    }
}

#[test]
fn a_needed_dependency_that_the_bundled_runtime_lacks_is_refused_and_others_are_not_missed() {
    let room = Room::new();
    let needs = offer_with("1.1.0", r#""dependencies": {"node-pty": "*"}"#);
    let error = room.refused(&needs, &carrying());
    assert!(
        matches!(error, StageError::Carry(ref why) if matches!(**why, CarryError::Missing { .. })),
        "{error}"
    );
    let does_without = offer_with("1.1.0", r#""optionalDependencies": {"node-pty": "*"}"#);
    room.stage_with(&does_without, &carrying()).unwrap();
}

#[test]
fn a_version_with_what_another_bundled_runtime_brought_along_is_not_taken_up() {
    let room = Room::new();
    bundle(&room, "1.0.0");
    let offer = offer("1.1.0");
    room.stage_with(&offer, &carrying()).unwrap();
    fs::remove_file(room.layout().pointer()).unwrap();
    assert!(matches!(
        room.begin_with(&offer, &carrying()),
        BeginStage::TakenUp(_)
    ));
    fs::remove_file(room.layout().pointer()).unwrap();

    bundle(&room, "1.0.1");
    assert!(matches!(
        room.begin_with(&offer, &carrying()),
        BeginStage::Fetch(_)
    ));
    room.stage_with(&offer, &carrying()).unwrap();
    assert_eq!(fs::read_to_string(carried(&room)).unwrap(), "1.0.1");
}

#[test]
fn a_configuration_that_leads_elsewhere_is_refused() {
    let room = Room::new();
    let plan = StagePlan {
        carry: vec!["../bundled".into()],
        ..plan()
    };
    let error = room.refused(&offer("1.1.0"), &plan);
    assert!(
        matches!(error, StageError::Carry(ref why) if matches!(**why, CarryError::BadPath(_))),
        "{error}"
    );
}

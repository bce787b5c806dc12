//! `refit publish --agent`: what a signed repository says of the agent's binaries.

use serde_json::{Value, json};

use super::binaries::Binary;
use crate::repo::{metadata, room};
use crate::support::{REFIT, Room, json_of};

fn publish(room: &Room, binary: &str) -> (i32, Value) {
    let (site, keys) = (room.at("site"), room.at("keys"));
    json_of(&["publish", &site, "--agent", binary, "--keys", &keys])
}

#[test]
fn a_binary_is_signed_by_what_it_says_itself_and_keeps_its_content() {
    let room = room(true);
    let release = Binary::release("1.2.0");
    let file = release.put(&room.path().join("refit-1.2.0"));
    let (code, told) = publish(&room, file.to_str().unwrap());
    assert_eq!(
        (code, &told["agents"][0]["outcome"]),
        (0, &json!("published")),
        "{told}"
    );
    let platform = format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH);
    let name = format!("_agent-1.2.0-{platform}.json");
    let target = &metadata(&room, "2.targets.json")["signed"]["targets"][&name];
    let digest = target["hashes"]["sha256"].as_str().unwrap();
    let stored = room.at(&format!("site/repo/targets/{digest}.{name}"));
    let described: Value = serde_json::from_slice(&std::fs::read(stored).unwrap()).unwrap();
    assert_eq!(
        described,
        json!({
            "schema": 1, "version": "1.2.0", "platform": platform,
            "sha256": release.sha256(), "size": release.0.len(),
        })
    );

    let (code, told) = publish(&room, file.to_str().unwrap());
    assert_eq!(
        (code, &told["agents"][0]["outcome"]),
        (3, &json!("unchanged")),
        "{told}"
    );
    let mut other = release;
    let last = other.0.len() - 1;
    other.0[last] ^= 1;
    other.put(&file);
    let (code, told) = publish(&room, file.to_str().unwrap());
    assert_eq!(
        (code, &told["error"]["kind"]),
        (1, &json!("version-exists")),
        "{told}"
    );
}

#[test]
fn only_a_release_that_says_what_it_is_is_signed_and_only_by_a_repository() {
    let room = room(true);
    let (code, told) = publish(&room, REFIT);
    assert_eq!(
        (code, &told["error"]["kind"]),
        (1, &json!("built-for-development")),
        "{told}"
    );
    std::fs::write(room.path().join("text"), "no agent").unwrap();
    let (code, told) = publish(&room, &room.at("text"));
    assert_eq!(
        (code, &told["error"]["kind"]),
        (1, &json!("no-label")),
        "{told}"
    );
    assert!(!std::fs::exists(room.at("site/repo/metadata/2.targets.json")).unwrap());

    let file = Binary::release("1.2.0").put(&room.path().join("release"));
    let (site, file) = (room.at("site"), file.to_str().unwrap().to_owned());
    let (code, _) = json_of(&[
        "publish",
        &site,
        "--agent",
        &file,
        "--keys",
        &room.at("none"),
    ]);
    assert_eq!(code, 1);
    crate::support::refit()
        .args(["publish", &site, "--agent", &file])
        .assert()
        .code(2);
}

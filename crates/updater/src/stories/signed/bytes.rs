//! Whose bytes are taken, and which never are.

use super::*;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const DRIP: Duration = Duration::from_millis(50);
const TARBALL: &str = "/demo/-/demo-1.1.0.tgz";

#[tokio::test]
async fn a_registry_that_is_of_no_use_is_replaced_by_the_sites_own_copy() {
    let wrong = version("demo", "1.1.1");
    let huge = Reply::new(200, [0x1f, 0x8b].repeat(1 << 15))
        .chunked()
        .repeated(1 << 16);
    for (packument, tarball) in [
        // It lists another sha512.
        (Some(wrong.clone()), None),
        // It serves other bytes than it lists, too many, too few, or none.
        (None, Some(Reply::new(200, wrong))),
        (None, Some(huge)),
        (
            None,
            Some(Reply::new(200, version("demo", "1.1.0")).cut(50)),
        ),
        // For ever.
        (
            None,
            Some(
                Reply::new(200, GZIP)
                    .chunked()
                    .dripping(2, DRIP)
                    .repeated(1 << 20),
            ),
        ),
        (None, Some(Reply::new(404, ""))),
        (None, Some(Reply::new(500, ""))),
    ] {
        let signed = Signed::saying(everyone).await;
        signed.copy("1.1.0");
        let registry = &signed.bench.registry;
        let lies = packument.is_some();
        if let Some(listed) = packument {
            let origin = &registry.server.origin;
            let packument = packument_of(origin, &listed);
            registry.put("/demo", packument);
            registry.put(TARBALL, listed);
        }
        if let Some(reply) = tarball {
            registry.answer(TARBALL, reply);
        }
        let report = signed.updater().check(By::Timer).await.unwrap();
        assert_eq!(report.staged.unwrap().outcome, Outcome::Staged);
        let pointer = signed.bench.store.snapshot().pointer.unwrap();
        assert_eq!(pointer.integrity, integrity(&version("demo", "1.1.0")));
        assert!(registry.server.sent() < 8 << 20);
        // Who lists another sha512 is not even asked for the bytes.
        let asked = registry.server.lines().contains(&format!("GET {TARBALL}"));
        assert_eq!(asked, !lies);
    }
}

fn packument_of(origin: &str, bytes: &[u8]) -> String {
    packument("demo", origin, &[("1.1.0", bytes)]).to_string()
}

#[tokio::test]
async fn a_registry_that_is_gone_is_not_needed() {
    for status in [404, 503] {
        let signed = Signed::saying(everyone).await;
        signed.copy("1.1.0");
        signed.bench.registry.clear();
        signed.bench.registry.answer("*", Reply::new(status, ""));
        let report = signed.updater().check(By::Timer).await.unwrap();
        assert_eq!(report.staged.unwrap().outcome, Outcome::Staged);
    }
}

#[tokio::test]
async fn without_a_copy_other_bytes_are_an_error_and_nothing_is_staged() {
    let wrong = version("demo", "1.1.1");
    for same_packument in [true, false] {
        for copy in [None, Some(wrong.clone())] {
            let mut signed = Signed::new().await;
            signed.describe("1.1.0", |it| {
                if copy.is_none() {
                    it["tarball"] = Value::Null;
                }
            });
            signed.manifest(everyone);
            if let Some(copy) = copy {
                signed.bench.host.put(TARBALL, copy);
            }
            let registry = &signed.bench.registry;
            registry.put(TARBALL, wrong.clone());
            if !same_packument {
                registry.put("/demo", packument_of(&registry.server.origin, &wrong));
            }
            let error = signed.updater().check(By::Timer).await.unwrap_err();
            assert_eq!(error.kind(), "wrong-integrity", "{error}");
            assert_eq!(signed.bench.staged(), None);
        }
    }
}

#[tokio::test]
async fn more_than_was_signed_is_never_unpacked() {
    let mut signed = Signed::new().await;
    signed.describe("1.1.0", |it| it["unpackedSize"] = json!(10));
    signed.manifest(everyone);
    signed.copy("1.1.0");
    let error = signed.updater().check(By::Timer).await.unwrap_err();
    assert_eq!(error.kind(), "archive-refused", "{error}");
    assert_eq!(signed.bench.staged(), None);
}

#[tokio::test]
async fn needs_are_taken_from_what_is_signed() {
    let mut signed = Signed::new().await;
    signed.describe("1.1.0", |it| it["engines"] = json!({"refit": ">=9"}));
    signed.manifest(everyone);
    let report = signed.updater().check(By::Timer).await.unwrap();
    assert_eq!(said(&report), ("hold", "incompatible", Some("1.1.0")));
    assert_eq!(signed.bench.registry.asked(), 0);
}

#[tokio::test]
async fn no_login_is_ever_sent_to_the_site() {
    let mut signed = Signed::saying(everyone).await;
    signed.bench = signed.bench.logged_in();
    signed.bench.registry.answer(TARBALL, Reply::new(404, ""));
    signed.copy("1.1.0");
    let report = signed.updater().check(By::Timer).await.unwrap();
    assert!(report.staged.is_some());
    for request in signed.bench.host.server.seen() {
        assert_eq!(request.header("authorization"), None, "{}", request.line);
    }
    assert!(
        signed
            .bench
            .host
            .server
            .lines()
            .contains(&format!("GET {TARBALL}"))
    );
}

#[tokio::test]
async fn a_tarball_on_this_machine_needs_to_be_signed_with_or_without_the_host() {
    let signed = Signed::saying(everyone).await;
    let put = |name: &str, bytes: &[u8]| {
        let file = signed.bench.file(name);
        std::fs::write(&file, bytes).unwrap();
        Wanted::Tarball {
            file,
            integrity: None,
        }
    };
    let good = put("good.tgz", &version("demo", "1.1.0"));
    let manifest = r#"{"name":"demo","version":"1.1.0","x":1}"#;
    let other = crate::testing::tarball(&[("package.json", manifest), ("cli.js", "// evil")]);
    let other = put("other.tgz", &other);
    let unknown = put("unknown.tgz", &version("demo", "1.3.0"));
    for reachable in [true, false] {
        if !reachable {
            signed.bench.host.down();
        }
        let updater = signed.updater();
        for wrong in [&other, &unknown] {
            let error = updater.stage(wrong.clone(), false).await.unwrap_err();
            assert_eq!(error.kind(), "not-signed", "{error}");
        }
        assert_eq!(signed.bench.staged(), None);
    }
    let report = signed.updater().stage(good, false).await.unwrap();
    assert_eq!(report.outcome, Outcome::Staged);
    assert_eq!(signed.bench.registry.asked(), 0);
}

#[tokio::test]
async fn a_registry_that_never_stops_listing_holds_up_nobody() {
    let signed = Signed::saying(everyone).await;
    signed.copy("1.1.0");
    let endless = Reply::new(200, "  ")
        .chunked()
        .dripping(2, DRIP)
        .repeated(1 << 20);
    signed.bench.registry.answer("/demo", endless);
    let updater = signed.updater();
    let checked = tokio::time::timeout(Duration::from_secs(20), updater.check(By::Timer));
    let report = checked.await.unwrap().unwrap();
    assert_eq!(report.staged.unwrap().outcome, Outcome::Staged);
}

#[tokio::test]
async fn a_plus_in_a_path_is_written_so_that_no_host_takes_it_for_a_space() {
    let mut signed = Signed::new().await;
    signed.describe("1.1.0", |it| it["tarball"] = json!("a+b/demo-1.1.0+7.tgz"));
    signed.manifest(everyone);
    signed.bench.registry.clear();
    let path = "/a%2Bb/demo-1.1.0%2B7.tgz";
    signed.bench.host.put(path, version("demo", "1.1.0"));
    let report = signed.updater().check(By::Timer).await.unwrap();
    assert_eq!(report.staged.unwrap().outcome, Outcome::Staged);
}

/// 1.1.0 of 40 KiB that cannot be packed.
fn large() -> Vec<u8> {
    let noise: String = (0..)
        .map(|n: u64| integrity(&n.to_le_bytes()).to_string())
        .take(500)
        .collect();
    let manifest = r#"{"name":"demo","version":"1.1.0"}"#;
    let files = [
        ("package.json", manifest),
        ("cli.js", "// starts"),
        ("noise", &noise),
    ];
    crate::testing::tarball(&files)
}

#[tokio::test]
async fn a_registry_that_moves_just_enough_is_not_waited_for_either() {
    let bytes = large();
    assert!(bytes.len() > 32 << 10);
    for copy_drips in [false, true] {
        let mut signed = Signed::new().await;
        signed.describe("1.1.0", |it| {
            it["integrity"] = json!(integrity(&bytes));
            it["packedSize"] = json!(bytes.len());
            it["unpackedSize"] = json!(100 << 10);
        });
        signed.manifest(everyone);
        let registry = &signed.bench.registry;
        registry.put("/demo", packument_of(&registry.server.origin, &bytes));
        // Twice as fast as what no line may be slower than, and half of what is worth the wait.
        let slow = Reply::new(200, bytes.clone()).dripping(400, DRIP);
        registry.answer(TARBALL, slow.clone());
        if copy_drips {
            signed.bench.host.answer(TARBALL, slow);
            let error = signed.updater().check(By::Timer).await.unwrap_err();
            assert_eq!(error.kind(), "too-slow", "{error}");
            let words = error.to_string();
            assert!(words.contains(&signed.bench.host.server.origin), "{words}");
        } else {
            signed.bench.host.put(TARBALL, bytes.clone());
            let report = signed.updater().check(By::Timer).await.unwrap();
            assert_eq!(report.staged.unwrap().outcome, Outcome::Staged);
            let asked = signed.bench.host.server.lines();
            assert!(asked.contains(&format!("GET {TARBALL}")));
        }
    }
}

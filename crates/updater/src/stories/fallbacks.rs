//! What counts where the host of the manifest has none, or something else.

use super::*;
use crate::{By, Mode};

impl Bench {
    fn with_latest(&self) -> Policy {
        Policy {
            follow: Follow::Manifest {
                manifest: self.host.url("/latest.json"),
                latest: Some(self.host.url("/latest.txt")),
            },
            ..self.plain()
        }
    }
}

/// Everything that is no manifest and no "there is none", and the kind of error that it is.
fn troubles() -> Vec<(Reply, &'static str)> {
    let good = hour(everyone).to_string();
    let redirect = |to: &str| Reply::new(302, "").with("location", to);
    vec![
        (Reply::new(500, ""), "registry-busy"),
        (Reply::new(403, good.clone()), "unauthorized"),
        (
            Reply::new(200, "<!doctype html><p>Log in"),
            "malformed-manifest",
        ),
        (
            Reply::new(200, &good[..good.len() / 2]),
            "malformed-manifest",
        ),
        (Reply::new(200, ""), "malformed-manifest"),
        (Reply::new(200, "[]"), "malformed-manifest"),
        (
            Reply::json(&hour(|it| it["package"] = json!("other"))),
            "malformed-manifest",
        ),
        (Reply::new(200, good.clone()).cut(20), "truncated"),
        (Reply::new(200, good.clone()).cut(20).silent(), "timed-out"),
        (
            Reply::new(200, good.clone() + &" ".repeat(1 << 20)),
            "too-big",
        ),
        (
            Reply::new(200, " ".repeat(1 << 16))
                .chunked()
                .repeated(1 << 20),
            "too-big",
        ),
        (
            redirect("http://host.example/latest.json"),
            "redirect-refused",
        ),
        (redirect("ftp://127.0.0.1/latest.json"), "redirect-refused"),
    ]
}

#[tokio::test]
async fn what_is_no_manifest_never_takes_the_place_of_one() {
    for (reply, kind) in troubles() {
        let bench = Bench::new().await;
        bench.manifest(|_| {});
        let updater = bench.updater(bench.plain());
        updater.check(By::Timer).await.unwrap();
        let before = bench.releases().manifest;
        bench.host.answer("/latest.json", reply.clone());
        let report = updater.check(By::Timer).await.unwrap();
        assert_eq!(said(&report), ("hold", "held", Some("1.1.0")), "{reply:?}");
        assert_eq!(report.trouble.unwrap().kind, kind, "{reply:?}");
        assert_eq!(bench.releases().manifest, before);
        assert_eq!(bench.registry.asked(), 0);
        let status = updater.status().borrow().clone();
        assert_eq!(status.last_check.unwrap().trouble.unwrap().kind, kind);
        let view = status.terms.unwrap();
        assert_eq!(
            (view.mode, view.version),
            (Mode::Manifest, Some(v("1.1.0")))
        );
        assert!(view.trouble.unwrap().contains("/latest.json"));
        // It never held more of it than it may: a mebibyte, and what was on its way.
        assert!(bench.host.server.sent() < 16 << 20);
    }
}

#[tokio::test]
async fn a_device_that_never_had_one_goes_by_the_registry() {
    for (reply, kind) in troubles() {
        let bench = Bench::new().await;
        bench.host.answer("/latest.json", reply.clone());
        // Not asked: nobody said that there is no manifest.
        bench.host.put("/latest.txt", "1.1.0");
        let updater = bench.updater(bench.with_latest());
        let report = updater.check(By::Timer).await.unwrap();
        assert_eq!(
            said(&report),
            ("stage", "no-manifest", Some("1.2.0")),
            "{reply:?}"
        );
        assert!(!report.from_manifest && report.bucket.is_none());
        assert_eq!(report.trouble.unwrap().kind, kind);
    }
}

#[tokio::test]
async fn one_that_is_gone_is_forgotten() {
    for status in [404, 410] {
        let bench = Bench::new().await;
        bench.manifest(|it| it["recalled"] = json!(["1.2.0"]));
        let updater = bench.updater(bench.plain());
        updater.check(By::Timer).await.unwrap();
        bench.host.answer("/latest.json", Reply::new(status, ""));
        let report = updater.check(By::Timer).await.unwrap();
        assert_eq!(said(&report), ("stage", "no-manifest", Some("1.2.0")));
        assert!(report.staged.is_some() && report.trouble.is_none());
        assert_eq!(bench.releases().manifest, None);
        assert_eq!(
            updater.status().borrow().terms.as_ref().unwrap().version,
            None
        );
        bench.host.answer("/latest.json", Reply::new(500, ""));
        let report = updater.check(By::Timer).await.unwrap();
        assert_eq!(report.reason, "already-staged");
    }
}

#[tokio::test]
async fn the_plain_version_counts_where_there_is_no_manifest() {
    let bench = Bench::new().await;
    bench.host.put("/latest.txt", "1.1.0\n");
    let updater = bench.updater(bench.with_latest());
    let report = updater.check(By::Timer).await.unwrap();
    assert_eq!(said(&report), ("stage", "no-manifest", Some("1.1.0")));
    assert_eq!(bench.staged().unwrap().0, "1.1.0");
    // What it names is here already, so that the registry is not asked again.
    let asked = bench.registry.asked();
    updater.check(By::Timer).await.unwrap();
    assert_eq!(bench.registry.asked(), asked);
}

#[tokio::test]
async fn what_is_no_plain_version_leaves_it_to_the_registry() {
    for reply in [
        Reply::new(404, ""),
        Reply::new(500, ""),
        Reply::new(200, "<html>1.1.0</html>"),
        Reply::new(200, "v1.1.0"),
        Reply::new(200, ""),
        Reply::new(200, format!("1.1.0{}", " ".repeat(1 << 10))),
        Reply::new(200, " ".repeat(1 << 10))
            .chunked()
            .repeated(1 << 20),
    ] {
        let bench = Bench::new().await;
        bench.host.answer("/latest.txt", reply.clone());
        let updater = bench.updater(bench.with_latest());
        let report = updater.check(By::Timer).await.unwrap();
        assert_eq!(
            said(&report),
            ("stage", "no-manifest", Some("1.2.0")),
            "{reply:?}"
        );
    }
}

#[tokio::test]
async fn a_redirect_is_followed_and_no_login_is_ever_sent_to_the_host() {
    let bench = Bench::new().await.logged_in();
    bench
        .host
        .put("/elsewhere.json", hour(everyone).to_string());
    let redirect = Reply::new(302, "").with("location", "/elsewhere.json");
    bench.host.answer("/latest.json", redirect);
    let report = bench.updater(bench.plain()).check(By::Timer).await.unwrap();
    assert_eq!(said(&report), ("stage", "eligible", Some("1.1.0")));
    for request in bench.host.server.seen() {
        assert_eq!(request.header("authorization"), None, "{}", request.line);
    }
    assert_eq!(bench.host.asked(), 2);
    for request in bench.registry.server.seen() {
        assert_eq!(request.header("authorization"), Some("Bearer t0k3n"));
    }
}

#[tokio::test]
async fn what_another_address_said_does_not_count_nor_stay() {
    let bench = Bench::new().await;
    bench.manifest(|_| {});
    bench.updater(bench.plain()).check(By::Timer).await.unwrap();
    let other = Policy {
        follow: Follow::Manifest {
            manifest: bench.host.url("/latest.json?channel=beta"),
            latest: None,
        },
        ..bench.plain()
    };
    bench
        .host
        .answer("/latest.json?channel=beta", Reply::new(500, ""));
    let report = bench.updater(other).look(By::Timer).await.unwrap();
    assert_eq!(said(&report), ("stage", "no-manifest", Some("1.2.0")));
    assert_eq!(bench.releases().manifest, None);

    bench.updater(bench.plain()).check(By::Timer).await.unwrap();
    assert!(bench.releases().manifest.is_some());
    // Who follows nobody any more is not judged by what was followed before.
    let registry = Policy::registry(Timestamp::UNIX_EPOCH);
    bench.updater(registry).look(By::Timer).await.unwrap();
    assert_eq!(bench.releases().manifest, None);
}

#[tokio::test]
async fn a_host_that_wants_to_be_left_alone_is() {
    let bench = Bench::new().await;
    bench.manifest(|_| {});
    let updater = bench.updater(bench.plain());
    updater.check(By::Timer).await.unwrap();
    let busy = Reply::new(503, "").with("retry-after", "3600");
    bench.host.answer("/latest.json", busy);
    updater.check(By::Timer).await.unwrap();
    let wish = bench.releases().not_before.unwrap();
    assert_eq!(wish, at("2026-06-12T09:00:00Z"));
    bench.manifest(|_| {});
    updater.check(By::Timer).await.unwrap();
    assert_eq!(bench.releases().not_before, None);
}

//! Which addresses are asked for a tarball, and how often.

use super::*;

const PATH: &str = "GET /demo.tgz";

#[tokio::test]
async fn whatever_the_registry_answers_instead_of_a_tarball_the_named_host_is_asked() {
    let bytes = version("demo", "1.1.0");
    let page = || Reply::new(200, "<!doctype html><title>Log in</title>");
    for instead in [
        Reply::new(400, ""),
        Reply::new(401, ""),
        Reply::new(403, ""),
        Reply::new(404, ""),
        Reply::new(405, ""),
        Reply::new(410, ""),
        Reply::new(302, "").with("location", "http://reg.test/"),
        page(),
        page().dripping(1, Duration::from_millis(1)),
        Reply::new(200, bytes.clone()).with("content-type", "Text/HTML; charset=utf-8"),
        Reply::new(200, ""),
        Reply::new(200, vec![0x1f]),
    ] {
        let content = bytes.clone();
        let there = Server::start(move |_, _| Reply::new(200, content.clone())).await;
        let what = format!("{instead:?}");
        let here = Server::start(move |_, _| instead.clone()).await;
        let registry = named("demo", &here.origin, &(token(&here) + &token(&there)));
        let candidate = candidate(&format!("{}/demo.tgz", there.origin));
        let mut download = registry
            .open_tarball(&candidate, 1 << 20)
            .await
            .expect(&what);
        while download.piece().await.unwrap().is_some() {}
        assert_eq!(download.got(), bytes.len() as u64);
        assert_eq!(here.lines(), [PATH], "{what}");
        assert_eq!(there.lines(), [PATH], "{what}");
        assert_eq!(there.seen()[0].header("authorization"), None);
    }
}

#[tokio::test]
async fn a_tarball_that_the_registry_sends_byte_by_byte_comes_whole() {
    let bytes = version("demo", "1.1.0");
    let content = bytes.clone();
    let slow = Reply::new(200, content).dripping(1, Duration::from_millis(1));
    let here = Server::start(move |_, _| slow.clone()).await;
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("demo.tgz");
    let mut candidate = candidate("http://127.0.0.1:1/demo.tgz");
    candidate.integrity = integrity(&bytes);
    let saved = registry(&here.origin)
        .save_tarball(&candidate, &into, 1 << 20, |_, _| {})
        .await;
    assert_eq!(saved.unwrap(), bytes.len() as u64);
}

#[tokio::test]
async fn an_insecure_tarball_is_refused_before_anything_is_asked() {
    let here = Server::start(|_, _| Reply::new(404, "")).await;
    for (registry_at, tarball) in [
        (here.origin.as_str(), "http://reg.test/demo.tgz"),
        (here.origin.as_str(), "ftp://127.0.0.1/demo.tgz"),
        ("https://127.0.0.1:1/", &format!("{}/demo.tgz", here.origin)),
    ] {
        let error = registry(registry_at)
            .open_tarball(&candidate(tarball), 1 << 20)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), "not-secure", "{error}");
        assert!(error.to_string().contains(tarball), "{error}");
        assert!(error.hint().contains("tarball"), "{}", error.hint());
    }
    assert_eq!(here.lines(), Vec::<String>::new());
}

#[tokio::test]
async fn saving_tries_a_refused_request_and_a_body_cut_off_as_often_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = version("demo", "1.1.0");
    for (reply, tries) in [
        (Reply::new(503, ""), QUICK.tries),
        (Reply::new(429, "").with("retry-after", "0"), QUICK.tries),
        (Reply::new(200, bytes.clone()).cut(30), QUICK.tries),
        (Reply::new(200, bytes.clone()).cut(30).silent(), QUICK.tries),
        (Reply::new(200, bytes.clone()).cut(0).silent(), 1),
        (Reply::new(404, ""), 1),
    ] {
        let what = format!("{reply:?}");
        let server = Server::start(move |_, _| reply.clone()).await;
        let candidate = candidate(&format!("{}/demo.tgz", server.origin));
        registry(&server.origin)
            .save_tarball(&candidate, &folder.path().join("x"), 1 << 20, |_, _| {})
            .await
            .unwrap_err();
        assert_eq!(server.seen().len(), tries, "{what}");
    }
}

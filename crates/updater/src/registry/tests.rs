use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::testing::{Reply, Request, Server, integrity, packument, version};

mod logins;
mod tarballs;

const QUICK: Timeouts = Timeouts {
    connect: Duration::from_secs(5),
    idle: Duration::from_millis(400),
    tries: 3,
    pause: Duration::from_millis(2),
    max_pause: Duration::from_millis(1500),
};

fn npm(npmrc: &str) -> NpmSettings {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join(".npmrc"), npmrc).unwrap();
    NpmSettings::read(&BTreeMap::new(), Some(home.path()))
}

fn named(package: &str, address: &str, npmrc: &str) -> Registry {
    let address = address.parse().unwrap();
    Registry::new(package.parse().unwrap(), Some(address), npm(npmrc), QUICK).unwrap()
}

fn registry(address: &str) -> Registry {
    named("demo", address, "")
}

/// A token for every server on this machine that a test starts.
fn token(server: &Server) -> String {
    let host = server.origin.trim_start_matches("http:");
    format!("{host}/:_authToken=t0k3n\n")
}

fn demo() -> Value {
    packument("demo", "http://127.0.0.1:1", &[("1.1.0", b"bytes")])
}

fn candidate(tarball: &str) -> Candidate {
    Candidate {
        package: "demo".parse().unwrap(),
        version: "1.1.0".parse().unwrap(),
        integrity: integrity(b"bytes"),
        engines: rollout::Engines::default(),
        tarball: tarball.to_owned(),
        unpacked_size: None,
    }
}

fn authorized(request: &Request) -> bool {
    request.header("authorization") == Some("Bearer t0k3n")
}

async fn always(reply: Reply) -> (Server, Result<Candidate, RegistryError>) {
    let server = Server::start(move |_, _| reply.clone()).await;
    let answer = registry(&server.origin).tagged("latest").await;
    (server, answer)
}

#[tokio::test]
async fn the_abbreviated_form_is_asked_for_once() {
    let (server, answer) = always(Reply::json(&demo())).await;
    assert_eq!(answer.unwrap().version.as_str(), "1.1.0");
    let [request] = &server.seen()[..] else {
        panic!("{:?}", server.lines())
    };
    assert_eq!(request.line, "GET /demo");
    let accept = request.header("accept").unwrap();
    assert!(
        accept.starts_with("application/vnd.npm.install-v1+json"),
        "{accept}"
    );
    assert_eq!(request.header("authorization"), None);
}

#[tokio::test]
async fn a_scoped_package_at_a_registry_with_a_path_is_one_segment_below_it() {
    let answer = packument("@acme/board", "http://127.0.0.1:1", &[("1.0.0", b"x")]);
    let server = Server::start(move |_, _| Reply::json(&answer)).await;
    for address in ["/team/npm/", "/team/npm"] {
        let registry = named("@acme/board", &format!("{}{address}", server.origin), "");
        registry.tagged("latest").await.unwrap();
    }
    assert_eq!(server.lines(), ["GET /team/npm/@acme%2fboard"; 2]);
}

#[tokio::test]
async fn an_etag_makes_the_next_question_one_that_304_answers() {
    let server = Server::start(|request, _| match request.header("if-none-match") {
        Some("\"v1\"") => Reply::new(304, ""),
        _ => Reply::json(&demo()).with("etag", "\"v1\""),
    })
    .await;
    let registry = registry(&server.origin);
    let PackumentAnswer::Fresh { packument, etag } = registry.packument(None).await.unwrap() else {
        panic!("nothing was cached");
    };
    let mut cached = CachedPackument {
        url: registry.address().await.unwrap(),
        channel: "latest".into(),
        etag: etag.unwrap(),
        candidate: packument.tagged("latest").unwrap(),
    };
    let again = registry.packument(Some(&cached)).await.unwrap();
    assert!(matches!(again, PackumentAnswer::NotModified));
    assert_eq!(server.seen().len(), 2);
    cached.url = "http://127.0.0.1:1/demo".into();
    let other = registry.packument(Some(&cached)).await.unwrap();
    assert!(matches!(other, PackumentAnswer::Fresh { .. }));
}

#[tokio::test]
async fn a_304_that_nobody_asked_for_is_no_answer() {
    let (_server, answer) = always(Reply::new(304, "")).await;
    assert!(matches!(
        answer,
        Err(RegistryError::Status { status: 304, .. })
    ));
}

#[tokio::test]
async fn a_compressed_answer_is_inflated() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(demo().to_string().as_bytes()).unwrap();
    let packed = gzip.finish().unwrap();
    let reply = Reply::new(200, packed.clone()).with("content-encoding", "gzip");
    let (server, answer) = always(reply).await;
    assert_eq!(answer.unwrap().version.as_str(), "1.1.0");
    assert_eq!(server.seen()[0].header("accept-encoding"), Some("gzip"));

    let half = packed.len() / 2;
    let cut = Reply::new(200, &packed[..half]).with("content-encoding", "gzip");
    let (server, answer) = always(cut).await;
    assert!(
        matches!(answer, Err(RegistryError::Truncated { .. })),
        "{answer:?}"
    );
    assert_eq!(server.seen().len(), QUICK.tries);
}

#[tokio::test]
async fn a_token_goes_to_its_registry_and_stays_on_redirects_within_it() {
    let server = Server::start(|request, _| match request.line.as_str() {
        "GET /demo" => Reply::new(302, "").with("location", "/moved/demo"),
        _ => Reply::json(&demo()),
    })
    .await;
    let registry = named("demo", &server.origin, &token(&server));
    registry.tagged("latest").await.unwrap();
    assert_eq!(server.lines(), ["GET /demo", "GET /moved/demo"]);
    assert!(server.seen().iter().all(authorized));
}

#[tokio::test]
async fn a_token_never_travels_to_another_host_and_not_back_either() {
    let stranger_back = std::sync::Arc::new(std::sync::OnceLock::<String>::new());
    let back = std::sync::Arc::clone(&stranger_back);
    let stranger = Server::start(move |_, _| {
        Reply::new(307, "").with("location", back.get().unwrap().as_str())
    })
    .await;
    let there = stranger.origin.clone();
    let home = Server::start(move |request, _| match request.line.as_str() {
        "GET /demo" => Reply::new(301, "").with("location", format!("{there}/demo")),
        _ => Reply::json(&demo()),
    })
    .await;
    stranger_back.set(format!("{}/back", home.origin)).unwrap();
    // Even a token that was configured for the stranger is not for the stranger to ask for.
    let npmrc = token(&home) + &token(&stranger);
    named("demo", &home.origin, &npmrc)
        .tagged("latest")
        .await
        .unwrap();
    assert!(authorized(&home.seen()[0]));
    assert_eq!(stranger.seen()[0].header("authorization"), None);
    assert_eq!(home.lines()[1], "GET /back");
    assert_eq!(home.seen()[1].header("authorization"), None);
}

#[tokio::test]
async fn a_login_in_the_registrys_address_is_used_and_never_shown() {
    let server = Server::start(|_, _| Reply::new(403, "")).await;
    let address = server.origin.replace("http://", "http://ann:s3cr3t@");
    let error = registry(&address).tagged("latest").await.unwrap_err();
    let sent = server.seen()[0].header("authorization").unwrap().to_owned();
    assert_eq!(
        sent,
        format!("Basic {}", BASE64_STANDARD.encode("ann:s3cr3t"))
    );
    assert!(!error.to_string().contains("s3cr3t"), "{error}");
    assert!(!format!("{:?}", registry(&server.origin)).contains("s3cr3t"));
}

#[tokio::test]
async fn redirects_to_plain_http_elsewhere_in_circles_or_to_nowhere_are_refused() {
    for (location, words) in [
        (
            Some("http://reg.test/demo"),
            "neither HTTPS nor on this machine",
        ),
        (
            Some("file:///etc/passwd"),
            "neither HTTPS nor on this machine",
        ),
        (Some("/demo"), "too many"),
        (None, "names no address"),
    ] {
        let mut reply = Reply::new(302, "");
        if let Some(location) = location {
            reply = reply.with("location", location);
        }
        let (_server, answer) = always(reply).await;
        let error = answer.unwrap_err();
        assert!(matches!(error, RegistryError::Redirect { .. }), "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[tokio::test]
async fn a_registry_that_is_neither_https_nor_here_is_never_asked() {
    let error = registry("http://reg.test/")
        .tagged("latest")
        .await
        .unwrap_err();
    assert!(matches!(error, RegistryError::NotSecure { .. }), "{error}");
}

#[tokio::test]
async fn refusals_are_told_apart_and_asked_once() {
    for (status, kind, words) in [
        (401, "unauthorized", "npm login"),
        (403, "unauthorized", "npm login"),
        (404, "not-found", "package's name"),
        (418, "unexpected-status", "npm registry"),
    ] {
        let (server, answer) = always(Reply::new(status, "no")).await;
        let error = answer.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(error.hint().contains(words), "{}", error.hint());
        assert!(
            error
                .to_string()
                .contains(&format!("{}/demo", server.origin)),
            "{error}"
        );
        assert_eq!(server.seen().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn busy_registries_are_asked_again() {
    for status in [408, 429, 500, 502, 503] {
        let server = Server::start(move |_, before| match before {
            0 | 1 => Reply::new(status, ""),
            _ => Reply::json(&demo()),
        })
        .await;
        assert!(
            registry(&server.origin).tagged("latest").await.is_ok(),
            "{status}"
        );
        assert_eq!(server.seen().len(), 3);
    }
    let (server, answer) = always(Reply::new(503, "")).await;
    assert!(matches!(
        answer,
        Err(RegistryError::Busy { status: 503, .. })
    ));
    assert_eq!(server.seen().len(), QUICK.tries);
}

#[tokio::test]
async fn a_wish_to_be_left_alone_is_honoured_before_asking_again() {
    let server = Server::start(|_, before| match before {
        0 => Reply::new(429, "").with("retry-after", "1"),
        _ => Reply::json(&demo()),
    })
    .await;
    let begun = std::time::Instant::now();
    registry(&server.origin).tagged("latest").await.unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_wish_longer_than_a_person_waits_ends_the_question_and_is_passed_on() {
    let (server, answer) = always(Reply::new(429, "").with("retry-after", "600")).await;
    let error = answer.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_mins(10)));
    assert!(error.hint().contains("600 seconds"), "{}", error.hint());
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn an_answer_cut_off_is_asked_for_again() {
    let whole = demo().to_string();
    for reply in [
        Reply::new(200, whole.clone()).cut(20),
        Reply::new(200, whole.clone()).chunked().cut(20),
        Reply::new(200, whole.clone()).announcing(whole.len() + 1),
    ] {
        let (server, answer) = always(reply.clone()).await;
        let error = answer.unwrap_err();
        assert!(matches!(error, RegistryError::Truncated { .. }), "{error}");
        assert_eq!(server.seen().len(), QUICK.tries);
        let server = Server::start(move |_, before| match before {
            0 => reply.clone(),
            _ => Reply::json(&demo()),
        })
        .await;
        assert!(registry(&server.origin).tagged("latest").await.is_ok());
    }
}

#[tokio::test]
async fn silence_ends_a_question_and_slowness_does_not() {
    let body = demo().to_string();
    for reply in [
        Reply::new(200, body.clone()).cut(0).silent(),
        Reply::new(200, body.clone()).cut(30).silent(),
    ] {
        let (_server, answer) = always(reply).await;
        let error = answer.unwrap_err();
        assert!(matches!(error, RegistryError::Idle { .. }), "{error}");
        assert!(error.is_transient());
    }
    let pieces = 12;
    let slow = Reply::new(200, body.clone())
        .dripping(body.len().div_ceil(pieces), Duration::from_millis(60));
    let begun = std::time::Instant::now();
    let (server, answer) = always(slow).await;
    answer.unwrap();
    assert!(begun.elapsed() > QUICK.idle, "it was not slow at all");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_web_page_with_200_is_no_answer_and_tried_again() {
    let page = "<!doctype html><title>Welcome to the airport</title>";
    let (server, answer) = always(Reply::new(200, page).with("content-type", "text/html")).await;
    let error = answer.unwrap_err();
    assert!(matches!(error, RegistryError::NotJson { .. }), "{error}");
    assert!(error.is_transient());
    assert_eq!(server.seen().len(), QUICK.tries);
}

#[tokio::test]
async fn a_hundred_megabytes_are_refused_long_before_they_came() {
    let piece = vec![b' '; 1 << 20];
    let endless = Reply::new(200, piece).repeated(100).chunked();
    let (server, answer) = always(endless).await;
    let error = answer.unwrap_err();
    assert!(matches!(error, RegistryError::TooBig { .. }), "{error}");
    assert!(
        server.sent() < 80 << 20,
        "{} bytes were taken",
        server.sent()
    );

    let announced = Reply::new(200, vec![b' '; 1 << 20]).repeated(100);
    let (server, answer) = always(announced).await;
    assert!(matches!(answer, Err(RegistryError::TooBig { .. })));
    assert!(
        server.sent() < 20 << 20,
        "{} bytes were taken",
        server.sent()
    );
}

#[tokio::test]
async fn a_compressed_answer_without_end_and_content_is_cut_off() {
    // A gzip header, then nothing but empty stored blocks.
    let mut piece = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    piece.extend([0, 0, 0, 0xff, 0xff].repeat(200_000));
    let blocks = piece.split_off(10);
    let endless = Reply::new(200, blocks)
        .after(piece)
        .repeated(100)
        .chunked()
        .with("content-encoding", "gzip");
    let (server, answer) = always(endless).await;
    let error = answer.unwrap_err();
    assert!(matches!(error, RegistryError::TooBig { .. }), "{error}");
    assert!(error.hint().contains("`registry` names a registry"));
    assert!(
        server.sent() < 80 << 20,
        "{} bytes were taken",
        server.sent()
    );
}

#[tokio::test]
async fn nobody_at_home_is_told_with_the_address() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let error = registry(&address).tagged("latest").await.unwrap_err();
    assert!(
        matches!(error, RegistryError::Unreachable { .. }),
        "{error}"
    );
    assert!(error.to_string().contains(&address), "{error}");
}

#[tokio::test]
async fn the_proxy_npm_names_is_used_for_the_world_and_not_for_this_machine() {
    let proxy = Server::start(|_, _| Reply::new(403, "")).await;
    let npmrc = format!("https-proxy={}\n", proxy.origin);
    let outside = named("demo", "https://reg.test/", &npmrc)
        .tagged("latest")
        .await;
    assert!(
        matches!(outside, Err(RegistryError::Unreachable { .. })),
        "{outside:?}"
    );
    assert!(
        proxy.lines()[0].starts_with("CONNECT reg.test:443"),
        "{:?}",
        proxy.lines()
    );
    let asked = proxy.seen().len();

    let home = Server::start(|_, _| Reply::json(&demo())).await;
    named("demo", &home.origin, &npmrc)
        .tagged("latest")
        .await
        .unwrap();
    assert_eq!(proxy.seen().len(), asked);
}

#[tokio::test]
async fn a_tarball_of_another_host_is_sought_at_the_registry_first() {
    let bytes = version("demo", "1.1.0");
    let (there_bytes, here_bytes) = (bytes.clone(), bytes.clone());
    let there = Server::start(move |_, _| Reply::new(200, there_bytes.clone())).await;
    let there_origin = there.origin.clone();
    let listed = packument("demo", &there_origin, &[("1.1.0", &bytes)]);
    let here = Server::start(move |request, _| match request.line.as_str() {
        "GET /npm/demo" => Reply::json(&listed),
        "GET /npm/demo/-/demo-1.1.0.tgz" => Reply::new(200, here_bytes.clone()),
        _ => Reply::new(404, ""),
    })
    .await;
    let npmrc = token(&here) + &token(&there);
    let registry = named("demo", &format!("{}/npm/", here.origin), &npmrc);
    let candidate = registry.tagged("latest").await.unwrap();
    let mut download = registry.open_tarball(&candidate, 1 << 20).await.unwrap();
    while download.piece().await.unwrap().is_some() {}
    assert_eq!(download.got(), bytes.len() as u64);
    assert!(here.seen().iter().all(authorized));
    assert_eq!(there.lines(), Vec::<String>::new());
}

#[tokio::test]
async fn where_the_registry_has_no_such_tarball_the_named_host_is_asked_without_a_token() {
    let bytes = version("demo", "1.1.0");
    let content = bytes.clone();
    let there = Server::start(move |_, _| Reply::new(200, content.clone())).await;
    let listed = packument("demo", &there.origin, &[("1.1.0", &bytes)]);
    let here = Server::start(move |request, _| match request.line.as_str() {
        "GET /demo" => Reply::json(&listed),
        _ => Reply::new(404, ""),
    })
    .await;
    let registry = named("demo", &here.origin, &(token(&here) + &token(&there)));
    let candidate = registry.tagged("latest").await.unwrap();
    registry.open_tarball(&candidate, 1 << 20).await.unwrap();
    assert_eq!(here.lines().last().unwrap(), "GET /demo/-/demo-1.1.0.tgz");
    assert_eq!(there.lines(), ["GET /demo/-/demo-1.1.0.tgz"]);
    assert_eq!(there.seen()[0].header("authorization"), None);
    assert_eq!(there.seen()[0].header("accept-encoding"), Some("identity"));
}

#[tokio::test]
async fn a_saved_tarball_has_the_promised_bytes_or_is_not_there() {
    let bytes = version("demo", "1.1.0");
    let folder = tempfile::tempdir().unwrap();
    let good = Reply::new(200, bytes.clone());
    let mut changed = bytes.clone();
    changed[20] ^= 1;
    let long = Reply::new(200, vec![0; 4096]);
    for (name, reply, limit, kind) in [
        ("good", good.clone(), 1 << 20, None),
        (
            "changed",
            Reply::new(200, changed),
            1 << 20,
            Some("wrong-integrity"),
        ),
        (
            "short",
            good.clone().announcing(bytes.len() - 1),
            1 << 20,
            Some("wrong-integrity"),
        ),
        ("cut", good.cut(30), 1 << 20, Some("truncated")),
        ("announced too long", long.clone(), 4095, Some("too-big")),
        ("too long", long.chunked(), 4095, Some("too-big")),
    ] {
        let content = reply.clone();
        let server = Server::start(move |_, _| content.clone()).await;
        let mut candidate = candidate(&format!("{}/demo.tgz", server.origin));
        candidate.integrity = integrity(&bytes);
        let into = folder.path().join(name);
        let registry = registry(&server.origin);
        let saved = registry
            .save_tarball(&candidate, &into, limit, |_, _| {})
            .await;
        match kind {
            None => {
                assert_eq!(saved.unwrap(), bytes.len() as u64);
                assert_eq!(std::fs::read(&into).unwrap(), bytes);
            }
            Some(kind) => {
                assert_eq!(saved.unwrap_err().kind(), kind, "{name}");
                assert!(!into.exists(), "{name}");
            }
        }
    }
}

fn unconfigured(path: &Path) -> Registry {
    let variables = BTreeMap::from([(OsString::from("PATH"), path.into())]);
    let npm = NpmSettings::read(&variables, None);
    Registry::new("demo".parse().unwrap(), None, npm, QUICK).unwrap()
}

#[tokio::test]
async fn without_a_registry_and_without_npm_the_next_step_is_told() {
    let empty = tempfile::tempdir().unwrap();
    let error = unconfigured(empty.path())
        .tagged("latest")
        .await
        .unwrap_err();
    assert!(matches!(error, RegistryError::NoRegistry { .. }), "{error}");
    assert!(error.hint().contains("Set `registry`"));
}

#[cfg(unix)]
#[tokio::test]
async fn without_a_registry_npm_is_asked_for_its_own() {
    use std::os::unix::fs::PermissionsExt as _;

    let server = Server::start(|_, _| Reply::json(&demo())).await;
    let bin = tempfile::tempdir().unwrap();
    let npm = bin.path().join("npm");
    let script = format!(
        "#!/bin/sh\n[ \"$*\" = 'config get registry' ] && echo '{}/from-npm/'\n",
        server.origin
    );
    std::fs::write(&npm, script).unwrap();
    std::fs::set_permissions(&npm, std::fs::Permissions::from_mode(0o755)).unwrap();
    unconfigured(bin.path()).tagged("latest").await.unwrap();
    assert_eq!(server.lines(), ["GET /from-npm/demo"]);
}

#[tokio::test]
async fn the_scopes_registry_of_npms_settings_is_asked() {
    let server = Server::start(|_, _| Reply::new(404, "")).await;
    let npmrc = format!(
        "@acme:registry={}/acme/\nregistry={0}/all/\n",
        server.origin
    );
    let npmrc = npm(&npmrc);
    let board = Registry::new("@acme/board".parse().unwrap(), None, npmrc, QUICK).unwrap();
    let _ = board.tagged("latest").await;
    let _ = board
        .for_package("demo".parse().unwrap())
        .tagged("latest")
        .await;
    assert_eq!(server.lines(), ["GET /acme/@acme%2fboard", "GET /all/demo"]);
    assert_eq!(
        json!(board.address().await.unwrap()),
        json!(format!("{}/acme/@acme%2fboard", server.origin))
    );
}

//! Sites in buckets, by the stores' own protocol, on loopback.

use std::fs;
use std::path::PathBuf;
use std::sync::mpsc;

use assert_cmd::Command;
use axum::error_handling::HandleError;
use axum::http::StatusCode;
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{Attribute, GetOptions, ObjectStore};
use predicates::prelude::*;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use serde_json::Value;

use crate::support::{Package, Room, refit};

const KEY: &str = "publisher";
const SECRET: &str = "a-secret-nobody-should-see";

/// An S3 server with one bucket, ended when dropped.
#[derive(Debug)]
struct S3 {
    endpoint: String,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl S3 {
    fn start(room: &Room) -> Self {
        let folder = PathBuf::from(room.at("s3"));
        fs::create_dir_all(folder.join("updates")).unwrap();
        let (tell, told) = mpsc::channel();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder).unwrap());
                builder.set_auth(SimpleAuth::from_single(KEY, SECRET));
                let service =
                    HandleError::new(builder.build(), |error: s3s::HttpError| async move {
                        (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:?}"))
                    });
                let app = axum::Router::new().fallback_service(service);
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                axum::serve(listener, app)
                    .with_graceful_shutdown(async {
                        let _ = stopped.await;
                    })
                    .await
                    .unwrap();
            });
        });
        Self {
            endpoint: format!("http://{}", told.recv().unwrap()),
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// `refit` with a login for it.
    fn refit(&self) -> Command {
        let mut command = refit();
        command
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_ACCESS_KEY_ID", KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET)
            .env("AWS_REGION", "eu-west-1");
        command
    }

    /// A file of the site, with its `Content-Type` and `Cache-Control`.
    fn get(&self, name: &str) -> Option<(Vec<u8>, String, String)> {
        let store = AmazonS3Builder::new()
            .with_bucket_name("updates")
            .with_endpoint(&self.endpoint)
            .with_access_key_id(KEY)
            .with_secret_access_key(SECRET)
            .with_allow_http(true)
            .build()
            .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let path = Path::from(format!("demo/site/{name}"));
            let found = store.get_opts(&path, GetOptions::default()).await.ok()?;
            let attribute = |attribute| {
                let found = found.attributes.get(&attribute);
                found
                    .map(|value| value.as_ref().to_owned())
                    .unwrap_or_default()
            };
            let kind = attribute(Attribute::ContentType);
            let caching = attribute(Attribute::CacheControl);
            Some((found.bytes().await.unwrap().into(), kind, caching))
        })
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&self.get(name).unwrap().0).unwrap()
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

const SITE: &str = "s3://updates/demo/site";

#[test]
fn a_bucket_is_published_to_signed_refreshed_and_rotated() {
    let room = Room::new();
    let s3 = S3::start(&room);
    let keys = room.at("keys");
    refit().args(["keys", "new", &keys]).assert().success();
    let board = |version: &str| {
        Package::new("@acme/board", version)
            .file("index.js", "1")
            .tgz(&room.path())
    };

    let url = ["--url", "https://updates.example/demo/site"];
    s3.refit()
        .args(["publish", SITE])
        .arg(board("1.0.0"))
        .assert()
        .success()
        .stderr(predicate::str::contains("Publish with --url"));
    s3.refit()
        .args(["publish", SITE])
        .args(url)
        .arg(board("1.0.0"))
        .assert()
        .success()
        .stderr(predicate::str::contains("Warning").not());
    s3.refit()
        .args(["publish", SITE])
        .arg(board("1.0.0"))
        .assert()
        .code(3);
    assert_eq!(
        s3.json("@acme/board/index.json")["dist-tags"]["latest"],
        "1.0.0"
    );
    s3.refit()
        .args(["repo", "init", SITE, "--keys", &keys])
        .assert()
        .success();
    s3.refit()
        .args(["repo", "init", SITE, "--keys", &keys])
        .assert()
        .code(3);
    s3.refit()
        .args(["publish", SITE, "--keys", &keys])
        .arg(board("1.0.0"))
        .assert()
        .success();
    s3.refit()
        .args([
            "publish",
            SITE,
            "--keys",
            &keys,
            "--plan",
            "10%,90%@1h",
            "--yes",
        ])
        .arg(board("1.1.0"))
        .assert()
        .success();
    s3.refit()
        .args(["repo", "refresh", SITE, "--keys", &keys])
        .assert()
        .success();
    for role in ["timestamp", "snapshot", "targets", "root"] {
        s3.refit()
            .args(["repo", "rotate", role, SITE, "--keys", &keys])
            .assert()
            .success();
    }
    s3.refit()
        .args(["publish", SITE, "--keys", &keys])
        .arg(board("1.2.0"))
        .assert()
        .success();

    check(&s3);
}

/// What is there at the end of that.
fn check(s3: &S3) {
    assert_eq!(s3.json("latest.json")["version"], "1.1.0");
    assert_eq!(s3.json("repo/metadata/5.root.json")["signed"]["version"], 5);
    let timestamp = s3.json("repo/metadata/timestamp.json");
    let snapshot = timestamp["signed"]["meta"]["snapshot.json"]["version"]
        .as_u64()
        .unwrap();
    let snapshot = s3.json(&format!("repo/metadata/{snapshot}.snapshot.json"));
    let targets = snapshot["signed"]["meta"]["targets.json"]["version"]
        .as_u64()
        .unwrap();
    let targets = s3.json(&format!("repo/metadata/{targets}.targets.json"));
    let targets = targets["signed"]["targets"].as_object().unwrap();
    assert_eq!(targets.len(), 4);
    for (name, target) in targets {
        let sha256 = target["hashes"]["sha256"].as_str().unwrap();
        let (bytes, _, caching) = s3.get(&format!("repo/targets/{sha256}.{name}")).unwrap();
        assert_eq!(target["length"], bytes.len());
        assert!(caching.contains("immutable"));
    }
    for name in [
        "latest.json",
        "@acme/board/index.json",
        "repo/metadata/timestamp.json",
    ] {
        let (_, kind, caching) = s3.get(name).unwrap();
        assert_eq!(
            (kind.as_str(), caching.as_str()),
            ("application/json", "no-cache")
        );
    }
    let (_, kind, caching) = s3.get("@acme/board/-/board-1.1.0.tgz").unwrap();
    assert_eq!(kind, "application/gzip");
    assert!(caching.contains("immutable"));
}

#[test]
fn a_bucket_refuses_what_a_folder_refuses() {
    let room = Room::new();
    let s3 = S3::start(&room);
    let one = Package::new("demo", "1.0.0").file("a", "one");
    s3.refit()
        .args(["publish", SITE])
        .arg(one.tgz(&room.path()))
        .assert()
        .success();
    let other = Package::new("demo", "1.0.0").file("a", "other");
    s3.refit()
        .args(["publish", SITE])
        .arg(other.tgz(&room.path()))
        .assert()
        .code(1)
        .stderr(predicate::str::contains("other content"));
    // A tarball that no index names, of a publisher that was stopped or is still at it, stays.
    let left = room
        .path()
        .join("s3/updates/demo/site/demo/-/demo-2.0.0.tgz");
    fs::write(&left, "somebody's").unwrap();
    s3.refit()
        .args(["publish", SITE])
        .arg(Package::new("demo", "2.0.0").tgz(&room.path()))
        .assert()
        .code(1)
        .stderr(predicate::str::contains("demo-2.0.0.tgz"));
    assert_eq!(fs::read_to_string(left).unwrap(), "somebody's");
    assert!(s3.json("demo/index.json")["versions"]["2.0.0"].is_null());
}

#[test]
fn a_bucket_that_does_not_let_in_is_named_and_no_login_is_shown() {
    let room = Room::new();
    let s3 = S3::start(&room);
    let tgz = Package::new("demo", "1.0.0").tgz(&room.path());
    let failed = |command: &mut Command, says: &str| {
        command.arg(&tgz).assert().code(1).stdout("").stderr(
            predicate::str::contains(says)
                .and(predicate::str::contains("wrong-secret").not())
                .and(predicate::str::contains(SECRET).not()),
        );
    };
    failed(
        s3.refit()
            .env("AWS_SECRET_ACCESS_KEY", "wrong-secret")
            .args(["publish", SITE]),
        "AWS_SECRET_ACCESS_KEY",
    );
    // A port where nobody listens.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nowhere = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    failed(
        s3.refit()
            .env("AWS_ENDPOINT_URL", nowhere)
            .args(["publish", SITE]),
        SITE,
    );
    failed(
        s3.refit()
            .env("AWS_ENDPOINT_URL", "http://store.example:9000")
            .args(["publish", SITE]),
        "plain http",
    );
}

#[test]
fn an_address_that_cannot_be_a_site_is_wrong_usage() {
    let room = Room::new();
    let tgz = Package::new("demo", "1.0.0").tgz(&room.path());
    for wrong in [
        "https://bucket.example/site",
        "s3://key:hunter2@bucket/site",
        "az://container/site?sig=hunter2",
    ] {
        refit()
            .args(["publish", wrong])
            .arg(&tgz)
            .assert()
            .code(2)
            .stderr(predicate::str::contains("hunter2: ").not());
    }
}

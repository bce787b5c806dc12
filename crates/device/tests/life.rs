//! A device from its start to its stop, where nothing can be launched: what it says, and what it
//! leaves alone. Launches with real children are the supervisor's tests and the stories'.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use device::{AppliedOutcome, Config, Device, DeviceOptions, Local, Phase, Updates};
use serde_json::json;

fn options(data: &Path, development: bool, env: &[(&str, &str)]) -> DeviceOptions {
    let config = json!({ "package": "demo", "entry": "cli.js", "command": ["no-such-program"] });
    let bundled = data.join("bundled");
    std::fs::create_dir_all(&bundled).expect("a folder");
    std::fs::write(bundled.join("package.json"), r#"{"version":"1.0.0"}"#).expect("a file");
    DeviceOptions {
        config: Config::parse(config, "test").expect("a configuration"),
        data_dir: data.join("data"),
        bundled_dir: bundled,
        trust_root: None,
        shell_version: "2.0.0".parse().expect("a version"),
        development,
        headless: false,
        guard: vec![data.join("no-guard").into_os_string()],
        env: env
            .iter()
            .map(|(key, value)| (OsString::from(key), OsString::from(value)))
            .collect::<BTreeMap<_, _>>(),
    }
}

fn open(data: &Path, development: bool, env: &[(&str, &str)]) -> Device {
    Device::open(Local::open(options(data, development, env)))
}

async fn until(device: &Device, phase: Phase) -> std::sync::Arc<device::Status> {
    let mut status = device.status();
    std::sync::Arc::clone(
        &*status
            .wait_for(|status| status.phase == phase)
            .await
            .expect("a device to test"),
    )
}

#[tokio::test]
async fn where_nothing_can_be_launched_the_status_says_why_and_trying_again_launches_again() {
    let dir = tempfile::tempdir().unwrap();
    let device = open(dir.path(), false, &[("REFIT_NO_AUTO_UPDATE", "1")]);
    device.start().await;
    let status = until(&device, Phase::Failed).await;
    let failure = status.failure.as_ref().unwrap();
    assert!(
        !failure.message.is_empty() && !failure.hint.is_empty(),
        "{failure:?}"
    );
    assert_eq!(status.bad, [], "the machine's fault condemned a version");
    let again = device.retry(None).await.unwrap_err();
    assert_eq!(again.kind, "restart", "{again:?}");
    device.stop().await;
}

#[tokio::test]
async fn a_development_build_neither_reads_nor_writes_the_store_and_asks_no_registry() {
    let dir = tempfile::tempdir().unwrap();
    let device = open(dir.path(), true, &[]);
    device.start().await;
    let status = until(&device, Phase::Failed).await;
    assert_eq!(status.updates, Updates::DevelopmentBuild);
    assert!(
        !dir.path().join("data/runtime-store").exists(),
        "a store was made"
    );
    assert_eq!(device.check().await.unwrap_err().kind, "updates-off");
    device.stop().await;
}

#[tokio::test]
async fn a_named_runtime_that_is_no_file_is_a_loud_error_and_nothing_else_runs() {
    let dir = tempfile::tempdir().unwrap();
    let device = open(dir.path(), true, &[("REFIT_RUNTIME", "/no/such/entry.js")]);
    device.start().await;
    let status = device.status().borrow().clone();
    assert_eq!(status.phase, Phase::Failed);
    assert!(
        status
            .failure
            .as_ref()
            .unwrap()
            .message
            .contains("/no/such/entry.js")
    );
    device.stop().await;
}

#[tokio::test]
async fn a_device_that_was_stopped_starts_nothing_any_more() {
    let dir = tempfile::tempdir().unwrap();
    let device = open(dir.path(), false, &[("REFIT_NO_AUTO_UPDATE", "1")]);
    device.stop().await;
    device.start().await;
    assert_eq!(device.status().borrow().phase, Phase::Stopped);
    // The last thing that a start does is to answer the command line.
    let socket = dir.path().join("data/runtime-store/owner.lock");
    assert!(!socket.exists(), "it was started");
    assert_eq!(
        device.apply().await.unwrap().outcome,
        AppliedOutcome::Nothing
    );
}

#[tokio::test]
async fn a_relative_data_folder_is_resolved_once() {
    let dir = tempfile::tempdir().unwrap();
    let device = open(dir.path(), false, &[]);
    assert!(device.local().data_dir().is_absolute());
    assert_eq!(
        device.local().data_dir(),
        dir.path().join("data").canonicalize().unwrap()
    );
}

#[tokio::test]
async fn no_token_of_the_environment_is_ever_printed() {
    let dir = tempfile::tempdir().unwrap();
    let device = open(dir.path(), false, &[("NODE_AUTH_TOKEN", "sesame-open")]);
    assert!(!format!("{device:?}").contains("sesame-open"));
}

#[test]
fn looking_makes_no_folder() {
    let dir = tempfile::tempdir().unwrap();
    let local = Local::look(options(dir.path(), false, &[]));
    assert_eq!(local.resolve().version.as_str(), "1.0.0");
    assert!(!dir.path().join("data").exists());
}

#[tokio::test]
async fn a_development_build_opens_no_connection_to_its_fleet() {
    let broker = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    broker.set_nonblocking(true).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path(), true, &[]);
    let url = format!("nats://{}", broker.local_addr().unwrap());
    options.config.fleet = serde_json::from_value(json!({ "servers": [url] })).unwrap();
    let device = Device::open(Local::open(options));
    device.start().await;
    until(&device, Phase::Failed).await;
    device.stop().await;
    assert_eq!(
        broker.accept().unwrap_err().kind(),
        std::io::ErrorKind::WouldBlock
    );
    assert!(!dir.path().join("data/fleet").exists());
}

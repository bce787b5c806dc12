//! Where an administrator decides, and processes are there to be restarted.

use device::{Phase, Wanted};
use serde_json::json;

use crate::bench::{Bench, held, until};
use crate::host::Release;
use crate::laid::Laid;

#[tokio::test]
async fn a_launch_that_is_tried_again_tries_no_version_where_updates_are_off() {
    let Some(laid) = Laid::new() else { return };
    laid.say(r#"{"updates":"user"}"#);
    let bench = Bench::new(laid.about(&json!({ "rehearse": false }))).await;
    let starts = bench.dir.path().join("starts");
    let code = format!("count {}", starts.display());
    bench.host.release(&[Release::new("1.1.0", &code)]);
    let device = bench.open();
    device.stage(Wanted::Latest).await.unwrap();
    drop(device);
    laid.say(r#"{"updates":"off"}"#);
    let device = bench.open();
    std::fs::write(bench.dir.path().join("bundled/cli.js"), "exit 1").unwrap();
    device.start().await;
    until(&device, |status| status.phase == Phase::Failed).await;
    device.retry(None).await.unwrap_err();
    assert_eq!(held(&starts), "", "it was tried");
    device.stop().await;
}

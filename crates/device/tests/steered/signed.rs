//! Where only what is signed is believed, an order chooses among that, up and down.

use device::Integrity;
use fleet::State;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sha2::{Digest as _, Sha512};

use crate::bench::{Bench, runs, until};
use crate::host::{Host, Release};
use crate::operator::{Operator, stands};
use crate::publisher::Publisher;

/// A repository on the bench's host that signs these, and a device that is built with its root.
fn trusts(bench: &mut Bench, signed: &[&Release<'_>]) {
    let mut publisher = Publisher::new();
    let expires = Timestamp::now() + SignedDuration::from_hours(24);
    publisher.root.expires = expires;
    publisher.timestamp.expires = expires;
    publisher.snapshot.expires = expires;
    publisher.targets.expires = expires;
    let keys = publisher.keys["root"].clone();
    publisher.put_root(&keys);
    for release in signed {
        let version = release.version;
        let tarball = release.pack();
        let integrity = Integrity::from_digest(Sha512::digest(&tarball).into());
        let described = json!({
            "schema": 1, "package": "demo", "version": version, "integrity": integrity.to_string(),
            "packedSize": tarball.len(), "unpackedSize": 10_000,
            "tarball": format!("demo/-/demo-{version}.tgz"),
        });
        let name = format!("demo-{version}.json");
        publisher.add(&name, described.to_string().as_bytes());
        bench
            .host
            .put(&format!("/signed/demo/-/demo-{version}.tgz"), tarball);
    }
    publisher.add("latest.json", br#"{"version":"1.2.0"}"#);
    publisher.publish();
    serve(&bench.host, &publisher);
    bench.news["trust"] =
        json!({ "root": "root.json", "url": format!("{}signed/repo/", bench.host.url) });
    bench.trust_root = Some(publisher.first_root());
}

fn serve(host: &Host, publisher: &Publisher) {
    for (path, bytes) in &publisher.files {
        host.put(&format!("/signed/repo/{path}"), bytes.clone());
    }
}

#[tokio::test]
async fn an_order_goes_up_and_down_among_what_is_signed_and_never_beyond() {
    let operator = Operator::start().await;
    let mut bench = operator.bench(json!({ "soak": "1s" })).await;
    let all = ["1.1.0", "1.2.0", "1.3.0"].map(|version| Release::new(version, ""));
    // The registry and the broker have one more than the repository.
    operator.releases(&bench, &all).await;
    trusts(&mut bench, &[&all[0], &all[1]]);
    let device = bench.running("1.0.0").await;
    operator.orders("1.3.0").await;
    stands(&device, State::Refused, "not-signed").await;
    operator.orders("1.2.0").await;
    until(&device, |status| runs(status, "1.2.0")).await;
    // Down to one that was never here: it is fetched, and believed by what is signed.
    operator.orders("1.1.0").await;
    let status = until(&device, |status| runs(status, "1.1.0")).await;
    assert_eq!(status.bad, []);
    stands(&device, State::Arrived, "").await;
    assert!(!bench.stored("1.3.0").exists());
    device.stop().await;
}

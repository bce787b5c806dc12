//! A device that has settled down with a repository.

use std::num::NonZeroU64;

use trust::TrustError;

use crate::support::Publisher;
use crate::support::device::Device;
use crate::support::host::Host;

/// A device that knows of the version `two`, and the same publisher's past, when it was `one`.
pub(crate) async fn settled() -> (Device, Publisher, Publisher) {
    let mut publisher = Publisher::with_latest(b"one");
    let past = publisher.clone();
    publisher.add("latest.json", b"two");
    publisher.publish();
    let device = Device::new(publisher.first_root());
    let repository = device.refresh(&publisher.host()).await.unwrap();
    repository.read("latest.json", 100).await.unwrap();
    (device, publisher, past)
}

/// Refreshes at `host`, which is refused, and checks that nothing came of it.
pub(crate) async fn refused(device: &Device, host: &Host) -> TrustError {
    let before = device.versions();
    let error = device.refresh(host).await.unwrap_err();
    assert!(error.is_refusal(), "{error}");
    assert_eq!(device.latest().await.unwrap(), b"two");
    for (role, (was, is)) in before.iter().zip(device.versions()).enumerate() {
        assert!(
            is >= *was,
            "role {role} went back from {was} to {is}: {error}"
        );
    }
    error
}

pub(crate) fn number(version: u64) -> NonZeroU64 {
    NonZeroU64::new(version).unwrap()
}

//! A clock that was wrong.

use trust::TrustError;

use crate::support::device::Device;
use crate::support::{Publisher, days, start};

#[tokio::test]
async fn a_clock_once_far_ahead_locks_nobody_out() {
    let mut publisher = Publisher::with_latest(b"one");
    let device = Device::up_to_date(&publisher).await;
    let host = publisher.host();
    let error = device
        .refresh_at(&host, start() + days(36_500))
        .await
        .unwrap_err();
    assert!(matches!(error, TrustError::Expired { .. }), "{error:?}");

    // The clock is right again.
    device.refresh(&host).await.unwrap();
    publisher.add("latest.json", b"two");
    publisher.publish();
    host.serve(&publisher);
    let repository = device.refresh_at(&host, start() + days(1)).await.unwrap();
    let read = repository.read("latest.json", 100).await.unwrap().unwrap();
    assert_eq!(read, b"two");
}

#[tokio::test]
async fn news_seen_with_a_clock_far_ahead_are_taken_once_it_is_right() {
    let mut publisher = Publisher::with_latest(b"one");
    let device = Device::up_to_date(&publisher).await;
    publisher.add("latest.json", b"two");
    publisher.publish();
    let host = publisher.host();
    device
        .refresh_at(&host, start() + days(31))
        .await
        .unwrap_err();
    device.refresh(&host).await.unwrap();
    assert_eq!(device.version("timestamp"), 3);
}

#[tokio::test]
async fn a_clock_that_goes_back_un_learns_nothing() {
    let mut publisher = Publisher::with_latest(b"one");
    let past = publisher.clone();
    publisher.publish();
    let device = Device::up_to_date(&publisher).await;
    let error = device
        .refresh_at(&past.host(), start() - days(3650))
        .await
        .unwrap_err();
    assert!(matches!(error, TrustError::Rollback { .. }), "{error:?}");
}

#[tokio::test]
async fn what_is_kept_is_given_out_whatever_the_time_and_says_when_it_ends() {
    let mut publisher = Publisher::with_latest(b"one");
    publisher.timestamp.expires = start() + days(1);
    publisher.publish();
    let device = Device::up_to_date(&publisher).await;
    // This machine's own clock is long past that day, or before it: nobody asks it.
    let kept = device.trust().kept().await.unwrap().unwrap();
    assert_eq!(kept.expires(), start() + days(1));
}

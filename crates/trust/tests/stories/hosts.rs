//! Hosts that send too much, too slowly, something else, or nothing.

use trust::TrustError;

use crate::settled::{refused, settled};
use crate::support::Publisher;
use crate::support::device::Device;
use crate::support::host::Answer;

#[tokio::test]
async fn a_target_with_other_bytes_is_never_given_out_or_kept() {
    let mut publisher = Publisher::with_latest(b"two");
    publisher.add("big.json", b"0123456789");
    publisher.publish();
    let path = publisher
        .files
        .keys()
        .find(|path| path.ends_with("big.json"))
        .unwrap()
        .clone();
    for wrong in [&b"012345678"[..], b"0123456789a", b"9876543210", b""] {
        let host = publisher.host();
        host.put(&path, wrong);
        let device = Device::new(publisher.first_root());
        let repository = device.refresh(&host).await.unwrap();
        let error = repository.read("big.json", 100).await.unwrap_err();
        assert!(error.is_refusal(), "{error:?}");
        host.serve(&publisher);
        let right = repository.read("big.json", 100).await.unwrap().unwrap();
        assert_eq!(right, b"0123456789");
    }
}

#[tokio::test]
async fn data_without_end_is_cut_off_wherever_it_comes() {
    for (path, limit) in [
        ("metadata/2.root.json", 512 * 1024),
        ("metadata/timestamp.json", 64 * 1024),
        ("metadata/4.snapshot.json", 0),
        ("metadata/4.targets.json", 0),
    ] {
        let (device, mut publisher, _) = settled().await;
        publisher.publish();
        // The signed length is the limit where there is one.
        let limit = match publisher.files.get(path) {
            Some(bytes) if limit == 0 => bytes.len() as u64,
            _ => limit,
        };
        let host = publisher.host();
        host.answer(path, Answer::Endless);
        let error = refused(&device, &host).await;
        assert!(
            matches!(&error, TrustError::TooLarge { limit: said, .. } if *said == limit),
            "{path} {error:?}"
        );
    }
}

#[tokio::test]
async fn metadata_without_a_signed_length_has_a_limit_too() {
    let (mut device, mut publisher, _) = settled().await;
    publisher.publish();
    let meta = publisher.timestamp.meta.get_mut("snapshot.json").unwrap();
    (meta.length, meta.hashes) = (None, None);
    publisher.sign_timestamp();
    let host = publisher.host();
    device.refresh(&host).await.unwrap();
    publisher.publish();
    let meta = publisher.timestamp.meta.get_mut("snapshot.json").unwrap();
    // And a signed length is no way round it.
    meta.length = Some(u64::MAX);
    meta.hashes = None;
    publisher.sign_timestamp();
    host.serve(&publisher);
    host.answer("metadata/5.snapshot.json", Answer::Endless);
    device.limits.snapshot = 5000;
    let error = refused(&device, &host).await;
    assert!(
        matches!(error, TrustError::TooLarge { limit: 5000, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_target_without_end_is_cut_off_at_its_signed_length() {
    let publisher = Publisher::with_latest(b"two");
    let host = publisher.host();
    let path = publisher
        .files
        .keys()
        .find(|path| path.ends_with("latest.json"))
        .unwrap();
    host.answer(path, Answer::Endless);
    let device = Device::new(publisher.first_root());
    let repository = device.refresh(&host).await.unwrap();
    let error = repository.read("latest.json", 100).await.unwrap_err();
    assert!(
        matches!(error, TrustError::TooLarge { limit: 3, .. }),
        "{error:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_host_that_falls_silent_or_trickles_is_given_up() {
    for path in [
        "metadata/2.root.json",
        "metadata/timestamp.json",
        "metadata/4.snapshot.json",
        "metadata/4.targets.json",
    ] {
        for (answer, most) in [(Answer::Silent, 20), (Answer::Trickle, 60)] {
            let (device, mut publisher, _) = settled().await;
            publisher.publish();
            let host = publisher.host();
            if path.ends_with("root.json") || matches!(answer, Answer::Silent) {
                host.answer(path, answer);
            } else {
                // Bytes that stay below every limit for as long as one waits.
                host.answer("metadata/timestamp.json", answer);
            }
            let began = tokio::time::Instant::now();
            let error = device.refresh(&host).await.unwrap_err();
            assert!(
                matches!(error, TrustError::TooSlow { .. }),
                "{path} {error:?}"
            );
            assert!(!error.is_refusal());
            let took = began.elapsed().as_secs();
            assert!((most..=most + 1).contains(&took), "{path} took {took} s");
            assert_eq!(device.latest().await.unwrap(), b"two");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_trickles_is_given_up() {
    let publisher = Publisher::with_latest(&[b'x'; 4000]);
    let host = publisher.host();
    let path = publisher
        .files
        .keys()
        .find(|path| path.ends_with("latest.json"))
        .unwrap();
    host.answer(path, Answer::Trickle);
    let device = Device::new(publisher.first_root());
    let repository = device.refresh(&host).await.unwrap();
    let error = repository.read("latest.json", 5000).await.unwrap_err();
    assert!(matches!(error, TrustError::TooSlow { .. }), "{error:?}");
}

#[tokio::test]
async fn a_file_that_every_repository_has_and_this_has_not_is_no_news() {
    for path in [
        "metadata/timestamp.json",
        "metadata/4.snapshot.json",
        "metadata/4.targets.json",
    ] {
        let (device, mut publisher, _) = settled().await;
        publisher.publish();
        let host = publisher.host();
        host.remove(path);
        let error = device.refresh(&host).await.unwrap_err();
        assert!(
            matches!(&error, TrustError::Missing { url } if url.ends_with(path)),
            "{error:?}"
        );
        assert!(!error.is_refusal());
        assert_eq!(device.latest().await.unwrap(), b"two");
    }
}

#[tokio::test]
async fn a_host_that_fails_in_the_middle_leaves_what_was_known_and_can_go_on_later() {
    for path in [
        "metadata/2.root.json",
        "metadata/timestamp.json",
        "metadata/4.snapshot.json",
        "metadata/4.targets.json",
    ] {
        for answer in [
            Answer::Broken("503 from https://user:hunter2@host/repo/"),
            Answer::CutOff(b"{\"signed\":".to_vec()),
        ] {
            let (device, mut publisher, past) = settled().await;
            publisher.add("latest.json", b"three");
            publisher.publish();
            let host = publisher.host();
            host.answer(path, answer);
            let error = device.refresh(&host).await.unwrap_err();
            assert!(
                matches!(&error, TrustError::Unreachable { url, .. } if url.ends_with(path)),
                "{error:?}"
            );
            assert!(!error.is_refusal());
            assert_eq!(device.latest().await.unwrap(), b"two");
            refused(&device, &past.host()).await;

            let repository = device.refresh(&publisher.host()).await.unwrap();
            let read = repository.read("latest.json", 100).await.unwrap();
            assert_eq!(read.unwrap(), b"three");
        }
    }
}

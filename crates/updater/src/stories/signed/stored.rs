//! What is here already, and whether it is what was signed.

use super::*;

#[tokio::test]
async fn what_was_signed_for_a_version_is_told_with_and_without_the_host() {
    let mut signed = Signed::saying(|_| {}).await;
    let wanted = integrity(&version("demo", "1.1.0"));
    // Nothing is kept yet: the host is asked.
    let told = signed.updater().described(&v("1.1.0")).await.unwrap();
    assert_eq!(told, wanted);
    let asked = signed.bench.host.asked();
    let told = signed.updater().described(&v("1.1.0")).await.unwrap();
    assert_eq!((told, signed.bench.host.asked()), (wanted.clone(), asked));
    // What was published since is asked for too.
    signed.describe("1.3.0", |_| {});
    signed.publish();
    signed.updater().described(&v("1.3.0")).await.unwrap();
    for (name, kind) in [("9.9.9", "not-signed"), ("1.2.0", "trust-unreachable")] {
        if kind == "trust-unreachable" {
            signed.bench.host.down();
        }
        let error = signed.updater().described(&v(name)).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    }
    let told = signed.updater().described(&v("1.1.0")).await.unwrap();
    assert_eq!(told, wanted);
    // Who follows no repository has nothing signed at all.
    let plain = signed.bench.updater(signed.bench.plain());
    let error = plain.described(&v("1.1.0")).await.unwrap_err();
    assert_eq!(error.kind(), "not-signed");
}

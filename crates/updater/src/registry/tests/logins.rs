//! Logins in addresses: used where they belong, and shown nowhere.

use super::*;

#[tokio::test]
async fn a_login_is_sent_as_it_was_before_it_was_put_into_an_address() {
    let server = Server::start(|_, _| Reply::json(&demo())).await;
    let login = "http://ann%40corp:p%25w+%26%C3%A9@";
    let address = server.origin.replace("http://", login);
    registry(&address).tagged("latest").await.unwrap();
    let sent = server.seen()[0].header("authorization").unwrap().to_owned();
    let wanted = BASE64_STANDARD.encode("ann@corp:p%w+&é");
    assert_eq!(sent, format!("Basic {wanted}"));
}

#[tokio::test]
async fn no_debug_output_holds_a_login() {
    let bytes = version("demo", "1.1.0");
    let server = Server::start(move |_, _| Reply::new(200, bytes.clone())).await;
    let address = server.origin.replace("http://", "http://ann:s3cr3t@");
    let npmrc = "https-proxy=http://bob:s3cr3t@127.0.0.1:1\n";
    let registry = named("demo", &address, npmrc);
    let candidate = candidate(&format!("{}/demo.tgz?signature=s3cr3t", server.origin));
    let download = registry.open_tarball(&candidate, 1 << 20).await.unwrap();
    let other = registry.for_package("other".parse().unwrap());
    for shown in [
        format!("{registry:?}"),
        format!("{other:?}"),
        format!("{download:?}"),
    ] {
        assert!(!shown.contains("s3cr3t") && !shown.contains("czNjcjN0"));
    }
}

#[tokio::test]
async fn an_address_that_is_none_is_told_without_its_login() {
    let candidate = candidate("https://ann:s3cr3t@reg.test:port/demo.tgz");
    let opened = registry("http://127.0.0.1:1/")
        .open_tarball(&candidate, 1 << 20)
        .await;
    let error = opened.unwrap_err().to_string();
    assert!(
        error.contains("reg.test") && !error.contains("s3cr3t"),
        "{error}"
    );
}

//! A broker that believes an operator's signature, and a device that shows its `.creds` file.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use broker::{Broker, Options};
use fleet::Login;
use nkeys::KeyPair;
use serde_json::{Value, json};

use crate::played::Played;
use crate::scene::{Operator, agent, settings, until};

/// A claim about `subject`, signed by `issuer`: a JWT of NATS.
fn signed(issuer: &KeyPair, subject: &KeyPair, name: &str, nats: &Value) -> String {
    let encoded = |part: &Value| BASE64_URL_SAFE_NO_PAD.encode(part.to_string());
    let header = encoded(&json!({ "typ": "JWT", "alg": "ed25519-nkey" }));
    let claims = encoded(&json!({
        "jti": name, "iat": 1_781_251_200, "iss": issuer.public_key(), "name": name,
        "sub": subject.public_key(), "nats": nats,
    }));
    let body = format!("{header}.{claims}");
    let signature = issuer.sign(body.as_bytes()).unwrap();
    format!("{body}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

fn credentials(jwt: &str, user: &KeyPair) -> String {
    let seed = user.seed().unwrap();
    format!(
        "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )
}

#[tokio::test]
async fn a_credentials_file_lets_a_device_in_and_a_strangers_does_not() {
    let (operator, account) = (KeyPair::new_operator(), KeyPair::new_account());
    let (user, stranger) = (KeyPair::new_user(), KeyPair::new_account());
    let trusted = json!({ "type": "operator", "version": 2 });
    let trusted = signed(&operator, &operator, "works", &trusted);
    let all = json!({ "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true,
        "conn": -1, "leaf": -1, "mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1 });
    let claims = json!({ "limits": all, "type": "account", "version": 2 });
    let of_account = signed(&operator, &account, "shopfloor", &claims);
    // JetStream asks for an account of the system's own, which has no streams.
    let system = KeyPair::new_account();
    let mut claims = claims;
    claims["limits"]["mem_storage"] = json!(0);
    claims["limits"]["disk_storage"] = json!(0);
    let of_system = signed(&operator, &system, "system", &claims);
    let may = json!({ "pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1, "type": "user", "version": 2 });
    let broker = Broker::with(&Options {
        extra: format!(
            "operator: {trusted}\nresolver: MEMORY\nsystem_account: {}\n\
             resolver_preload: {{\n{}: {of_account}\n{}: {of_system}\n}}",
            system.public_key(),
            account.public_key(),
            system.public_key()
        ),
    });

    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("device.creds");
    let mut settings = settings(&broker.url());
    settings.login = Login::Credentials(file.clone());
    let forged = signed(&stranger, &user, "device-a", &may);
    std::fs::write(&file, credentials(&forged, &user)).unwrap();
    let device = Played::running("1.0.0");
    let agent = agent(settings.clone(), dir.path(), device.clone());
    until(&agent, "refused", |it| {
        it.trouble.as_ref().is_some_and(|it| it.contains("refuses"))
    })
    .await;
    let jwt = signed(&account, &user, "device-a", &may);
    std::fs::write(&file, credentials(&jwt, &user)).unwrap();
    until(&agent, "let in", |it| it.is_connected).await;
    let operator = Operator::makes_this_fleet(&settings, 1).await;
    operator.orders("global", "1.1.0", 0).await;
    device.comes_to("1.1.0").await;
}

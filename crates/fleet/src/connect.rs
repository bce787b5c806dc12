//! A connection to the broker.

use std::time::Duration;

use async_nats::{AuthError, Client, ConnectOptions, Event, ServerAddr};
use rollout::fleet::Name;

use crate::FleetError;
use crate::login;
use crate::names::Names;
use crate::settings::{Login, Settings};

/// Between two attempts, at first and at most; each ± a half that is drawn anew.
const PAUSE: Duration = Duration::from_millis(250);
const MOST_PAUSE: Duration = Duration::from_secs(30);

/// For how long an operator's command tries.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who connects.
#[derive(Debug, Clone)]
pub(crate) enum Who<'a> {
    /// A device: its answers come to an inbox of its own.
    Device(&'a Name),
    /// An operator, or their controller.
    Operator,
}

/// Connects an operator: tries for ten seconds, then says what is wrong.
///
/// # Errors
/// An address or a file that cannot be used, or no answer.
pub async fn connect(settings: &Settings) -> Result<Client, FleetError> {
    let servers = addresses(settings)?;
    // A file that is not there would be found at each attempt, and told as no answer.
    login::answer(&settings.login, b"")?;
    let options = options(settings, &Who::Operator, |_| {}).connection_timeout(PATIENCE);
    let unreachable = |why: String| FleetError::Unreachable {
        servers: shown(&servers),
        why,
    };
    match tokio::time::timeout(PATIENCE, options.connect(&servers)).await {
        Ok(Ok(client)) => Ok(client),
        Ok(Err(error)) => Err(unreachable(error.to_string())),
        Err(_) => Err(unreachable("there was no answer in 10 s".to_owned())),
    }
}

/// Begins to connect a device, and goes on for ever: the client comes at once, and `heard` is told how it goes.
/// Where we cannot even say who we are, `unsigned` is told why, at each attempt.
///
/// # Errors
/// An address or a file that cannot be used.
pub(crate) async fn connect_device(
    settings: &Settings,
    device: &Name,
    heard: impl Fn(&Event) + Send + Sync + 'static,
    unsigned: impl Fn(&FleetError) + Send + Sync + 'static,
) -> Result<Client, FleetError> {
    let servers = addresses(settings)?;
    let options = options(settings, &Who::Device(device), unsigned)
        .retry_on_initial_connect()
        .event_callback(move |event| {
            heard(&event);
            async {}
        });
    let connecting = options.connect(&servers);
    connecting.await.map_err(|error| FleetError::Unreachable {
        servers: shown(&servers),
        why: error.to_string(),
    })
}

/// The options that settings come to.
fn options(
    settings: &Settings,
    who: &Who<'_>,
    unsigned: impl Fn(&FleetError) + Send + Sync + 'static,
) -> ConnectOptions {
    let mut options = match settings.login.clone() {
        Login::Nobody => ConnectOptions::new(),
        login => ConnectOptions::with_auth_callback(move |nonce| {
            let answer = login::answer(&login, &nonce).map_err(|error| {
                unsigned(&error);
                AuthError::new(error)
            });
            async { answer }
        }),
    };
    // A cluster tells of its other servers, and by addresses that say nothing of TLS.
    options = if settings.servers.iter().all(|it| it.starts_with("tls://")) {
        options.require_tls(true)
    } else {
        options.ignore_discovered_servers()
    };
    if let Some(ca) = &settings.ca {
        options = options.add_root_certificates(ca.clone());
    }
    let name = match who {
        Who::Device(device) => {
            options = options
                .custom_inbox_prefix(Names::of(&settings.fleet).inbox(device))
                // A device has little to say and to hear; ten thousand of them fit on one machine.
                .subscription_capacity(256)
                .client_capacity(64)
                .read_buffer_capacity(4096);
            format!("refit device {device}")
        }
        Who::Operator => format!("refit operator of {}", settings.fleet),
    };
    options
        .name(name)
        .max_reconnects(None)
        .reconnect_delay_callback(pause)
}

/// How long to wait before the next attempt.
pub(crate) fn pause(attempts: usize) -> Duration {
    let doubled = PAUSE.saturating_mul(1 << attempts.min(10));
    let most = doubled.min(MOST_PAUSE);
    // Whole fleets lose their broker at the same moment. Half of it is drawn anew each time.
    let random = uuid::Uuid::new_v4().as_u128() % 1_000;
    most / 2 + most.mul_f64(f64::from(u16::try_from(random).unwrap_or(0)) / 2_000.0)
}

/// The addresses, of which none is spoken to in the clear unless it is this machine.
fn addresses(settings: &Settings) -> Result<Vec<ServerAddr>, FleetError> {
    let servers = settings.servers.iter().map(|text| address(text));
    let servers: Vec<_> = servers.collect::<Result<_, _>>()?;
    if servers.is_empty() {
        return Err(FleetError::Address {
            address: String::new(),
            why: "there is none".to_owned(),
        });
    }
    Ok(servers)
}

/// Checks one address.
///
/// # Errors
/// One that is none, has a login in it, or would be spoken to in the clear.
pub fn address(text: &str) -> Result<ServerAddr, FleetError> {
    let wrong = |address: &str, why: &str| FleetError::Address {
        address: address.to_owned(),
        why: why.to_owned(),
    };
    // Before anything else: from here on it may be shown.
    let url = url::Url::parse(text).map_err(|_| wrong("(not shown)", "it is no address"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(
            url.host_str().unwrap_or_default(),
            "it has a login in it; name a file with `credentials`, `nkey` or `password` instead",
        ));
    }
    // In addresses of other schemes than the web's a number is no IP address to the parser.
    let host = url.host_str().filter(|host| !host.is_empty());
    let host = host.ok_or_else(|| wrong(text, "it names no host"))?;
    let ip = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    let is_here = host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback());
    match url.scheme() {
        "tls" => {}
        "nats" if is_here => {}
        "nats" => return Err(wrong(text, "it would be spoken to in the clear")),
        _ => return Err(wrong(text, "it is neither `tls://` nor `nats://`")),
    }
    text.parse()
        .map_err(|error: std::io::Error| wrong(text, &error.to_string()))
}

fn shown(servers: &[ServerAddr]) -> String {
    let each = servers
        .iter()
        .map(|it| format!("{}:{}", it.host(), it.port()));
    each.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_spoken_to_in_the_clear_but_this_machine_and_no_login_is_in_an_address() {
        for good in [
            "tls://broker.example:4222",
            "nats://127.0.0.1:4222",
            "nats://localhost",
            "nats://[::1]:4222",
        ] {
            assert!(address(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "broker:4222",
            "nats://broker.example:4222",
            "http://127.0.0.1",
            "nats://",
            "tls://u:secret@h",
        ] {
            let error = address(bad).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn pauses_grow_to_a_limit_and_are_not_all_the_same() {
        assert!(pause(0) <= PAUSE && pause(0) >= PAUSE / 2);
        let late: Vec<_> = (0..50).map(|_| pause(40)).collect();
        assert!(
            late.iter()
                .all(|it| (MOST_PAUSE / 2..=MOST_PAUSE).contains(it))
        );
        assert!(late.iter().any(|it| *it != late[0]));
    }
}

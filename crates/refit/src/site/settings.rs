//! What the environment says of a bucket: logins and endpoints, in the variables that the stores'
//! own tools use.

use std::fmt;

use object_store::Error;
use url::Url;

use crate::failure::Failure;

/// Which kind of store a bucket is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    S3,
    Gs,
    Az,
}

/// Options for a store. `Debug` shows their names only.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) kind: Kind,
    /// Option and value, the option in lower case.
    pub(super) options: Vec<(String, String)>,
    /// The endpoint is plain HTTP, on this very machine.
    pub(super) plain: bool,
}

impl Kind {
    /// What the names of its variables begin with.
    fn variables(self) -> &'static str {
        match self {
            Self::S3 => "AWS_",
            Self::Gs => "GOOGLE_",
            Self::Az => "AZURE_",
        }
    }

    /// Where a login comes from, for a hint.
    fn login(self) -> &'static str {
        match self {
            Self::S3 => "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION",
            Self::Gs => "GOOGLE_SERVICE_ACCOUNT, the path of a service account's key file",
            Self::Az => "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
        }
    }
}

impl Settings {
    /// What `environment` says for `url`. Plain HTTP to any other machine is refused.
    pub(super) fn of(
        url: &Url,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, Failure> {
        let kind = match url.scheme() {
            "gs" => Kind::Gs,
            "az" => Kind::Az,
            _ => Kind::S3,
        };
        let mut settings = Self {
            kind,
            options: Vec::new(),
            plain: false,
        };
        for (name, value) in environment {
            // Read by the store itself, for its emulator.
            let emulator = name == "AZURITE_BLOB_STORAGE_URL" && kind == Kind::Az;
            if !name.starts_with(kind.variables()) && !emulator {
                continue;
            }
            let option = name.to_ascii_lowercase();
            // Not for a variable to loosen: what goes out is what every device will run.
            if option.ends_with("allow_http") || option.ends_with("allow_invalid_certificates") {
                continue;
            }
            if is_endpoint(&option) || emulator {
                settings.plain |= is_plain(&name, &value)?;
            }
            if option == "azure_storage_use_emulator" && is_true(&value) {
                settings.plain = true;
            }
            settings.options.push((option, value));
        }
        Ok(settings)
    }

    /// Nothing is set.
    #[cfg(test)]
    pub(super) fn none() -> Self {
        Self {
            kind: Kind::S3,
            options: Vec::new(),
            plain: false,
        }
    }

    /// A failure of the store, with the next step and without any login.
    pub(super) fn failure(&self, doing: &str, place: &str, error: &Error) -> Failure {
        let hint = match error {
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
                format!("Check the login in {}.", self.kind.login())
            }
            Error::NotFound { .. } => "Check that the bucket is there, and its name.".to_owned(),
            _ => format!(
                "Check the network, the endpoint and the login ({}), then try again.",
                self.kind.login()
            ),
        };
        let said = brief(&self.redact(&error.to_string()));
        Failure::new(
            "site",
            format_args!("Could not {doing} {place}: {said}"),
            hint,
        )
    }

    /// `text` without queries, which may be signed, and without any value that was set as an option
    /// and may be a secret.
    fn redact(&self, text: &str) -> String {
        let mut plain = String::new();
        let mut in_query = false;
        for character in text.chars() {
            if character == '?' {
                in_query = true;
                plain.push_str("?…");
            } else if in_query && (character.is_whitespace() || "\"')>`,".contains(character)) {
                in_query = false;
            }
            if !in_query {
                plain.push(character);
            }
        }
        for (option, value) in &self.options {
            if is_secret(option) && value.len() > 3 {
                plain = plain.replace(value, "…");
            }
        }
        plain
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("kind", &self.kind)
            .field("plain", &self.plain)
            .finish_non_exhaustive()
    }
}

/// A store's answer on one line: of its XML the code alone.
fn brief(text: &str) -> String {
    let (words, xml) = text.split_once('<').unwrap_or((text, ""));
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let code = xml
        .split_once("<Code>")
        .and_then(|(_, rest)| rest.split_once("</Code>"))
        .map(|(code, _)| format!(" ({code})"));
    format!(
        "{}{}",
        words.trim_end_matches([':', ' ']),
        code.unwrap_or_default()
    )
}

/// Whether an option says where requests go that carry data or a login.
fn is_endpoint(option: &str) -> bool {
    // Those of the machine's own metadata service, which are plain HTTP by design.
    let metadata = ["metadata_endpoint", "msi_endpoint", "identity_endpoint"];
    (option.contains("endpoint")
        || option.ends_with("base_url")
        || option.ends_with("authority_host"))
        && !metadata.iter().any(|end| option.ends_with(end))
}

/// Whether an option's value must not be shown. Names, regions and addresses may be.
fn is_secret(option: &str) -> bool {
    ["key", "secret", "token", "sas", "password", "credential"]
        .iter()
        .any(|part| option.contains(part))
}

fn is_true(value: &str) -> bool {
    matches!(
        value.to_ascii_lowercase().as_str(),
        "1" | "true" | "on" | "yes" | "y"
    )
}

/// Whether an endpoint is plain HTTP, which only this machine itself may be asked by.
fn is_plain(name: &str, value: &str) -> Result<bool, Failure> {
    let url = Url::parse(value);
    let holds_login = match &url {
        Ok(url) if url.has_host() => !url.username().is_empty() || url.password().is_some(),
        // Whoever finds out that it names no host might show it whole. `user:word@host` is such a one.
        _ => value.contains('@'),
    };
    if holds_login {
        return Err(Failure::new(
            "site",
            format_args!("{name} holds a login"),
            "Name the endpoint without what is before the @: logins have variables of their own.",
        ));
    }
    let Ok(url) = url else {
        return Ok(false);
    };
    if url.scheme() != "http" {
        return Ok(false);
    }
    let loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if loopback {
        Ok(true)
    } else {
        Err(Failure::new(
            "site",
            format_args!(
                "{name} names plain http on another machine, {}",
                url.host_str().unwrap_or_default()
            ),
            "Name an https endpoint; plain http is for this machine only.",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str, set: &[(&str, &str)]) -> Result<Settings, Failure> {
        Settings::of(
            &Url::parse(url).unwrap(),
            set.iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        )
    }

    #[test]
    fn only_the_stores_own_variables_are_read() {
        let settings = of(
            "s3://b/x",
            &[
                ("AWS_REGION", "eu-1"),
                ("AZURE_STORAGE_ACCOUNT_KEY", "x"),
                ("HOME", "/"),
                ("AWS_ALLOW_HTTP", "true"),
            ],
        )
        .unwrap();
        assert_eq!(
            settings.options,
            [("aws_region".to_owned(), "eu-1".to_owned())]
        );
        assert!(!settings.plain);
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for name in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT", "AWS_ENDPOINT_URL_S3"] {
            for here in [
                "http://127.0.0.1:9000",
                "http://localhost:9000",
                "http://[::1]:1/",
            ] {
                assert!(of("s3://b/x", &[(name, here)]).unwrap().plain, "{here}");
            }
            let failure = of("s3://b/x", &[(name, "http://store.example:9000")]).unwrap_err();
            assert!(failure.message.contains("store.example"), "{failure}");
            assert!(
                !of("s3://b/x", &[(name, "https://store.example")])
                    .unwrap()
                    .plain
            );
        }
        assert!(
            of(
                "az://c/x",
                &[("AZURITE_BLOB_STORAGE_URL", "http://far.example")]
            )
            .is_err()
        );
        assert!(
            of(
                "az://c/x",
                &[("AZURE_STORAGE_ENDPOINT", "http://far.example")]
            )
            .is_err()
        );
        assert!(of("gs://c/x", &[("GOOGLE_BASE_URL", "http://far.example")]).is_err());
        // A machine's own metadata service is plain by design.
        assert!(
            of(
                "s3://b/x",
                &[("AWS_METADATA_ENDPOINT", "http://169.254.169.254")]
            )
            .is_ok()
        );
    }

    #[test]
    fn an_endpoint_holds_no_login() {
        for value in [
            "http://user:hunter2@127.0.0.1:9",
            "https://hunter2@store.example",
            "https://:hunter2@store.example",
            "user:hunter2 @store.example",
        ] {
            let failure = of("s3://b/x", &[("AWS_ENDPOINT_URL", value)]).unwrap_err();
            assert!(failure.message.contains("AWS_ENDPOINT_URL"), "{failure}");
            assert!(!failure.message.contains("hunter2"), "{failure}");
        }
    }

    #[test]
    fn a_stores_answer_is_told_on_one_line() {
        let xml =
            "403 Forbidden: <?xml version=\"1.0\"?>\n<Error>\n <Code>AccessDenied</Code>\n</Error>";
        assert_eq!(brief(xml), "403 Forbidden (AccessDenied)");
        assert_eq!(brief("500: <html>\n</html>"), "500");
        assert_eq!(brief("no route\nto host"), "no route to host");
    }

    #[test]
    fn no_failure_shows_a_login() {
        let settings = of(
            "az://c/x",
            &[
                ("AZURE_STORAGE_ACCOUNT_KEY", "hunter2hunter2"),
                ("AZURE_STORAGE_SAS_KEY", "sv=1&sig=abc"),
            ],
        )
        .unwrap();
        let error = Error::Generic {
            store: "test",
            source: "PUT https://h.example/c/x?sv=1&sig=abc (key hunter2hunter2) failed".into(),
        };
        let failure = settings.failure("write", "az://c/x/latest.json", &error);
        assert!(
            failure.message.contains("az://c/x/latest.json"),
            "{failure}"
        );
        assert!(failure.message.contains("failed"), "{failure}");
        for secret in ["hunter2", "sig=", "abc"] {
            assert!(!failure.message.contains(secret), "{failure}");
        }
        assert!(!format!("{settings:?}").contains("hunter2"));
    }
}

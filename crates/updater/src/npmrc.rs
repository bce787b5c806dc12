//! What npm is configured for on this machine: registries, credentials, proxy.
//!
//! Environment and home folder are arguments. The environment wins over the user's `.npmrc`, as in
//! npm. No project's `.npmrc` is read: a device has a user, not a project.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rollout::PackageName;
use url::Url;

use crate::secret::Secret;

/// npm's settings. `Debug` shows the names of the settings and none of their values.
#[derive(Clone, Default)]
pub struct NpmSettings {
    values: BTreeMap<String, String>,
    /// For asking npm itself where nothing is configured.
    pub(crate) env: BTreeMap<OsString, OsString>,
    problems: Vec<String>,
}

impl fmt::Debug for NpmSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NpmSettings")
            .field("set", &self.values.keys().collect::<Vec<_>>())
            .field("problems", &self.problems)
            .finish_non_exhaustive()
    }
}

impl NpmSettings {
    /// Reads the settings of whoever has this environment and this home folder. A file that cannot
    /// be read counts as empty and is reported by [`NpmSettings::problems`].
    pub fn read(env: &BTreeMap<OsString, OsString>, home: Option<&Path>) -> Self {
        let mut settings = Self {
            env: env.clone(),
            ..Self::default()
        };
        let from_env = env_settings(env);
        let user = from_env
            .get("userconfig")
            .map(PathBuf::from)
            .or_else(|| home.map(|home| home.join(".npmrc")));
        let files = [from_env.get("globalconfig").map(PathBuf::from), user];
        for file in files.into_iter().flatten() {
            match std::fs::read(&file) {
                Ok(bytes) => settings
                    .values
                    .extend(parse(&String::from_utf8_lossy(&bytes), env)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => settings.problems.push(format!(
                    "{} could not be read ({error}), so its registries and tokens are not used",
                    file.display()
                )),
            }
        }
        settings.values.extend(from_env);
        settings
    }

    /// Files that could not be read, in words.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// The registry configured for `package`: its scope's, else the general one.
    pub fn registry(&self, package: &PackageName) -> Option<&str> {
        package
            .scope()
            .and_then(|scope| self.get(&format!("{scope}:registry")))
            .or_else(|| self.get("registry"))
    }

    /// The value of an `Authorization` header for `url`: that of the longest path prefix of its
    /// host for which credentials are configured.
    pub(crate) fn authorization(&self, url: &Url) -> Option<Secret> {
        let host = url.host_str()?;
        let port = url.port().map(|p| format!(":{p}")).unwrap_or_default();
        let mut path = url.path().trim_end_matches('/');
        loop {
            // npm writes the key with the closing slash; people leave it out.
            let found = [
                format!("//{host}{port}{path}/"),
                format!("//{host}{port}{path}"),
            ]
            .iter()
            .find_map(|key| self.credentials(key));
            if found.is_some() || path.is_empty() {
                return found;
            }
            path = &path[..path.rfind('/').unwrap_or(0)];
        }
    }

    fn credentials(&self, key: &str) -> Option<Secret> {
        if let Some(token) = self.get(&format!("{key}:_authToken")) {
            return Some(Secret::new(format!("Bearer {token}")));
        }
        if let Some(basic) = self.get(&format!("{key}:_auth")) {
            return Some(Secret::new(format!("Basic {basic}")));
        }
        let user = self.get(&format!("{key}:username"))?;
        let password = self.get(&format!("{key}:_password"))?;
        let password = BASE64_STANDARD.decode(password).ok()?;
        let pair = [user.as_bytes(), b":", &password].concat();
        Some(Secret::new(format!(
            "Basic {}",
            BASE64_STANDARD.encode(pair)
        )))
    }

    /// npm's own proxy settings; the environment's and the system's are the HTTP client's matter.
    pub(crate) fn proxy(&self) -> Option<&str> {
        self.get("https-proxy")
            .or_else(|| self.get("proxy"))
            .filter(|value| !matches!(*value, "null" | "false"))
    }

    pub(crate) fn no_proxy(&self) -> Option<&str> {
        self.get("noproxy")
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.values
            .get(key)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }
}

/// `npm_config_*` in any letter case, under the names that `.npmrc` uses.
fn env_settings(env: &BTreeMap<OsString, OsString>) -> BTreeMap<String, String> {
    const PREFIX: &str = "npm_config_";
    let mut settings = BTreeMap::new();
    for (name, value) in env {
        let (Some(name), Some(value)) = (name.to_str(), value.to_str()) else {
            continue;
        };
        let is_setting = name
            .get(..PREFIX.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(PREFIX));
        let key = &name[if is_setting { PREFIX.len() } else { 0 }..];
        if !is_setting || key.is_empty() || value.is_empty() {
            continue;
        }
        settings.insert(setting_name(key), expand(value, env));
    }
    settings
}

/// npm's rule: credentials' and scopes' keys stay as they are, in others a `_` after the first
/// letter is a `-`.
fn setting_name(key: &str) -> String {
    if key.starts_with("//") || key.starts_with('@') {
        return key.to_owned();
    }
    let mut name = key.to_ascii_lowercase();
    let rest = name.split_off(1.min(name.len()));
    name + &rest.replace('_', "-")
}

/// The lines of an `.npmrc`. Sections are not npm's, so what follows a `[section]` is left out.
fn parse(text: &str, env: &BTreeMap<OsString, OsString>) -> BTreeMap<String, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut settings = BTreeMap::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            break;
        }
        if line.is_empty() || line.starts_with([';', '#']) {
            continue;
        }
        let (key, value) = line.split_once('=').unwrap_or((line, "true"));
        let value = unquote(value.trim());
        settings.insert(expand(&unquote(key.trim()), env), expand(&value, env));
    }
    settings
}

/// Takes quotes off, or a comment behind an unquoted value.
fn unquote(text: &str) -> String {
    for quote in ['"', '\''] {
        if let Some(inner) = text
            .strip_prefix(quote)
            .and_then(|text| text.strip_suffix(quote))
        {
            return inner.to_owned();
        }
    }
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if matches!(chars.peek(), Some(';' | '#' | '\\')) => out.extend(chars.next()),
            ';' | '#' => break,
            _ => out.push(c),
        }
    }
    out.trim_end().to_owned()
}

/// `${VAR}` is the variable's value; one that is not set stays as it is written, `${VAR?}` becomes
/// nothing then, and `\${VAR}` is no variable.
fn expand(text: &str, env: &BTreeMap<OsString, OsString>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, from) = rest.split_at(start);
        let Some(end) = from.find('}') else { break };
        let (variable, after) = (&from[2..end], &from[end + 1..]);
        rest = after;
        if let Some(before) = before.strip_suffix('\\') {
            out.push_str(before);
            out.push_str(&from[..=end]);
            continue;
        }
        out.push_str(before);
        let (name, optional) = match variable.strip_suffix('?') {
            Some(name) => (name, true),
            None => (variable, false),
        };
        match env.get(OsStr::new(name)).and_then(|value| value.to_str()) {
            Some(value) => out.push_str(value),
            None if optional => {}
            None => out.push_str(&from[..=end]),
        }
    }
    out + rest
}

#[cfg(test)]
mod tests;

//! A registry's description of a package, read leniently: one odd version does not spoil the rest,
//! and what is missing is an error only for whoever wants that version.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use rollout::{Candidate, Engines, Integrity, PackageName, Version};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use url::Url;

use crate::error::RegistryError;
use crate::http::strip_login;

/// The part of a packument that decisions need.
#[derive(Debug, Clone)]
pub struct Packument {
    package: PackageName,
    /// Where it was read, for errors: without credentials and query.
    url: String,
    /// `None` where a tag is no text.
    tags: BTreeMap<String, Option<String>>,
    versions: BTreeMap<String, Entry>,
}

#[derive(Debug, Clone)]
struct Entry(Result<Raw, String>);

#[derive(Debug, Clone)]
struct Raw {
    name: Option<String>,
    version: Option<String>,
    integrity: Option<String>,
    shasum: bool,
    /// Without a login.
    tarball: Url,
    engines: Engines,
    unpacked_size: Option<u64>,
}

impl Packument {
    /// Reads the answer of `url` about `package`.
    pub fn parse(package: &PackageName, url: &str, bytes: &[u8]) -> Result<Self, RegistryError> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let malformed = |why: String| RegistryError::Malformed {
            url: url.to_owned(),
            package: package.clone(),
            why,
        };
        let shape: Shape = match serde_json::from_slice(bytes) {
            Ok(Field::Map(shape)) => shape,
            Ok(Field::Not(what)) => return Err(malformed(format!("it is {what}, not an object"))),
            Err(error) => {
                return Err(RegistryError::NotJson {
                    url: url.to_owned(),
                    why: looks_like(bytes, &error),
                });
            }
        };
        if let Some(name) = &shape.name
            && name != package.as_str()
        {
            return Err(malformed(format!("it is about `{}`", cut(name))));
        }
        Ok(Self {
            package: package.clone(),
            url: url.to_owned(),
            tags: field("dist-tags", shape.tags).map_err(malformed)?,
            versions: field("versions", shape.versions).map_err(malformed)?,
        })
    }

    /// What the dist-tag `tag` names.
    pub fn tagged(&self, tag: &str) -> Result<Candidate, RegistryError> {
        let version = self.tags.get(tag).ok_or_else(|| self.no_such(tag))?;
        let version = version.as_ref().ok_or_else(|| RegistryError::Malformed {
            url: self.url.clone(),
            package: self.package.clone(),
            why: format!("its dist-tag `{}` has the wrong type (no text)", cut(tag)),
        })?;
        if !self.versions.contains_key(version) {
            return Err(RegistryError::NoSuchVersion {
                url: self.url.clone(),
                package: self.package.clone(),
                wanted: cut(tag),
                has: format!(
                    "the tag `{}` names version {}, which is not there",
                    cut(tag),
                    cut(version)
                ),
            });
        }
        self.entry(version)
    }

    /// Exactly this version.
    pub fn version(&self, version: &Version) -> Result<Candidate, RegistryError> {
        if self.versions.contains_key(version.as_str()) {
            return self.entry(version.as_str());
        }
        // Written otherwise (build metadata, letter case), it is the same version.
        self.versions
            .keys()
            .find(|key| key.parse::<Version>().is_ok_and(|v| v == *version))
            .ok_or_else(|| self.no_such(version.as_str()))
            .and_then(|key| self.entry(key))
    }

    /// What `wanted` means: an exact version, else a dist-tag, else the newest of an npm range
    /// (the version tagged `latest` where it is in the range, as npm chooses).
    pub fn resolve(&self, wanted: &str) -> Result<Candidate, RegistryError> {
        let wanted = match wanted.trim() {
            "" => "latest",
            wanted => wanted,
        };
        if let Ok(version) = wanted.parse::<Version>() {
            return self.version(&version);
        }
        if self.tags.contains_key(wanted) {
            return self.tagged(wanted);
        }
        let range = nodejs_semver::Range::parse(wanted).map_err(|_| self.no_such(wanted))?;
        let fits = |text: &str| {
            nodejs_semver::Version::parse(text).is_ok_and(|version| range.satisfies(&version))
        };
        if let Some(Some(latest)) = self.tags.get("latest")
            && fits(latest)
            && self.versions.contains_key(latest)
        {
            return self.entry(latest);
        }
        self.versions
            .keys()
            .filter(|text| fits(text))
            .filter_map(|text| text.parse::<Version>().ok())
            .max_by(Version::precedence)
            .ok_or_else(|| self.no_such(wanted))
            .and_then(|version| self.version(&version))
    }

    fn entry(&self, text: &str) -> Result<Candidate, RegistryError> {
        let bad = |why: String| RegistryError::BadEntry {
            url: self.url.clone(),
            package: self.package.clone(),
            version: cut(text),
            why,
        };
        let Entry(entry) = self.versions.get(text).ok_or_else(|| self.no_such(text))?;
        let raw = entry.as_ref().map_err(|why| bad(why.clone()))?;
        let version: Version = text.parse().map_err(|error| bad(format!("{error}")))?;
        for (what, inside, key) in [
            ("name", &raw.name, self.package.as_str()),
            ("version", &raw.version, text),
        ] {
            if let Some(inside) = inside
                && inside != key
            {
                return Err(bad(format!("its own {what} is `{}`", cut(inside))));
            }
        }
        let weak = if raw.shasum {
            "(only a sha1 shasum)"
        } else {
            "(no integrity at all)"
        };
        let integrity: Integrity =
            raw.integrity
                .as_deref()
                .unwrap_or(weak)
                .parse()
                .map_err(|why| RegistryError::Integrity {
                    url: self.url.clone(),
                    package: self.package.clone(),
                    version: version.to_string(),
                    why,
                })?;
        Ok(Candidate {
            package: self.package.clone(),
            version,
            integrity,
            engines: raw.engines.clone(),
            tarball: raw.tarball.to_string(),
            unpacked_size: raw.unpacked_size,
        })
    }

    fn no_such(&self, wanted: &str) -> RegistryError {
        let tags = self.tags.iter().take(8).map(|(tag, version)| {
            let version = version.as_deref().unwrap_or("(no text)");
            format!("{}: {}", cut(tag), cut(version))
        });
        let tags = tags.collect::<Vec<_>>().join(", ");
        RegistryError::NoSuchVersion {
            url: self.url.clone(),
            package: self.package.clone(),
            wanted: cut(wanted),
            has: match (tags.is_empty(), self.versions.len()) {
                (true, 0) => "no version at all".into(),
                (true, n) => format!("{n} versions and no tag"),
                (false, _) => tags,
            },
        }
    }
}

#[derive(Default)]
struct Shape {
    name: Option<String>,
    tags: Option<Field<Map<Text>>>,
    versions: Option<Field<Map<Entry>>>,
}

/// A value that should be an object, or words for what it is instead.
enum Field<T> {
    Map(T),
    Not(&'static str),
}

/// An object with any keys.
struct Map<T>(BTreeMap<String, T>);

/// A text; anything else is not one.
struct Text(Option<String>);

trait FromMap: Sized {
    fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error>;
}

impl<T: for<'a> Deserialize<'a>> FromMap for Map<T> {
    fn from_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut out = BTreeMap::new();
        while let Some((key, value)) = map.next_entry::<String, T>()? {
            out.insert(key, value);
        }
        Ok(Self(out))
    }
}

impl FromMap for Shape {
    fn from_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut shape = Self::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "name" => shape.name = map.next_value::<Text>()?.0,
                "dist-tags" => shape.tags = Some(map.next_value()?),
                "versions" => shape.versions = Some(map.next_value()?),
                _ => {
                    map.next_value::<de::IgnoredAny>()?;
                }
            }
        }
        Ok(shape)
    }
}

struct FieldVisitor<T>(PhantomData<T>);

impl<'de, T: FromMap> Visitor<'de> for FieldVisitor<T> {
    type Value = Field<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::from_map(map).map(Field::Map)
    }
    fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<de::IgnoredAny>()?.is_some() {}
        Ok(Field::Not("a list"))
    }
    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Field::Not("a text"))
    }
    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Field::Not("a truth value"))
    }
    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Field::Not("a number"))
    }
    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Field::Not("a number"))
    }
    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Field::Not("a number"))
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Field::Not("null"))
    }
}

impl<'de, T: FromMap> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor(PhantomData))
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match Value::deserialize(deserializer)? {
            Value::String(text) => Some(text),
            _ => None,
        }))
    }
}

impl<'de> Deserialize<'de> for Entry {
    /// Only one entry at a time is ever held as a whole.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(raw(Value::deserialize(deserializer)?)))
    }
}

fn raw(value: Value) -> Result<Raw, String> {
    let Value::Object(mut entry) = value else {
        return Err("it has the wrong type (not an object)".into());
    };
    let Some(Value::Object(dist)) = entry.remove("dist") else {
        return Err("it has no `dist` object".into());
    };
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let tarball = text(dist.get("tarball")).ok_or("it has no `dist.tarball`")?;
    let mut tarball = Url::parse(&tarball)
        .map_err(|error| format!("`dist.tarball` is no absolute URL: {error}"))?;
    strip_login(&mut tarball);
    Ok(Raw {
        name: text(entry.get("name")),
        version: text(entry.get("version")),
        integrity: text(dist.get("integrity")),
        shasum: dist.contains_key("shasum"),
        tarball,
        engines: entry
            .remove("engines")
            .and_then(|engines| serde_json::from_value(engines).ok())
            .unwrap_or_default(),
        unpacked_size: dist.get("unpackedSize").and_then(Value::as_u64),
    })
}

fn field<T, U>(name: &str, found: Option<Field<Map<T>>>) -> Result<BTreeMap<String, U>, String>
where
    T: Into<U>,
{
    match found {
        None => Err(format!("it has no `{name}`")),
        Some(Field::Not(what)) => Err(format!(
            "its `{name}` has the wrong type ({what}, not an object)"
        )),
        Some(Field::Map(Map(map))) => Ok(map
            .into_iter()
            .map(|(key, value)| (key, value.into()))
            .collect()),
    }
}

impl From<Text> for Option<String> {
    fn from(text: Text) -> Self {
        text.0
    }
}

/// What garbage looks like, in words short enough for one line.
fn looks_like(bytes: &[u8], error: &serde_json::Error) -> String {
    let start = bytes.trim_ascii_start();
    let head = &start[..start.len().min(16)];
    if start.is_empty() {
        "it is empty".into()
    } else if head.starts_with(b"<") {
        "it looks like a web page".into()
    } else {
        format!("{error}")
    }
}

fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests;

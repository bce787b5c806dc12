//! Where a site is: what SITE on the command line may be.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser as _, ValueParser, ValueParserFactory};
use url::Url;

use super::Site;
use super::bucket::Bucket;
use super::folder::Folder;
use super::store::Store;
use crate::failure::Failure;

/// A folder, or a bucket and a place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    /// A folder on this machine.
    Folder(PathBuf),
    /// `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`.
    Bucket(Url),
}

impl Address {
    /// The site, which must be there if it is a folder.
    pub(crate) fn open(&self) -> Result<Site, Failure> {
        match self {
            Self::Folder(dir) => Ok(Site::new(Store::Folder(Folder::open(dir)?))),
            Self::Bucket(url) => Self::bucket(url),
        }
    }

    /// The site; a folder is made where it is missing.
    pub(crate) fn make(&self) -> Result<Site, Failure> {
        match self {
            Self::Folder(dir) => Ok(Site::new(Store::Folder(Folder::make(dir)?))),
            Self::Bucket(url) => Self::bucket(url),
        }
    }

    fn bucket(url: &Url) -> Result<Site, Failure> {
        Ok(Site::new(Store::Bucket(Bucket::connect(
            url,
            std::env::vars_os().filter_map(|(name, value)| {
                Some((name.into_string().ok()?, value.into_string().ok()?))
            }),
        )?)))
    }
}

impl TryFrom<OsString> for Address {
    type Error = String;

    fn try_from(text: OsString) -> Result<Self, String> {
        let Some((_, _)) = text.to_str().and_then(|text| text.split_once("://")) else {
            return Ok(Self::Folder(text.into()));
        };
        let text = text.to_string_lossy();
        let url = Url::parse(&text).map_err(|error| error.to_string())?;
        if !matches!(url.scheme(), "s3" | "gs" | "az") {
            return Err(
                "a folder is needed, or s3://BUCKET/…, gs://BUCKET/… or az://CONTAINER/…"
                    .to_owned(),
            );
        }
        // `az://container@account/…` names an account; nothing else before the @ is meant.
        let named = url.username().is_empty() || url.scheme() == "az";
        if url.password().is_some() || !named || url.query().is_some() || url.fragment().is_some() {
            return Err(
                "an address without a login, `?` or `#` is needed: logins come from the environment"
                    .to_owned(),
            );
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err("the bucket's name is missing".to_owned());
        }
        Ok(Self::Bucket(url))
    }
}

impl ValueParserFactory for Address {
    type Parser = ValueParser;

    fn value_parser() -> ValueParser {
        OsStringValueParser::new().try_map(Self::try_from).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Address, String> {
        Address::try_from(OsString::from(text))
    }

    #[test]
    fn folders_and_three_kinds_of_bucket_are_meant() {
        for folder in ["site", "/srv/site", "./s3:", "C:\\site"] {
            assert_eq!(parse(folder), Ok(Address::Folder(folder.into())));
        }
        for bucket in [
            "s3://bucket",
            "s3://bucket/a/b",
            "gs://bucket/a",
            "az://container/a",
            "az://container@account/a",
        ] {
            assert!(matches!(parse(bucket), Ok(Address::Bucket(_))), "{bucket}");
        }
    }

    #[test]
    fn an_address_holds_no_login_and_no_other_scheme() {
        for wrong in [
            "https://bucket.example/site",
            "file:///srv/site",
            "s3://key:secret@bucket/site",
            "s3://key@bucket/site",
            "az://container/site?sig=secret",
            "s3:///site",
        ] {
            let said = parse(wrong).unwrap_err();
            assert!(!said.contains("secret"), "{said}");
        }
    }
}

//! Where the files of a repository lie, and how a URL is shown.

use url::Url;

/// `file` in the folder `base`, as one path segment: whatever is in the name is encoded.
pub(crate) fn metadata(base: &Url, file: &str) -> Url {
    under(base, &[file])
}

/// The target `name`, with its digest before the last part of the name where the repository is
/// consistent. None for a name that could lead out of the folder.
pub(crate) fn target(base: &Url, name: &str, digest: Option<&str>) -> Option<Url> {
    let mut parts: Vec<&str> = name.split('/').collect();
    if parts
        .iter()
        .any(|part| part.is_empty() || *part == "." || *part == "..")
    {
        return None;
    }
    let last = parts.pop()?;
    let file = digest.map_or_else(|| last.to_owned(), |digest| format!("{digest}.{last}"));
    parts.push(&file);
    Some(under(base, &parts))
}

fn under(base: &Url, parts: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(parts);
    }
    url
}

/// A URL as it may stand in an error: no login, no query.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Neither can fail where there is a login at all.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

/// The words of a fetcher about `url`, without what [`shown`] leaves out of it.
pub(crate) fn scrubbed(why: &str, url: &Url) -> String {
    let mut why = why.replace(url.as_str(), &shown(url));
    let secrets = [url.password(), url.query()];
    for secret in secrets
        .into_iter()
        .flatten()
        .filter(|text| !text.is_empty())
    {
        why = why.replace(secret, "…");
    }
    why
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn names_are_one_segment_each_and_never_lead_out() {
        let base = url("https://host/repo/metadata/");
        let at = |file| metadata(&base, file).to_string();
        assert_eq!(at("1.root.json"), "https://host/repo/metadata/1.root.json");
        assert_eq!(at("1.?.json"), "https://host/repo/metadata/1.%3F.json");
        assert_eq!(
            at("1.../x.json"),
            "https://host/repo/metadata/1...%2Fx.json"
        );
        assert_eq!(at("a:b.json"), "https://host/repo/metadata/a:b.json");
        assert_eq!(
            metadata(&url("https://host/repo/metadata"), "x").as_str(),
            "https://host/repo/metadata/x"
        );

        let base = url("https://host/repo/targets/");
        let at = |name, digest| target(&base, name, digest).map(String::from);
        assert_eq!(
            at("@acme+board-1.0.0.json", Some("ab")).unwrap(),
            "https://host/repo/targets/ab.@acme+board-1.0.0.json"
        );
        assert_eq!(
            at("a/b c", Some("ab")).unwrap(),
            "https://host/repo/targets/a/ab.b%20c"
        );
        assert_eq!(at("a", None).unwrap(), "https://host/repo/targets/a");
        for bad in ["", "/a", "a/", "../a", "a/../b", "./a", "a//b"] {
            assert_eq!(at(bad, Some("ab")), None, "{bad}");
        }
    }

    #[test]
    fn no_login_and_no_query_is_shown() {
        let secret = url("https://user:hunter2@host/repo/?token=abc#x");
        assert_eq!(shown(&secret), "https://host/repo/");
        let said = scrubbed(
            "GET https://user:hunter2@host/repo/?token=abc#x: hunter2 refused, token=abc",
            &secret,
        );
        assert!(
            !said.contains("hunter2") && !said.contains("token=abc"),
            "{said}"
        );
        assert!(said.contains("https://host/repo/"), "{said}");
    }
}

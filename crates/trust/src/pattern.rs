//! Which targets a delegated role may speak of.

use tough::schema::PathSet;

use crate::target::sha256;

/// Whether the role that these paths were delegated to may speak of `name`.
pub(crate) fn covers(paths: &PathSet, name: &str) -> bool {
    match paths {
        PathSet::Paths(patterns) => patterns
            .iter()
            .any(|pattern| matches(pattern.value(), name)),
        PathSet::PathHashPrefixes(prefixes) => {
            let digest = sha256(name.as_bytes());
            prefixes
                .iter()
                .any(|prefix| digest.starts_with(prefix.value()))
        }
    }
}

/// Shell patterns, part by part: a wildcard never stands for a `/`.
fn matches(pattern: &str, name: &str) -> bool {
    pattern.split('/').count() == name.split('/').count()
        && pattern
            .split('/')
            .zip(name.split('/'))
            .all(|(pattern, part)| {
                let pattern: Vec<char> = pattern.chars().collect();
                let part: Vec<char> = part.chars().collect();
                part_matches(&pattern, &part)
            })
}

/// `*`, `?` and plain characters. Goes back to the last `*` only, so that no pattern takes long.
fn part_matches(pattern: &[char], part: &[char]) -> bool {
    let (mut at, mut used) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while used < part.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, used));
                at += 1;
            }
            Some(&wanted) if wanted == '?' || wanted == part[used] => {
                at += 1;
                used += 1;
            }
            _ => {
                let Some((star_at, taken)) = star else {
                    return false;
                };
                star = Some((star_at, taken + 1));
                at = star_at + 1;
                used = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_stands_for_anything_but_a_slash() {
        for (pattern, name, expected) in [
            ("*", "file", true),
            ("*", "a/file", false),
            ("*/*", "a/file", true),
            ("releases/x/*", "releases/x/v1", true),
            ("releases/x/*", "releases/y/v1", false),
            ("foo-?.tgz", "foo-1.tgz", true),
            ("foo-?.tgz", "foo-alpha.tgz", false),
            ("*.md", "README.md", true),
            ("*.md", "README.MD", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b", false),
            ("", "", true),
            ("*", "", true),
            ("?", "", false),
            ("é?", "éü", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_pattern_of_many_stars_takes_no_time() {
        let pattern = "*a".repeat(2000);
        assert!(!matches(&pattern, &"b".repeat(20_000)));
    }

    #[test]
    fn digests_share_names_out() {
        let bins: PathSet =
            serde_json::from_str(r#"{"path_hash_prefixes": ["2c", "ff"]}"#).unwrap();
        // sha256("hello") begins with 2cf24d.
        assert!(covers(&bins, "hello"));
        assert!(!covers(&bins, "world"));
    }
}

use proptest::prelude::*;

use super::*;

fn copy(from: &str, to: &str, template: &str) -> Copy {
    Copy {
        from: from.into(),
        to: to.into(),
        template: template.into(),
        filled: true,
        without: &[],
    }
}

fn some() -> Vec<Copy> {
    vec![
        copy("/home/u/data/files", "/t/data/files", "{data}/files"),
        copy("/home/u/data", "/t/data", "{data}"),
        copy("/home/u/project", "/t/copies/0", "{data}/../copies/0"),
    ]
}

#[test]
fn a_path_that_is_the_persons_becomes_the_rehearsals_own() {
    let at = |text: &str| elsewhere(text, &some(), Form::Path);
    assert_eq!(at("/home/u/project"), "/t/copies/0");
    assert_eq!(at("/home/u/project/a.json"), "/t/copies/0/a.json");
    assert_eq!(at("--config=/home/u/data/x"), "--config=/t/data/x");
    assert_eq!(at("/home/u/data/files/x"), "/t/data/files/x");
    let as_template = elsewhere("-c=/home/u/project/{port}", &some(), Form::Template);
    assert_eq!(as_template, "-c={data}/../copies/0/{port}");
}

#[test]
fn what_only_looks_like_it_stays_as_it_is() {
    for text in [
        "/home/u/projects",
        "/home/u",
        "/home/u/project/../other",
        "http://host/a=/home/u/project",
        "{entry}",
        "",
        "=",
    ] {
        assert_eq!(elsewhere(text, &some(), Form::Path), text);
    }
}

#[test]
fn a_working_folder_is_mapped_or_is_nobodys() {
    let data = Path::new("/home/u/data");
    let folder = |cwd| working_folder(cwd, data).and_then(|it| mapped(&it, &some()));
    assert_eq!(folder("{data}"), Some("/t/data".into()));
    assert_eq!(folder("{data}/work"), Some("/t/data/work".into()));
    assert_eq!(
        folder("/home/u/project/sub"),
        Some("/t/copies/0/sub".into())
    );
    for not in [
        "/home/u",
        "{bundled}",
        "{data}/{port}",
        "relative",
        "{data}/../x",
    ] {
        assert_eq!(folder(not), None, "{not}");
    }
}

#[test]
fn nothing_that_names_the_persons_folders_is_handed_on() {
    let inherited: BTreeMap<OsString, OsString> = [
        "PATH",
        "HOME",
        "Home",
        "userprofile",
        "XDG_CONFIG_HOME",
        "XDG_RUNTIME_DIR",
        "OLDPWD",
        "LANG",
    ]
    .into_iter()
    .map(|name| (name.into(), "x".into()))
    .collect();
    let names: Vec<_> = handed_on(&inherited).into_keys().collect();
    assert_eq!(names, ["LANG", "PATH"]);
}

proptest! {
    #[test]
    fn no_mapped_path_leaves_the_throw_away_folder(
        parts in prop::collection::vec("(\\.\\.|\\.|[a-z]{1,4}|data|files|project)", 0..6)
    ) {
        for root in ["/home/u/data", "/home/u/project", "/home/u"] {
            let text = format!("{root}/{}", parts.join("/"));
            if let Some(path) = mapped(Path::new(&text), &some()) {
                prop_assert!(path.starts_with("/t") && is_plain(path.strip_prefix("/t").unwrap()), "{text} became {}", path.display());
            }
            let at = elsewhere(&text, &some(), Form::Path);
            prop_assert!(at == text || !at.contains(".."), "{text} became {at}");
        }
    }
}

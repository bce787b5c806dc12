use super::*;

fn env(pairs: &[(&str, &str)]) -> BTreeMap<OsString, OsString> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect()
}

fn npmrc(text: &str, variables: &[(&str, &str)]) -> NpmSettings {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join(".npmrc"), text).unwrap();
    NpmSettings::read(&env(variables), Some(home.path()))
}

fn name(text: &str) -> PackageName {
    text.parse().unwrap()
}

fn authorization(settings: &NpmSettings, url: &str) -> Option<String> {
    let found = settings.authorization(&url.parse().unwrap());
    found.map(|secret| secret.reveal().to_owned())
}

#[test]
fn the_environment_wins_over_the_file_in_any_letter_case() {
    let file = "registry = https://file.test/\n";
    for variable in [
        "npm_config_registry",
        "NPM_CONFIG_REGISTRY",
        "Npm_Config_Registry",
    ] {
        let settings = npmrc(file, &[(variable, "https://env.test/")]);
        assert_eq!(
            settings.registry(&name("a")),
            Some("https://env.test/"),
            "{variable}"
        );
    }
    let empty = npmrc(file, &[("npm_config_registry", "")]);
    assert_eq!(empty.registry(&name("a")), Some("https://file.test/"));
    assert_eq!(
        NpmSettings::read(&env(&[]), None).registry(&name("a")),
        None
    );
}

#[test]
fn a_scope_has_its_own_registry_and_other_packages_the_general_one() {
    let settings = npmrc(
        "registry=https://all.test\n@acme:registry=https://acme.test/npm/\n",
        &[],
    );
    assert_eq!(
        settings.registry(&name("@acme/board")),
        Some("https://acme.test/npm/")
    );
    assert_eq!(
        settings.registry(&name("@other/board")),
        Some("https://all.test")
    );
    assert_eq!(settings.registry(&name("board")), Some("https://all.test"));
}

#[test]
fn the_longest_path_prefix_of_the_host_has_the_token() {
    let settings = npmrc(
        "//reg.test/:_authToken=root\n//reg.test/team/npm/:_authToken=team\n//reg.test:8443/:_authToken=port\n",
        &[],
    );
    for (url, token) in [
        ("https://reg.test/demo", Some("Bearer root")),
        ("https://reg.test/team/other/demo", Some("Bearer root")),
        (
            "https://reg.test/team/npm/demo/-/demo-1.tgz",
            Some("Bearer team"),
        ),
        ("https://reg.test/team/npmx/demo", Some("Bearer root")),
        ("https://reg.test:8443/demo", Some("Bearer port")),
        ("https://reg.test:9999/demo", None),
        ("https://reg.test.evil.test/demo", None),
    ] {
        assert_eq!(authorization(&settings, url).as_deref(), token, "{url}");
    }
}

#[test]
fn basic_logins_come_as_one_text_or_as_name_and_password() {
    let settings = npmrc(
        "//one.test/:_auth=dTpw\n//two.test/:username=ann\n//two.test/:_password=c2VjcmV0\n//odd.test/:username=ann\n//odd.test/:_password=%%%\n",
        &[],
    );
    assert_eq!(
        authorization(&settings, "https://one.test/x").unwrap(),
        "Basic dTpw"
    );
    let pair = BASE64_STANDARD.encode("ann:secret");
    assert_eq!(
        authorization(&settings, "https://two.test/x").unwrap(),
        format!("Basic {pair}")
    );
    assert_eq!(authorization(&settings, "https://odd.test/x"), None);
}

#[test]
fn variables_are_put_in_and_missing_ones_are_left_as_npm_leaves_them() {
    let text = "//a.test/:_authToken=${TOKEN}\n//b.test/:_authToken=${NONE}\n//c.test/:_authToken=x${NONE?}y\n//${HOST}/:_authToken=k\n//d.test/:_authToken=\\${TOKEN}\n//e.test/:_authToken=${open\n";
    let settings = npmrc(text, &[("TOKEN", "t0p"), ("HOST", "h.test")]);
    for (host, token) in [
        ("a", "t0p"),
        ("b", "${NONE}"),
        ("c", "xy"),
        ("h", "k"),
        ("d", "${TOKEN}"),
        ("e", "${open"),
    ] {
        let url = format!("https://{host}.test/");
        assert_eq!(
            authorization(&settings, &url).unwrap(),
            format!("Bearer {token}"),
            "{host}"
        );
    }
}

#[test]
fn comments_quotes_sections_and_byte_order_marks_are_understood() {
    let text = "\u{feff}; a comment\n# another\nregistry = \"https://quoted.test/\" \r\n//a.test/:_authToken = abc== ; why\nflag\n[section]\nregistry=https://section.test/\n";
    let settings = npmrc(text, &[]);
    assert_eq!(settings.registry(&name("a")), Some("https://quoted.test/"));
    assert_eq!(
        authorization(&settings, "https://a.test/").unwrap(),
        "Bearer abc=="
    );
}

#[test]
fn another_user_file_can_be_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("other");
    std::fs::write(&file, "registry=https://other.test/").unwrap();
    let variables = env(&[("npm_config_userconfig", file.to_str().unwrap())]);
    let settings = NpmSettings::read(&variables, Some(Path::new("/nowhere")));
    assert_eq!(settings.registry(&name("a")), Some("https://other.test/"));
}

#[test]
fn a_file_that_cannot_be_read_is_reported_by_name() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".npmrc")).unwrap();
    let settings = NpmSettings::read(&env(&[]), Some(home.path()));
    assert!(
        settings.problems()[0].contains(".npmrc"),
        "{:?}",
        settings.problems()
    );
}

#[test]
fn no_debug_output_holds_a_secret() {
    let settings = npmrc("//a.test/:_authToken=s3cr3t\n", &[("NPM_TOKEN", "s3cr3t")]);
    let secret = settings.authorization(&"https://a.test/".parse().unwrap());
    for text in [
        format!("{settings:?}"),
        format!("{secret:?}"),
        format!("{settings:#?}"),
    ] {
        assert!(!text.contains("s3cr3t"), "{text}");
    }
}

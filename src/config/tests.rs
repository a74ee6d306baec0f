//! The three layers and what faults look like.

use std::path::PathBuf;

use super::*;

fn with_file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hushtap.toml");
    std::fs::write(&path, text).unwrap();
    (dir, path)
}

fn load(text: &str, variables: &[(&str, &str)], flags: Vec<Override>) -> Result<Config, Error> {
    let (_dir, path) = with_file(text);
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::assemble(Some(path), variables, flags)
}

fn flag(key: &str, text: &str) -> Override {
    Override {
        key: key.to_owned(),
        texts: vec![text.to_owned()],
        origin: Origin::Flag("--test".to_owned()),
    }
}

#[test]
fn flag_over_environment_over_file_over_default() {
    let file =
        "[export]\nlisten = \"0.0.0.0:1\"\nrotate_size = \"1 MiB\"\n[capture]\nsnaplen = \"1 KiB\"";
    let variables = [
        ("HUSHTAP_CAPTURE_SNAPLEN", "2 KiB"),
        ("HUSHTAP_EXPORT_ROTATE_SIZE", "2 MiB"),
    ];
    let config = load(file, &variables, vec![flag("capture.snaplen", "3 KiB")]).unwrap();
    assert_eq!(config.settings.capture.snaplen, ByteSize::kib(3));
    assert_eq!(config.settings.export.rotate_size, ByteSize::mib(2));
    assert_eq!(config.settings.export.listen, "0.0.0.0:1");
    assert_eq!(config.settings.privacy.window, Span::secs(60));

    let lines = config.effective();
    let origin = |key: &str| &lines.iter().find(|line| line.key == key).unwrap().origin;
    assert_eq!(origin("capture.snaplen"), "flag --test");
    assert_eq!(
        origin("export.rotate_size"),
        "env HUSHTAP_EXPORT_ROTATE_SIZE"
    );
    assert!(origin("export.listen").starts_with("file "));
    assert_eq!(origin("privacy.window"), "default");
}

#[test]
fn flags_have_limits_of_their_own() {
    use crate::analysis::clip::FlagLimits;

    let none = load("", &[], Vec::new()).unwrap();
    assert_eq!(none.flag_limits(), FlagLimits::default());
    let text = "[privacy]\nflag_response_size = \"32 MiB\"\nflag_objects = 7\n[anonymize]\nopenapi = [\"a.yaml\"]\n";
    let some = load(text, &[("HUSHTAP_PRIVACY_FLAG_AGENTS", "5")], Vec::new()).unwrap();
    let expected = FlagLimits {
        response_bytes: 32 << 20,
        objects: 7,
        agents: 5,
        has_documents: true,
        ..FlagLimits::default()
    };
    assert_eq!(some.flag_limits(), expected);
    let shown = some.effective();
    let line = shown.iter().find(|line| line.key == "privacy.flag_objects");
    assert_eq!(line.unwrap().value, "7");
}

#[test]
fn variables_take_the_type_of_their_key() {
    let variables = [
        ("HUSHTAP_CAPTURE_PROMISCUOUS", "false"),
        ("HUSHTAP_PRIVACY_MAX_SERIES", "7777"),
        ("HUSHTAP_CAPTURE_INTERFACES", "eth1, eth2"),
        ("HUSHTAP_CAPTURE_FILTER", "80"),
    ];
    let config = load("", &variables, Vec::new());
    let Err(error) = config else {
        let capture = config.unwrap().settings.capture;
        assert!(!capture.promiscuous);
        assert_eq!(capture.interfaces, ["eth1", "eth2"]);
        assert_eq!(capture.filter.as_deref(), Some("80"));
        return;
    };
    panic!("{error}");
}

#[test]
fn variables_of_others_are_let_be() {
    let variables = [
        ("HUSHTAP_SERVICE_HOST", "10.0.0.1"),
        ("HUSHTAP_PORT", "tcp://10.0.0.1:9843"),
    ];
    let config = load("", &variables, Vec::new()).unwrap();
    assert_eq!(
        config.ignored_variables,
        ["HUSHTAP_PORT", "HUSHTAP_SERVICE_HOST"]
    );
}

#[test]
fn faults_have_file_line_key_and_hint() {
    for (text, expected) in [
        (
            "[export]\nlisten = \"x\"\n\nrotate_siz = \"1 MiB\"\n",
            ":4: unknown key `export.rotate_siz`\n\nhint: did you mean `export.rotate_size`?",
        ),
        (
            "[capture]\nsnaplen = 64\n",
            ":2: `capture.snaplen`: invalid type: integer `64`, expected a text with a unit, such as \"64 MiB\"",
        ),
        (
            "[capture]\nsnaplen = \"64\"\n",
            ":2: `capture.snaplen`: `64`: the unit is missing",
        ),
        (
            "[[trusted_proxy]]\naddress = \"10.0.0.1\"\nheader = \"x-forwarded\"\n",
            ":3: `trusted_proxy.header`: `x-forwarded` is not a value it can take\n\nhint: did you mean `forwarded`?",
        ),
        (
            "[[trusted_proxy]]\naddress = \"10.0.0.0/40\"\n",
            "`trusted_proxy[0].address`: `10.0.0.0/40` is no address range",
        ),
        (
            "[[endpoint]]\ntemplate = \"/a\"\nmethods = [\"get\"]\n",
            "`endpoint[0].methods`: `get` is no method",
        ),
        ("[privacy]\nrho = -1.0\n", "`privacy.rho`: "),
        ("[privacy]\nwindow = \"7 s\"\n", "privacy.window must be"),
        (
            "[privacy]\nflag_agents = 8\n",
            "`privacy.flag_agents`: must be 1 to 7",
        ),
        (
            "[privacy]\nflag_denied_objects = 0\n",
            "`privacy.flag_denied_objects`: must be 1 to 1000000",
        ),
        (
            "[captur]\n",
            ":1: unknown key `captur`\n\nhint: did you mean `capture`?",
        ),
        ("[capture\n", ":1: "),
        (
            "[[service]]\nname = \"a\"\nhosts = [\"a.test\"]\ntags = { \"a:b\" = \"c\" }\n",
            "`service[0].tags`: `a:b` cannot be a label",
        ),
        (
            "[[endpoint]]\ntemplate = \"/a\"\ntags = { \"\" = \"c\" }\n",
            "`endpoint[0].tags`: `` cannot be a label",
        ),
        (
            "[capture]\nworkers = 0\n",
            "`capture.workers`: must be 1 to 256",
        ),
    ] {
        let error = load(text, &[], Vec::new()).unwrap_err();
        assert_eq!(error.exit().code(), 78);
        let shown = error.to_string();
        assert!(shown.contains(expected), "{text}\n{shown}");
        assert!(shown.contains("\n\nhint: "), "{shown}");
    }
}

#[test]
fn a_fault_in_a_flag_names_the_flag() {
    let error = load("", &[], vec![flag("capture.workers", "many")]).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("flag --test: `capture.workers`: invalid type"),
        "{error}"
    );
}

#[test]
fn relative_paths_count_from_the_file() {
    let config = load("[mask]\nrules = \"rules\"\n", &[], Vec::new()).unwrap();
    let base = config.path.as_deref().and_then(Path::parent).unwrap();
    assert_eq!(config.settings.mask.rules, Some(base.join("rules")));
}

#[test]
fn the_defaults_are_valid_and_shown() {
    let config = Config::assemble(None, std::iter::empty(), Vec::new()).unwrap();
    assert!(
        config
            .effective()
            .iter()
            .any(|line| line.key == "state.dir" && line.value == "\"/var/lib/hushtap\"")
    );
}

#[test]
fn tags_and_costs_are_in_the_catalog() {
    let text = "[[service]]\nname = \"shop\"\nhosts = [\"shop.test\"]\ntags = { team = \"web\" }\n\
                [[endpoint]]\ntemplate = \"/v1/a\"\nmethods = [\"GET\"]\ntags = { team = \"api\" }\n\
                [[integration]]\nname = \"acme\"\ntags = { tier = \"gold\" }\ncosts = { \"GET /v1/a\" = 2.0 }\n";
    let catalog = load(text, &[], Vec::new()).unwrap().catalog();
    let team = |endpoint| catalog.endpoint_tags("shop", endpoint).remove("team");
    assert_eq!(team("GET /v1/a").as_deref(), Some("api"));
    assert_eq!(team("POST /v1/a").as_deref(), Some("web"));
    let acme = catalog.integration(0).unwrap();
    assert_eq!(acme.tags.get("tier").map(String::as_str), Some("gold"));
    assert_eq!(acme.cost([("GET /v1/a", 3)].into_iter()), Some(6.0));
}
